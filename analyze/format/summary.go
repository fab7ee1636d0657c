package format

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"restate-lint/analyze"
	"restate-lint/rules"
)

// A Tally sums up results as they come.
type Tally struct {
	analyze.Summary
	Snapshots, Rules int
	// Remarks are those of the report.
	Remarks []analyze.Remark
	states  map[analyze.State]int
	unread  bool // something was captured and could not be read
}

// Add counts one more result.
func (t *Tally) Add(r *analyze.Result) {
	t.Summary.Add(r)
	t.Snapshots++
	t.Rules += len(r.Outcomes)
	if t.states == nil {
		t.states = make(map[analyze.State]int)
	}
	for _, o := range r.Outcomes {
		t.states[o.State]++
	}
	for _, gap := range r.Gaps {
		t.unread = t.unread || unreadable(gap)
	}
}

// Summary prints the last line: what was found in all, and how long it took if that is more than 0.
func (t Text) Summary(w io.Writer, tally *Tally, took time.Duration) error {
	p := &printer{Text: t, w: bufio.NewWriter(w)}
	prefix := ""
	if t.Named {
		prefix = count(tally.Snapshots, "snapshot") + ": "
	} else {
		p.line("")
	}
	if all := tally.Error + tally.Warning + tally.Note; all > 0 {
		hint := "restate-lint explain RULE says when a finding is harmless and what to do"
		hidden := p.hidden(tally)
		if hidden > 0 {
			hint += "; --show note prints the milder ones"
		}
		if hidden < all && !p.All {
			hint += "; --all prints every finding in full"
		}
		p.line(p.Palette.paint(faint, hint))
	}
	text := p.summary(tally)
	if took > 0 {
		text += " · " + duration(took)
	}
	p.line(prefix, text)
	return p.w.Flush()
}

// outcomeWords are the states of rules as the summary names them, in its order.
var outcomeWords = []struct {
	state analyze.State
	word  string
}{
	{analyze.Passed, "passed"},
	{analyze.Found, "found something"},
	{analyze.Undecided, "undecided"},
	{analyze.NotApplicable, "not applicable"},
	{analyze.Suppressed, "suppressed"},
	{analyze.Crashed, "CRASHED"},
}

// hidden counts the findings that are milder than what is printed.
func (p *printer) hidden(tally *Tally) (n int) {
	for severity, found := range severities(tally) {
		if severity < p.Show {
			n += found
		}
	}
	return n
}

// severities yields how many findings there are of each severity, from the gravest on.
func severities(tally *Tally) iter.Seq2[rules.Severity, int] {
	return func(yield func(rules.Severity, int) bool) {
		_ = yield(rules.Error, tally.Error) && yield(rules.Warning, tally.Warning) && yield(rules.Note, tally.Note)
	}
}

// summary is "1 error, 7 warnings, 2 notes · 64 rules: 53 passed, 8 found something, 3 undecided".
func (p *printer) summary(tally *Tally) string {
	var found []string
	for severity, n := range severities(tally) {
		if n > 0 {
			found = append(found, p.Palette.paint(severityStyles[severity], count(n, severity.String())))
		}
	}
	text := strings.Join(found, ", ")
	nothing := "nothing found"
	if tally.Suppressed > 0 {
		nothing = "nothing found that counts"
	}
	switch {
	case text == "" && tally.unread:
		text = nothing + " in what could be read"
	case text == "":
		text = p.Palette.paint(green, nothing)
	}
	var beside []string
	if hidden := p.hidden(tally); hidden > 0 {
		beside = append(beside, thousands(hidden)+" not shown")
	}
	if tally.Suppressed > 0 {
		beside = append(beside, thousands(tally.Suppressed)+" suppressed")
	}
	if len(beside) > 0 {
		text += " (" + strings.Join(beside, ", ") + ")"
	}
	var outcomes []string
	for _, o := range outcomeWords {
		if n := tally.states[o.state]; n > 0 {
			outcomes = append(outcomes, thousands(n)+" "+o.word)
		}
	}
	noun := "rule"
	if tally.Snapshots > 1 {
		noun = "check"
	}
	return text + " · " + count(tally.Rules, noun) + ": " + strings.Join(outcomes, ", ")
}

// duration prints a time span with as many digits as a person wants.
func duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "below 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
