package commands

import (
	"fmt"
	"strings"

	"restate-lint/analyze/format"
	"restate-lint/snapshots"
)

// findCaptures returns the captures that arguments name. What cannot be found is complained about, and the code tells.
func (env *Environment) findCaptures(arguments []string) ([]snapshots.Capture, exitCode) {
	captures, err := snapshots.Find(arguments...)
	if err == nil {
		return captures, clean
	}
	for problem := range strings.SplitSeq(err.Error(), "\n") {
		env.complain("%s", format.Clean(problem))
	}
	return captures, unreadable
}

// readCapture reads one capture and does something with it. What cannot be read is complained about; whatever panics on
// the way is a mistake in this program, is reported as such, and hinders nobody else.
func (env *Environment) readCapture(capture snapshots.Capture, do func(*snapshots.Snapshot) error) (code exitCode, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			env.complain("%s: internal error, please report it: %s", format.Clean(capture.Name), format.Clean(fmt.Sprint(problem)))
			code, err = crashed, nil
		}
	}()
	snapshot, err := capture.Read()
	if err != nil {
		env.complain("%s: %s", format.Clean(capture.Name), format.Clean(err.Error()))
		return unreadable, nil
	}
	return clean, do(snapshot)
}
