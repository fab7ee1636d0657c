package commands

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/golden"
)

func goldenAcceptCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "accept",
		Usage:     "write the reports of snapshots as the accepted ones",
		ArgsUsage: "SNAPSHOT...",
		Description: `Accepts the differences, or with --only those of one part: after an upgrade of this program, --only tool accepts what its
other rules find, and leaves what happened to the cluster to be looked at.

Prints what it wrote, and what changed. A report that is as accepted is not written again. A golden that holds
merge-conflict markers is replaced; anything else that is no golden is left as it is, and so is the golden of a
snapshot on which a rule crashed.`,
		Flags: []cli.Flag{
			goldenDirFlag(),
			onlyFlag("accept nothing but one part of the differences"),
			forceFlag(),
			allChangesFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := env.mayWrite(c); err != nil {
				return err
			}
			run, err := newGoldenRun(env, c)
			if err != nil {
				return err
			}
			if run.part, err = partOf(c); err != nil {
				return err
			}
			return run.accept(c.Bool("all"))
		},
	}
}

// accept writes the goldens that are not there or differ.
func (run *goldenRun) accept(all bool) error {
	for _, capture := range run.captures {
		err := run.judge(capture, func(current *golden.Golden, verdict *golden.Verdict) error {
			return run.acceptOne(current, verdict, all)
		})
		if err != nil {
			return err
		}
	}
	return exitWith(worst(run.codes...))
}

func (run *goldenRun) acceptOne(current *golden.Golden, verdict *golden.Verdict, all bool) error {
	name := format.Clean(current.Snapshot)
	next := current
	var text string
	switch {
	case slices.ContainsFunc(current.Outcomes, func(o golden.Outcome) bool { return o.State == analyze.Crashed }):
		run.env.complain("%s: not accepted, as a rule crashed", name)
		return nil
	case verdict.State == golden.Accepted:
		return write(run.env.Stdout, []byte(name+": as accepted, nothing written\n"))
	case verdict.State == golden.Different:
		var err error
		if next, err = verdict.Accepted.Apply(verdict.Difference.Changes()...); err != nil {
			return err
		}
		text = verdict.Difference.Text(all)
	case run.part != "" && (verdict.State == golden.Missing || errors.Is(verdict.Err, golden.ErrConflict)):
		run.fail(found)
		run.env.complain("%s: not accepted: without a golden there are no differences to choose from; leave out --only", name)
		return nil
	case verdict.State == golden.Missing:
		text = name + ": new\n"
	case errors.Is(verdict.Err, golden.ErrConflict):
		text = fmt.Sprintf("%s: its golden held merge-conflict markers\n", name)
	default:
		run.complainAbout(verdict)
		run.adviseAbout([]*golden.Verdict{verdict})
		return nil
	}
	if err := run.store.Write(next); err != nil {
		run.fail(unreadable)
		run.env.complain("%s", format.Clean(err.Error()))
		return nil
	}
	text += fmt.Sprintf("  wrote %s: %s\n", format.Clean(run.store.Path(next.Snapshot)), next.Summary())
	if left := golden.Compare(next, current); !left.Empty() {
		text += "  not accepted: " + left.Summary() + "\n"
	}
	return write(run.env.Stdout, []byte(text))
}
