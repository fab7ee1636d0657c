package commands_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"restate-lint/internal/commands"
)

// The same input gives the same bytes: whatever the order of the arguments, the number of cores, the working directory,
// and the way in which paths are written.
func TestSameInputGivesTheSameBytes(t *testing.T) {
	captures, err := filepath.Abs("../../snapshots/testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	goldens, err := filepath.Abs("../../golden/testdata")
	if err != nil {
		t.Fatal(err)
	}
	inputs := []string{
		filepath.Join(captures, "removed-node-1.7.12", "..."),
		filepath.Join(captures, "unknown-node-1.7.12", "b-tail-segment"),
		filepath.Join(captures, "healthy-3node-1.7.12"),
		filepath.Join(captures, "patched-faults-1.7.12", "..."),
	}
	run := func(command []string, inputs []string) (string, int) {
		var out bytes.Buffer
		code := commands.Run(slices.Concat(command, inputs), commands.Environment{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &bytes.Buffer{}, Getenv: func(string) string { return "" },
		})
		return out.String(), code
	}
	directories := []string{captures, filepath.Join(captures, "removed-node-1.7.12"), t.TempDir()}
	for _, command := range [][]string{
		{"check", "--format", "json"},
		{"golden", "check", "--format", "json", "--dir", goldens},
		{"golden", "review", "--format", "json", "--dir", goldens},
	} {
		t.Run(strings.Join(command[:2], " "), func(t *testing.T) {
			want, wantCode := run(command, inputs)
			if len(want) < 100 {
				t.Fatalf("nothing to compare: %s", want)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for i := range 6 {
				directory := directories[i%len(directories)]
				t.Chdir(directory)
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1 + i%3))
				given := slices.Clone(inputs)
				random.Shuffle(len(given), func(i, k int) { given[i], given[k] = given[k], given[i] })
				if i%2 == 0 {
					for k, input := range given {
						if given[k], err = filepath.Rel(directory, input); err != nil {
							t.Fatal(err)
						}
					}
				}
				if got, code := run(command, given); got != want || code != wantCode {
					t.Errorf("in %s, %q gives other bytes, or exits with %d instead of %d", directory, given, code, wantCode)
				}
			}
		})
	}
}
