package snapshots

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/stores/restatectl"
)

// printWhole is the size up to which a document is held to be printed. Tests make it small.
var printWhole int64 = 32 << 20

// maxPrinted bounds the fields of a document that is not held.
const maxPrinted = 64

// Print writes the document as `restatectl metadata get` prints it, byte for byte, however it was laid out. It fails if the
// document cannot be read to its end, and has written a part of it then.
func (d *Document) Print(w io.Writer) error {
	if d.Source.stored != "" { // which is the form of every value
		f, err := d.Source.Open(d.Offset)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	}
	out := bufio.NewWriterSize(w, blockSize/8)
	p := &documentPrinter{document: d, out: out}
	var err error
	if d.Source.Size-d.Offset <= printWhole {
		err = p.whole()
	} else {
		err = p.parts()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.Source.Name, underlying(err))
	}
	return out.Flush()
}

type documentPrinter struct {
	document *Document
	out      *bufio.Writer
	text     []byte // reused
}

func (p *documentPrinter) window(offset int64) (*window, io.ReadCloser, error) {
	f, err := p.document.Source.Open(offset)
	if err != nil {
		return nil, nil, err
	}
	return newWindow(f, offset, p.document.Source.Size-offset), f, nil
}

// value prints one value at the given depth.
func (p *documentPrinter) value(raw []byte, at int64, depth int) error {
	if !gjson.ValidBytes(raw) {
		return &syntaxError{at, errNotJSON.Error()}
	}
	p.text = restatectl.AppendJSON(p.text[:0], gjson.ParseBytes(raw), depth)
	_, err := p.out.Write(p.text)
	return err
}

func (p *documentPrinter) whole() error {
	w, f, err := p.window(p.document.Offset)
	if err != nil {
		return err
	}
	defer f.Close()
	raw, at, err := w.value()
	if err != nil {
		return err
	}
	if err := p.value(raw, at, 0); err != nil {
		return err
	}
	return p.out.WriteByte('\n')
}

// A part is a field of the document.
type part struct {
	name string
	at   int64 // of its value
}

// parts prints a document field by field, and a list entry by entry, so that it need not be held. The fields are read again
// in the order in which they are printed.
func (p *documentPrinter) parts() error {
	parts, err := p.fields()
	if err != nil {
		return err
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		return cmp.Or(-cmp.Compare(truth(a.name == "version"), truth(b.name == "version")), strings.Compare(a.name, b.name))
	})
	parts = slices.CompactFunc(parts, func(a, b part) bool { return a.name == b.name })
	separator := "{\n  "
	for _, part := range parts {
		p.text = append(restatectl.AppendString(append(p.text[:0], separator...), part.name), ": "...)
		if _, err := p.out.Write(p.text); err != nil {
			return err
		}
		if err := p.field(part); err != nil {
			return err
		}
		separator = ",\n  "
	}
	_, err = p.out.WriteString("\n}\n")
	return err
}

// fields finds the fields of the document.
func (p *documentPrinter) fields() (parts []part, err error) {
	w, f, err := p.window(p.document.Offset)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := w.expect('{'); err != nil {
		return nil, err
	}
	for {
		raw, at, err := w.value()
		if err != nil {
			return nil, err
		}
		name, err := w.name(bytes.Clone(raw), at)
		if err != nil {
			return nil, err
		}
		if len(parts) == maxPrinted {
			return nil, fmt.Errorf("a document of this size has at most %d fields", maxPrinted)
		}
		parts = append(parts, part{name, w.offset()})
		if err := w.skip(); err != nil {
			return nil, err
		}
		if more, err := w.next('}'); err != nil || !more {
			return parts, err
		}
	}
}

func (p *documentPrinter) field(part part) error {
	w, f, err := p.window(part.at)
	if err != nil {
		return err
	}
	defer f.Close()
	if first, _ := w.peek(); first != '[' {
		raw, at, err := w.value()
		if err != nil {
			return err
		}
		return p.value(raw, at, 1)
	}
	w.pos++ // the bracket
	if first, ok := w.peek(); ok && first == ']' {
		_, err := p.out.WriteString("[]")
		return err
	}
	separator := "[\n    "
	for {
		if _, err := p.out.WriteString(separator); err != nil {
			return err
		}
		raw, at, err := w.value()
		if err != nil {
			return err
		}
		if err := p.value(raw, at, 2); err != nil {
			return err
		}
		if more, err := w.next(']'); err != nil || !more {
			if err == nil {
				_, err = p.out.WriteString("\n  ]")
			}
			return err
		}
		separator = ",\n    "
	}
}
