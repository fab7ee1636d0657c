package commands

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/golden"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// goldensDir is where goldens are kept unless --dir says otherwise.
const goldensDir = "goldens"

func goldenCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:        "golden",
		Usage:       "hold snapshots against their accepted reports",
		Subcommands: []*cli.Command{goldenCheckCommand(env), goldenAcceptCommand(env)},
	}
}

func goldenDirFlag() cli.Flag {
	return &cli.StringFlag{Name: "dir", Value: goldensDir, Usage: "keep the accepted reports in `DIR`, as DIR/NAME" + golden.Suffix + " for the snapshot NAME"}
}

func goldenCheckCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "compare reports with the accepted ones, and exit with 1 if they differ",
		ArgsUsage: "SNAPSHOT...",
		Description: `Findings are compared by fingerprint, so it does not matter how a capture is laid out or ordered. Changes that come
from rules that this version has and the one that made the accepted report had not, or the other way round, are
listed apart. A snapshot without an accepted report is a difference. Nothing is ever written.

Name the snapshots as when they were accepted: the golden of a snapshot has the snapshot's name, which depends on how
it is found ("captures/a" is "a", and "x/..." finds "x/y/a" as "y/a").`,
		Flags: []cli.Flag{
			goldenDirFlag(),
			choiceFlag("format", "how to print the differences", "text", "json"),
			&cli.BoolFlag{Name: "diff", Usage: "print a unified diff of the canonical reports as well"},
			&cli.BoolFlag{Name: "all", Usage: "print every change, also where hundreds are of one rule"},
		},
		Action: func(c *cli.Context) error {
			run, err := newGoldenRun(env, c)
			if err != nil {
				return err
			}
			return run.check(c.Bool("diff"), c.Bool("all"), c.String("format") == "json")
		},
	}
}

func goldenAcceptCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "accept",
		Usage:     "write the reports of snapshots as the accepted ones",
		ArgsUsage: "SNAPSHOT...",
		Description: `Prints what it wrote, and what changed. A report that is as accepted is not written again. A golden that holds
merge-conflict markers is replaced; anything else that is no golden is left as it is, and so is the golden of a
snapshot on which a rule crashed.`,
		Flags: []cli.Flag{
			goldenDirFlag(),
			&cli.BoolFlag{Name: "all", Usage: "print every change, also where hundreds are of one rule"},
		},
		Action: func(c *cli.Context) error {
			run, err := newGoldenRun(env, c)
			if err != nil {
				return err
			}
			return run.accept(c.Bool("all"))
		},
	}
}

// A goldenRun holds snapshots against a store and remembers what the exit code depends on.
type goldenRun struct {
	env       *Environment
	store     golden.Store
	arguments []string
	captures  []snapshots.Capture
	codes     []exitCode
}

func newGoldenRun(env *Environment, c *cli.Context) (*goldenRun, error) {
	arguments, err := snapshotArguments(c, math.MaxInt)
	if err != nil {
		return nil, err
	}
	if c.String("dir") == "" {
		return nil, usagef("--dir: the empty text is not the name of a directory")
	}
	captures, code := env.findCaptures(arguments)
	return &goldenRun{
		env:       env,
		store:     golden.Store{Dir: c.String("dir")},
		arguments: arguments,
		captures:  captures,
		codes:     []exitCode{code},
	}, nil
}

func (run *goldenRun) fail(code exitCode) { run.codes = append(run.codes, code) }

// judge holds one snapshot against its golden.
func (run *goldenRun) judge(capture snapshots.Capture, do func(*golden.Golden, *golden.Verdict) error) error {
	code, err := run.env.readCapture(capture, func(snapshot *snapshots.Snapshot) error {
		result := analyze.Check(snapshot, rules.All())
		for _, o := range result.Outcomes {
			if o.State == analyze.Crashed {
				run.env.complain("%s: rule %s crashed; please report it: %s", format.Clean(result.Name), o.Rule, format.Clean(o.Crash))
				run.fail(crashed)
			}
		}
		current := golden.Of(result)
		return do(current, run.store.Judge(current))
	})
	run.fail(code)
	return err
}

// check prints how the snapshots stand to their goldens.
func (run *goldenRun) check(diff, all, asJSON bool) error {
	verdicts := make([]*golden.Verdict, 0, len(run.captures))
	for _, capture := range run.captures {
		verdict := golden.Unjudged(capture.Name)
		err := run.judge(capture, func(current *golden.Golden, judged *golden.Verdict) error {
			verdict = judged
			run.complainAbout(verdict)
			if diff && verdict.State == golden.Different {
				verdict.Diff = golden.Unified(verdict.Accepted, current)
			}
			if asJSON || verdict.State != golden.Different {
				return nil
			}
			text := verdict.Difference.Text(all)
			if verdict.Diff != "" {
				text += "\n" + verdict.Diff
			}
			return write(run.env.Stdout, []byte(text+"\n"))
		})
		if err != nil {
			return err
		}
		verdicts = append(verdicts, verdict)
	}
	run.adviseAbout(verdicts)
	var text bytes.Buffer
	switch {
	case asJSON:
		if err := golden.JSON(&text, verdicts); err != nil {
			return err
		}
	case len(verdicts) > 0:
		text.WriteString(golden.Summarize(verdicts).String() + "\n")
	}
	if err := write(run.env.Stdout, text.Bytes()); err != nil {
		return err
	}
	return exitWith(worst(run.codes...))
}

// complainAbout says what keeps a snapshot from being compared, and notes the exit code of the verdict.
func (run *goldenRun) complainAbout(verdict *golden.Verdict) {
	switch verdict.State {
	case golden.Different:
		run.fail(found)
	case golden.Missing:
		run.fail(found)
		missing := &golden.MissingError{}
		errors.As(verdict.Err, &missing)
		run.env.complain("%s: no golden %s", format.Clean(verdict.Snapshot), format.Clean(missing.Path))
		for _, name := range missing.Similar {
			run.env.complain("%s: there is a golden of %s; is it the same snapshot, found in another way?", format.Clean(verdict.Snapshot), format.Clean(name))
		}
	case golden.Unreadable:
		run.fail(unreadable)
		run.env.complain("%s", format.Clean(verdict.Err.Error()))
	}
}

// adviseAbout says how to get the goldens that are missing or spoilt by a merge.
func (run *goldenRun) adviseAbout(verdicts []*golden.Verdict) {
	if !slices.ContainsFunc(verdicts, func(v *golden.Verdict) bool {
		return v.State == golden.Missing || errors.Is(v.Err, golden.ErrConflict)
	}) {
		return
	}
	run.env.complain("to accept the reports as they are now: %s golden accept%s", Name, run.commandLine())
}

// commandLine has the arguments of this run, for a shell.
func (run *goldenRun) commandLine() string {
	text := ""
	if run.store.Dir != goldensDir {
		text = " --dir " + shellWord(run.store.Dir)
	}
	for _, argument := range run.arguments {
		if argument[0] == '-' {
			argument = "./" + argument
		}
		text += " " + shellWord(argument)
	}
	return text
}

// shellWord quotes a word for a shell where it has to be.
func shellWord(word string) string {
	word = format.Clean(word)
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,=", r)
	}
	if strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
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
	var text string
	switch {
	case slices.ContainsFunc(current.Outcomes, func(o golden.Outcome) bool { return o.State == analyze.Crashed }):
		run.env.complain("%s: not accepted, as a rule crashed", name)
		return nil
	case verdict.State == golden.Accepted:
		return write(run.env.Stdout, []byte(name+": as accepted, nothing written\n"))
	case verdict.State == golden.Different:
		text = verdict.Difference.Text(all)
	case verdict.State == golden.Missing:
		text = name + ": new\n"
	case errors.Is(verdict.Err, golden.ErrConflict):
		text = fmt.Sprintf("%s: its golden held merge-conflict markers\n", name)
	default:
		run.complainAbout(verdict)
		return nil
	}
	if err := run.store.Write(current); err != nil {
		run.fail(unreadable)
		run.env.complain("%s", format.Clean(err.Error()))
		return nil
	}
	return write(run.env.Stdout, fmt.Appendf(nil, "%s  wrote %s: %s\n", text, format.Clean(run.store.Path(current.Snapshot)), current.Summary()))
}
