package commands

import (
	"slices"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/golden"
	"restate-lint/snapshots"
)

// A leaver leaves the reports of a check that are not as accepted, as "golden check --pending" does.
type leaver struct {
	*goldenRun
	reports []*judged
}

// newLeaver is what a check with --pending was asked for; nil without it. The code is that of finding the captures.
func (env *Environment) newLeaver(c *cli.Context, arguments []string, captures []snapshots.Capture, code exitCode) (*leaver, error) {
	pending, err := pendingStore(c)
	switch {
	case err != nil:
		return nil, err
	case pending == nil && c.IsSet("dir"):
		return nil, usagef("--dir goes with --pending; \"golden check\" compares with accepted reports")
	case pending == nil:
		return nil, nil
	}
	run, err := newGoldenRunOver(env, c, arguments)
	if err != nil {
		return nil, err
	}
	run.pending, run.captures, run.codes = pending, captures, []exitCode{code}
	run.configured = configArguments(c)
	if err := run.apart("pending", *pending); err != nil {
		return nil, err
	}
	run.checker, err = env.newGoldenChecker(c, captures)
	return &leaver{goldenRun: run}, err
}

// examine is the result that a golden would be made of: that of the check, or where the check was asked for another choice
// of rules, one of its own. It keeps nothing, so that snapshots can be examined side by side.
func (l *leaver) examine(snapshot *snapshots.Snapshot, result *analyze.Result, by *checker) *analyze.Result {
	asked, whole := by.plans[snapshot.Name], l.checker.plans[snapshot.Name]
	if !slices.Equal(asked.rules, whole.rules) || asked.options.Target != whole.options.Target {
		return l.checker.check(snapshot)
	}
	same := *result
	same.Findings, same.Outcomes = slices.Clone(result.Findings), slices.Clone(result.Outcomes) // which are marked later
	return &same
}

// judge holds a result against the golden of its snapshot. Results have to be judged in their order.
func (l *leaver) judge(result *analyze.Result) {
	l.checker.settle(result)
	report := &judged{}
	l.goldenRun.judge(report, golden.Of(result))
	if report.verdict.State == golden.Unreadable {
		l.complainAbout(report.verdict)
		l.adviseAbout([]*golden.Verdict{report.verdict})
	}
	l.reports = append(l.reports, report)
}

// leave leaves the reports, and takes away what is as accepted. Nothing is left where a redaction does nothing.
func (l *leaver) leave() error {
	if err := l.checkRedactions(); err != nil {
		return err
	}
	left := 0
	for _, report := range l.reports {
		if l.goldenRun.leave(report) {
			left++
		}
	}
	l.adviseAboutPending(left)
	return nil
}
