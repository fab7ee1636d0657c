// Package committed reads and writes files that people review, edit, commit and merge, such as accepted reports and
// baselines. It knows nothing of what they hold.
package committed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"unicode/utf16"

	"restate-lint/analyze/format"
	"restate-lint/internal/spelling"
)

// What can be wrong with a file, whatever it should hold.
var (
	ErrConflict = errors.New("holds merge-conflict markers")
	ErrVersion  = errors.New("is of another schema version")
)

// Encode returns a value as JSON without a newline at the end. Every character that could harm a terminal is escaped. The
// value must be one that JSON can hold.
func Encode(value any, prefix, indent string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(prefix, indent)
	if err := encoder.Encode(value); err != nil {
		panic(err) // the callers encode strings, numbers, and lists of them
	}
	return escaped(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// escaped escapes, within JSON, every character that does more than show itself, and what the log of a GitHub workflow takes
// for the beginning of a command.
func escaped(text []byte) []byte {
	if bytes.Contains(text, []byte("##[")) {
		text = bytes.ReplaceAll(text, []byte("##["), []byte(`#\u0023[`))
	}
	harmless := func(r rune) bool { return r == '\n' || r >= ' ' && r <= '~' || format.Clean(string(r)) == string(r) }
	if !bytes.ContainsFunc(text, func(r rune) bool { return !harmless(r) }) {
		return text
	}
	var b []byte
	for _, r := range string(text) {
		if harmless(r) {
			b = append(b, string(r)...)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			b = fmt.Appendf(b, `\u%04x`, unit)
		}
	}
	return b
}

// conflict matches the lines that git puts into a file it could not merge. No line of JSON or of a configuration starts so.
var conflict = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^(<{7}|>{7}|\|{7})([ \r]|$)|^={7}\r?$`) })

// ConflictLine is the first line, from 1, that git put into a text which it could not merge; 0 if there is none.
func ConflictLine(text []byte) int {
	if at := conflict().FindIndex(text); at != nil {
		return lineOf(text, int64(at[0]))
	}
	return 0
}

func lineOf(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
}

// Plain takes from a text what an editor may have put before it: a byte order mark.
func Plain(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

// CheckConflict is an error that wraps ErrConflict if git could not merge the text.
func CheckConflict(text []byte) error {
	if line := ConflictLine(text); line > 0 {
		return fmt.Errorf("line %d: %w", line, ErrConflict)
	}
	return nil
}

// Mistaken is the error of a text that an error of encoding/json is about. It wraps what the text is then, such as "not a
// baseline", and says the line.
func Mistaken(what error, text []byte, err error) error {
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w: %w", lineOf(text, syntax.Offset), what, err)
	case errors.As(err, &mistyped) && mistyped.Field != "":
		return fmt.Errorf("line %d: %w: %s is %s", lineOf(text, mistyped.Offset), what, mistyped.Field, withArticle(mistyped.Value))
	case errors.As(err, &mistyped):
		return fmt.Errorf("%w: it is %s", what, withArticle(mistyped.Value))
	}
	return fmt.Errorf("%w: %w", what, err)
}

func withArticle(kind string) string {
	switch {
	case kind == "":
		return "something else"
	case kind[0] == 'a' || kind[0] == 'o':
		return "an " + kind
	}
	return "a " + kind
}

// CheckKeys finds a key that an object of a JSON text has twice, which a careless merge leaves behind, or that is not among
// the known ones: those are listed by how many objects an object is in, and objects that are in more have none. The error
// wraps what the text is then, and says the line. The text has to be JSON.
func CheckKeys(what error, text []byte, known ...[]string) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	var check func(depth int) error
	check = func(depth int) error {
		token, err := decoder.Token()
		if err != nil {
			return Mistaken(what, text, err)
		}
		switch token {
		case json.Delim('{'):
			var allowed []string
			if depth < len(known) {
				allowed = known[depth]
			}
			seen := make(map[string]bool)
			for decoder.More() {
				token, err := decoder.Token()
				if err != nil {
					return Mistaken(what, text, err)
				}
				key, _ := token.(string)
				switch line := decoder.InputOffset(); {
				case seen[key]:
					return fmt.Errorf("line %d: %w: %q is there twice", lineOf(text, line), what, key)
				case !slices.Contains(allowed, key):
					return fmt.Errorf("line %d: %w: %q is not a key%s", lineOf(text, line), what, key, meant(key, allowed))
				}
				seen[key] = true
				if err := check(depth + 1); err != nil {
					return err
				}
			}
		case json.Delim('['):
			for decoder.More() {
				if err := check(depth); err != nil {
					return err
				}
			}
		default:
			return nil
		}
		_, err = decoder.Token()
		return err
	}
	return check(0)
}

func meant(key string, known []string) string {
	if nearest := spelling.Nearest(key, known); nearest != "" {
		return "; did you mean " + nearest + "?"
	}
	return ""
}
