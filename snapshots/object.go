package snapshots

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// A text is a piece of a document that is being decoded: it knows where it came from and where oddities go.
type text struct {
	document *Document
	oddities *[]Oddity
	offset   int64 // where the parsed text starts in the source
}

// A value is one JSON value of a text.
type value struct {
	*text
	result  gjson.Result
	pointer string
	what    string // its name in Restate's words
}

// An object is the fields of a JSON object, the first one of each name.
type object struct {
	value
	fields []field
}

type field struct {
	name  string
	value gjson.Result
}

var errNotJSON = errors.New("not valid JSON")

// parse validates one cut value and returns it for decoding. Raw control characters in strings are tolerated, as an oddity.
func parse(raw []byte, offset int64, pointer, what string, document *Document, oddities *[]Oddity) (value, error) {
	v := value{text: &text{document: document, oddities: oddities, offset: offset}, pointer: pointer, what: what}
	if !utf8.Valid(raw) {
		at := firstInvalidUTF8(raw)
		v.add(Oddity{Kind: InvalidUTF8, At: document.At(offset+int64(at), pointer), Value: strconv.QuoteToASCII(string(raw[at : at+1])), Want: "UTF-8"})
	}
	if !gjson.ValidBytes(raw) {
		clean, at := blankControls(raw)
		if at < 0 || !gjson.ValidBytes(clean) {
			return v, errNotJSON
		}
		raw = clean
		v.add(Oddity{Kind: ControlCharacter, At: document.At(offset+int64(at), pointer), Want: "an escape such as \\u001b"})
	}
	v.result = gjson.ParseBytes(raw)
	return v, nil
}

func firstInvalidUTF8(raw []byte) int {
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return 0
}

// blankControls returns a copy in which raw control characters inside strings are spaces, so that all offsets stay,
// and the place of the first one, or -1.
func blankControls(raw []byte) (clean []byte, first int) {
	clean, first = bytes.Clone(raw), -1
	inString, escaped := false, false
	for i, c := range clean {
		switch {
		case c < ' ' && inString:
			if clean[i] = ' '; first < 0 {
				first = i
			}
			escaped = false
		case escaped:
			escaped = false
		case c == '\\' && inString:
			escaped = true
		case c == '"':
			inString = !inString
		}
	}
	return clean, first
}

func (v value) add(oddity Oddity) {
	if len(*v.oddities) == maxOddities {
		return
	}
	oddity.Document = v.document
	if oddity.At.Source == nil {
		oddity.At = v.at()
	}
	if oddity.What == "" {
		oddity.What = v.what
	}
	*v.oddities = append(*v.oddities, oddity)
}

// invalid reports the value and says what belongs there.
func (v value) invalid(want string) {
	v.add(Oddity{Kind: InvalidValue, Value: v.shown(), Want: want})
}

// shown is the value as it stands in the text, on one line and shortened.
func (v value) shown() string {
	const most = 80
	raw := v.result.Raw
	switch {
	case raw == "":
		return "nothing"
	case v.result.Type == gjson.JSON:
		raw = v.result.Get("@ugly").Raw // the same however it is printed
	}
	if len(raw) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(raw[cut]) {
			cut--
		}
		raw = raw[:cut] + "…"
	}
	return raw
}

func (v value) at() Position {
	return v.document.At(v.offset+int64(v.result.Index), v.pointer)
}

func (v value) isNull() bool { return !v.result.Exists() || v.result.Type == gjson.Null }

// child is a value within v.
func (v value) child(result gjson.Result, step, what string) value {
	return value{text: v.text, result: result, pointer: v.pointer + "/" + escapePointer(step), what: what}
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func escapePointer(step string) string {
	if !strings.ContainsAny(step, "~/") {
		return step
	}
	return pointerEscapes.Replace(step)
}

// object returns the fields of v; ok is false, with an oddity, when v is not an object.
func (v value) object() (o object, ok bool) {
	o.value = v
	if !v.result.IsObject() {
		v.invalid("an object")
		return o, false
	}
	o.fields = make([]field, 0, min(1+len(v.result.Raw)/32, 8)) // a field takes about as much
	seen := map[string]bool(nil)                                // only for objects too large to look through
	v.result.ForEach(func(key, result gjson.Result) bool {
		if len(o.fields) == maxElements {
			v.invalid(fmt.Sprintf("an object of at most %d fields", maxElements))
			return false
		}
		if len(o.fields) == 32 {
			seen = make(map[string]bool)
			for _, f := range o.fields {
				seen[f.name] = true
			}
		}
		name := key.Str
		duplicate := seen[name]
		if seen == nil {
			_, duplicate = o.find(name)
		}
		if duplicate {
			v.add(Oddity{Kind: DuplicateKey, At: v.document.At(v.offset+int64(key.Index), v.pointer+"/"+escapePointer(name)), Value: strconv.Quote(name)})
			return true
		}
		if seen != nil {
			seen[name] = true
		}
		o.fields = append(o.fields, field{name, result})
		return true
	})
	return o, true
}

func (o object) find(name string) (gjson.Result, bool) {
	for _, f := range o.fields {
		if f.name == name {
			return f.value, true
		}
	}
	return gjson.Result{}, false
}

// get returns the named field; a field that is missing is a null at the place of the object.
func (o object) get(name, what string) value {
	result, ok := o.find(name)
	if !ok {
		result.Index = o.result.Index
	}
	return o.child(result, name, what)
}

// elements yields the elements of v; none, with an oddity, when v is not an array.
func (v value) elements(most int) iter.Seq2[int, value] {
	return func(yield func(int, value) bool) {
		if !v.result.IsArray() {
			v.invalid("an array")
			return
		}
		i := 0
		v.result.ForEach(func(_, result gjson.Result) bool {
			if i == most {
				v.invalid(fmt.Sprintf("an array of at most %d elements", most))
				return false
			}
			more := yield(i, v.child(result, strconv.Itoa(i), v.what))
			i++
			return more
		})
	}
}

// pair returns the two elements of v, which is how Restate prints an entry of a map.
func (v value) pair() (first, second value, ok bool) {
	n := 0
	if v.result.IsArray() {
		v.result.ForEach(func(_, result gjson.Result) bool {
			switch n++; n {
			case 1:
				first = v.child(result, "0", v.what)
			case 2:
				second = v.child(result, "1", v.what)
			}
			return n < 3
		})
	}
	if n != 2 {
		v.invalid("a pair [key, value]")
		return v, v, false
	}
	return first, second, true
}

// uint returns an integer of 0 to most; ok is false, with an oddity, when v is none.
func (v value) uint(most uint64) (n uint64, ok bool) {
	n, rounded, ok := parseUint(v.result)
	switch {
	case !ok || n > most:
		v.invalid("an integer of 0 to " + strconv.FormatUint(most, 10))
		return 0, false
	case rounded:
		v.add(Oddity{Kind: RoundedNumber, Value: v.shown()})
	}
	return n, true
}

// parseUint reads an exact integer. A number that only a float could have become, such as 1.8446744073709552e19, is
// taken at its value, saturated, and marked as rounded.
func parseUint(result gjson.Result) (n uint64, rounded, ok bool) {
	if result.Type != gjson.Number {
		return 0, false, false
	}
	n, err := strconv.ParseUint(result.Raw, 10, 64)
	if err == nil {
		return n, false, true
	}
	f, err := strconv.ParseFloat(result.Raw, 64)
	switch {
	case err != nil || f < 1<<53 || f > 1<<64 || f != math.Trunc(f):
		return 0, false, false
	case f == 1<<64:
		return math.MaxUint64, true, true
	}
	return uint64(f), true, true
}

// looksRounded reports whether an integer beyond 2^53 is what a 64-bit float of its size would be, printed in full or
// in its shortest form. One number may look so by chance (1 in 1,000); all numbers of a document do not.
func looksRounded(n uint64) bool {
	f := float64(n)
	return n > 1<<53 && (f < 1<<64 && uint64(f) == n || strconv.FormatFloat(f, 'f', -1, 64) == strconv.FormatUint(n, 10))
}

// string returns a text; ok is false, with an oddity, when v is none.
func (v value) string() (s string, ok bool) {
	if v.result.Type != gjson.String {
		v.invalid("a string")
		return "", false
	}
	return v.result.Str, true
}
