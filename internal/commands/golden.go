package commands

import (
	"bytes"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze/format"
	"restate-lint/golden"
)

// goldensDir is where goldens are kept unless --dir says otherwise.
const goldensDir = "goldens"

func goldenCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:  "golden",
		Usage: "hold snapshots against their accepted reports",
		Subcommands: []*cli.Command{
			goldenCheckCommand(env),
			goldenAcceptCommand(env),
			goldenReviewCommand(env),
			goldenPendingCommand(env),
			goldenPruneCommand(env),
		},
	}
}

func goldenDirFlag() cli.Flag {
	return &cli.StringFlag{Name: "dir", Value: goldensDir, Usage: "keep the accepted reports in `DIR`, as DIR/NAME" + golden.Suffix + " for the snapshot NAME"}
}

func allChangesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "all", Usage: "print every change, also where hundreds are of one rule"}
}

// onlyFlag chooses a part of the differences; see partOf.
func onlyFlag(usage string) cli.Flag {
	return &cli.StringFlag{
		Name:  "only",
		Usage: usage + ", `" + string(golden.Cluster) + "|" + string(golden.Tool) + "`: what happened to the cluster, or what other rules find",
	}
}

// partOf is the part of the differences that was asked for; all of them when none was.
func partOf(c *cli.Context) (golden.Part, error) {
	part := golden.Part(c.String("only"))
	if c.IsSet("only") && part != golden.Cluster && part != golden.Tool {
		return "", usagef("--only: %q is not %s or %s", part, golden.Cluster, golden.Tool)
	}
	return part, nil
}

// pendingFlag names a directory of pending reports; see pendingStore.
func pendingFlag(usage string) cli.Flag { return &cli.StringFlag{Name: "pending", Usage: usage} }

// pendingStore are the pending reports that a command was told of; nil without the flag.
func pendingStore(c *cli.Context) (*golden.Store, error) {
	if !c.IsSet("pending") {
		return nil, nil
	}
	if c.String("pending") == "" {
		return nil, usagef("--pending: the empty text is not the name of a directory")
	}
	return &golden.Store{Dir: c.String("pending"), Pending: true}, nil
}

// forceFlag lets a command write where CI is set; see mayWrite.
func forceFlag() cli.Flag {
	return &cli.BoolFlag{Name: "force", Usage: "write even where CI is set in the environment"}
}

// mayWrite refuses to change what was accepted where nobody is there to look at it: accepted reports and baselines are
// reviewed and committed, and a job that accepts what it finds checks nothing.
func (env *Environment) mayWrite(c *cli.Context, what string) error {
	if !env.inCI() || c.Bool("force") {
		return nil
	}
	return usagef("%s changes what was accepted, which is not done where CI is set in the environment, but with --force", what)
}

// inCI reports whether CI is set, as it is where a job runs and nobody is there. Set to 0 or false it says that none does.
func (env *Environment) inCI() bool {
	switch env.Getenv("CI") {
	case "", "0", "false":
		return false
	}
	return true
}

func goldenCheckCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "compare reports with the accepted ones, and exit with 1 if they differ",
		ArgsUsage: "SNAPSHOT...",
		Description: `Findings are compared by fingerprint, so it does not matter how a capture is laid out or ordered. Changes that come
from rules that this version has and the one that made the accepted report had not, or the other way round, are
listed apart. A snapshot without an accepted report is a difference. No golden is ever written.

With --pending, the reports that are not as accepted are left in a directory, as NAME.golden.new: "golden review" and
"golden accept" take them from there, also on another machine where the captures are not. Those that are as accepted
are removed from it.

A golden whose snapshot is not among those that DIR/... finds is said to be orphaned. It makes no difference.

Name the snapshots as when they were accepted: the golden of a snapshot has the snapshot's name, which depends on how
it is found ("captures/a" is "a", and "x/..." finds "x/y/a" as "y/a").

Suppressed findings are kept in an accepted report, marked. ` + configHelp,
		Flags: append([]cli.Flag{
			goldenDirFlag(),
			onlyFlag("compare nothing but one part"),
			choiceFlag("format", "how to print the differences", "text", "json"),
			pendingFlag("leave in `DIR` what would be accepted"),
			&cli.BoolFlag{Name: "diff", Usage: "print a unified diff of the canonical reports as well"},
			allChangesFlag(),
		}, configFlags()...),
		Action: func(c *cli.Context) error {
			pending, err := pendingStore(c)
			if err != nil {
				return err
			}
			run, err := newGoldenRun(env, c)
			if err != nil {
				return err
			}
			if run.pending = pending; pending != nil {
				if err := run.apart("pending", *pending); err != nil {
					return err
				}
			}
			return run.check(c.Bool("diff"), c.Bool("all"), c.String("format") == "json")
		},
	}
}

// check prints how the snapshots stand to their goldens.
func (run *goldenRun) check(diff, all, asJSON bool) error {
	reports, err := run.gather(false)
	if err != nil {
		return err
	}
	verdicts := make([]*golden.Verdict, len(reports))
	var text bytes.Buffer
	left := 0
	for i, report := range reports {
		verdict := report.verdict
		verdicts[i] = verdict
		run.complainAbout(verdict)
		if run.leave(report) {
			left++
		}
		if verdict.State != golden.Different {
			continue
		}
		if diff {
			next, err := report.next()
			if err != nil {
				return err
			}
			verdict.Diff = golden.Unified(verdict.Accepted, next)
		}
		if !asJSON {
			text.WriteString(verdict.Difference.Text(all) + "\n")
		}
		if verdict.Diff != "" && !asJSON {
			text.WriteString(verdict.Diff + "\n")
		}
	}
	run.adviseAbout(verdicts)
	orphaned := run.orphans()
	if !asJSON {
		run.complainAboutOrphans(orphaned)
	}
	switch {
	case asJSON:
		if err := golden.JSON(&text, verdicts, orphaned, run.remarks); err != nil {
			return err
		}
	case len(verdicts) > 0:
		counts := golden.Summarize(verdicts)
		text.WriteString(counts.String() + "\n")
		run.adviseAboutPending(left)
		if counts.Different > 0 && run.pending == nil {
			run.env.complain("to decide about the differences: %s golden review%s%s", Name, run.onlyArgument(), run.commandLine())
		}
	}
	if err := write(run.env.Stdout, text.Bytes()); err != nil {
		return err
	}
	return exitWith(worst(run.codes...))
}

// leave puts a report that is not as accepted where others can take it from, and takes one away that is. It reports whether
// one is left.
func (run *goldenRun) leave(report *judged) bool {
	if run.pending == nil || report.current == nil {
		return false
	}
	if err := report.leave(*run.pending); err != nil {
		run.fail(unreadable)
		run.env.complain("%s", format.Clean(err.Error()))
		return false
	}
	return report.verdict.State != golden.Accepted
}

// adviseAboutPending says how many reports were left to be decided about, and how to do that.
func (run *goldenRun) adviseAboutPending(left int) {
	if left > 0 {
		run.env.complain("left %d report%s in %s, not as accepted; to decide: %s golden review%s%s",
			left, plural(left), shellWord(run.pending.Dir), Name, run.dirArgument(), flagWord("pending", run.pending.Dir))
	}
}
