package commands_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"restate-lint/internal/commands"
)

// A block is one fenced piece of the README: its language and its lines.
type block struct {
	language string
	lines    []string
	line     int
}

func readmeBlocks(t *testing.T) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	open := false
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(line, "```") && !open:
			open = true
			blocks = append(blocks, block{language: strings.TrimPrefix(line, "```"), line: i + 1})
		case strings.HasPrefix(line, "```"):
			open = false
		case open:
			last := &blocks[len(blocks)-1]
			last.lines = append(last.lines, line)
		}
	}
	return blocks
}

var duration = regexp.MustCompile(` · (below )?[0-9.]+ (µs|ms|s)\b`)

// Everything that the README shows as a session is run here and must print what it shows. Only durations may differ,
// and a line with nothing but "…" stands for any number of lines.
func TestReadmeSessionsPrintWhatTheyShow(t *testing.T) {
	sessions := 0
	for _, b := range readmeBlocks(t) {
		if b.language != "console" {
			continue
		}
		for i := 0; i < len(b.lines); {
			command, ok := strings.CutPrefix(b.lines[i], "$ ")
			if !ok {
				t.Fatalf("README line %d: a session starts with a command", b.line+i+1)
			}
			i++
			var want []string
			for i < len(b.lines) && !strings.HasPrefix(b.lines[i], "$ ") {
				want = append(want, b.lines[i])
				i++
			}
			if command == "go test ./..." {
				continue // which is what is running
			}
			sessions++
			t.Run(command, func(t *testing.T) {
				got := runInRepository(t, command)
				if !matches(strings.Split(strings.TrimRight(got, "\n"), "\n"), want) {
					t.Errorf("the README shows\n%s\nbut it prints\n%s", strings.Join(want, "\n"), got)
				}
			})
		}
	}
	if sessions == 0 {
		t.Error("the README shows no session")
	}
}

// runInRepository runs one command line of the README from the top of the repository. A last "; echo $?" prints the
// exit code, as it does in a shell.
func runInRepository(t *testing.T, line string) string {
	t.Helper()
	t.Chdir("../..")
	line, echo := strings.CutSuffix(line, "; echo $?")
	arguments := strings.Fields(line)
	switch {
	case strings.HasPrefix(line, "restate-lint "):
		arguments = arguments[1:]
	case strings.HasPrefix(line, "go run . "):
		arguments = arguments[3:]
	default:
		t.Fatalf("the README shows a command that this test cannot run: %s", line)
	}
	for i, a := range arguments {
		arguments[i] = strings.Trim(a, "'")
		arguments[i] = strings.ReplaceAll(arguments[i], "/tmp/", scratch(t)+"/")
	}
	var out bytes.Buffer
	code := commands.Run(arguments, commands.Environment{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: onOneDay,
	})
	text := strings.ReplaceAll(out.String(), scratch(t)+"/", "/tmp/")
	if echo {
		text += string(rune('0'+code)) + "\n"
	}
	return text
}

var scratchDir string

// scratch stands in for /tmp: all sessions share it, as they do when a reader tries them one after the other.
func scratch(t *testing.T) string {
	t.Helper()
	if scratchDir == "" {
		dir, err := os.MkdirTemp("", "readme")
		if err != nil {
			t.Fatal(err)
		}
		scratchDir = filepath.ToSlash(dir)
	}
	return scratchDir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if scratchDir != "" {
		os.RemoveAll(scratchDir)
	}
	os.Exit(code)
}

// onOneDay is an environment in which it always is the same day, so that nothing expires in the README.
func onOneDay(name string) string {
	if name == "SOURCE_DATE_EPOCH" {
		return "1795500000"
	}
	return ""
}

// The configuration that the README shows is the one that its sessions use.
func TestReadmeConfigurationIsThatOfItsSessions(t *testing.T) {
	text, err := os.ReadFile("../../analyze/config/testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown := false
	for _, b := range readmeBlocks(t) {
		shown = shown || b.language == "yaml" && strings.Join(b.lines, "\n")+"\n" == string(text)
	}
	if !shown {
		t.Error("the README does not show analyze/config/testdata/example.yaml")
	}
}

func matches(got, want []string) bool {
	if len(want) == 0 {
		return len(got) == 0 || len(got) == 1 && got[0] == ""
	}
	if want[0] == "…" {
		for i := range len(got) + 1 {
			if matches(got[i:], want[1:]) {
				return true
			}
		}
		return false
	}
	normal := func(line string) string { return strings.TrimRight(duration.ReplaceAllString(line, " · 0 ms"), " ") }
	return len(got) > 0 && normal(got[0]) == normal(want[0]) && matches(got[1:], want[1:])
}

// The loop that takes a capture is run with a restatectl that answers from a captured cluster.
func TestReadmeCaptureLoopTakesACompleteCapture(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Log("no shell on this machine: the loop cannot be run here")
		return
	}
	capture, err := filepath.Abs("../../snapshots/testdata/captures/removed-node-1.7.12/4-tombstone/metadata")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	stub := "#!/bin/sh\n[ \"$1 $2 $3\" = 'metadata get -k' ] || exit 2\ncat '" + capture + "'/\"$4\".json 2>/dev/null || echo null\n"
	if err := os.WriteFile(filepath.Join(dir, "restatectl"), []byte(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	script := ""
	for _, b := range readmeBlocks(t) {
		if b.language == "sh" && strings.Contains(strings.Join(b.lines, "\n"), "metadata get -k") {
			script = strings.Join(b.lines, "\n")
		}
	}
	if script == "" {
		t.Fatal("the README does not show how to take a capture")
	}
	cmd := exec.Command(shell, "-eu", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out bytes.Buffer
	commands.Run([]string{"check", filepath.Join(dir, "capture")}, commands.Environment{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" },
	})
	if text := out.String(); !strings.Contains(text, "4 of 4 epochs") || !strings.Contains(text, "6 warnings") {
		t.Errorf("the loop did not take a complete capture:\n%s", text)
	}
}

// The Go code that the README shows is code that is compiled and run as a test.
func TestReadmeGoCodeIsThatOfAnExample(t *testing.T) {
	examples := ""
	for _, pattern := range []string{"../../golden/example*_test.go", "../../analyze/example*_test.go", "../../rules/*.go"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			code, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			examples += unindent(string(code))
		}
	}
	for _, b := range readmeBlocks(t) {
		if b.language == "go" && !strings.Contains(examples, unindent(strings.Join(b.lines, "\n"))) {
			t.Errorf("README line %d: this code stands in no example", b.line)
		}
	}
}

func unindent(code string) string {
	lines := strings.Split(code, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

// What the README calls its test command is what continuous integration runs.
func TestReadmeTestCommandIsRunByContinuousIntegration(t *testing.T) {
	script, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range readmeBlocks(t) {
		for _, line := range b.lines {
			if command, ok := strings.CutPrefix(line, "$ go test"); ok && !strings.Contains(string(script), "\ngo test"+command+"\n") {
				t.Errorf(".ci/run does not run %q", "go test"+command)
			}
		}
	}
}
