//go:build unix

package commands

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"restate-lint/snapshots"
)

// onTerminal runs something with an environment of which the named streams are a terminal, and returns what was written there.
func onTerminal(t *testing.T, streams string, variables map[string]string, do func(env *Environment)) string {
	t.Helper()
	control, terminal, err := pty.Open()
	if err != nil {
		t.Skipf("there are no terminals: %v", err)
	}
	defer control.Close()
	if err := pty.Setsize(control, &pty.Winsize{Rows: 24, Cols: 50}); err != nil {
		t.Fatal(err)
	}
	written := make(chan string)
	go func() {
		text, _ := io.ReadAll(control) // ends with an error when the last writer is gone
		written <- strings.ReplaceAll(string(text), "\r\n", "\n")
	}()
	env := &Environment{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Getenv: func(name string) string { return variables[name] }}
	if strings.Contains(streams, "out") {
		env.Stdout = terminal
	}
	if strings.Contains(streams, "err") {
		env.Stderr = terminal
	}
	do(env)
	terminal.Close()
	return <-written
}

const someCapture = "../../snapshots/testdata/captures/removed-node-1.7.12/4-tombstone"

func TestProgressGivesWayToWhatIsWritten(t *testing.T) {
	var screen screen
	screen.WriteString(onTerminal(t, "out err", nil, func(env *Environment) {
		env.useTerminal()
		if env.progress == nil {
			t.Fatal("nothing is told of progress on a terminal")
		}
		if !env.palette(nil).On {
			t.Error("no colours on a terminal")
		}
		env.progress.start = time.Now().Add(-time.Second)
		captures, err := snapshots.Find(someCapture)
		if err != nil {
			t.Fatal(err)
		}
		captures = env.progress.watch(captures)
		env.examineCapture(captures[0], func(*snapshots.Snapshot) {
			env.progress.draw()
			_, _ = io.WriteString(env.Stdout, "a finding\nand half")
			env.progress.draw() // not into a line
			_, _ = io.WriteString(env.Stdout, " of one\n")
			env.progress.draw()
			env.complain("a complaint")
			env.progress.draw()
		})
		env.progress.draw()
		_, _ = io.WriteString(env.Stdout, "the end\n")
	}))
	if want := "a finding\nand half of one\nrestate-lint: a complaint\nthe end\n"; screen.shows() != want {
		t.Errorf("it shows %q, want %q", screen.shows(), want)
	}
	if n := strings.Count(screen.String(), " kB of "); n != 3 || strings.Contains(screen.String(), "\x1b") {
		t.Errorf("%d lines of progress: %q", n, screen.String())
	}
}

// However often progress is drawn, the report on the screen is the same.
func TestProgressLeavesTheReportAlone(t *testing.T) {
	defer func(after, every time.Duration) { progressAfter, progressEvery = after, every }(progressAfter, progressEvery)
	report := func(after time.Duration) string {
		progressAfter, progressEvery = after, 50*time.Microsecond
		var screen screen
		screen.WriteString(onTerminal(t, "out err", map[string]string{"NO_COLOR": "1"}, func(env *Environment) {
			if code := Run([]string{"check", "--all", someCapture + "/...", someCapture + "/../1-read-only", "nowhere"}, *env); code != int(unreadable) {
				t.Errorf("exit code %d", code)
			}
		}))
		text := screen.shows()
		return text[:strings.LastIndex(text, " · ")] // how long it took stands behind it
	}
	if want, got := report(time.Hour), report(0); got != want {
		t.Errorf("with progress:\n%s\nwithout:\n%s", got, want)
	}
}

func TestProgressIsToldOnlyWhereSomebodyLooks(t *testing.T) {
	for _, c := range []struct {
		streams   string
		variables map[string]string
		want      bool
	}{
		{"out err", nil, true},
		{"err", nil, true},
		{"err", map[string]string{"NO_COLOR": "1", "TERM": "xterm"}, true}, // it has no colours
		{"out", nil, false},
		{"", nil, false},
		{"out err", map[string]string{"CI": "true"}, false},
		{"out err", map[string]string{"CI": "false"}, true},
		{"out err", map[string]string{"CI": "0"}, true},
		{"out err", map[string]string{"TERM": "dumb"}, false},
	} {
		onTerminal(t, c.streams, c.variables, func(env *Environment) {
			out := env.Stdout
			env.useTerminal()
			if got := env.progress != nil; got != c.want {
				t.Errorf("%+v: %v", c, got)
			}
			if _, ok := env.Stdout.(*aside); ok != (c.want && strings.Contains(c.streams, "out")) {
				t.Errorf("%+v: standard output was %T, and is %T", c, out, env.Stdout)
			}
		})
	}
}
