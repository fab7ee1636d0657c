package commands

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
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

func allChangesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "all", Usage: "print every change, also where hundreds are of one rule"}
}

// onlyFlag chooses a part of the differences; see partOf.
func onlyFlag(usage string) cli.Flag {
	return &cli.StringFlag{
		Name:  "only",
		Usage: usage + ": what the cluster changed, or what other rules of the `" + string(golden.Cluster) + "|" + string(golden.Tool) + "` did",
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

// forceFlag lets a command write where CI is set; see mayWrite.
func forceFlag() cli.Flag {
	return &cli.BoolFlag{Name: "force", Usage: "write even where CI is set in the environment"}
}

// mayWrite refuses to change what was accepted where nobody is there to look at it: accepted reports are reviewed and
// committed, and a job that accepts what it finds checks nothing.
func (env *Environment) mayWrite(c *cli.Context) error {
	switch env.Getenv("CI") {
	case "", "0", "false":
		return nil
	}
	if c.Bool("force") {
		return nil
	}
	return usagef("golden %s changes accepted reports, which is not done where CI is set in the environment, but with --force", c.Command.Name)
}

func goldenCheckCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "compare reports with the accepted ones, and exit with 1 if they differ",
		ArgsUsage: "SNAPSHOT...",
		Description: `Findings are compared by fingerprint, so it does not matter how a capture is laid out or ordered. Changes that come
from rules that this version has and the one that made the accepted report had not, or the other way round, are
listed apart. A snapshot without an accepted report is a difference. Nothing is ever written.

A golden whose snapshot is not among those that DIR/... finds is said to be orphaned. It makes no difference.

Name the snapshots as when they were accepted: the golden of a snapshot has the snapshot's name, which depends on how
it is found ("captures/a" is "a", and "x/..." finds "x/y/a" as "y/a").`,
		Flags: []cli.Flag{
			goldenDirFlag(),
			onlyFlag("compare nothing but one part"),
			choiceFlag("format", "how to print the differences", "text", "json"),
			&cli.BoolFlag{Name: "diff", Usage: "print a unified diff of the canonical reports as well"},
			allChangesFlag(),
		},
		Action: func(c *cli.Context) error {
			run, err := newGoldenRun(env, c)
			if err != nil {
				return err
			}
			if run.part, err = partOf(c); err != nil {
				return err
			}
			return run.check(c.Bool("diff"), c.Bool("all"), c.String("format") == "json")
		},
	}
}

// A goldenRun holds snapshots against a store and remembers what the exit code depends on.
type goldenRun struct {
	env       *Environment
	store     golden.Store
	arguments []string
	captures  []snapshots.Capture
	// part is that of the differences which is asked for.
	part  golden.Part
	codes []exitCode
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
		verdict := run.store.Judge(current)
		verdict.Only(run.part)
		return do(current, verdict)
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
	orphaned := run.orphans()
	if !asJSON {
		run.complainAboutOrphans(orphaned)
	}
	var text bytes.Buffer
	switch {
	case asJSON:
		if err := golden.JSON(&text, verdicts, orphaned); err != nil {
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

// orphans are the goldens whose snapshots are no more, as far as that can be told: a whole tree was named, and all of it
// could be found.
func (run *goldenRun) orphans() []string {
	if worst(run.codes[0]) != clean || !slices.ContainsFunc(run.arguments, isTree) {
		return nil
	}
	names := make([]string, len(run.captures))
	for i, capture := range run.captures {
		names[i] = capture.Name
	}
	orphaned, err := run.store.Orphans(names)
	if err != nil {
		run.fail(unreadable)
		run.env.complain("%s", format.Clean(err.Error()))
	}
	return orphaned
}

// isTree is true for DIR/....
func isTree(argument string) bool {
	return argument == "..." || strings.HasSuffix(filepath.ToSlash(argument), "/...")
}

// fewOrphans is how many orphaned goldens are named.
const fewOrphans = 10

func (run *goldenRun) complainAboutOrphans(orphaned []string) {
	for i, name := range orphaned {
		if i == fewOrphans {
			run.env.complain("and %d more orphaned goldens", len(orphaned)-i)
			break
		}
		run.env.complain("%s: orphaned: there is no such snapshot", format.Clean(run.store.Path(name)))
	}
}

// adviseAbout names the way out, for goldens that are missing or cannot be read.
func (run *goldenRun) adviseAbout(verdicts []*golden.Verdict) {
	some := func(is func(*golden.Verdict) bool) bool { return slices.ContainsFunc(verdicts, is) }
	wraps := func(problem error) func(*golden.Verdict) bool {
		return func(v *golden.Verdict) bool { return errors.Is(v.Err, problem) }
	}
	accept := Name + " golden accept" + run.commandLine()
	if some(wraps(golden.ErrVersion)) {
		run.env.complain("use the version of %s that wrote the golden, or remove the file and run: %s", Name, accept)
	}
	if some(wraps(golden.ErrNotGolden)) {
		run.env.complain("restore the golden from version control, or remove the file and run: %s", accept)
	}
	if some(func(v *golden.Verdict) bool { return v.State == golden.Missing }) || some(wraps(golden.ErrConflict)) {
		run.env.complain("to accept the reports as they are now: %s", accept)
	}
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
