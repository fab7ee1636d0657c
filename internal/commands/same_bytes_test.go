package commands_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"restate-lint/analyze/format"
	"restate-lint/internal/commands"
)

// took is how long something took, as the text ends with it.
var took = regexp.MustCompile(` · ((below 1|[0-9]+) ms|[0-9.]+ s)\n`)

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
		return took.ReplaceAllString(out.String(), ""), code
	}
	files := t.TempDir()
	// every has each format beside JSON in a file.
	every := []string{"check", "--format", "json", "--root", captures}
	var others []string
	for _, f := range format.Formats() {
		if f.Name != "json" {
			others = append(others, filepath.Join(files, f.Name))
			every = append(every, "--format", f.Name+"="+others[len(others)-1])
		}
	}
	whole := func(inputs []string) (string, int) {
		text, code := run(every, inputs)
		for _, file := range others {
			written, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text += took.ReplaceAllString(string(written), "")
		}
		return text, code
	}
	directories := []string{captures, filepath.Join(captures, "removed-node-1.7.12"), t.TempDir()}
	for _, command := range [][]string{
		every,
		{"golden", "check", "--format", "json", "--dir", goldens},
		{"golden", "review", "--format", "json", "--dir", goldens},
	} {
		t.Run(strings.Join(command[:2], " "), func(t *testing.T) {
			run := func(inputs []string) (string, int) { return run(command, inputs) }
			if command[0] == "check" {
				run = whole
			}
			want, wantCode := run(inputs)
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
				if got, code := run(given); got != want || code != wantCode {
					t.Errorf("in %s, %q gives other bytes, or exits with %d instead of %d", directory, given, code, wantCode)
				}
			}
		})
	}
}

// A report that was saved as JSON gives the bytes that "check" printed, in every format but the text, which has excerpts of
// the sources. That holds for what the flags of both chose, too.
func TestRenderGivesTheBytesOfCheck(t *testing.T) {
	captures, err := filepath.Abs("../../snapshots/testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	run := func(arguments ...string) {
		t.Helper()
		var problems bytes.Buffer
		code := commands.Run(arguments, commands.Environment{
			Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{}, Stderr: &problems, Getenv: func(string) string { return "" },
		})
		if code != 0 && !strings.Contains(problems.String(), "nowhere: ") {
			t.Fatalf("%q exits with %d: %s", arguments, code, problems.String())
		}
	}
	for _, chosen := range [][]string{nil, {"--fail-on", "note", "--show", "warning", "--all"}} {
		checked, rendered := t.TempDir(), t.TempDir()
		saved := filepath.Join(checked, "json")
		check := append([]string{"check", filepath.Join(captures, "..."), "nowhere", "--root", captures}, chosen...)
		render := append([]string{"render", saved}, chosen...)
		for _, f := range format.Formats() {
			check = append(check, "--format", f.Name+"="+filepath.Join(checked, f.Name))
			render = append(render, "--format", f.Name+"="+filepath.Join(rendered, f.Name))
		}
		run(check...)
		run(render...)
		for _, f := range format.Formats() {
			want, errChecked := os.ReadFile(filepath.Join(checked, f.Name))
			got, errRendered := os.ReadFile(filepath.Join(rendered, f.Name))
			if errChecked != nil || errRendered != nil || len(want) < 1000 {
				t.Fatalf("%s: %d bytes, %v, %v", f.Name, len(want), errChecked, errRendered)
			}
			if f.Name != "text" && !bytes.Equal(got, want) {
				t.Errorf("%s with %q: other bytes", f.Name, chosen)
			}
		}
	}
}
