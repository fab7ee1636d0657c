package snapshots

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// A Line is a Position as a person looks for it.
type Line struct {
	// Number and Column start at 1; columns count bytes, as in Go's own tools.
	Number, Column int64
	// Text is what surrounds the position on its line, at most some hundred bytes, without the line's end.
	Text []byte
	// Start is the column of Text's first byte; more than 1 where the line's beginning was left out.
	Start int64
	// Cut says that the line goes on behind Text.
	Cut bool
}

// lineContext is how much of a line is kept on each side of a position.
const lineContext = 240

// Lines finds the lines of the given offsets. It reads the source but once, and of what was read before nothing but their
// surroundings. The answers come in the order of the offsets; an offset beyond the end of the source gets the zero Line. The
// lines of a Secret source have no text.
func (s *Source) Lines(offsets []int64) ([]Line, error) { return s.find(offsets, !s.Secret) }

// Places is Lines without the text.
func (s *Source) Places(offsets []int64) ([]Line, error) { return s.find(offsets, false) }

func (s *Source) find(offsets []int64, withText bool) ([]Line, error) {
	lines := make([]Line, len(offsets))
	if len(offsets) == 0 {
		return lines, nil
	}
	order := make([]int, len(offsets))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(offsets[a], offsets[b]) })

	f, err := s.open(0)
	if err != nil {
		return lines, err
	}
	defer func() { _ = f.Close() }() // it was only read

	// The buffer holds the bytes under work with lineContext bytes on either side of them.
	most := max(s.Size+1, 4<<10) // there may be more than the size says
	buf := make([]byte, 0, min(most, countEvery)+2*lineContext)
	var base int64     // the offset of buf[0]
	var done lineCount // the lines up to where the work is
	pass := func(to int64) { done.pass(buf[done.offset-base : to-base]) }
	for {
		if keep := max(done.offset-base-lineContext, 0); keep > 0 {
			n := copy(buf, buf[min(keep, int64(len(buf))):])
			buf = buf[:n]
			base += keep
		}
		if near := s.lines.before(offsets[order[0]]); near.offset-lineContext > base+int64(len(buf)) {
			seeks, err := f.seek(near.offset - lineContext)
			if err != nil {
				return lines, err
			}
			if seeks {
				buf, base, done = buf[:0], near.offset-lineContext, near
			}
		}
		n, err := io.ReadFull(f, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		last := err != nil
		if last && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return lines, fmt.Errorf("%s: %w", s.Name, underlying(err))
		}
		end := base + int64(len(buf))
		safe := end - lineContext // a position before it has all of its context in buf
		if last {
			safe = end
		}
		for offsets[order[0]] < safe {
			at := offsets[order[0]]
			pass(at)
			lines[order[0]] = Line{Number: done.newlines + 1, Column: at - done.lineStart + 1}
			if withText {
				lines[order[0]].cut(buf, base, at, done.lineStart)
			}
			if order = order[1:]; len(order) == 0 {
				return lines, nil
			}
		}
		if last {
			return lines, nil
		}
		if safe > done.offset {
			pass(safe)
		}
	}
}

// cut takes over the text around a position from the buffer, which starts at base in the source.
func (l *Line) cut(buf []byte, base, at, lineStart int64) {
	from := max(lineStart, at-lineContext, base)
	to := min(at+lineContext, base+int64(len(buf)))
	text := buf[from-base : to-base]
	l.Start = from - lineStart + 1
	l.Cut = to < base+int64(len(buf)) && buf[to-base] != '\n'
	if i := bytes.IndexByte(text[at-from:], '\n'); i >= 0 {
		text, l.Cut = text[:at-from+int64(i)], false
	}
	l.Text = bytes.Clone(bytes.TrimSuffix(text, []byte{'\r'}))
}

// countEvery is the least distance of the places in a source, in bytes, whose lines are remembered, and mostCounts bounds
// how many are: the larger the source, the farther apart. Tests make both small.
var (
	countEvery int64 = 32 << 10
	mostCounts       = 4 << 10
)

// A lineCount says how many lines there are before an offset.
type lineCount struct {
	offset    int64
	newlines  int64
	lineStart int64 // where the line at the offset starts
}

// pass goes on behind the given text.
func (c *lineCount) pass(text []byte) { c.passCounted(text, bytes.Count(text, newline)) }

// passCounted is pass for a text of which somebody knows how many newlines it has.
func (c *lineCount) passCounted(text []byte, newlines int) {
	if newlines > 0 {
		c.newlines += int64(newlines)
		c.lineStart = c.offset + int64(bytes.LastIndexByte(text, '\n')) + 1
	}
	c.offset += int64(len(text))
}

var newline = []byte{'\n'}

// lineCounts are the lines of a source as far as it was read from its beginning on. They are counted whenever somebody
// reads it, so that nobody has to read all of it again to tell which line an offset is on. Like the offsets, they are those of
// the first reading: of a file that changes meanwhile nothing is told that holds.
type lineCounts struct {
	mu     sync.Mutex
	end    lineCount   // how far it was read
	counts []lineCount // some on the way there
	halved int         // how often every other one was forgotten, as they were too many
}

// pass counts the lines of a text at an offset, unless that was read before, or what lies before it was not.
func (l *lineCounts) pass(offset int64, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.end.offset - offset; known >= 0 && known < int64(len(text)) {
		text = text[known:]
	} else {
		return
	}
	for len(text) > 0 {
		n := min(int64(len(text)), countEvery)
		l.end.pass(text[:n])
		l.remember()
		text = text[n:]
	}
}

// passCounted is pass for a text of which somebody knows how many newlines it has.
func (l *lineCounts) passCounted(offset int64, text []byte, newlines int) {
	l.mu.Lock()
	next := l.end.offset == offset
	if next {
		l.end.passCounted(text, newlines)
		l.remember()
	}
	l.mu.Unlock()
	if !next {
		l.pass(offset, text)
	}
}

// remember keeps the count at the end, unless the last one that was kept is near.
func (l *lineCounts) remember() {
	if last := len(l.counts) - 1; last >= 0 && l.end.offset-l.counts[last].offset < countEvery<<l.halved {
		return
	}
	if len(l.counts) == mostCounts {
		for i := range mostCounts / 2 {
			l.counts[i] = l.counts[2*i+1]
		}
		l.counts = l.counts[:mostCounts/2]
		l.halved++
	}
	l.counts = append(l.counts, l.end)
}

// before returns the last count that is remembered at or before an offset.
func (l *lineCounts) before(offset int64) lineCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, found := slices.BinarySearchFunc(l.counts, offset, func(c lineCount, offset int64) int { return cmp.Compare(c.offset, offset) })
	switch {
	case found:
		return l.counts[i]
	case i > 0:
		return l.counts[i-1]
	}
	return lineCount{}
}
