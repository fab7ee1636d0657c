package format

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"restate-lint/analyze"
	"restate-lint/rules"
)

var githubFormat = Format{
	Name:   "github",
	Usage:  "annotations, for the log of a GitHub workflow",
	Places: true,
	New: func(w io.Writer, options Options) Printer {
		return &githubPrinter{w: bufio.NewWriter(w), text: options.Text}
	},
}

// A githubPrinter writes workflow commands, one on a line: GitHub shows them at the lines of files, ten of each severity for
// a step. Of findings with one cause, a few have an annotation; the last of them says how many there are more.
type githubPrinter struct {
	w    *bufio.Writer
	text Text
}

var githubCommands = [...]string{rules.Error: "error", rules.Warning: "warning", rules.Note: "notice"}

// A property that is empty or 0 is left out.
type githubProperty struct{ name, value string }

// command writes a workflow command. What it says may have several lines.
func (p *githubPrinter) command(name string, properties []githubProperty, lines ...string) {
	separator := " "
	_, _ = p.w.WriteString("::" + name)
	for _, property := range properties {
		if property.value != "" {
			_, _ = p.w.WriteString(separator + property.name + "=" + githubValues.Replace(Clean(property.value)))
			separator = ","
		}
	}
	for i := range lines {
		lines[i] = githubData.Replace(lines[i])
	}
	_, _ = p.w.WriteString("::" + strings.Join(lines, "%0A") + "\n")
}

// The runner takes a command apart at these characters. Clean texts have no line breaks.
var (
	githubData   = strings.NewReplacer("%", "%25")
	githubValues = strings.NewReplacer("%", "%25", ":", "%3A", ",", "%2C")
)

func (p *githubPrinter) Begin() error { return nil }

func (p *githubPrinter) Result(r *analyze.Result) error {
	findings := shown(r, p.text.Show)
	for _, g := range groups(findings, p.text.All) {
		for i, k := range g.shown {
			p.finding(r, &findings[k], len(g.more), i == len(g.shown)-1)
		}
		if len(g.shown) == 0 {
			p.finding(r, &findings[g.more[0]], len(g.more)-1, true)
		}
	}
	for _, o := range r.Outcomes {
		if o.State == analyze.Crashed {
			p.command("error", []githubProperty{{"title", o.Rule + " crashed"}},
				Clean(r.Name)+": the rule stopped on this snapshot, so more may be wrong than it says: "+Clean(o.Crash))
		}
	}
	for _, lacking := range undecided(r) { // lines of the log, and no annotations
		_, _ = fmt.Fprintf(p.w, "not checked in %s for lack of %s: %s\n", Clean(r.Name), lacking.documents, strings.Join(lacking.rules, ", "))
	}
	return p.w.Flush()
}

// shown are the findings of a result that count and are at least so severe.
func shown(r *analyze.Result, least rules.Severity) []analyze.Finding {
	var findings []analyze.Finding
	for f := range r.Counting {
		if f.Severity >= least {
			findings = append(findings, *f)
		}
	}
	return findings
}

func (p *githubPrinter) finding(r *analyze.Result, f *analyze.Finding, more int, last bool) {
	properties := []githubProperty{{"title", f.Rule}}
	if f.Location.Source != "" {
		properties = []githubProperty{{"file", filePath(r, f.Location.Source)}, {"line", positive(f.Location.Line)}, {"col", positive(f.Location.Column)}, {"title", f.Rule}}
	}
	lines := []string{Clean(f.Title)}
	for _, detail := range details(f) {
		lines = append(lines, detail[0]+": "+detail[1])
	}
	if last && more > 0 {
		lines = append(lines, fmt.Sprintf("… and %s more like it", thousands(more)))
	}
	p.command(githubCommands[f.Severity], properties, lines...)
}

func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func (p *githubPrinter) Failed(f analyze.Failure) error {
	p.command("error", []githubProperty{{"title", "not checked"}}, Clean(f.Snapshot)+": "+Clean(f.Reason))
	return p.w.Flush()
}

// End writes the summary as a line of the log, and an annotation if something is undecided.
func (p *githubPrinter) End(total *Tally, _ time.Duration) error {
	if total.Undecided > 0 {
		p.command("notice", []githubProperty{{"title", "restate-lint"}},
			count(total.Undecided, "check")+" undecided for lack of evidence: that is not the same as passed; the log says what was not captured")
	}
	if total.Snapshots > 0 {
		_, _ = fmt.Fprintf(p.w, "%s: %s\n", count(total.Snapshots, "snapshot"), (&printer{Text: Text{Show: p.text.Show}}).summary(total))
	}
	return p.w.Flush()
}
