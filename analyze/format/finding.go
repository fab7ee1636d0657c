package format

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"restate-lint/analyze"
	"restate-lint/snapshots"
)

// batchSize is how many findings are printed for one reading of their sources.
const batchSize = 50_000

// findings prints the findings of a result: those that count, then, if they are wanted, the suppressed ones.
func (p *printer) findings(r *analyze.Result) {
	shown := 0
	for shown < len(r.Findings) && r.Findings[shown].Severity >= p.Show {
		shown++
	}
	findings := r.Findings[:shown]
	suppressed := func(f analyze.Finding) bool { return f.Suppressed != nil }
	if !slices.ContainsFunc(findings, suppressed) {
		p.grouped(findings)
		return
	}
	p.grouped(slices.DeleteFunc(slices.Clone(findings), suppressed))
	if p.ShowSuppressed {
		p.grouped(slices.DeleteFunc(slices.Clone(findings), func(f analyze.Finding) bool { return !suppressed(f) }))
	}
}

// grouped prints findings in groups.
func (p *printer) grouped(findings []analyze.Finding) {
	var batch []*group
	size := 0
	flush := func() {
		lines := readLines(findings, batch)
		for _, g := range batch {
			for k, i := range g.shown {
				var previous *analyze.Finding
				if k > 0 && !p.All {
					previous = &findings[g.shown[k-1]]
				}
				p.finding(&findings[i], previous, lines)
			}
			p.more(findings, g)
		}
		batch, size = nil, 0
	}
	for _, g := range groups(findings, p.All) {
		for rest := g; rest != nil; {
			g, rest = splitGroup(rest, batchSize-size)
			batch = append(batch, g)
			if size += len(g.shown); size >= batchSize {
				flush()
			}
		}
	}
	flush()
}

// splitGroup cuts off what exceeds the number of findings to show.
func splitGroup(g *group, most int) (first, rest *group) {
	if len(g.shown) <= most {
		return g, nil
	}
	head, tail := *g, *g
	head.shown, head.more = g.shown[:most], nil
	tail.shown = g.shown[most:]
	return &head, &tail
}

// sourceLines are the lines of positions.
type sourceLines map[*snapshots.Source]map[int64]snapshots.Line

// readLines reads the lines of everything that is shown, each source once. What cannot be read is left out.
func readLines(findings []analyze.Finding, batch []*group) sourceLines {
	offsets := make(map[*snapshots.Source][]int64)
	add := func(l *analyze.Location) {
		if l.Position.Source != nil {
			offsets[l.Position.Source] = append(offsets[l.Position.Source], l.Position.Offset)
		}
	}
	for _, g := range batch {
		for _, i := range g.shown {
			add(&findings[i].Location)
			for k := range findings[i].Related {
				add(&findings[i].Related[k].Location)
			}
		}
	}
	result := make(sourceLines)
	for source, at := range offsets {
		lines, err := source.Lines(at)
		if err != nil {
			continue
		}
		result[source] = make(map[int64]snapshots.Line, len(at))
		for i, line := range lines {
			result[source][at[i]] = line
		}
	}
	return result
}

func (lines sourceLines) of(l *analyze.Location) snapshots.Line {
	return lines[l.Position.Source][l.Position.Offset]
}

// place prints a location as compilers do: source:line:column.
func (lines sourceLines) place(l *analyze.Location) string {
	line, column := l.Line, l.Column
	if found := lines.of(l); found.Number > 0 {
		line, column = found.Number, found.Column
	}
	text := Clean(l.Source)
	if line > 0 {
		return text + ":" + strconv.FormatInt(line, 10) + ":" + strconv.FormatInt(column, 10)
	}
	return text
}

// labelWidth is that of the words behind the = signs.
const labelWidth = 10

// finding prints one finding. What it repeats of the previous one in its group is left out, but for the facts of its own.
func (p *printer) finding(f, previous *analyze.Finding, lines sourceLines) {
	color := severityStyles[f.Severity]
	p.line("")
	p.line(p.headline(f), ": ", p.Palette.paint(bold, Clean(f.Title)))

	gutter := "   "
	if f.Location.Source != "" {
		line := lines.of(&f.Location)
		number := strconv.FormatInt(line.Number, 10)
		gutter = strings.Repeat(" ", max(len(number), len(gutter)))
		p.line(gutter[1:], p.Palette.paint(faint, "--> "+lines.place(&f.Location)))
		if text, caret := excerpt(line); strings.Trim(text, "[]{}, ") != "" { // a lone bracket shows nothing
			bar := p.Palette.paint(faint, "|")
			p.line(gutter, " ", bar)
			p.line(p.Palette.paint(faint, fmt.Sprintf("%*s", len(gutter), number)), " ", bar, " ", text)
			p.line(gutter, " ", bar, " ", strings.Repeat(" ", caret), p.Palette.paint(color, strings.TrimRight("^ "+Clean(f.Subject.Node), " ")))
		}
	}
	indent := gutter + " "
	if f.Suppressed != nil && (previous == nil || *previous.Suppressed != *f.Suppressed) {
		p.field(indent, "reason", Clean(suppression(f.Suppressed)))
	}
	p.field(indent, "nodeset", strings.ReplaceAll(Clean(f.Nodeset), " (", hardSpace+"("))
	p.field(indent, "observed", Clean(f.Observed))
	if previous == nil || previous.Expected != f.Expected {
		p.field(indent, "expected", Clean(f.Expected))
	}
	for i := range f.Related {
		related := &f.Related[i]
		text := Clean(related.Message)
		if related.Location.Source != "" {
			text = lines.place(&related.Location) + ": " + text
		}
		p.field(indent, "related", text)
	}
	if previous == nil || previous.Why != f.Why {
		p.field(indent, "why", Clean(f.Why))
	}
	label := "fix"
	for _, step := range f.Remedy { // not wrapped: it is there to be copied
		p.line(p.label(indent, label), Clean(step))
		label = ""
	}
}

// headline is "warning[nodeset-removed-node]", with a mark if the finding is suppressed.
func (p *printer) headline(f *analyze.Finding) string {
	text := p.Palette.paint(severityStyles[f.Severity], f.Severity.String()+"["+f.Rule+"]")
	if f.Suppressed != nil {
		text += p.Palette.paint(faint, " (suppressed)")
	}
	return text
}

// suppression says by what a finding is suppressed, why, who answers for it, and until when: "by configuration: being
// drained (storage team, until 2027-01-31)".
func suppression(s *analyze.Suppression) string {
	text := "by " + string(s.By) + ": " + s.Reason
	var more []string
	if s.Owner != "" {
		more = append(more, s.Owner)
	}
	if s.Expires != "" {
		more = append(more, "until "+s.Expires)
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	return text
}

func (p *printer) label(indent, label string) string {
	if label == "" {
		return indent + strings.Repeat(" ", labelWidth+2)
	}
	return indent + p.Palette.paint(faint, "=") + " " + fmt.Sprintf("%-*s", labelWidth, label)
}

func (p *printer) field(indent, label, text string) {
	if text != "" {
		p.wrapped(p.label(indent, label), text)
	}
}

// more says what the findings are about that are not printed in full.
func (p *printer) more(findings []analyze.Finding, g *group) {
	if len(g.more) == 0 {
		return
	}
	first := &findings[g.more[0]]
	var about entities
	for _, i := range g.more {
		about.add(&findings[i].Subject)
	}
	head := fmt.Sprintf("… and %s more like it", thousands(len(g.more)))
	switch {
	case g.causes > 1:
		head = fmt.Sprintf("… and %s more, with %s other causes", thousands(len(g.more)), thousands(g.causes))
	case len(g.shown) == 0:
		head = fmt.Sprintf("… and %s more, with another cause", thousands(len(g.more)))
	case g.cause != "":
		head += " (" + Clean(g.cause) + ")"
	}
	p.line("")
	prefix := p.headline(first) + ": " + head + ": "
	lines := about.lines(lineWidth - 4)
	if len(lines) == 1 && columns(prefix)+columns(lines[0]) <= lineWidth {
		p.line(prefix, lines[0])
		return
	}
	p.line(strings.TrimRight(prefix, " "))
	for _, line := range lines {
		p.line("    ", line)
	}
}
