package commands

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/golden"
	"restate-lint/rules"
)

// reviewKeys are the answers of a review.
const reviewKeys = `  a   accept    the golden takes it over
  r   reject    the golden stays as it is; a pending report loses the difference
  s   skip      both stay as they are, and it is shown the next time
  b   back      to the difference that was shown before
  e   explain   what the rule checks, why it matters, and what to do
  v   view      the lines of the capture that it is about, if the capture is at hand
  ar  accept    this and all that follow of the same rule, of all snapshots
  rr  reject    this and all that follow of the same rule, of all snapshots
  A   accept    this and all that follow, of all snapshots, but for what ar and rr have decided
  R   reject    this and all that follow, of all snapshots, but for what ar and rr have decided
  q   quit      what follows is skipped, but for what ar and rr have decided
  ?   help      these letters`

func goldenReviewCommand(env *Environment) *cli.Command {
	return &cli.Command{
		Name:      "review",
		Usage:     "decide about the differences one by one",
		ArgsUsage: "SNAPSHOT... | --pending DIR [NAME...]",
		Description: `Shows one difference after the other and reads from standard input what to do about it: a letter, then Enter.

` + reviewKeys + `

A rejected difference is not remembered: as long as the cluster has it, checks go on to report it.

The golden of a snapshot is written when the last of its differences is decided about, or with q or at the end of the
input, with what was decided until then. Interrupted with Ctrl-C, the golden of the snapshot at hand stays as it is; those
of the snapshots before are written. The exit code is 1 if a difference is left.

Without a terminal, --accept and --reject decide about the differences with a KEY: the fingerprint of a finding, the id of
a rule for all that it changed, or the "key" that --format json shows. --reject goes before --accept, and both before
--accept-all and --reject-all. Everything else is skipped. --format json lists what is to decide, and with these flags what
was decided, and asks nothing.`,
		Flags: append([]cli.Flag{
			goldenDirFlag(),
			pendingFlag("review pending reports of `DIR`: all, or those on the snapshots with these names"),
			onlyFlag("review nothing but one part of the differences"),
			&cli.StringSliceFlag{Name: "accept", Usage: "accept the difference with this `KEY`; may be repeated"},
			&cli.StringSliceFlag{Name: "reject", Usage: "reject the difference with this `KEY`; may be repeated"},
			&cli.BoolFlag{Name: "accept-all", Usage: "accept all differences"},
			&cli.BoolFlag{Name: "reject-all", Usage: "reject all differences"},
			choiceFlag("format", "how to print what is to decide", "text", "json"),
			forceFlag(),
			colourFlag(),
		}, configFlags()...),
		Action: func(c *cli.Context) error {
			d := &decisions{accept: c.StringSlice("accept"), reject: c.StringSlice("reject")}
			switch {
			case c.Bool("accept-all") && c.Bool("reject-all"):
				return usagef("--accept-all and --reject-all exclude each other")
			case c.Bool("accept-all"):
				d.rest = golden.Accept
			case c.Bool("reject-all"):
				d.rest = golden.Reject
			}
			asJSON := c.String("format") == "json"
			if !asJSON || !d.none() {
				if err := env.mayWrite(c, "golden review"); err != nil {
					return err
				}
			}
			if !asJSON && d.none() && !c.IsSet("pending") && timesStdin(c.Args().Slice()) > 0 {
				return usagef("standard input cannot hold the snapshot and the answers: decide with --accept, --reject, --accept-all or --reject-all, or list with --format json")
			}
			run, err := newGoldenRunFrom(env, c)
			if err != nil {
				return err
			}
			return run.review(d, asJSON, env.palette(c))
		},
	}
}

// decisions are those that were made on the command line.
type decisions struct {
	accept, reject []string
	rest           golden.Decision
}

func (d *decisions) none() bool { return len(d.accept)+len(d.reject) == 0 && d.rest == "" }

// make makes the decisions. It fails, and decides nothing, if one of them is about no difference.
func (d *decisions) make(reviews []*review) error {
	var keys []string
	for _, review := range reviews {
		for _, change := range review.Changes {
			keys = append(keys, change.Key)
		}
	}
	for _, r := range reviews {
		r.DecideAll(0, d.rest)
	}
	for _, list := range []struct {
		flag     string
		keys     []string
		decision golden.Decision
	}{{"accept", d.accept, golden.Accept}, {"reject", d.reject, golden.Reject}} {
		for _, key := range list.keys {
			n := 0
			for _, review := range reviews {
				n += review.Decide(key, list.decision)
			}
			if n == 0 {
				return usagef("--%s: no difference is called %q%s", list.flag, key, didYouMean(key, keys))
			}
		}
	}
	return nil
}

// A review is about one report.
type review struct {
	*golden.Review
	*judged
}

// review decides about all differences, and writes what was accepted.
func (run *goldenRun) review(d *decisions, asJSON bool, palette format.Palette) error {
	reports, err := run.gather(!asJSON && d.none())
	if err != nil {
		return err
	}
	var reviews []*review
	verdicts := make([]*golden.Verdict, len(reports))
	for i, report := range reports {
		verdicts[i] = report.verdict
		switch {
		case report.current == nil:
		case report.crashed():
			run.fail(crashed)
			run.env.complain("%s: not reviewed, as a rule crashed", format.Clean(report.current.Snapshot))
		default:
			r := &review{report.verdict.Review(report.current), report}
			if r.unreadable() {
				run.complainAbout(report.verdict)
				run.adviseAbout([]*golden.Verdict{report.verdict})
			}
			reviews = append(reviews, r)
		}
	}
	switch {
	case !d.none():
		if err := d.make(reviews); err != nil {
			return err
		}
		for _, r := range reviews {
			if err := run.conclude(r, !asJSON); err != nil {
				return err
			}
		}
	case asJSON:
		for _, r := range reviews {
			run.failIfLeft(r)
		}
	default:
		if err := run.ask(reviews, palette); err != nil {
			return err
		}
	}
	if asJSON {
		var text bytes.Buffer
		if err := golden.JSON(&text, verdicts, nil, run.remarks); err != nil {
			return err
		}
		if err := write(run.env.Stdout, text.Bytes()); err != nil {
			return err
		}
	}
	return exitWith(worst(run.codes...))
}

// failIfLeft notes the exit code of a review that leaves a difference.
func (run *goldenRun) failIfLeft(r *review) {
	if r.Count(golden.Accept) < len(r.Changes) {
		run.fail(found)
	}
}

// conclude writes what was decided about one report.
func (run *goldenRun) conclude(r *review, say bool) error {
	run.failIfLeft(r)
	next, err := r.Golden()
	if err != nil {
		return err
	}
	name := r.current.Snapshot
	text := fmt.Sprintf("%s: %d accepted, %d rejected, %d skipped\n", format.Clean(name),
		r.Count(golden.Accept), r.Count(golden.Reject), r.Count(golden.Skip))
	if len(r.Changes) == 0 {
		text = format.Clean(name) + ": nothing to decide\n"
	}
	if next != nil {
		if err := run.store.Write(next); err != nil {
			run.fail(unreadable)
			run.env.complain("%s", format.Clean(err.Error()))
			return nil
		}
		text += fmt.Sprintf("  wrote %s: %s\n", format.Clean(run.store.Path(name)), next.Summary())
	}
	if err := run.concludePending(r); err != nil {
		run.fail(unreadable)
		run.env.complain("%s", format.Clean(err.Error()))
	}
	if !say || r.unreadable() {
		return nil
	}
	return write(run.env.Stdout, []byte(text))
}

// concludePending leaves of a pending report what is still to decide.
func (run *goldenRun) concludePending(r *review) error {
	if run.from == nil || r.unreadable() {
		return nil
	}
	pending, err := r.Pending()
	switch {
	case err != nil:
		return err
	case pending == nil:
		return run.from.Remove(r.current.Snapshot)
	case golden.Compare(r.current, pending).Empty():
		return nil
	}
	return run.from.Write(pending)
}

// unreadable is true if there is something in the place of the golden that must not be replaced.
func (r *review) unreadable() bool {
	return r.verdict.State == golden.Unreadable && len(r.Changes) == 0
}

// ask decides about one difference after the other by what is read from standard input.
func (run *goldenRun) ask(reviews []*review, palette format.Palette) error {
	a := &asker{in: bufio.NewReader(run.env.Stdin), out: run.env.Stdout, text: format.Text{Palette: palette}, echo: !isTerminal(run.env.Stdin), rules: make(map[string]golden.Decision)}
	for _, r := range reviews {
		if err := a.decide(r); err != nil {
			return err
		}
		if err := run.conclude(r, true); err != nil {
			return err
		}
	}
	return nil
}

// An asker shows differences and asks what to do about them.
type asker struct {
	in   *bufio.Reader
	out  io.Writer
	text format.Text
	// echo repeats what was read, where no terminal has shown it.
	echo bool
	// rest is what to do about everything else that follows; empty for asking on.
	rest golden.Decision
	// rules is what to do about everything that follows of a rule, whatever rest is.
	rules map[string]golden.Decision
}

// decide asks about the differences of one report.
func (a *asker) decide(r *review) error {
	var asked []int // the differences that were shown before
	for i := 0; i < len(r.Changes); {
		change := r.Changes[i]
		if decision := cmp.Or(a.rules[change.Rule()], a.rest); decision != "" {
			change.Decision = decision
			i++
			continue
		}
		if err := a.show(r, i, len(asked) == 0); err != nil {
			return err
		}
		back, err := a.answer(r, i)
		switch {
		case err != nil:
			return err
		case !back && a.rest == "":
			asked = append(asked, i)
			i++
		case back && len(asked) > 0:
			i = asked[len(asked)-1]
			asked = asked[:len(asked)-1]
			delete(a.rules, r.Changes[i].Rule()) // the answer to it is taken back
		}
	}
	return nil
}

const prompt = "\n[a]ccept  [r]eject  [s]kip  [b]ack  [e]xplain  [v]iew  all of this rule: [ar] [rr]  all: [A] [R]  [q]uit  [?]: "

// answer reads answers until one of them decides about the i-th difference, or asks for the one before.
func (a *asker) answer(r *review, i int) (back bool, err error) {
	change := r.Changes[i]
	decisions := map[string]golden.Decision{"a": golden.Accept, "accept": golden.Accept, "r": golden.Reject, "reject": golden.Reject, "s": golden.Skip, "skip": golden.Skip}
	all := map[string]golden.Decision{"A": golden.Accept, "R": golden.Reject, "q": golden.Skip, "quit": golden.Skip}
	ofRule := map[string]golden.Decision{"ar": golden.Accept, "rr": golden.Reject}
	for {
		if err := a.say(prompt); err != nil {
			return false, err
		}
		answer, err := a.read()
		if err != nil {
			return false, err
		}
		switch {
		case decisions[answer] != "":
			change.Decision = decisions[answer]
			return false, nil
		case all[answer] != "":
			a.rest = all[answer]
			return false, nil
		case ofRule[answer] != "" && change.Rule() != "":
			change.Decision = ofRule[answer]
			a.rules[change.Rule()] = change.Decision
			return false, nil
		}
		switch answer {
		case "b", "back":
			return true, nil
		case "ar", "rr":
			err = a.say("\nno rule is behind this\n")
		case "e", "explain":
			err = a.explain(change)
		case "v", "view":
			err = a.view(r, change)
		case "?", "help":
			err = a.say("\n" + reviewKeys + "\n")
		default:
			err = a.say("type one of these letters, then Enter; ? says what they do\n")
		}
		if err != nil {
			return false, err
		}
	}
}

// read reads one answer. At the end of the input that is to quit.
func (a *asker) read() (string, error) {
	line, err := a.in.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) { // no answer is that long
		_, err = a.in.ReadSlice('\n')
		line = nil
	}
	answer := strings.TrimSpace(string(line))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("standard input: %w", err)
	case err != nil && answer == "":
		return "quit", a.say("\n")
	case a.echo:
		return answer, a.say(format.Clean(answer) + "\n")
	}
	return answer, nil
}

func (a *asker) say(text string) error { return write(a.out, []byte(text)) }

// show shows the i-th difference of a report, and above the first which report it is.
func (a *asker) show(r *review, i int, first bool) error {
	change := r.Changes[i]
	var text bytes.Buffer
	if first {
		fmt.Fprintf(&text, "\n== %s ==\n", format.Clean(r.current.Snapshot))
	}
	fmt.Fprintf(&text, "\n%d of %d: %s", i+1, len(r.Changes), change.Kind)
	if r.FromTool(i) {
		text.WriteString(", from the rules, which are not those that the report was accepted with")
	}
	text.WriteString("\n")
	switch {
	case change.Subject == golden.AReport:
		fmt.Fprintf(&text, "\nno golden yet: %s\n", r.current.Summary())
		text.WriteString(r.current.Headlines(false))
	case change.Subject == golden.AFinding:
		if err := a.text.Finding(&text, r.finding(change)); err != nil {
			return err
		}
		if was := change.FieldText("    "); was != "" {
			text.WriteString("\n    accepted (-) and now (+):\n" + was)
		}
	default:
		fmt.Fprintf(&text, "\n%s\n", format.Clean(change.Title()))
	}
	return a.say(text.String())
}

// finding is what a change is about, as a finding of a report: with its places, if the capture is at hand.
func (r *review) finding(change *golden.Change) *analyze.Finding {
	if found := r.located(change); found != nil {
		return found
	}
	entry, ok := change.Current.(golden.Finding)
	if !ok {
		entry, _ = change.Accepted.(golden.Finding)
	}
	var suppressed *analyze.Suppression
	if entry.Suppressed != "" {
		suppressed = &analyze.Suppression{By: entry.Suppressed, Reason: "which says why"}
	}
	return &analyze.Finding{
		Suppressed: suppressed,
		Rule:       entry.Rule(), Severity: entry.Severity, Fingerprint: entry.Fingerprint, Title: entry.Title, Nodeset: entry.Nodeset,
		Observed: entry.Observed, Expected: entry.Expected, Why: entry.Why, Remedy: entry.Remedy,
	}
}

// located is the finding of the capture that a change is about; nil if there is none, or no capture.
func (r *review) located(change *golden.Change) *analyze.Finding {
	if r.result == nil || change.Subject != golden.AFinding || change.Current == nil {
		return nil
	}
	i := slices.IndexFunc(r.result.Findings, func(f analyze.Finding) bool { return f.Fingerprint == change.Key })
	if i < 0 {
		return nil
	}
	return &r.result.Findings[i]
}

// explain prints the documentation of the rule behind a change.
func (a *asker) explain(change *golden.Change) error {
	var text bytes.Buffer
	switch rule := rules.Find(change.Rule()); {
	case change.Rule() == "":
		text.WriteString("\nno rule is behind this\n")
	case rule == nil:
		fmt.Fprintf(&text, "\nthis version has no rule %s\n", format.Clean(change.Rule()))
	default:
		text.WriteByte('\n')
		format.ExplainText(&text, a.text.Palette, rule)
	}
	return a.say(text.String())
}

// view prints the places in the capture that a change is about.
func (a *asker) view(r *review, change *golden.Change) error {
	var text bytes.Buffer
	if found := r.located(change); found != nil {
		if err := a.text.Places(&text, found); err != nil {
			return err
		}
	}
	if text.Len() == 0 {
		text.WriteString("\nno place in the capture to show: ")
		switch {
		case r.result == nil:
			text.WriteString("it is not at hand\n")
		case change.Subject == golden.AFinding && change.Current == nil:
			text.WriteString("it does not have this any more\n")
		default:
			text.WriteString("this is about the report as a whole\n")
		}
	}
	return a.say(text.String())
}
