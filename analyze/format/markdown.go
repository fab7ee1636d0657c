package format

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"restate-lint/analyze"
	"restate-lint/rules"
)

var markdownFormat = Format{
	Name:   "markdown",
	Usage:  "a page for an incident or a pull request",
	Places: true,
	New: func(w io.Writer, options Options) Printer {
		return &markdownPrinter{w: w, text: options.Text}
	},
}

// A markdownPrinter writes one page in GitHub's dialect of Markdown: the headline, then what was found in each snapshot,
// the causes before the findings, then what was not checked. It holds the page until the end, as the headline counts all of
// it; without Text.All the page is short enough for a comment.
type markdownPrinter struct {
	w        io.Writer
	text     Text
	sections []markdownSection
	size     int
	left     int // sections that are left out
	failures []analyze.Failure
}

type markdownSection struct {
	name    string
	summary string
	body    []byte
}

const (
	markdownSize   = 50_000 // bytes; GitHub takes comments of 65,536 characters
	markdownCauses = 30
	markdownRows   = 10
	markdownGaps   = 12
)

func (p *markdownPrinter) Begin() error { return nil }

func (p *markdownPrinter) Result(r *analyze.Result) error {
	var b bytes.Buffer
	p.section(&b, r)
	if p.size += b.Len(); p.size > markdownSize && len(p.sections) > 0 && !p.text.All {
		p.left++
		return nil
	}
	var tally Tally
	tally.Add(r)
	p.sections = append(p.sections, markdownSection{r.Name, (&printer{Text: Text{Show: p.text.Show}}).summary(&tally), b.Bytes()})
	return nil
}

func (p *markdownPrinter) Failed(f analyze.Failure) error {
	p.failures = append(p.failures, f)
	return nil
}

func (p *markdownPrinter) End(total *Tally, _ time.Duration) error {
	var b bytes.Buffer
	summary := (&printer{Text: Text{Show: p.text.Show}}).summary(total)
	found, rest, _ := strings.Cut(summary, " · ")
	switch {
	case total.Snapshots == 0:
		b.WriteString("# restate-lint: nothing could be checked\n")
	case total.Snapshots == 1:
		fmt.Fprintf(&b, "# restate-lint: %s\n\n%s\n", found, rest)
	default:
		fmt.Fprintf(&b, "# restate-lint: %s\n\n%s · %s\n", found, count(total.Snapshots, "snapshot"), rest)
	}
	if len(p.failures) > 0 {
		b.WriteString("\n**Not checked at all:**\n\n")
		for i, f := range p.failures {
			if i == markdownGaps && !p.text.All {
				fmt.Fprintf(&b, "- … and %s more\n", thousands(len(p.failures)-i))
				break
			}
			fmt.Fprintf(&b, "- %s: %s\n", markdown(f.Snapshot), markdown(f.Reason))
		}
	}
	for _, s := range p.sections {
		if total.Snapshots > 1 {
			fmt.Fprintf(&b, "\n---\n\n## %s: %s\n", markdown(s.name), s.summary)
		}
		b.Write(s.body)
	}
	if p.left > 0 {
		fmt.Fprintf(&b, "\n---\n\n… and %s more, which are left out of this page\n", count(p.left, "snapshot"))
	}
	if len(total.Remarks) > 0 {
		b.WriteString("\n---\n\n**Of the configuration and the baseline:**\n\n")
		for i, remark := range total.Remarks {
			if i == markdownGaps && !p.text.All {
				fmt.Fprintf(&b, "- … and %s more\n", thousands(len(total.Remarks)-i))
				break
			}
			fmt.Fprintf(&b, "- %s\n", markdown(remark.String()))
		}
	}
	_, err := p.w.Write(b.Bytes())
	return err
}

// section writes what is to be said of one snapshot.
func (p *markdownPrinter) section(b *bytes.Buffer, r *analyze.Result) {
	name := "Cluster of unknown name"
	if r.ClusterName != "" {
		name = "Cluster " + markdownCode(r.ClusterName)
	}
	fmt.Fprintf(b, "\n%s · %s\n", name, markdown(documentList(r.Documents, r.Gaps, &analyze.Inventory{Partitions: -1})))
	p.crashes(b, r)
	findings := shown(r, p.text.Show)
	list := groups(findings, false)
	p.causes(b, findings, list)
	for i, g := range list {
		if i == markdownCauses && !p.text.All {
			fmt.Fprintf(b, "\n… and %s more\n", count(len(list)-i, "cause"))
			break
		}
		p.cause(b, findings, g)
	}
	p.notChecked(b, r)
}

func (p *markdownPrinter) crashes(b *bytes.Buffer, r *analyze.Result) {
	for _, o := range r.Outcomes {
		if o.State == analyze.Crashed {
			fmt.Fprintf(b, "\n**The rule %s crashed on this snapshot**, so more may be wrong than it says: %s\n", markdownCode(o.Rule), markdown(o.Crash))
		}
	}
}

// all are the places of the findings of a group, in their order.
func (g *group) all() []int { return append(g.shown[:len(g.shown):len(g.shown)], g.more...) }

// causes is a table of what was found, one row for each cause.
func (p *markdownPrinter) causes(b *bytes.Buffer, findings []analyze.Finding, list []*group) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\n| severity | rule | what | findings |\n|---|---|---|--:|\n")
	for i, g := range list {
		if i == markdownCauses && !p.text.All {
			fmt.Fprintf(b, "| | | … and %s more | |\n", count(len(list)-i, "cause"))
			break
		}
		first := &findings[g.all()[0]]
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", first.Severity, markdownCode(first.Rule), markdown(groupTitle(first, g)), thousands(len(g.all())))
	}
}

// groupTitle is the title of a group's first finding, and says if there are others.
func groupTitle(first *analyze.Finding, g *group) string {
	switch {
	case g.causes > 1:
		return first.Title + ", and others with " + thousands(g.causes) + " causes"
	case len(g.all()) > 1 && g.cause != "":
		return first.Title + ", and others like it (" + g.cause + ")"
	case len(g.all()) > 1:
		return first.Title + ", and others like it"
	}
	return first.Title
}

// cause says what is the matter with one cause, what to do, and where.
func (p *markdownPrinter) cause(b *bytes.Buffer, findings []analyze.Finding, g *group) {
	all := g.all()
	first := &findings[all[0]]
	fmt.Fprintf(b, "\n### %s: %s\n\n", sentence(first.Severity.String()), markdown(groupTitle(first, g)))
	item := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "- **%s**: %s\n", name, markdown(text))
		}
	}
	item("why", first.Why)
	item("expected", first.Expected)
	if len(all) == 1 {
		item("nodeset", first.Nodeset)
		item("observed", first.Observed)
		item("at", sourceLines(nil).place(&first.Location))
		for i := range first.Related {
			item("related", relatedText(&first.Related[i]))
		}
	}
	steps := p.steps(findings, all)
	if len(steps) > 0 {
		markdownBlock(b, steps)
	}
	if len(all) == 1 {
		return
	}
	b.WriteString("\n| | observed | at |\n|---|---|---|\n")
	for i, k := range all {
		f := &findings[k]
		if i == markdownRows && !p.text.All {
			var about entities
			for _, k := range all[i:] {
				about.add(&findings[k].Subject)
			}
			fmt.Fprintf(b, "\n… and %s more: %s\n", thousands(len(all)-i), markdown(strings.Join(about.lines(lineWidth), " ")))
			break
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", markdown(entityName(&f.Subject)), markdown(f.Observed), markdown(sourceLines(nil).place(&f.Location)))
	}
}

// entityName is what a finding is about: "log 0, segment 2, node N4".
func entityName(s *rules.Subject) string {
	var list []string
	for _, step := range s.Path() {
		list = append(list, step.Kind+" "+step.Name)
	}
	if len(list) == 0 {
		return "cluster"
	}
	return strings.Join(list, ", ")
}

// notChecked lists what is undecided, and what could not be read.
func (p *markdownPrinter) notChecked(b *bytes.Buffer, r *analyze.Result) {
	for i, lacking := range undecided(r) {
		if i == 0 {
			b.WriteString("\n### Not checked\n\nWhat these rules need was not captured. That is not the same as passed.\n\n")
		}
		list := (&printer{Text: p.text}).capped(lacking.rules, rulesShown)
		for k := range list {
			list[k] = markdownCode(list[k])
		}
		fmt.Fprintf(b, "- for lack of %s: %s\n", markdown(lacking.documents), strings.Join(list, ", "))
	}
	shown := 0
	for _, gap := range r.Gaps {
		if gap.Source == "" || isUnused(gap) {
			continue
		}
		if shown == 0 {
			b.WriteString("\n### Gaps\n\n")
		}
		if shown++; shown > markdownGaps && !p.text.All {
			b.WriteString("- …\n")
			break
		}
		fmt.Fprintf(b, "- %s: %s\n", markdown(strings.TrimSpace(gap.Kind+" ("+gap.Source+")")), markdown(gap.Reason))
	}
}

// markdown is a text of one line that shows itself in Markdown and does nothing else, in a paragraph, a list and a cell of a
// table: no markup, no HTML, no link, and no mention of a person or an issue.
func markdown(text string) string {
	text = strings.TrimSpace(Clean(text))
	var b strings.Builder
	start := markdownMarker().FindString(text) // what would make a list of it, at its last character
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case i == len(start)-1:
			b.WriteString(`\` + string(c))
		case c == '_' && i > 0 && i+1 < len(text) && isWord(text[i-1]) && isWord(text[i+1]): // as in nodes_config
			b.WriteByte(c)
		case strings.IndexByte("\\`*_[]<>|~$&", c) >= 0:
			b.WriteString(`\` + string(c))
		case c == ':' && strings.HasPrefix(text[i:], "://"), c == '.' && i >= 3 && strings.EqualFold(text[i-3:i], "www"):
			b.WriteString(`\` + string(c))
		case strings.IndexByte("@#!", c) >= 0:
			end := i
			for end < len(text) && strings.IndexByte("@#!", text[end]) >= 0 {
				end++
			}
			run := text[i:end]
			if strings.Contains(run, "@") || end < len(text) && text[end] >= '0' && text[end] <= '9' {
				run = "`" + run + "`" // what stands in code mentions nobody
			} else if i == 0 {
				run = `\` + run // no heading
			}
			b.WriteString(run)
			i = end - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

var markdownMarker = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([-+=]|[0-9]+[.)])`) })

func isWord(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// markdownCode is a text as code within a line or a cell of a table.
func markdownCode(text string) string {
	text = Clean(text)
	if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "`|\\") {
		return markdown(text) // what stands in code cannot be escaped
	}
	return "`" + text + "`"
}

// steps are the remedies of some findings, each step once: with the comment that it stands behind.
func (p *markdownPrinter) steps(findings []analyze.Finding, some []int) (steps []string) {
	seen := make(map[string]bool)
	shown, above := 0, ""
	for _, k := range some {
		comment := ""
		for _, step := range findings[k].Remedy {
			if strings.HasPrefix(step, "#") {
				comment = step
				continue
			}
			if !seen[step] && (shown < markdownRows || p.text.All) {
				if comment != above {
					steps = append(steps, comment) // an empty line behind those that depend on something
				}
				steps = append(steps, step)
				above = comment
				shown++
			}
			seen[step] = true
		}
	}
	if shown < len(seen) {
		steps = append(steps, fmt.Sprintf("# … and %s more", count(len(seen)-shown, "step")))
	}
	return steps
}

// markdownBlock writes lines as code.
func markdownBlock(b *bytes.Buffer, lines []string) {
	fence := "```"
	for _, line := range lines {
		for strings.Contains(line, fence) {
			fence += "`"
		}
	}
	fmt.Fprintf(b, "\n%ssh\n", fence)
	for _, line := range lines {
		fmt.Fprintln(b, Clean(line))
	}
	fmt.Fprintln(b, fence)
}
