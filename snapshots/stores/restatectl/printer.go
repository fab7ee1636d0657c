package restatectl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"restate-lint/snapshots/stores/flexbuffers"
)

const (
	// maxDepth is the deepest nesting that is printed; Restate's own values stay below 20.
	maxDepth = 128
	// printAhead is how much text is prepared at a time, and textAhead how much of one string, in bytes.
	printAhead = 16 << 10
	textAhead  = 4 << 10
)

var errTooDeep = errors.New("the value is nested deeper than " + strconv.Itoa(maxDepth) + " levels")

// A printer is the text of a FlexBuffers map, made step by step as it is read.
type printer struct {
	stack []level
	left  int64 // of the budget
	out   []byte
	read  int // of out
	err   error

	value *flexbuffers.Value // to be printed next
	text  []byte             // the rest of a string that is being printed
	after string             // what follows the string; empty when none is being printed
}

// A level is a map or vector that was begun.
type level struct {
	value flexbuffers.Value
	next  int
	key   []byte // the last one
	first int    // the place of the entry that is printed before all others; -1 without one
	begun bool   // something was printed
}

// newPrinter returns the text of a map, of at most so many bytes.
func newPrinter(root flexbuffers.Value, most int64) io.Reader {
	return &printer{left: most, out: []byte("{"), stack: []level{{value: root, first: root.Find(versionKey)}}}
}

func (p *printer) Read(b []byte) (int, error) {
	if p.read == len(p.out) {
		p.out, p.read = p.out[:0], 0
		for p.err == nil && len(p.out) < printAhead {
			p.err = p.step()
		}
		if p.left -= int64(len(p.out)); p.left < 0 && (p.err == nil || errors.Is(p.err, io.EOF)) {
			p.err = errBudget
		}
	}
	n := copy(b, p.out[p.read:])
	p.read += n
	if p.read < len(p.out) || n > 0 {
		return n, nil
	}
	return 0, p.err
}

// step prints a little more. It returns io.EOF when all is printed.
func (p *printer) step() error {
	switch {
	case p.after != "":
		n := min(len(p.text), textAhead)
		p.out = appendEscaped(p.out, p.text[:n])
		if p.text = p.text[n:]; len(p.text) == 0 {
			p.out = append(p.out, p.after...)
			p.after = ""
		}
		return nil
	case p.value != nil:
		v := *p.value
		p.value = nil
		return p.begin(v)
	case len(p.stack) == 0:
		return io.EOF
	}
	top := &p.stack[len(p.stack)-1]
	i := top.next
	if !top.begun && top.first >= 0 {
		i = top.first
	} else {
		top.next++
		if i == top.first { // was printed before the others
			key, err := top.value.Key(i)
			if err != nil {
				return err
			}
			return top.ascends(key)
		}
	}
	if i == top.value.Len() {
		return p.end()
	}
	if top.begun {
		p.out = append(p.out, ',')
	}
	top.begun = true
	p.out = appendLine(p.out, len(p.stack))
	if top.value.Kind() == flexbuffers.Map {
		key, err := top.value.Key(i)
		if err == nil && i != top.first {
			err = top.ascends(key)
		}
		if err == nil {
			err = p.string(key, `": `)
		}
		if err != nil {
			return err
		}
	}
	v, err := top.value.Element(i)
	p.value = &v
	return err
}

// ascends notes the next key, which has to be greater than the one before: whoever wrote the map sorted it.
func (l *level) ascends(key []byte) error {
	if l.key != nil && bytes.Compare(l.key, key) >= 0 {
		return fmt.Errorf("the key %.40q does not follow %.40q: Restate sorts them", key, l.key)
	}
	l.key = key
	return nil
}

// begin prints a scalar, or the beginning of a string, map or vector.
func (p *printer) begin(v flexbuffers.Value) error {
	switch v.Kind() {
	case flexbuffers.Null:
		p.out = append(p.out, null...)
	case flexbuffers.Int:
		p.out = appendInt(p.out, v.Int())
	case flexbuffers.Uint:
		p.out = appendUint(p.out, v.Uint())
	case flexbuffers.Float:
		p.out = appendFloat(p.out, v.Float())
	case flexbuffers.Bool:
		p.out = appendBool(p.out, v.Bool())
	case flexbuffers.String:
		return p.string(v.Bytes(), `"`)
	case flexbuffers.Map, flexbuffers.Vector:
		bracket := byte('[')
		if v.Kind() == flexbuffers.Map {
			bracket = '{'
		}
		p.out = append(p.out, bracket)
		if len(p.stack) == maxDepth {
			return errTooDeep
		}
		p.stack = append(p.stack, level{value: v, first: -1})
	default:
		return errors.New("the value holds bare bytes, which have no form in JSON")
	}
	return nil
}

// end prints the end of the map or vector on top.
func (p *printer) end() error {
	top := &p.stack[len(p.stack)-1]
	p.stack = p.stack[:len(p.stack)-1]
	if top.begun {
		p.out = appendLine(p.out, len(p.stack))
	}
	if top.value.Kind() == flexbuffers.Map {
		p.out = append(p.out, '}')
	} else {
		p.out = append(p.out, ']')
	}
	if len(p.stack) == 0 {
		p.out = append(p.out, '\n')
	}
	return nil
}

func (p *printer) string(text []byte, after string) error {
	if !utf8.Valid(text) {
		return errors.New("the value has a text that is not UTF-8")
	}
	p.out = append(p.out, '"')
	p.text, p.after = text, after
	return nil
}
