//go:build unix

package commands_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// A terminal runs the program, with its input and all of its output on a pseudo terminal.
type terminal struct {
	t       *testing.T
	control *os.File
	program *exec.Cmd
	dir     string

	mutex   sync.Mutex
	arrived sync.Cond
	shown   bytes.Buffer
	ended   bool
	read    int // how much of what was shown has been waited for
}

func runOnTerminal(t *testing.T, dir string, environment []string, arguments ...string) *terminal {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, dir: dir, program: exec.Command(program, arguments...)}
	term.arrived.L = &term.mutex
	term.program.Dir = dir
	term.program.Env = append([]string{asProgram + "=1", "TERM=xterm", "PATH=" + os.Getenv("PATH")}, environment...)
	if term.control, err = pty.StartWithSize(term.program, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Skipf("no pseudo terminal here: %v", err)
	}
	go func() {
		block := make([]byte, 4096)
		for {
			n, err := term.control.Read(block)
			term.mutex.Lock()
			term.shown.Write(block[:n])
			term.ended = err != nil
			term.arrived.Broadcast()
			term.mutex.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = term.program.Process.Kill()
		_ = term.control.Close()
	})
	// No test depends on how long anything takes: this only ends one that hangs.
	watchdog := time.AfterFunc(time.Minute, func() { _ = term.program.Process.Kill() })
	t.Cleanup(func() { watchdog.Stop() })
	return term
}

// waitFor waits until the program shows a text behind what was waited for before.
func (term *terminal) waitFor(text string) {
	term.t.Helper()
	term.mutex.Lock()
	defer term.mutex.Unlock()
	for {
		if i := strings.Index(term.shown.String()[term.read:], text); i >= 0 {
			term.read += i + len(text)
			return
		}
		if term.ended {
			term.t.Fatalf("%q is not shown after this:\n%s\nbut:\n%s", text, term.shown.String()[:term.read], term.shown.String()[term.read:])
		}
		term.arrived.Wait()
	}
}

func (term *terminal) enter(keys string) {
	term.t.Helper()
	if _, err := term.control.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

// end waits for the end of the program, and returns its exit code, or the signal that ended it.
func (term *terminal) end() (code int, signal syscall.Signal) {
	term.t.Helper()
	err := term.program.Wait()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		term.t.Fatal(err)
	}
	status := term.program.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -1, status.Signal()
	}
	return status.ExitStatus(), 0
}

// all is everything that was shown.
func (term *terminal) all() string {
	term.mutex.Lock()
	defer term.mutex.Unlock()
	for !term.ended {
		term.arrived.Wait()
	}
	return term.shown.String()
}

func (term *terminal) golden(name string) string {
	term.t.Helper()
	text, err := os.ReadFile(filepath.Join(term.dir, "goldens", name+".golden.json"))
	if err != nil {
		term.t.Fatal(err)
	}
	return string(text)
}

const beforeRemoval = `{"version": 5, "cluster_name": "c", "name_lookup": {"n1": 1, "n2": 2}, "nodes": [
  [1, {"Node": {"name": "n1", "address": "http://n1:5122/", "current_generation": [1, 1], "roles": ["worker", "log-server"], "log_server_config": {"storage_state": "read-write"}}}],
  [2, {"Node": {"name": "n2", "address": "http://n2:5122/", "current_generation": [2, 1], "roles": ["worker", "log-server"], "log_server_config": {"storage_state": "read-write"}}}]
]}`

const afterRemoval = `{"version": 6, "cluster_name": "c", "name_lookup": {"n1": 1}, "nodes": [
  [1, {"Node": {"name": "n1", "address": "http://n1:5122/", "current_generation": [1, 1], "roles": ["worker", "log-server"], "log_server_config": {"storage_state": "read-write"}}}],
  [2, "Tombstone"]
]}`

const twoSegments = `{"version": 7, "config": {"default_provider": {"replicated": {"replication_property": "{node: 1}", "target_nodeset_size": 0}}}, "logs": [
  [0, {"chain": [
    [1, {"index": 0, "kind": "replicated", "params": "{\"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[1,2]}"}],
    [50, {"index": 1, "kind": "replicated", "params": "{\"loglet_id\":1,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[1]}"}]
  ]}]
]}`

// differing is a directory with two captures, a and b, that have five differences each from their goldens.
func differing(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b"} {
		write("dumps/"+name+"/nodes_config.json", beforeRemoval)
		write("dumps/"+name+"/bifrost_config.json", twoSegments)
	}
	accept := runOnTerminal(t, dir, nil, "golden", "accept", "dumps/...")
	if code, _ := accept.end(); code != 0 {
		t.Fatal(accept.all())
	}
	for _, name := range []string{"a", "b"} {
		write("dumps/"+name+"/nodes_config.json", afterRemoval)
	}
	return dir
}

const question = "[q]uit  [?]: "

func TestAReviewOnATerminal(t *testing.T) {
	term := runOnTerminal(t, differing(t), []string{"TERM=dumb"}, "golden", "review", "dumps/...")
	term.waitFor("== a ==")
	term.waitFor("1 of 5: new")
	term.waitFor(question)
	term.enter("e\n")
	term.waitFor("What it checks")
	term.waitFor(question)
	term.enter("v\n")
	term.waitFor("at /nodes/1/1")
	term.waitFor(question)
	if err := pty.Setsize(term.control, &pty.Winsize{Rows: 2, Cols: 10}); err != nil { // which tells the program, too
		t.Fatal(err)
	}
	term.enter("a\n")
	term.waitFor("2 of 5: new")
	term.waitFor(question)
	term.enter("rr\n")
	term.waitFor("3 of 5: message changed")
	term.waitFor(question)
	term.enter("b\n")
	term.waitFor("2 of 5: new")
	term.waitFor(question)
	term.enter("r\ns\ns\ns\n") // before it is asked
	term.waitFor("5 of 5: resolved")
	term.waitFor("a: 1 accepted, 1 rejected, 3 skipped")
	term.waitFor("== b ==")
	term.waitFor("1 of 5: new")
	term.waitFor(question)
	term.enter("A\n")
	term.waitFor("b: 5 accepted, 0 rejected, 0 skipped")
	if code, signal := term.end(); code != 1 {
		t.Errorf("exit code %d, signal %v", code, signal)
	}
	if golden := term.golden("a"); !strings.Contains(golden, "removed-too-early@") || strings.Contains(golden, "nodeset-removed-node@") {
		t.Errorf("accepted is\n%s", golden)
	}
	if strings.Contains(term.all(), "\x1b") {
		t.Errorf("a dumb terminal got escapes: %q", term.all())
	}
	if strings.Contains(term.all(), question+"a\r\na\r\n") {
		t.Error("the answer is shown twice")
	}
}

// The end of the input, Ctrl-D at the beginning of a line, is to quit: what was decided is written.
func TestTheEndOfTheInputEndsAReview(t *testing.T) {
	term := runOnTerminal(t, differing(t), nil, "golden", "review", "dumps/...")
	term.waitFor(question)
	term.enter("a\n")
	term.waitFor("2 of 5")
	term.waitFor(question)
	term.enter("\x04")
	term.waitFor("a: 1 accepted, 0 rejected, 4 skipped")
	term.waitFor("b: 0 accepted, 0 rejected, 5 skipped")
	if code, signal := term.end(); code != 1 {
		t.Errorf("exit code %d, signal %v", code, signal)
	}
	if !strings.Contains(term.golden("a"), "removed-too-early@") || strings.Contains(term.golden("b"), "removed-too-early@") {
		t.Errorf("accepted is\n%s\n%s", term.golden("a"), term.golden("b"))
	}
	if !strings.Contains(term.all(), "\x1b[") {
		t.Error("there are no colours on a terminal")
	}
}

// Interrupted, the snapshot at hand stays as it is, and those before are written.
func TestAnInterruptLeavesTheSnapshotAtHand(t *testing.T) {
	dir := differing(t)
	term := runOnTerminal(t, dir, nil, "golden", "review", "dumps/...")
	for range 5 {
		term.waitFor(question)
		term.enter("a\n")
	}
	term.waitFor("== b ==")
	before := term.golden("b")
	term.waitFor(question)
	term.enter("a\n")
	term.waitFor("2 of 5")
	term.waitFor(question)
	term.enter("\x03")
	if code, signal := term.end(); signal != syscall.SIGINT {
		t.Errorf("exit code %d, signal %v", code, signal)
	}
	if term.golden("b") != before || !strings.Contains(term.golden("a"), "removed-too-early@") {
		t.Errorf("accepted is\n%s\n%s", term.golden("a"), term.golden("b"))
	}
	left, err := os.ReadDir(filepath.Join(dir, "goldens"))
	if err != nil || len(left) != 2 {
		t.Error(left, err)
	}
}
