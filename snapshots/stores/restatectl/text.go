package restatectl

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

const null = "null"

func appendInt(out []byte, n int64) []byte   { return strconv.AppendInt(out, n, 10) }
func appendUint(out []byte, n uint64) []byte { return strconv.AppendUint(out, n, 10) }
func appendBool(out []byte, b bool) []byte   { return strconv.AppendBool(out, b) }

// appendLine starts a line at the given depth.
func appendLine(out []byte, depth int) []byte {
	out = append(out, '\n')
	for range depth {
		out = append(out, "  "...)
	}
	return out
}

// appendFloat prints a number as Rust's serde_json does: in the shortest form that reads back the same, always with a
// fraction or an exponent; what is not finite is null.
func appendFloat(out []byte, f float64) []byte {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(out, null...)
	case f == 0:
		if math.Signbit(f) {
			out = append(out, '-')
		}
		return append(out, "0.0"...)
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if mantissa[0] == '-' {
		out, mantissa = append(out, '-'), mantissa[1:]
	}
	digits := mantissa[:1]
	if len(mantissa) > 2 {
		digits += mantissa[2:]
	}
	scale, _ := strconv.Atoi(exponent)
	point := scale + 1 // the number is 0.digits times ten to the point
	switch {
	case point >= len(digits) && point <= 16:
		out = append(out, digits...)
		for range point - len(digits) {
			out = append(out, '0')
		}
		return append(out, ".0"...)
	case point > 0 && point <= 16:
		out = append(out, digits[:point]...)
		out = append(out, '.')
		return append(out, digits[point:]...)
	case point > -5 && point <= 0:
		out = append(out, "0."...)
		for range -point {
			out = append(out, '0')
		}
		return append(out, digits...)
	}
	out = append(out, digits[0])
	if len(digits) > 1 {
		out = append(out, '.')
		out = append(out, digits[1:]...)
	}
	out = append(out, 'e')
	return strconv.AppendInt(out, int64(scale), 10)
}

// escapes are what bytes become within a string; empty for those that stay as they are.
var escapes = [256]string{
	`\u0000`, `\u0001`, `\u0002`, `\u0003`, `\u0004`, `\u0005`, `\u0006`, `\u0007`, `\b`, `\t`, `\n`, `\u000b`, `\f`, `\r`, `\u000e`, `\u000f`,
	`\u0010`, `\u0011`, `\u0012`, `\u0013`, `\u0014`, `\u0015`, `\u0016`, `\u0017`, `\u0018`, `\u0019`, `\u001a`, `\u001b`, `\u001c`, `\u001d`, `\u001e`, `\u001f`,
	'"': `\"`, '\\': `\\`,
}

func appendEscaped[T string | []byte](out []byte, text T) []byte {
	from := 0
	for i := range len(text) {
		if escape := escapes[text[i]]; escape != "" {
			out = append(out, text[from:i]...)
			out = append(out, escape...)
			from = i + 1
		}
	}
	return append(out, text[from:]...)
}

// AppendString prints a string with its quotes.
func AppendString(out []byte, text string) []byte {
	return append(appendEscaped(append(out, '"'), text), '"')
}

// AppendJSON prints a JSON value as it would be printed at the given depth, without a line's end behind it. The value must
// be valid and not deeply nested: whoever has it checked that. Of a key that stands twice the first value is printed.
func AppendJSON(out []byte, value gjson.Result, depth int) []byte {
	switch value.Type {
	case gjson.String:
		return AppendString(out, value.Str)
	case gjson.Number:
		return appendNumber(out, value.Raw)
	case gjson.JSON:
	default:
		return append(out, value.Raw...)
	}
	if value.IsArray() {
		out, first := append(out, '['), true
		value.ForEach(func(_, element gjson.Result) bool {
			if !first {
				out = append(out, ',')
			}
			first = false
			out = AppendJSON(appendLine(out, depth+1), element, depth+1)
			return true
		})
		if !first {
			out = appendLine(out, depth)
		}
		return append(out, ']')
	}
	type field struct {
		name  string
		value gjson.Result
	}
	var fields []field
	value.ForEach(func(key, element gjson.Result) bool {
		fields = append(fields, field{key.Str, element})
		return true
	})
	slices.SortStableFunc(fields, func(a, b field) int {
		if depth == 0 && (a.name == versionKey) != (b.name == versionKey) {
			if a.name == versionKey {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.name, b.name)
	})
	fields = slices.CompactFunc(fields, func(a, b field) bool { return a.name == b.name })
	out = append(out, '{')
	for i, f := range fields {
		if i > 0 {
			out = append(out, ',')
		}
		out = AppendString(appendLine(out, depth+1), f.name)
		out = AppendJSON(append(out, ": "...), f.value, depth+1)
	}
	if len(fields) > 0 {
		out = appendLine(out, depth)
	}
	return append(out, '}')
}

// appendNumber prints a number as one that was read into 64 bits: an integer exactly, everything else as a float.
func appendNumber(out []byte, raw string) []byte {
	if !strings.ContainsAny(raw, ".eE") {
		if _, err := strconv.ParseUint(raw, 10, 64); err == nil {
			return append(out, raw...)
		}
		if _, err := strconv.ParseInt(raw, 10, 64); err == nil && raw != "-0" {
			return append(out, raw...)
		}
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return append(out, raw...) // beyond all numbers: there is no other way to write it
	}
	return appendFloat(out, f)
}

// canonical prints a whole JSON object as AppendJSON does.
func canonical(text []byte, most int64) ([]byte, error) {
	if !shallow(text) {
		return nil, errTooDeep
	}
	if !gjson.ValidBytes(text) {
		return nil, errors.New("the value is not valid JSON")
	}
	value := gjson.ParseBytes(text)
	if !value.IsObject() {
		return nil, errors.New("the value is no map of fields")
	}
	if printedSize(text) > most {
		return nil, errBudget
	}
	return append(AppendJSON(nil, value, 0), '\n'), nil
}

// shallow reports whether a text nests no deeper than maxDepth, brackets within strings left out.
func shallow(text []byte) bool {
	depth, most := 0, 0
	outline(text, func(c byte) {
		switch c {
		case '{', '[':
			depth++
			most = max(most, depth)
		case '}', ']':
			depth--
		}
	})
	return most <= maxDepth
}

// printedSize is an upper bound for what the layout adds to a text.
func printedSize(text []byte) int64 {
	depth, size := int64(0), int64(6*len(text))
	outline(text, func(c byte) {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		size += 2*max(depth, 0) + 4
	})
	return size
}

// outline calls visit for every bracket and comma that is not within a string.
func outline(text []byte, visit func(c byte)) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[', c == '}', c == ']', c == ',':
			visit(c)
		}
	}
}
