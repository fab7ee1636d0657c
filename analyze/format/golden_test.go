package format_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sebdah/goldie/v2"
)

// asserted are the goldens that this run has looked at.
var asserted = make(map[string]bool)

// assertGolden compares a larger output with the file of that name in testdata/golden, which -update writes anew.
func assertGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	asserted[name] = true
	if os.Getenv("CI") != "" && flag.Lookup("update").Value.String() == "true" {
		t.Fatal("goldens are not to be updated in continuous integration")
	}
	goldie.New(t,
		goldie.WithFixtureDir("testdata/golden"),
		goldie.WithNameSuffix(""),
		goldie.WithDiffEngine(goldie.ClassicDiff),
	).Assert(t, name, got)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""; whole && code == 0 {
		files, _ := filepath.Glob("testdata/golden/*")
		for _, file := range files {
			if !asserted[filepath.Base(file)] {
				fmt.Println(file, "is compared by no test")
				code = 1
			}
		}
	}
	os.Exit(code)
}
