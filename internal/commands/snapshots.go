package commands

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	multierror "github.com/hashicorp/go-multierror"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/snapshots"
)

// findCaptures returns the captures that arguments name. What cannot be found is complained about, and the code tells.
func (env *Environment) findCaptures(arguments []string) ([]snapshots.Capture, exitCode) {
	captures, _, code := env.searchCaptures(arguments)
	return captures, code
}

// searchCaptures is findCaptures that also returns what could not be found.
func (env *Environment) searchCaptures(arguments []string) ([]snapshots.Capture, []analyze.Failure, exitCode) {
	switch {
	case timesStdin(arguments) == 0:
		env.progress.begin("looking for snapshots")
	case !isTerminal(env.Stdin): // where nobody is typing
		env.progress.begin("reading standard input")
	}
	captures, err := snapshots.FindWith(env.Stdin, arguments...)
	captures = env.progress.watch(captures)
	if err == nil {
		return captures, nil, clean
	}
	problems := []error{err}
	if several := (*multierror.Error)(nil); errors.As(err, &several) {
		problems = several.Errors
	}
	failures := make([]analyze.Failure, len(problems))
	for i, problem := range problems {
		env.complain("%s", format.Clean(problem.Error()))
		failures[i] = notFound(problem)
	}
	return captures, failures, unreadable
}

// notFound is the failure behind a problem of finding. It says nothing of where the working directory is: of a path, it has
// the last element.
func notFound(problem error) analyze.Failure {
	of := &snapshots.PathError{}
	if !errors.As(problem, &of) {
		return analyze.Failure{Snapshot: ".", Reason: problem.Error()}
	}
	return analyze.Failure{Snapshot: filepath.Base(strings.TrimSuffix(of.Path, "...")), Reason: of.Err.Error()}
}

// readCapture reads one capture and does something with it. What cannot be read is complained about; whatever panics on
// the way is a mistake in this program, is reported as such, and hinders nobody else.
func (env *Environment) readCapture(capture snapshots.Capture, do func(*snapshots.Snapshot) error) (code exitCode, err error) {
	failure := env.examineCapture(capture, func(snapshot *snapshots.Snapshot) { err = do(snapshot) })
	if failure.Reason != "" {
		return env.complainFailure(failure), nil
	}
	return clean, err
}

// complainFailure complains about a capture that could not be read, or made the program panic.
func (env *Environment) complainFailure(failure analyze.Failure) exitCode {
	if failure.Crashed {
		env.complain("%s: internal error, please report it: %s", format.Clean(failure.Snapshot), format.Clean(failure.Reason))
		return crashed
	}
	env.complain("%s: %s", format.Clean(failure.Snapshot), format.Clean(failure.Reason))
	return unreadable
}

// examineCapture reads one capture and does something with it. The failure has no reason if that was possible.
func (env *Environment) examineCapture(capture snapshots.Capture, do func(*snapshots.Snapshot)) (failure analyze.Failure) {
	defer env.progress.finished()
	failure.Snapshot = capture.Name
	defer func() {
		if problem := recover(); problem != nil {
			failure.Reason, failure.Crashed = cmp.Or(fmt.Sprint(problem), "panic"), true
		}
	}()
	snapshot, err := capture.Read()
	if err != nil {
		failure.Reason = err.Error()
		return failure
	}
	do(snapshot)
	return failure
}
