package commands

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
	"restate-lint/golden"
)

func goldenAcceptCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "accept",
		Usage:     "write the reports of snapshots as the accepted ones",
		ArgsUsage: "SNAPSHOT... | --pending DIR [NAME...]",
		Description: `Accepts the differences, or with --only those of one part: after an upgrade of this program, --only tool accepts what its
other rules find, and leaves what happened to the cluster to be looked at. With --pending, the reports are those that
"golden check --pending" left behind: the captures need not be there, and what is accepted is removed from DIR.

The file redactions.yaml in the directory of the goldens says what is replaced by placeholders before a report is compared or
written: a JSON pointer with wildcards such as /findings/*/title, a regular expression to match (or the whole text), a
placeholder such as "[node name]", and the reason.

Nothing is ever written into a snapshot: the directory of the goldens may be beside one, and not within.

Prints what it wrote, and what changed. A report that is as accepted is not written again. A golden that holds
merge-conflict markers is replaced; anything else that is no golden is left as it is, and so is the golden of a
snapshot on which a rule crashed.`,
		Flags: append([]cli.Flag{
			goldenDirFlag(),
			pendingFlag("accept pending reports of `DIR`: all, or those on the snapshots with these names"),
			onlyFlag("accept nothing but one part of the differences"),
			forceFlag(),
			allChangesFlag(),
		}, configFlags()...),
		Action: func(c *cli.Context) error {
			if err := env.mayWrite(c, "golden accept"); err != nil {
				return err
			}
			run, err := newGoldenRunFrom(env, c)
			if err != nil {
				return err
			}
			return run.accept(c.Bool("all"))
		},
	}
}

// accept writes the goldens that are not there or differ.
func (run *goldenRun) accept(all bool) error {
	reports, err := run.gather(false)
	if err != nil {
		return err
	}
	for _, report := range reports {
		if report.current == nil {
			continue
		}
		if err := run.acceptOne(report, all); err != nil {
			return err
		}
	}
	return exitWith(worst(run.codes...))
}

// acceptOne accepts one report, unless that would lose something.
func (run *goldenRun) acceptOne(report *judged, all bool) error {
	verdict := report.verdict
	name := format.Clean(report.current.Snapshot)
	noGolden := verdict.State == golden.Missing || errors.Is(verdict.Err, golden.ErrConflict)
	var text string
	switch {
	case report.crashed():
		run.fail(crashed)
		run.env.complain("%s: not accepted, as a rule crashed", name)
		return nil
	case verdict.State == golden.Accepted:
		if err := write(run.env.Stdout, []byte(name+": as accepted, nothing written\n")); err != nil {
			return err
		}
		return run.settlePending(report, report.current)
	case noGolden && run.part != "":
		run.fail(found)
		run.env.complain("%s: not accepted: without a golden there are no differences to choose from; leave out --only", name)
		return nil
	case verdict.State == golden.Different:
		text = verdict.Difference.Text(all)
	case verdict.State == golden.Missing:
		text = name + ": new\n"
	case noGolden:
		text = fmt.Sprintf("%s: its golden held merge-conflict markers\n", name)
	default:
		run.complainAbout(verdict)
		run.adviseAbout([]*golden.Verdict{verdict})
		return nil
	}
	next, err := report.next()
	if err != nil {
		return err
	}
	if err := run.store.Write(next); err != nil {
		run.fail(unreadable)
		run.env.complain("%s", format.Clean(err.Error()))
		return nil
	}
	text += fmt.Sprintf("  wrote %s: %s\n", format.Clean(run.store.Path(next.Snapshot)), next.Summary())
	if left := golden.Compare(next, report.current); !left.Empty() {
		text += "  not accepted: " + left.Summary() + "\n"
	}
	if err := write(run.env.Stdout, []byte(text)); err != nil {
		return err
	}
	return run.settlePending(report, next)
}

// settlePending removes a pending report that says no more than its golden.
func (run *goldenRun) settlePending(report *judged, accepted *golden.Golden) error {
	if run.from == nil || !golden.Compare(accepted, report.current).Empty() {
		return nil
	}
	if err := run.from.Remove(report.current.Snapshot); err != nil {
		run.fail(unreadable)
		run.env.complain("%s", format.Clean(err.Error()))
	}
	return nil
}
