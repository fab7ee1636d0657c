package snapshots

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// blockSize is how much is read from a source at a time. Tests make it small, to have boundaries everywhere.
var blockSize = 512 << 10

// maxValue bounds one value that has to be held as a whole, in bytes: a log of 200,000 segments is about as large. Tests
// make it small, to reach it soon.
var maxValue = 64 << 20

const (
	// maxDepth is the deepest nesting that is followed; Restate's own documents stay below 20.
	maxDepth = 256
	// maxElements bounds lists and objects, maxLogs the list of logs and maxSegments each of its chains. Restate has at
	// most 65,536 partitions, which is the longest of its lists.
	maxElements = 1 << 17
	maxLogs     = 1 << 20
	maxSegments = 1 << 20
	// maxOddities and maxGaps bound what is said about one document, or one log; maxOddities also all documents.
	maxOddities = 100_000
	maxGaps     = 1_000
)

var (
	errTruncated = errors.New("the text ends in the middle of a value")
	errTooDeep   = errors.New("nested deeper than " + strconv.Itoa(maxDepth) + " levels")
	errTooLarge  = errors.New("a single value is larger than 64 MiB")
	errTooMany   = errors.New("a list or an object has more than " + strconv.Itoa(maxElements) + " elements")
)

// A syntaxError is a place at which the bytes stop being JSON.
type syntaxError struct {
	offset int64
	what   string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.offset, e.what) }

// A window slides over a source and cuts it into JSON values without ever holding more than one of them.
// It checks only what cutting needs (strings, brackets, depth); whoever keeps a value validates it.
type window struct {
	r    io.Reader
	buf  []byte
	pos  int   // the next unread byte in buf
	end  int   // the bytes of buf that are filled
	base int64 // the offset of buf[0] in the source
	err  error // sticky: io.EOF at the end of the source, or what went wrong

	blocks *blockStream // where bytes come from instead of r, in a pipeline

	anchor int // the first byte of buf that must survive the next fill; -1: none before pos

	lines *lineCounts // where the lines of the source are counted; nil for nowhere
	told  int         // the bytes of buf whose lines were
}

// newWindow returns a window over what r has from the given offset of the source on, about size bytes.
func newWindow(r io.Reader, offset, size int64) *window {
	return &window{r: r, buf: make([]byte, min(int64(blockSize), 2*max(size, 512))), base: offset, anchor: -1}
}

// offset is the place of the next unread byte in the source.
func (w *window) offset() int64 { return w.base + int64(w.pos) }

// fill reads at least one more byte behind the filled part, moving the kept part to the front first.
// It reports by how much positions in buf moved, and whether there is more to look at.
func (w *window) fill() (shift int, more bool) {
	if w.err != nil {
		return 0, false
	}
	start := w.pos
	if w.anchor >= 0 && w.anchor < start {
		start = w.anchor
	}
	w.tell(start)
	if w.blocks != nil {
		return w.blocks.fill(w, start)
	}
	if start > 0 {
		copy(w.buf, w.buf[start:w.end])
		shift = start
		w.base += int64(start)
		w.pos -= start
		w.told -= start
		w.end -= start
		if w.anchor >= 0 {
			w.anchor -= start
		}
	}
	if w.end > len(w.buf)/2 && len(w.buf) < maxValue {
		grown := make([]byte, min(2*len(w.buf), maxValue))
		copy(grown, w.buf[:w.end])
		w.buf = grown
	}
	if w.end == len(w.buf) {
		w.err = errTooLarge
		return shift, false
	}
	for tries := 0; ; tries++ {
		n, err := w.r.Read(w.buf[w.end:])
		w.end += n
		if err != nil {
			w.err = err
		} else if n == 0 && tries > 100 {
			w.err = io.ErrNoProgress
		}
		if n > 0 || w.err != nil {
			return shift, n > 0
		}
	}
}

// tell counts the lines of buf up to the given place.
func (w *window) tell(to int) {
	if w.lines != nil && w.told < to {
		w.lines.pass(w.base+int64(w.told), w.buf[w.told:to])
	}
	w.told = max(w.told, to)
}

// tellCounted does that where somebody knows how many newlines there are from a place on.
func (w *window) tellCounted(from, to, newlines int) {
	if w.tell(from); w.lines != nil && w.told == from {
		w.lines.passCounted(w.base+int64(from), w.buf[from:to], newlines)
		w.told = to
	}
}

// ahead fills the buffer until n bytes stand behind pos, fewer where the source ends before.
func (w *window) ahead(n int) {
	for w.end-w.pos < n {
		if _, more := w.fill(); !more {
			return
		}
	}
}

// failure turns the end of the input into the error that a reader in the middle of a value must give.
func (w *window) failure() error {
	if w.err == nil || errors.Is(w.err, io.EOF) || errors.Is(w.err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return w.err
}

// peek skips white space and returns the next byte without consuming it; ok is false at the end of the source.
func (w *window) peek() (c byte, ok bool) {
	for {
		for w.pos < w.end {
			switch c := w.buf[w.pos]; c {
			case ' ', '\t', '\n', '\r':
				w.pos++
			default:
				return c, true
			}
		}
		if _, more := w.fill(); !more {
			return 0, false
		}
	}
}

// expect consumes the given byte behind white space.
func (w *window) expect(want byte) error {
	c, ok := w.peek()
	if !ok {
		return w.failure()
	}
	if c != want {
		return &syntaxError{w.offset(), fmt.Sprintf("%q where %q belongs", c, want)}
	}
	w.pos++
	return nil
}

// next decides how a list or an object goes on behind a value: true after a comma, false at its end, which is consumed.
func (w *window) next(closer byte) (bool, error) {
	c, ok := w.peek()
	switch {
	case !ok:
		return false, w.failure()
	case c == ',':
		w.pos++
		return true, nil
	case c == closer:
		w.pos++
		return false, nil
	}
	return false, &syntaxError{w.offset(), fmt.Sprintf("%q where ',' or %q belongs", c, closer)}
}

// value cuts the next value and returns its bytes, valid until the window moves, and its offset.
func (w *window) value() ([]byte, int64, error) {
	if _, ok := w.peek(); !ok {
		return nil, 0, w.failure()
	}
	length, err := w.span(true)
	if err != nil {
		return nil, w.offset(), err
	}
	raw, at := w.buf[w.pos:w.pos+length], w.offset()
	w.pos += length
	return raw, at, nil
}

// skip passes over the next value without keeping it.
func (w *window) skip() error {
	if _, ok := w.peek(); !ok {
		return w.failure()
	}
	length, err := w.span(false)
	if err != nil {
		return err
	}
	w.pos += length
	return nil
}

// byteClass says what a byte means to span.
var byteClass = [256]uint8{
	' ': classBetween, '\t': classBetween, '\r': classBetween, '\n': classBetween, ',': classBetween, ':': classBetween,
	'"': classQuote, '{': classOpen, '[': classOpen, '}': classClose, ']': classClose,
}

const (
	classScalar = iota
	classBetween
	classQuote
	classOpen
	classClose
)

// classLength is how many bytes at the start of text are of a class.
func classLength(text []byte, class uint8) int {
	for i, c := range text {
		if byteClass[c] != class {
			return i
		}
	}
	return len(text)
}

// stringLength measures the inside of a string up to and with its closing quote, or to the end of text if it goes on there:
// within. Its first byte may be escaped, and the one behind it is then said to be.
func stringLength(text []byte, escaped bool) (n int, behind, within bool) {
	for i, c := range text {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			return i + 1, false, false
		}
	}
	return len(text), escaped, true
}

// span measures the value that starts at pos. With keep the whole value is in buf afterwards and the length is
// its size; without, pos has moved and the length is what is left of it.
func (w *window) span(keep bool) (int, error) {
	var closers [maxDepth]byte
	depth, i := 0, w.pos
	more := func() bool {
		if !keep {
			w.pos = i
		}
		shift, ok := w.fill()
		i -= shift
		return ok
	}
	for {
		if i == w.end && !more() {
			return 0, w.failure()
		}
		switch c := w.buf[i]; byteClass[c] {
		case classOpen:
			if depth == maxDepth {
				return 0, errTooDeep
			}
			closers[depth] = c + 2 // '[' and ']', '{' and '}' are two apart
			depth++
			i++
		case classClose:
			if depth == 0 || closers[depth-1] != c {
				return 0, &syntaxError{w.base + int64(i), fmt.Sprintf("%q closes nothing", c)}
			}
			depth--
			i++
			if depth == 0 {
				return i - w.pos, nil
			}
		case classQuote:
			i++
			for escaped, within := false, true; within; {
				if i == w.end && !more() {
					return 0, w.failure()
				}
				var n int
				n, escaped, within = stringLength(w.buf[i:w.end], escaped)
				i += n
			}
			if depth == 0 {
				return i - w.pos, nil
			}
		case classBetween:
			if depth == 0 {
				return 0, &syntaxError{w.base + int64(i), fmt.Sprintf("%q where a value belongs", c)}
			}
			i += classLength(w.buf[i:w.end], classBetween)
		default:
			for {
				i += classLength(w.buf[i:w.end], classScalar)
				if i < w.end || !more() {
					break
				}
			}
			if depth == 0 {
				return i - w.pos, nil
			}
		}
	}
}

// shallow reports whether a text nests no deeper than maxDepth, brackets within strings left out. gjson validates
// recursively, so whatever was not cut by a window has to be measured first.
func shallow(text string) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case byteClass[c] == classOpen:
			if depth++; depth > maxDepth {
				return false
			}
		case byteClass[c] == classClose:
			depth--
		}
	}
	return true
}
