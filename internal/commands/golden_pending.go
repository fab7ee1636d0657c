package commands

import (
	"bytes"
	"fmt"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
	"restate-lint/golden"
)

func goldenPendingCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "pending",
		Usage:     "list the reports that wait to be accepted",
		ArgsUsage: "DIR [NAME...]",
		Description: `Shows what the pending reports of a directory, or those on the snapshots with these names, would change in the accepted
ones. Such a directory is what "golden check --pending DIR" left, here or where the captures are. Nothing is written: "golden
review --pending DIR" and "golden accept --pending DIR" decide about them, and "golden prune --pending DIR" removes those that
are as accepted by now.`,
		Flags: []cli.Flag{
			goldenDirFlag(),
			onlyFlag("show nothing but one part of the differences"),
			choiceFlag("format", "how to print the differences", "text", "json"),
			allChangesFlag(),
		},
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return usagef("pending needs the DIR of the pending reports")
			}
			run, err := newPendingRun(env, c, golden.Store{Dir: c.Args().First(), Pending: true}, c.Args().Tail())
			if err != nil {
				return err
			}
			return run.list(c.Bool("all"), c.String("format") == "json")
		},
	}
}

// list prints what pending reports would change.
func (run *goldenRun) list(all, asJSON bool) error {
	reports, err := run.gather(false)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	verdicts := make([]*golden.Verdict, len(reports))
	for i, report := range reports {
		verdicts[i] = report.verdict
		switch report.verdict.State {
		case golden.Different:
			text.WriteString(report.verdict.Difference.Text(all) + "\n")
		case golden.Missing:
			fmt.Fprintf(&text, "%s: no golden yet: %s\n\n", format.Clean(report.current.Snapshot), report.current.Summary())
		case golden.Unreadable:
			run.complainAbout(report.verdict)
		}
	}
	counts := golden.Summarize(verdicts)
	switch {
	case asJSON:
		text.Reset()
		if err := golden.JSON(&text, verdicts, nil, nil); err != nil {
			return err
		}
	case len(reports) == 0:
		text.WriteString("nothing is pending\n")
	default:
		text.WriteString(counts.String() + "\n")
	}
	if counts.Different+counts.Missing > 0 && !asJSON {
		run.env.complain("to decide about them: %s golden review%s", Name, run.commandLine())
	}
	if err := write(run.env.Stdout, text.Bytes()); err != nil {
		return err
	}
	return exitWith(worst(run.codes...))
}
