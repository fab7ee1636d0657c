package commands

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/golden"
	"restate-lint/snapshots"
)

// A goldenRun holds reports against a store and remembers what the exit code depends on.
type goldenRun struct {
	env       *Environment
	store     golden.Store
	arguments []string
	// captures are what the reports are made of, unless they are taken from somewhere.
	captures []snapshots.Capture
	checker  *checker
	// configured are the flags that choose the configuration, for a shell.
	configured string
	from       *golden.Store
	names      []string
	// redactions are those of the store.
	redactions *golden.Redactions
	// pending is where reports are left that are not as accepted; nil for nowhere.
	pending *golden.Store
	// part is that of the differences which is asked for.
	part  golden.Part
	codes []exitCode
	// remarks are those on the configuration, once all reports were made.
	remarks []analyze.Remark
}

// newGoldenRun prepares a run over the reports on the snapshots that were named.
func newGoldenRun(env *Environment, c *cli.Context) (*goldenRun, error) {
	arguments, err := snapshotArguments(c, math.MaxInt)
	if err != nil {
		return nil, err
	}
	run, err := newGoldenRunOver(env, c, arguments)
	if err != nil {
		return nil, err
	}
	var code exitCode
	run.captures, code = env.findCaptures(arguments)
	run.codes = []exitCode{code}
	if run.checker, err = env.newGoldenChecker(c, run.captures); err != nil {
		return nil, err
	}
	run.configured = configArguments(c)
	return run, nil
}

// apart makes sure that goldens, or pending reports, are not written into a snapshot.
func (run *goldenRun) apart(flag string, store golden.Store) error {
	paths := captureNames(run.captures)
	for i, name := range paths {
		paths[i] = store.Path(name)
	}
	return apart(flag, run.captures, paths...)
}

// newPendingRun prepares a run over the pending reports of a store: those on the named snapshots, or all.
func newPendingRun(env *Environment, c *cli.Context, from golden.Store, names []string) (*goldenRun, error) {
	run, err := newGoldenRunOver(env, c, names)
	if err != nil {
		return nil, err
	}
	run.from = &from
	if info, err := os.Stat(from.Dir); err != nil || !info.IsDir() {
		return nil, &exit{code: unreadable, message: format.Clean(from.Dir) + ": not a directory"}
	}
	if run.names, err = from.List(); err != nil {
		return nil, err
	}
	for _, name := range run.arguments {
		if !slices.Contains(run.names, name) {
			return nil, usagef("%s has no pending report on %q%s", format.Clean(from.Dir), name, didYouMean(name, run.names))
		}
	}
	if len(run.arguments) > 0 {
		run.names = run.arguments
	}
	return run, nil
}

// newGoldenRunFrom is newPendingRun with the flag --pending, and newGoldenRun without it, for a run that writes goldens.
func newGoldenRunFrom(env *Environment, c *cli.Context) (*goldenRun, error) {
	from, err := pendingStore(c)
	switch {
	case err != nil:
		return nil, err
	case from != nil:
		return newPendingRun(env, c, *from, c.Args().Slice())
	}
	run, err := newGoldenRun(env, c)
	if err == nil {
		err = run.apart("dir", run.store)
	}
	return run, err
}

func newGoldenRunOver(env *Environment, c *cli.Context, arguments []string) (*goldenRun, error) {
	if c.String("dir") == "" {
		return nil, usagef("--dir: the empty text is not the name of a directory")
	}
	if info, err := os.Stat(c.String("dir")); err == nil && !info.IsDir() {
		return nil, usagef("--dir: %s is not a directory", format.Clean(c.String("dir")))
	}
	part, err := partOf(c)
	if err != nil {
		return nil, err
	}
	run := &goldenRun{env: env, store: golden.Store{Dir: c.String("dir")}.Listed(), arguments: arguments, part: part}
	if run.redactions, err = run.store.Redactions(); err != nil {
		return nil, usagef("%v", err) // which is clean
	}
	return run, nil
}

func (run *goldenRun) fail(code exitCode) { run.codes = append(run.codes, code) }

// A judged report is one that was held against its golden.
type judged struct {
	verdict *golden.Verdict
	// current is nil if there is no report: the snapshot, or the pending report, cannot be read.
	current *golden.Golden
	// result is what the report was made of, if that is at hand.
	result *analyze.Result
}

// next is what accepting the report makes of the golden.
func (j *judged) next() (*golden.Golden, error) {
	if j.verdict.Accepted == nil {
		return j.current, nil
	}
	return j.verdict.Accepted.Apply(j.verdict.Difference.Changes()...)
}

// crashed reports whether a rule crashed on the snapshot. Such a report is not accepted.
func (j *judged) crashed() bool {
	return slices.ContainsFunc(j.current.Outcomes, func(o golden.Outcome) bool { return o.State == analyze.Crashed })
}

// leave puts what would be accepted into a store of pending reports, and takes away what is as accepted.
func (j *judged) leave(pending golden.Store) error {
	if j.verdict.State == golden.Accepted {
		return pending.Remove(j.current.Snapshot)
	}
	next, err := j.next()
	if err != nil {
		return err
	}
	return pending.Write(next)
}

// gather makes or reads all reports and holds them against their goldens, in the order of their names. What the reports
// that differ were made of is kept if that is wanted.
func (run *goldenRun) gather(keep bool) ([]*judged, error) {
	var reports []*judged
	for _, name := range run.names {
		report := &judged{verdict: golden.Unjudged(name)}
		if current, err := run.from.Read(name); err != nil {
			run.fail(unreadable)
			run.env.complain("%s", format.Clean(err.Error()))
		} else {
			run.judge(report, current)
		}
		reports = append(reports, report)
	}
	for _, capture := range run.captures {
		report := &judged{verdict: golden.Unjudged(capture.Name)}
		code, err := run.env.readCapture(capture, func(snapshot *snapshots.Snapshot) error {
			result := run.checker.check(snapshot)
			run.checker.settle(result)
			for _, o := range result.Outcomes {
				if o.State == analyze.Crashed {
					run.env.complain("%s: rule %s crashed; please report it: %s", format.Clean(result.Name), o.Rule, format.Clean(o.Crash))
					run.fail(crashed)
				}
			}
			run.judge(report, golden.Of(result))
			if keep && report.verdict.State != golden.Accepted {
				report.result = result
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if code != clean {
			run.checker.unread(capture.Name)
		}
		run.fail(code)
		reports = append(reports, report)
	}
	if run.checker != nil {
		run.remarks = run.checker.conclude()
	}
	return reports, run.checkRedactions()
}

// checkRedactions fails if a redaction does nothing: what should not be committed may be in the reports in other words. That
// can only be told where the reports are on all snapshots that the store has goldens of, and made here.
func (run *goldenRun) checkRedactions() error {
	useless := run.redactions.Useless()
	if len(useless) == 0 || run.from != nil || worst(run.codes...) >= unreadable {
		return nil
	}
	if others, err := run.store.Orphans(captureNames(run.captures)); err != nil || len(others) > 0 {
		return err
	}
	text := make([]string, len(useless))
	for i, redaction := range useless {
		text[i] = fmt.Sprintf("%s: %s: matches nothing in these reports: correct it, or remove it",
			run.store.RedactionsPath(), redaction)
	}
	return usagef("%s", cleanLines(errors.New(strings.Join(text, "\n"))))
}

// cleanLines is the text of an error of several lines.
func cleanLines(err error) string {
	text := strings.Split(err.Error(), "\n")
	for i, line := range text {
		text[i] = format.Clean(line)
	}
	return strings.Join(text, "\n"+Name+": ")
}

// judge holds a report against its golden.
func (run *goldenRun) judge(report *judged, current *golden.Golden) {
	report.current = run.redactions.Apply(current)
	report.verdict = run.store.Judge(report.current)
	run.redactions.Recall(report.verdict.Accepted)
	report.verdict.Only(run.part)
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
		if verdict.Err != nil { // otherwise it was the snapshot, and that was said
			run.fail(unreadable)
			run.env.complain("%s", format.Clean(verdict.Err.Error()))
		}
	}
}

// orphans are the goldens whose snapshots are no more, as far as that can be told: a whole tree was named, and all of it
// could be found.
func (run *goldenRun) orphans() []string {
	if !areAll(run.arguments, run.codes[0]) {
		return nil
	}
	orphaned, err := run.store.Orphans(captureNames(run.captures))
	if err != nil {
		run.fail(unreadable)
		run.env.complain("%s", format.Clean(err.Error()))
	}
	return orphaned
}

// areAll reports whether the snapshots that arguments name can be taken for all that there are: a whole tree was named, and
// the code says that all of it was found.
func areAll(arguments []string, code exitCode) bool {
	return code == clean && slices.ContainsFunc(arguments, isTree)
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
	text := run.configured + run.dirArgument()
	if run.from != nil {
		text += flagWord("pending", run.from.Dir)
	}
	if slices.ContainsFunc(run.arguments, looksLikeFlag) {
		text += " --"
	}
	for _, argument := range run.arguments {
		text += " " + shellWord(argument)
	}
	return text
}

// dirArgument names the directory of the goldens, for a shell, where it is not the usual one.
func (run *goldenRun) dirArgument() string {
	if run.store.Dir == goldensDir {
		return ""
	}
	return flagWord("dir", run.store.Dir)
}

// onlyArgument names the part that was asked for.
func (run *goldenRun) onlyArgument() string {
	if run.part == "" {
		return ""
	}
	return " --only " + string(run.part)
}

// flagWord is a flag with a value, for a shell.
func flagWord(flag, value string) string {
	separator := " "
	if looksLikeFlag(value) {
		separator = "="
	}
	return " --" + flag + separator + shellWord(value)
}

// shellWord quotes a word for a shell where it has to be.
func shellWord(word string) string {
	word = format.Clean(word)
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,=", r)
	}
	if word == "" || strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
