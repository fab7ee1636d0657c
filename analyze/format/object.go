package format

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"iter"
)

// An objectWriter writes one JSON object field by field, as JSON does a report, for objects with lists that are too
// long to be held as text.
type objectWriter struct {
	w       *bufio.Writer
	started bool
	err     error
}

func newObjectWriter(w io.Writer) *objectWriter {
	return &objectWriter{w: bufio.NewWriterSize(w, 64<<10)}
}

// name begins a field.
func (o *objectWriter) name(name string) {
	start := ",\n  \""
	if !o.started {
		start = "{\n  \""
		o.started = true
	}
	o.text(start + name + "\": ")
}

// text writes what is ours, and no text of a capture. Errors of writing stick to the buffer.
func (o *objectWriter) text(text string) { _, _ = o.w.WriteString(text) }

// field writes a field with any value.
func (o *objectWriter) field(name string, value any) {
	o.name(name)
	o.raw(o.encoded(value, "  "))
}

// encoded is a value as JSON whose lines, but for the first, begin with an indent.
func (o *objectWriter) encoded(value any, indent string) []byte {
	var text bytes.Buffer
	if err := indented(&text, indent).Encode(value); err != nil && o.err == nil {
		o.err = err
	}
	return bytes.TrimRight(text.Bytes(), "\n")
}

// indented returns what encodes values as JSON whose lines, but for the first, begin with an indent.
func indented(w io.Writer, indent string) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(indent, "  ")
	return encoder
}

// raw writes JSON of whole characters.
func (o *objectWriter) raw(text []byte) {
	if _, err := (escaper{o.w}).Write(text); err != nil && o.err == nil {
		o.err = err
	}
}

// fields writes the first fields of every object.
func (o *objectWriter) fields(values ...any) {
	for i := 0; i+1 < len(values); i += 2 {
		o.field(values[i].(string), values[i+1])
	}
}

// close ends the object.
func (o *objectWriter) close() error {
	o.text("\n}\n")
	return o.flush()
}

// flush hands on what was written, and returns the first error that there ever was.
func (o *objectWriter) flush() error {
	if err := o.w.Flush(); o.err == nil {
		o.err = err
	}
	return o.err
}

// list writes a field with a list whose items stand on a line each. What append appends is JSON of harmless characters.
func list[T any](o *objectWriter, name string, items iter.Seq[T], appendItem func([]byte, T) []byte) {
	o.name(name)
	listItems(o, "  ", items, appendItem)
}

func listItems[T any](o *objectWriter, indent string, items iter.Seq[T], appendItem func([]byte, T) []byte) {
	o.text("[")
	separator := "\n  "
	var line []byte
	for item := range items {
		line = append(append(line[:0], separator...), indent...)
		_, _ = o.w.Write(appendItem(line, item))
		separator = ",\n  "
	}
	if separator[0] == ',' {
		o.text("\n" + indent)
	}
	o.text("]")
}

// appendValue appends any value that JSON can encode and that holds nothing but numbers, words and names of ours.
func appendValue[T any](line []byte, value T) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return append(line, "null"...)
	}
	return append(line, text...)
}

// appendCleanValue is appendValue for values that hold text of a capture.
func appendCleanValue[T any](line []byte, value T) []byte {
	text := bytes.NewBuffer(line)
	if _, err := (escaper{text}).Write(appendValue(nil, value)); err != nil {
		return line // a buffer takes everything
	}
	return text.Bytes()
}
