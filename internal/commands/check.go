package commands

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
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

--fail-on decides about the exit code, --show about what the text prints; the JSON report always has everything. A profile
chooses rules and thresholds, which flags override; "rules --profile" shows what it chooses.`,
		Flags: append([]cli.Flag{
			choiceFlag("format", "how to print the report", "text", "json"),
			choiceFlag("fail-on", "exit with 1 on findings of this severity and above", "error", "warning", "note", "never"),
			choiceFlag("show", "print findings of this severity and above", "note", "warning", "error"),
			&cli.BoolFlag{Name: "all", Usage: "print every finding in full, also where hundreds have one cause"},
			&cli.BoolFlag{Name: "show-suppressed", Usage: "print suppressed findings as well; they never count"},
			&cli.BoolFlag{Name: "require-complete", Usage: "exit with 3 when a rule is undecided"},
			profileFlag("rules and thresholds for a kind of work: "),
			&cli.StringFlag{Name: "target-version", Usage: "judge by what the `RELEASE` asks for, to which an upgrade leads"},
			colourFlag(),
		}, selectionFlags()...),
		Action: func(c *cli.Context) error {
			profile, err := profileOf(c)
			if err != nil {
				return err
			}
			target, _, err := releaseFlag(c, "target-version")
			if err != nil {
				return err
			}
			selected, err := selectedRules(c, profile)
			if err != nil {
				return err
			}
			arguments, err := snapshotArguments(c, math.MaxInt)
			if err != nil {
				return err
			}
			captures, code := env.findCaptures(arguments)
			thresholds := thresholds(c, profile)
			run := &checkRun{
				env:             env,
				rules:           selected,
				options:         analyze.Options{Target: target},
				failOn:          thresholds.failOn,
				requireComplete: thresholds.requireComplete,
				codes:           []exitCode{code},
			}
			render := run.text(env.textOf(c, thresholds.show, len(captures) > 1))
			if c.String("format") == "json" {
				render = run.json
			}
			if err := render(captures); err != nil {
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
	env             *Environment
	rules           []*rules.Rule
	options         analyze.Options
	failOn          rules.Severity
	requireComplete bool
	codes           []exitCode
}

// each checks one capture after the other.
func (run *checkRun) each(captures []snapshots.Capture, do func(*analyze.Result) error) error {
	hint := false
	for _, capture := range captures {
		code, err := run.env.readCapture(capture, func(snapshot *snapshots.Snapshot) error {
			result := analyze.CheckWith(snapshot, run.rules, run.options)
			run.codes = append(run.codes, run.judge(result))
			hint = hint || isFile(capture) && lacksMainDocument(result)
			return do(result)
		})
		if err != nil {
			return err
		}
		run.codes = append(run.codes, code)
	}
	if hint {
		run.env.complain("a file alone is a snapshot of its own: put the documents of a capture into one directory to check them together")
	}
	return nil
}

// isFile is true for a snapshot of a file that was named by itself.
func isFile(capture snapshots.Capture) bool {
	return len(capture.Files) == 1 && strings.HasSuffix(capture.Name, capture.Files[0])
}

// judge is the exit code that a result asks for.
func (run *checkRun) judge(result *analyze.Result) exitCode {
	var codes []exitCode
	for finding := range result.Counting {
		if finding.Severity >= run.failOn {
			codes = append(codes, found)
		}
		break // the worst finding is the first
	}
	for _, outcome := range result.Outcomes {
		switch {
		case outcome.State == analyze.Crashed:
			codes = append(codes, crashed)
		case outcome.State == analyze.Undecided && run.requireComplete:
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

// text prints each result as soon as it is there.
func (run *checkRun) text(text format.Text) func([]snapshots.Capture) error {
	return func(captures []snapshots.Capture) error {
		start := time.Now()
		tally := format.Tally{}
		err := run.each(captures, func(result *analyze.Result) error {
			tally.Add(result)
			if text.All {
				return outputError(text.Result(run.env.Stdout, result)) // may be too much to keep
			}
			var whole bytes.Buffer
			if err := text.Result(&whole, result); err != nil {
				return err
			}
			return write(run.env.Stdout, whole.Bytes())
		})
		if err != nil || tally.Snapshots == 0 {
			return err
		}
		return outputError(text.Summary(run.env.Stdout, &tally, time.Since(start)))
	}
}

// json prints one report of all results, or nothing.
func (run *checkRun) json(captures []snapshots.Capture) error {
	var results []*analyze.Result
	err := run.each(captures, func(result *analyze.Result) error {
		results = append(results, result)
		if err := errors.Join(result.Locate(), result.Hash()); err != nil { // a source vanished since it was read
			run.env.complain("%s: %s", format.Clean(result.Name), format.Clean(strings.Join(strings.Fields(err.Error()), " ")))
			run.codes = append(run.codes, unreadable)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var report bytes.Buffer
	if err := format.JSON(&report, analyze.NewReport(Version, results...)); err != nil {
		return err
	}
	return write(run.env.Stdout, report.Bytes())
}
