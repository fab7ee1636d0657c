package snapshots

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var updateShapes = flag.Bool("update-shapes", false, "write what is read into the files of testdata/shapes")

// Every archive of testdata/shapes is one capture, with a comment on what is special about it. Its file "want" is all
// that must be understood of the others.
func TestShapesOfDocuments(t *testing.T) {
	archives, err := filepath.Glob("testdata/shapes/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			files := archived(t, name)
			want := files["want"]
			delete(files, "want")
			s, err := read(files)
			got := dump(t, s, err)
			if got == want {
				return
			}
			if !*updateShapes {
				t.Fatalf("got\n%s\nwant\n%s", got, want)
			}
			if os.Getenv("CI") != "" {
				t.Fatal("expectations are not updated in CI")
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			before, _, _ := bytes.Cut(text, []byte("-- want --\n"))
			if err := os.WriteFile(name, append(before, "-- want --\n"+got...), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// archived returns the files of an archive.
func archived(t testing.TB, name string) map[string]string {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(bytes.TrimSpace(archive.Comment)) == 0 {
		t.Errorf("%s does not say what it is about", name)
	}
	files := make(map[string]string)
	for _, file := range archive.Files {
		files[file.Name] = string(file.Data)
	}
	return files
}
