package commands

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/golden"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

func checkCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "run the rules over snapshots and report what is wrong",
		ArgsUsage: "SNAPSHOT...",
		Description: `Every snapshot is checked on its own. A rule whose evidence was not captured is undecided, which is not the
same as passed; so is one that found nothing in what could be read of a damaged document.

--fail-on decides whether findings make it exit with 1, --show about what people get to see; the JSON report always has
everything. It exits with 3 where an input could not be read, and with 4 where a rule crashed. A profile chooses rules and
thresholds, which flags override; "rules --profile" shows what it chooses.

` + formatHelp + `

With --pending, the reports that are not as accepted (in the --dir of "golden check") are left in a directory, as
NAME.golden.new, for those who decide about them elsewhere: "golden review" and "golden accept" take them from there. They are
what "golden check --pending" leaves, so with all rules and without the baseline, and make no difference to the exit code.

` + configHelp,
		Flags: append([]cli.Flag{
			formatFlag(),
			choiceFlag("fail-on", "exit with 1 on findings of this severity and above", "error", "warning", "note", "never"),
			choiceFlag("show", "print findings of this severity and above", "note", "warning", "error"),
			&cli.BoolFlag{Name: "all", Usage: "print every finding in full, also where hundreds have one cause"},
			&cli.BoolFlag{Name: "show-suppressed", Usage: "print suppressed findings as well; they never count"},
			&cli.BoolFlag{Name: "require-complete", Usage: "exit with 3 when a rule is undecided"},
			&cli.StringFlag{Name: "baseline", Usage: "findings that the baseline `FILE` has do not count; see \"baseline --help\""},
			pendingFlag("leave in `DIR`, as NAME" + golden.PendingSuffix + ", the reports that are not as accepted"),
			&cli.StringFlag{Name: "dir", Value: goldensDir, Usage: "with --pending: the accepted reports are in `DIR`"},
			profileFlag("rules and thresholds for a kind of work: "),
			&cli.StringFlag{Name: "target-version", Usage: "judge by what the `RELEASE` asks for, to which an upgrade leads"},
			rootFlag(),
			colourFlag(),
		}, slices.Concat(selectionFlags(), configFlags())...),
		Action: func(c *cli.Context) error {
			if err := validSelection(c); err != nil {
				return err
			}
			arguments, err := snapshotArguments(c, math.MaxInt)
			if err != nil {
				return err
			}
			outputs, err := outputsOf(c)
			if err != nil {
				return err
			}
			root, err := rootOf(c)
			if err != nil {
				return err
			}
			captures, failures, code := env.searchCaptures(arguments)
			checker, err := env.newChecker(c, captures)
			if err != nil {
				return err
			}
			checker.whole = areAll(arguments, code)
			if err := checker.useBaseline(c); err != nil {
				return err
			}
			run := &checkRun{env: env, checker: checker, root: root, codes: []exitCode{code}}
			if run.pending, err = env.newLeaver(c, arguments, captures, code); err != nil {
				return err
			}
			run.reports, err = env.openReports(outputs, captures, format.Options{
				Tool:   analyze.Tool{Name: Name, Version: Version},
				Rules:  checker.rules(),
				FailOn: func(r *analyze.Result) rules.Severity { return checker.thresholds(r).failOn },
				Text:   env.textOf(c, checker.show(), len(captures) > 1),
			})
			if err != nil {
				return err
			}
			defer run.reports.discard()
			if err := run.check(captures, failures); err != nil {
				return err
			}
			return exitWith(worst(run.codes...))
		},
	}
}

// textOf is the text format as the flags want it.
func (env *Environment) textOf(c *cli.Context, show rules.Severity, named bool) format.Text {
	return format.Text{
		Palette:        env.palette(c),
		Show:           show,
		All:            c.Bool("all"),
		ShowSuppressed: c.Bool("show-suppressed"),
		Named:          named,
	}
}

// never is above every severity.
const never = rules.Error + 1

func severityOf(word string) rules.Severity {
	severity, err := rules.ParseSeverity(word)
	if err != nil {
		return never
	}
	return severity
}

// A checkRun checks snapshots and remembers what the exit code depends on.
type checkRun struct {
	env     *Environment
	checker *checker
	root    string
	reports *reports
	codes   []exitCode
	// pending leaves the reports that are not as accepted; nil for not.
	pending *leaver
}

// check checks the captures, and reports each as soon as it and those before it were checked.
func (run *checkRun) check(captures []snapshots.Capture, failures []analyze.Failure) error {
	start := time.Now()
	if err := run.reports.begin(); err != nil {
		return err
	}
	for _, failure := range failures {
		run.reports.failed(failure)
	}
	var alone []snapshots.Capture
	if err := inOrder(captures, run.examine, func(capture snapshots.Capture, e examined) error {
		if e.result != nil && capture.IsFile() && lacksMainDocument(e.result) {
			alone = append(alone, capture)
		}
		return run.report(e)
	}); err != nil {
		return err
	}
	run.reports.total.Remarks = run.checker.conclude()
	if len(alone) > 0 {
		run.env.complain("%s", togetherHint(alone))
	}
	err := run.reports.end(time.Since(start))
	run.codes = append(run.codes, run.reports.code)
	if run.pending != nil && err == nil {
		err = run.pending.leave()
		run.codes = append(run.codes, run.pending.codes...)
	}
	return err
}

// An examined capture has a result, or it is a failure.
type examined struct {
	result  *analyze.Result
	failure analyze.Failure
	// whole is what a golden would be made of; nil where none is wanted.
	whole *analyze.Result
	// unread says which source vanished since it was read; its hash and lines are missing then.
	unread error
}

// examine reads one capture, runs the rules, and does what the reports need. It says and writes nothing, and keeps
// nothing of its own, so that captures can be examined side by side.
func (run *checkRun) examine(capture snapshots.Capture) (e examined) {
	e.failure = run.env.examineCapture(capture, func(snapshot *snapshots.Snapshot) {
		e.result = run.checker.check(snapshot)
		if run.pending != nil {
			e.whole = run.pending.examine(snapshot, e.result, run.checker)
		}
		e.result.Path = pathBelow(run.root, capture)
		e.unread = run.reports.prepare(e.result)
	})
	return e
}

// report reports what became of one capture. Captures have to be reported in their order.
func (run *checkRun) report(e examined) error {
	if e.failure.Reason != "" {
		run.codes = append(run.codes, run.env.complainFailure(e.failure))
		run.checker.unread(e.failure.Snapshot)
		run.reports.failed(e.failure)
		if run.pending != nil {
			run.pending.fail(worst(run.codes...))
		}
		return nil
	}
	if run.pending != nil {
		run.pending.judge(e.whole)
	}
	run.checker.settle(e.result)
	run.codes = append(run.codes, run.checker.thresholds(e.result).judge(e.result))
	if e.unread != nil {
		run.env.complain("%s: %s", format.Clean(e.result.Name), format.Clean(strings.Join(strings.Fields(e.unread.Error()), " ")))
		run.codes = append(run.codes, unreadable)
	}
	return run.reports.result(e.result)
}

// togetherHint says how to check documents together that were given one by one.
func togetherHint(alone []snapshots.Capture) string {
	dir := filepath.Dir(alone[0].Path)
	elsewhere := func(capture snapshots.Capture) bool { return filepath.Dir(capture.Path) != dir }
	if len(alone) == 1 || alone[0].Path == "" || slices.ContainsFunc(alone, elsewhere) {
		return "a file alone is a snapshot of its own: put the documents of a capture into one directory to check them together"
	}
	if here, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(here, dir); err == nil {
			dir = relative
		}
	}
	return "each file is a snapshot of its own; to check the documents of a capture together, name their directory: restate-lint check " + format.Clean(dir)
}

// judge is the exit code that a result asks for.
func (t chosen) judge(result *analyze.Result) exitCode {
	var codes []exitCode
	for finding := range result.Counting {
		if finding.Severity >= t.failOn {
			codes = append(codes, found)
		}
		break // the worst finding is the first
	}
	for _, outcome := range result.Outcomes {
		switch {
		case outcome.State == analyze.Crashed:
			codes = append(codes, crashed)
		case outcome.State == analyze.Undecided && t.requireComplete:
			codes = append(codes, unreadable)
		}
	}
	return worst(codes...)
}

// lacksMainDocument reports whether a rule is undecided for lack of one of the two documents that most rules compare.
func lacksMainDocument(result *analyze.Result) bool {
	return slices.ContainsFunc(result.Outcomes, func(o analyze.Outcome) bool {
		return slices.Contains(o.Missing, string(snapshots.NodesConfig)) || slices.Contains(o.Missing, string(snapshots.BifrostConfig))
	})
}
