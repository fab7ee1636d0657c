package format

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"restate-lint/analyze"
)

// Finding prints one finding in full, as Result does, behind an empty line. One without a location has no excerpt.
func (t Text) Finding(w io.Writer, f *analyze.Finding) error {
	p := &printer{Text: t, w: bufio.NewWriter(w)}
	p.finding(f, nil, linesOf(f))
	return p.w.Flush()
}

// Places prints where a finding is and what explains it: each place with its line and its JSON pointer.
func (t Text) Places(w io.Writer, f *analyze.Finding) error {
	p := &printer{Text: t, w: bufio.NewWriter(w)}
	lines := linesOf(f)
	p.place(&f.Location, f.Title, lines)
	for i := range f.Related {
		p.place(&f.Related[i].Location, f.Related[i].Message, lines)
	}
	return p.w.Flush()
}

// linesOf reads the lines of one finding.
func linesOf(f *analyze.Finding) sourceLines {
	return readLines([]analyze.Finding{*f}, []*group{{shown: []int{0}}})
}

// place prints one place of a finding. A place that is nowhere in a source is left out.
func (p *printer) place(at *analyze.Location, message string, lines sourceLines) {
	if at.Source == "" {
		return
	}
	p.line("")
	p.line(p.Palette.paint(bold, lines.place(at)), ": ", Clean(message))
	if at.Pointer != "" {
		p.line("  ", p.Palette.paint(faint, "at "+Clean(at.Pointer)))
	}
	line := lines.of(at)
	if len(line.Text) == 0 {
		return
	}
	number := strconv.FormatInt(line.Number, 10)
	gutter := strings.Repeat(" ", max(len(number), 3))
	bar := p.Palette.paint(faint, "|")
	text, caret := excerpt(line)
	p.line(gutter, " ", bar)
	p.line(p.Palette.paint(faint, fmt.Sprintf("%*s", len(gutter), number)), " ", bar, " ", text)
	p.line(gutter, " ", bar, " ", strings.Repeat(" ", caret), p.Palette.paint(bold, "^"))
}
