package commands

import (
	"bufio"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/internal/committed"
	"restate-lint/rules"
)

func renderCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "render",
		Usage:     "print a report that was saved as JSON in another format",
		ArgsUsage: "REPORT",
		Description: `A REPORT is a file that "check --format json" wrote, or - for standard input. Nothing is checked again, and the snapshots
need not be there any more: the text has no excerpts of them, and all other formats are as "check" prints them. The exit
code says nothing of what was found.

` + formatHelp,
		Flags: []cli.Flag{
			formatFlag(),
			choiceFlag("fail-on", "let tests fail, in junit, on findings of this severity and above", "error", "warning", "note", "never"),
			choiceFlag("show", "print findings of this severity and above", "note", "warning", "error"),
			&cli.BoolFlag{Name: "all", Usage: "print every finding in full, also where hundreds have one cause"},
			&cli.BoolFlag{Name: "show-suppressed", Usage: "print suppressed findings as well"},
			colourFlag(),
		},
		Action: func(c *cli.Context) error {
			outputs, err := outputsOf(c)
			if err != nil {
				return err
			}
			if c.NArg() != 1 {
				return usagef("render needs one REPORT: a file that \"%s check --format json\" wrote, or - for standard input", Name)
			}
			name := c.Args().First()
			saved, err := env.readReport(name)
			if err != nil {
				return err
			}
			for _, o := range outputs {
				if sameFile(o.file, name) {
					return usagef("--format: %s is the report that is to be read", format.Clean(o.file))
				}
			}
			failOn := severityOf(c.String("fail-on"))
			reports, err := env.openReports(outputs, nil, format.Options{
				Tool:   saved.Tool,
				Rules:  rulesOf(saved),
				FailOn: func(*analyze.Result) rules.Severity { return failOn },
				Text:   env.textOf(c, severityOf(c.String("show")), len(saved.Snapshots) > 1),
			})
			if err != nil {
				return err
			}
			defer reports.discard()
			return reports.write(saved)
		},
	}
}

// readReport reads a saved report. The error is one of usage if it is no report.
func (env *Environment) readReport(name string) (*analyze.Report, error) {
	in := env.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, &exit{code: unreadable, message: format.Clean(name) + ": " + committed.Reason(err).Error()}
		}
		defer func() { _ = f.Close() }() // only read from
		in = f
	}
	saved, err := analyze.ReadReport(bufio.NewReader(in))
	if err != nil {
		return nil, &exit{code: unreadable, message: format.Clean(name) + ": " + format.Clean(strings.ReplaceAll(committed.Reason(err).Error(), "\n", " "))}
	}
	return saved, nil
}

func sameFile(a, b string) bool {
	first, errA := os.Stat(a)
	second, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(first, second)
}

// rulesOf are the rules that a saved report is about, as far as this version has them, sorted by id.
func rulesOf(saved *analyze.Report) []*rules.Rule {
	asked := make(map[string]bool)
	for _, result := range saved.Snapshots {
		for _, o := range result.Outcomes {
			asked[o.Rule] = true
		}
	}
	return slices.DeleteFunc(rules.All(), func(rule *rules.Rule) bool { return !asked[rule.ID] })
}

// write writes a whole report.
func (r *reports) write(saved *analyze.Report) error {
	r.total.Remarks = saved.Remarks
	for _, remark := range saved.Remarks {
		r.env.complain("%s", format.Clean(remark.String()))
	}
	if err := r.begin(); err != nil {
		return err
	}
	for _, result := range saved.Snapshots {
		if err := r.result(result); err != nil {
			return err
		}
	}
	for _, failure := range saved.Failures {
		r.failed(failure)
	}
	return errors.Join(r.end(0), exitWith(r.code))
}
