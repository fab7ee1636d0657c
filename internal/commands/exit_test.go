package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

func TestWorstExitCode(t *testing.T) {
	tests := []struct {
		codes []exitCode
		want  exitCode
	}{
		{nil, clean},
		{[]exitCode{clean, clean}, clean},
		{[]exitCode{found, clean}, found},
		{[]exitCode{found, unreadable}, unreadable},
		{[]exitCode{unreadable, wrongUsage, found}, wrongUsage},
		{[]exitCode{wrongUsage, crashed, unreadable, found, clean}, crashed},
	}
	for _, test := range tests {
		if got := worst(test.codes...); got != test.want {
			t.Errorf("worst of %v is %d, want %d", test.codes, got, test.want)
		}
	}
}

func TestJudge(t *testing.T) {
	outcome := func(state analyze.State) analyze.Outcome { return analyze.Outcome{Rule: "r", State: state} }
	tests := []struct {
		name            string
		failOn          rules.Severity
		requireComplete bool
		worst           rules.Severity // of what counts; something suppressed is worse
		states          []analyze.State
		want            exitCode
	}{
		{"nothing", rules.Note, true, 0, []analyze.State{analyze.Passed, analyze.NotApplicable, analyze.Suppressed}, clean},
		{"below the threshold", rules.Error, false, rules.Warning, nil, clean},
		{"at the threshold", rules.Warning, false, rules.Warning, nil, found},
		{"above the threshold", rules.Note, false, rules.Error, nil, found},
		{"never", never, false, rules.Error, nil, clean},
		{"undecided", rules.Error, false, 0, []analyze.State{analyze.Undecided}, clean},
		{"undecided where all is required", rules.Error, true, rules.Error, []analyze.State{analyze.Undecided}, unreadable},
		{"crashed", never, true, rules.Error, []analyze.State{analyze.Undecided, analyze.Crashed}, crashed},
	}
	for _, test := range tests {
		result := &analyze.Result{Findings: []analyze.Finding{{Severity: rules.Error, Suppressed: &analyze.Suppression{}}}}
		if test.worst > 0 {
			result.Findings = append(result.Findings, analyze.Finding{Severity: test.worst})
		}
		for _, state := range test.states {
			result.Outcomes = append(result.Outcomes, outcome(state))
		}
		if got := (chosen{failOn: test.failOn, requireComplete: test.requireComplete}).judge(result); got != test.want {
			t.Errorf("%s: exit code %d, want %d", test.name, got, test.want)
		}
	}
}

// buffers is an environment whose output can be looked at.
func buffers() (env Environment, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return Environment{Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr, Getenv: func(string) string { return "" }}, stdout, stderr
}

type panickingFS struct{}

func (panickingFS) Open(string) (fs.File, error) { panic("a bad \x1b day") }

func TestACrashOnOneSnapshotIsReportedAndEndsThere(t *testing.T) {
	env, _, stderr := buffers()
	code, err := env.readCapture(snapshots.Capture{Name: "bad", FS: panickingFS{}, Files: []string{"f"}}, func(*snapshots.Snapshot) error { return nil })
	if code != crashed || err != nil || !strings.Contains(stderr.String(), `bad: internal error, please report it: a bad \x1b day`) {
		t.Errorf("got code %d, error %v, %q", code, err, stderr)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	capture := filepath.FromSlash("../../snapshots/testdata/captures/removed-node-1.7.12/4-tombstone")
	for _, arguments := range [][]string{
		{"check", capture}, {"check", "--format", "json", capture}, {"describe", capture}, {"rules"}, {"explain", "--all"}, {"--version"}, {"--help"},
	} {
		env, _, stderr := buffers()
		env.Stdout = fullDisk{}
		if code := Run(arguments, env); code != int(unreadable) || stderr.String() != "restate-lint: standard output: no space left on device\n" {
			t.Errorf("%q: exit code %d, %q", arguments, code, stderr)
		}
	}
}

func TestColoursNeedATerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	env, _, _ := buffers()
	env.Stdout = file
	capture := filepath.FromSlash("../../snapshots/testdata/captures/removed-node-1.7.12/4-tombstone")
	if code := Run([]string{"check", capture}, env); code != 1 {
		t.Errorf("exit code %d", code)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil || bytes.Contains(text, []byte("\x1b")) || len(text) == 0 {
		t.Errorf("%v: got %q", err, text)
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"check", "describe", "golden", "rules", "explain"}
	for word, want := range map[string]string{
		"chekc": "check", "rule": "rules", "descrieb": "describe", "Golden": "golden", "xyz": "", "": "", strings.Repeat("a", 1000): "",
	} {
		if want != "" {
			want = fmt.Sprintf("; did you mean %s?", want)
		}
		if got := didYouMean(word, words); got != want {
			t.Errorf("%.20q: got %q, want %q", word, got, want)
		}
	}
}

func FuzzArguments(f *testing.F) {
	for _, seed := range []string{"check\x00--format\x00json\x00nowhere", "help\x00check", "--", "-", "check\x00--\x00-x", "golden\x00check\x00--dir", "--version\x00x", "=\x00--=\x00-=x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		env, stdout, _ := buffers()
		call, err := parseCall(newApp(&env), strings.Split(line, "\x00"))
		if err != nil && conclude(&env, err) != wrongUsage {
			t.Errorf("%q: %v", line, err)
		}
		if err == nil && call == nil || stdout.Len() > 0 {
			t.Errorf("%q: neither a call nor an error, or output", line)
		}
	})
}
