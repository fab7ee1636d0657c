package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
	"restate-lint/golden"
	"restate-lint/snapshots"
)

func goldenPruneCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "prune",
		Usage:     "list what the goldens do not need any more, and remove it with --force",
		ArgsUsage: "DIR/... [--pending DIR] | --pending DIR",
		Description: `Lists the goldens, and with --pending the pending reports, whose snapshots are no more. All snapshots that goldens are kept
of have to be named for that, one DIR/... at least among them: one that was not named is not one that is gone. Nothing is
concluded when a part of them could not be read, or when none of the goldens is of a snapshot that was named.

Lists also pending reports that are as accepted by now, and what was left when the writing of a golden was cut short.

Nothing is removed without --force. Without it, the exit code is 1 if there is something to remove.`,
		Flags: []cli.Flag{
			goldenDirFlag(),
			pendingFlag("look at the pending reports of `DIR` as well"),
			&cli.BoolFlag{Name: "force", Usage: "remove what is listed"},
		},
		Action: func(c *cli.Context) error {
			pending, err := pendingStore(c)
			if err != nil {
				return err
			}
			run, err := newGoldenRunOver(env, c, c.Args().Slice())
			if err != nil {
				return err
			}
			run.pending = pending
			switch {
			case len(run.arguments) == 0 && pending == nil:
				return usagef("prune needs all snapshots that goldens are kept of, as DIR/..., or --pending DIR")
			case len(run.arguments) > 0 && !slices.ContainsFunc(run.arguments, isTree):
				return usagef("prune needs all snapshots that goldens are kept of, as DIR/...: one that was not named is not one that is gone")
			}
			return run.prune(c.Bool("force"))
		},
	}
}

// prune lists what is not needed any more, and removes it if that is wanted.
func (run *goldenRun) prune(remove bool) error {
	leftovers, err := run.leftovers()
	if err != nil {
		return err
	}
	if len(leftovers) == 0 {
		return write(run.env.Stdout, []byte("nothing to remove\n"))
	}
	for _, leftover := range leftovers {
		done := ""
		if remove {
			if err := leftover.Remove(); err != nil {
				run.fail(unreadable)
				run.env.complain("%s", format.Clean(err.Error()))
				continue
			}
			done = "removed "
		}
		if err := write(run.env.Stdout, fmt.Appendf(nil, "%s%s: %s\n", done, format.Clean(leftover.Path), leftover.Why)); err != nil {
			return err
		}
	}
	if !remove {
		run.fail(found)
		run.env.complain("nothing was removed; to do so, run the same with --force")
	}
	return exitWith(worst(run.codes...))
}

// leftovers are the files that are not needed any more.
func (run *goldenRun) leftovers() ([]golden.Leftover, error) {
	stores := []golden.Store{run.store}
	if run.pending != nil {
		stores = append(stores, *run.pending)
	}
	var leftovers []golden.Leftover
	add := func(more []golden.Leftover, err error) error {
		for _, leftover := range more {
			if !slices.ContainsFunc(leftovers, func(l golden.Leftover) bool { return l.Path == leftover.Path }) {
				leftovers = append(leftovers, leftover)
			}
		}
		return err
	}
	if len(run.arguments) > 0 {
		names, err := run.snapshotNames()
		if err != nil {
			return nil, err
		}
		for _, store := range stores {
			if err := add(store.Orphaned(names)); err != nil {
				return nil, err
			}
		}
	}
	if run.pending != nil {
		if err := add(run.pending.Settled(run.store)); err != nil {
			return nil, err
		}
	}
	for _, store := range stores {
		if err := add(store.Unfinished()); err != nil {
			return nil, err
		}
	}
	return leftovers, nil
}

// snapshotNames are the names of all snapshots that were named. It fails if what is not among them could still be there.
func (run *goldenRun) snapshotNames() ([]string, error) {
	captures, code := run.env.findCaptures(run.arguments)
	if code != clean {
		return nil, &exit{code: code, message: "nothing was removed, as not all snapshots could be found"}
	}
	names := captureNames(captures)
	accepted, err := run.store.List()
	if err != nil {
		return nil, err
	}
	if len(accepted) > 0 && !slices.ContainsFunc(accepted, func(name string) bool { return slices.Contains(names, name) }) {
		return nil, usagef("none of the goldens in %s is of one of these snapshots (%s): are they named as when they were accepted?",
			format.Clean(run.store.Dir), format.Clean(strings.Join(names[:min(len(names), 3)], ", ")))
	}
	return names, nil
}

func captureNames(captures []snapshots.Capture) []string {
	names := make([]string, len(captures))
	for i, capture := range captures {
		names[i] = capture.Name
	}
	return names
}
