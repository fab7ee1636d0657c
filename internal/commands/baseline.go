package commands

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/baseline"
	"restate-lint/analyze/format"
	"restate-lint/snapshots"
)

// baselineFile is where the baseline is kept unless --baseline says otherwise.
const baselineFile = "restate-lint-baseline.json"

func baselineCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:        "baseline",
		Usage:       "accept the findings of today, so that a check fails only on what is beyond them",
		Subcommands: []*cli.Command{baselineCreateCommand(env), baselineUpdateCommand(env), baselinePruneCommand(env)},
		Description: `A baseline has the fingerprint of every finding that is accepted, its severity then, the reason, who answers for it, and
optionally the last day on which that holds; edit these as you like. "check --baseline FILE" marks such findings as
suppressed. A finding counts again when it is graver than it was, and behind the last day (that of SOURCE_DATE_EPOCH if it
is set, or else of the clock, in UTC). An entry that is found no more, though its rule was decided, is said to be so: on
standard error, in JSON, SARIF and Markdown, and without a difference to the exit code. So is a snapshot that DIR/... does
not find any more. Where CI is set in the
environment, nothing is written without --force. Name the snapshots as when the baseline was made: its entries
belong to the names of snapshots.`,
	}
}

// baselineFlags are those of every command that writes a baseline.
func baselineFlags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "baseline", Value: baselineFile, Usage: "the baseline is `FILE`"},
		forceFlag(),
		profileFlag("only rules of a profile: "),
		&cli.StringFlag{Name: "target-version", Usage: "judge by what the `RELEASE` asks for, to which an upgrade leads"},
	}, selectionFlags(), configFlags())
}

// entryFlags say what new entries have.
func entryFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "reason", Value: "there when the baseline was made", Usage: "why new entries are accepted: `TEXT`"},
		&cli.StringFlag{Name: "owner", Usage: "`NAME` of who answers for new entries"},
		&cli.StringFlag{Name: "expires", Usage: "last `DAY` on which new entries hold, such as 2027-01-31"},
	}
}

// newEntry is what new entries are like.
func newEntry(c *cli.Context) (entry baseline.Entry, err error) {
	oneLine := func(flag string) string { return strings.Join(strings.Fields(c.String(flag)), " ") }
	entry.Reason, entry.Owner = oneLine("reason"), oneLine("owner")
	if entry.Reason == "" {
		return entry, usagef("--reason: the empty text is no reason")
	}
	if c.IsSet("expires") {
		if entry.Expires, err = analyze.ParseDate(c.String("expires")); err != nil {
			return entry, usagef("--expires: %s", format.Clean(err.Error()))
		}
	}
	return entry, nil
}

func baselineCreateCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:        "create",
		Usage:       "accept everything that is found now",
		ArgsUsage:   "SNAPSHOT...",
		Description: "Writes a new file with every finding that no configuration suppresses. A file that is there is left as it is: see update.",
		Flags:       append(baselineFlags(), entryFlags()...),
		Action: func(c *cli.Context) error {
			like, err := newEntry(c)
			if err != nil {
				return err
			}
			run, err := newBaselineRun(env, c)
			if err != nil {
				return err
			}
			return run.rewrite(baseline.New(), true, func(f *baseline.File, result *analyze.Result) baseline.Change { return f.Update(result, like) })
		},
	}
}

func baselineUpdateCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "update",
		Usage:     "accept what is new, and drop what is no more",
		ArgsUsage: "SNAPSHOT...",
		Description: `Entries that stay keep their reasons, owners and days, and get the severity of now. An entry goes whose finding is no
more, if its rule was decided. Entries of other snapshots stay as they are.`,
		Flags: append(baselineFlags(), entryFlags()...),
		Action: func(c *cli.Context) error {
			like, err := newEntry(c)
			if err != nil {
				return err
			}
			return baselineChange(env, c, func(f *baseline.File, result *analyze.Result) baseline.Change { return f.Update(result, like) })
		},
	}
}

func baselinePruneCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "prune",
		Usage:     "drop what is no more, and accept nothing",
		ArgsUsage: "SNAPSHOT...",
		Description: `An entry goes whose finding is no more, if its rule was decided. Everything else stays as it is: with --gone, which
wants all snapshots as DIR/..., not the entries of those that are no more.`,
		Flags: append(baselineFlags(), &cli.BoolFlag{Name: "gone", Usage: "drop also all entries of snapshots that DIR/... does not find"}),
		Action: func(c *cli.Context) error {
			if c.Bool("gone") && !slices.ContainsFunc(c.Args().Slice(), isTree) {
				return usagef("--gone needs all snapshots, as DIR/...: one that was not named is not one that is gone")
			}
			return baselineChange(env, c, (*baseline.File).Prune)
		},
	}
}

func baselineChange(env *Environment, c *cli.Context, change func(*baseline.File, *analyze.Result) baseline.Change) error {
	run, err := newBaselineRun(env, c)
	if err != nil {
		return err
	}
	file, err := readBaseline(run.path)
	if err != nil {
		return err
	}
	return run.rewrite(file, false, change)
}

// readBaseline reads a baseline that was named. One that cannot be used is a wrong configuration.
func readBaseline(path string) (*baseline.File, error) {
	file, err := baseline.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usagef("%s\nto make one: %s baseline create%s SNAPSHOT...", format.Clean(err.Error()), Name, baselineArgument(path))
	case err != nil:
		return nil, usagef("%s", format.Clean(err.Error()))
	}
	return file, nil
}

// baselineArgument names a baseline on a command line that is suggested.
func baselineArgument(path string) string {
	if path == baselineFile {
		return ""
	}
	return flagWord("baseline", path)
}

// A baselineRun changes a baseline by what snapshots have.
type baselineRun struct {
	env      *Environment
	path     string
	captures []snapshots.Capture
	checker  *checker
	codes    []exitCode
	// gone is true where the entries of snapshots go that were not found.
	gone bool
}

func newBaselineRun(env *Environment, c *cli.Context) (*baselineRun, error) {
	if err := env.mayWrite(c, "baseline "+c.Command.Name); err != nil {
		return nil, err
	}
	if c.String("baseline") == "" {
		return nil, usagef("--baseline: the empty text is not the name of a file")
	}
	arguments, err := snapshotArguments(c, math.MaxInt)
	if err != nil {
		return nil, err
	}
	run := &baselineRun{env: env, path: c.String("baseline")}
	captures, code := env.findCaptures(arguments)
	run.captures, run.codes = captures, []exitCode{code}
	if err := apart("baseline", captures, run.path); err != nil {
		return nil, err
	}
	run.gone = c.Bool("gone") && areAll(arguments, code)
	run.checker, err = env.newChecker(c, captures)
	return run, err
}

// rewrite changes the file by the result of every snapshot, says what changed, and writes it.
func (run *baselineRun) rewrite(file *baseline.File, isNew bool, change func(*baseline.File, *analyze.Result) baseline.Change) error {
	changed := isNew
	var text bytes.Buffer
	for _, capture := range run.captures {
		code, err := run.env.readCapture(capture, func(snapshot *snapshots.Snapshot) error {
			result := run.checker.check(snapshot)
			run.checker.settle(result)
			for _, o := range result.Outcomes {
				if o.State == analyze.Crashed {
					run.env.complain("%s: rule %s crashed; please report it: %s", format.Clean(result.Name), o.Rule, format.Clean(o.Crash))
					run.codes = append(run.codes, crashed)
				}
			}
			c := change(file, result)
			changed = changed || !c.Empty()
			describeChange(&text, result.Name, &c)
			return nil
		})
		if err != nil {
			return err
		}
		if code != clean {
			run.checker.unread(capture.Name)
		}
		run.codes = append(run.codes, code)
	}
	run.checker.conclude()
	if run.gone {
		for _, snapshot := range file.Gone(captureNames(run.captures)) {
			c := file.Drop(snapshot)
			changed = true
			describeChange(&text, snapshot, &c)
		}
	}
	name := format.Clean(run.path)
	switch {
	case len(run.captures) == 0:
		return exitWith(worst(run.codes...))
	case !changed:
		fmt.Fprintf(&text, "%s: %s, nothing written\n", name, entries(file.Len()))
	default:
		err := file.Write(run.path, isNew)
		if errors.Is(err, fs.ErrExist) {
			return usagef("%s: is there already; to bring it up to date: %s baseline update%s SNAPSHOT...", name, Name, baselineArgument(run.path))
		}
		if err != nil {
			return &exit{code: unreadable, message: format.Clean(err.Error())}
		}
		fmt.Fprintf(&text, "wrote %s: %s\n", name, entries(file.Len()))
	}
	if err := write(run.env.Stdout, text.Bytes()); err != nil {
		return err
	}
	return exitWith(worst(run.codes...))
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// changesShown is how many entries of each kind are listed for a snapshot, the gravest first.
const changesShown = 5

func describeChange(w *bytes.Buffer, snapshot string, change *baseline.Change) {
	fmt.Fprintf(w, "%s: ", format.Clean(snapshot))
	parts := []string{}
	for _, part := range []struct {
		n    int
		what string
	}{
		{change.Kept, "kept"}, {len(change.Added), "added"}, {len(change.Removed), "removed"},
		{len(change.Graver), "graver"}, {len(change.Milder), "milder"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing found"}
	}
	fmt.Fprintln(w, strings.Join(parts, ", "))
	for _, list := range []struct {
		what    string
		entries []baseline.Entry
	}{{"added", change.Added}, {"removed", change.Removed}, {"graver", change.Graver}, {"milder", change.Milder}} {
		byGravity := func(a, b baseline.Entry) int { return cmp.Compare(b.Severity, a.Severity) }
		for i, entry := range slices.SortedStableFunc(slices.Values(list.entries), byGravity) {
			if i == changesShown {
				fmt.Fprintf(w, "  … and %d more\n", len(list.entries)-i)
				break
			}
			fmt.Fprintf(w, "  %-7s  %s %s\n", list.what, entry.Severity, format.Clean(entry.Fingerprint))
		}
	}
}
