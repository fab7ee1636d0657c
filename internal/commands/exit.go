package commands

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"restate-lint/analyze/format"
)

// An exitCode is what the program exits with.
type exitCode int

// The exit codes.
const (
	clean      exitCode = 0 // nothing at or above the threshold
	found      exitCode = 1 // findings at or above it, or a difference from a golden
	wrongUsage exitCode = 2 // wrong flags, arguments or configuration
	unreadable exitCode = 3 // an input could not be read at all, output could not be written, or evidence is missing that was required
	crashed    exitCode = 4 // a rule or the program itself crashed
)

// precedence has the codes from the one that hides all others to the mildest.
var precedence = [...]exitCode{crashed, wrongUsage, unreadable, found}

// worst returns the code to exit with when several apply.
func worst(codes ...exitCode) exitCode {
	for _, bad := range precedence {
		for _, code := range codes {
			if code == bad {
				return bad
			}
		}
	}
	return clean
}

// An exit is the end of a command: its code, and a message for standard error unless everything was said.
type exit struct {
	code    exitCode
	message string
}

func (e *exit) Error() string { return e.message }

// exitWith ends a command that has said everything; nil when the code is clean.
func exitWith(code exitCode) error {
	if code == clean {
		return nil
	}
	return &exit{code: code}
}

// usagef ends a command that was called in a wrong way.
func usagef(format string, args ...any) error {
	return &exit{code: wrongUsage, message: fmt.Sprintf(format, args...)}
}

// conclude reports how a command ended and returns its exit code. An error of unknown origin is one of reading or writing.
func conclude(env *Environment, err error) exitCode {
	if err == nil {
		return clean
	}
	end := &exit{code: unreadable, message: err.Error()}
	errors.As(err, &end)
	if end.message != "" {
		env.complain("%s", end.message)
	}
	return end.code
}

// complain writes a line to standard error, or several. What may hold line breaks that are not ours has to be clean before.
func (env *Environment) complain(text string, args ...any) {
	lines := strings.Split(fmt.Sprintf(text, args...), "\n")
	for i := range lines {
		lines[i] = format.Clean(lines[i])
	}
	// There is nobody left to tell if even this cannot be written.
	_, _ = fmt.Fprintf(env.Stderr, "%s: %s\n", Name, strings.Join(lines, "\n"))
}

// write writes a part of the result.
func write(w io.Writer, text []byte) error {
	_, err := w.Write(text)
	return outputError(err)
}

// outputError says that the result could not be written.
func outputError(err error) error {
	if err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}
