package format

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"restate-lint/analyze"
)

// Schema is the JSON Schema (draft 2020-12) of what JSON writes.
//
//go:embed schema.json
var Schema []byte

// DescriptionSchema is the JSON Schema (draft 2020-12) of what DescribeJSON writes.
//
//go:embed description.schema.json
var DescriptionSchema []byte

// JSON writes a report for machines: indented by two spaces, with a newline at the end, and the same bytes for the
// same report. Empty lists are lists. Characters that could harm a terminal are escaped, which JSON allows for every
// character. The report has to be located and hashed. Nothing is written if the report cannot be encoded.
func JSON(w io.Writer, report *analyze.Report) error { return encode(w, report) }

func encode(w io.Writer, value any) error {
	encoder := json.NewEncoder(escaper{w})
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// An escaper writes JSON with every character escaped that does more than show itself. It wants whole characters.
type escaper struct{ w io.Writer }

func (e escaper) Write(text []byte) (int, error) {
	written := 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == '\n' || harmless(r) {
			i += size
			continue
		}
		var escaped []byte
		for _, unit := range utf16.Encode([]rune{r}) {
			escaped = fmt.Appendf(escaped, `\u%04x`, unit)
		}
		if _, err := e.w.Write(text[written:i]); err != nil {
			return written, err
		}
		if _, err := e.w.Write(escaped); err != nil {
			return written, err
		}
		i += size
		written = i
	}
	_, err := e.w.Write(text[written:])
	return len(text), err
}
