package format

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"time"
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

var jsonFormat = Format{
	Name:   "json",
	Usage:  "the whole report, for machines",
	Places: true,
	Hashes: true,
	New: func(w io.Writer, options Options) Printer {
		return &jsonPrinter{objectWriter: newObjectWriter(w), tool: options.Tool}
	},
}

// JSON writes a report for machines: indented by two spaces, with a newline at the end, and the same bytes for the
// same report. Empty lists are lists. Characters that could harm a terminal are escaped, which JSON allows for every
// character. The report has to be located and hashed.
func JSON(w io.Writer, report *analyze.Report) error {
	return Print(jsonFormat.New(w, Options{Tool: report.Tool}), report)
}

// A jsonPrinter writes the bytes that the encoder of the standard library makes of a whole analyze.Report.
type jsonPrinter struct {
	*objectWriter
	tool     analyze.Tool
	results  int
	failures []analyze.Failure
}

func (p *jsonPrinter) Begin() error {
	p.field("schema_version", analyze.SchemaVersion)
	p.field("tool", p.tool)
	p.name("snapshots")
	p.text("[")
	return p.flush()
}

// Result encodes the findings one by one, as there may be a million: they take the place of an empty list.
func (p *jsonPrinter) Result(r *analyze.Result) error {
	const list = "\n      \"findings\": ["
	frame := *r
	frame.Findings = []analyze.Finding{}
	before, behind, _ := bytes.Cut(p.encoded(&frame, "    "), []byte(list))
	if p.results++; p.results > 1 {
		p.text(",")
	}
	p.text("\n    ")
	p.raw(before)
	p.text(list)
	p.findings(r.Findings, behind)
	return p.flush()
}

// findings ends the list and the result also when a finding makes it panic.
func (p *jsonPrinter) findings(findings []analyze.Finding, behind []byte) {
	defer p.raw(behind)
	if len(findings) == 0 {
		return
	}
	defer p.text("\n      ")
	var text bytes.Buffer
	encoder := indented(&text, "        ")
	for i := range findings {
		text.Reset()
		if err := encoder.Encode(findings[i].Written()); err != nil && p.err == nil {
			p.err = err
		}
		if i > 0 {
			p.text(",")
		}
		p.text("\n        ")
		p.raw(bytes.TrimRight(text.Bytes(), "\n"))
	}
}

func (p *jsonPrinter) Failed(f analyze.Failure) error {
	p.failures = append(p.failures, f)
	return nil
}

func (p *jsonPrinter) End(total *Tally, _ time.Duration) error {
	if p.results > 0 {
		p.text("\n  ")
	}
	p.text("]")
	if len(p.failures) > 0 {
		p.field("failures", p.failures)
	}
	if len(total.Remarks) > 0 {
		p.field("remarks", total.Remarks)
	}
	p.field("summary", total.Summary)
	return p.close()
}

func encode(w io.Writer, value any) error {
	encoder := json.NewEncoder(escaper{w})
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// EncodeJSON writes a value as JSON in the way of a report: indented by two spaces, and with every character escaped that
// could harm a terminal.
func EncodeJSON(w io.Writer, value any) error { return encode(w, value) }

// An escaper writes JSON with every character escaped that does more than show itself, and so that the log of a GitHub
// workflow finds no command in it. It wants whole characters.
type escaper struct{ w io.Writer }

// legacyCommand is what the log of a GitHub workflow takes for the beginning of a command, wherever it stands.
var legacyCommand = []byte("##[")

func (e escaper) Write(text []byte) (int, error) {
	written := 0
	for i := 0; i < len(text); {
		if c := text[i]; ' ' <= c && c <= '~' && c != legacyCommand[0] {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if (r == '\n' || harmless(r)) && !bytes.HasPrefix(text[i:], legacyCommand) {
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
