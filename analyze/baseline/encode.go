package baseline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/internal/spelling"
)

// What can be wrong with a text that should be a baseline. Decode wraps these.
var (
	ErrNotBaseline = errors.New("not a baseline of restate-lint")
	ErrConflict    = errors.New("holds merge-conflict markers")
	ErrVersion     = errors.New("is of another schema version")
)

// Encode returns the canonical bytes of a baseline: a finding stands on one line, and every character that could harm a
// terminal is escaped.
func (f *File) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"schema_version\": %d,\n  \"snapshots\": [", SchemaVersion)
	separator := "\n"
	for _, snapshot := range f.Snapshots {
		fmt.Fprintf(&b, "%s    {\n      \"name\": %s,\n      \"findings\": [", separator, encode(snapshot.Name))
		inner := "\n"
		for _, entry := range snapshot.Findings {
			fmt.Fprintf(&b, "%s        %s", inner, encode(entry))
			inner = ",\n"
		}
		b.WriteString("\n      ]\n    }")
		separator = ",\n"
	}
	if len(f.Snapshots) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteString("]\n}\n")
	return b.Bytes()
}

// encode is a value as JSON on one line, with a space behind what separates.
func encode(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(value); err != nil {
		panic(err) // only strings and severities are encoded
	}
	// A string holds no newline: they are escaped in it.
	text := strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\n ", " ")
	text = strings.Replace(strings.Replace(text, "{ ", "{", 1), "\n}", "}", 1)
	var escaped strings.Builder
	for _, r := range text {
		if r >= ' ' && r <= '~' || format.Clean(string(r)) == string(r) {
			escaped.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&escaped, `\u%04x`, unit)
		}
	}
	return escaped.String()
}

// conflict matches the lines that git puts into a file it could not merge. No line of a baseline starts like that.
var conflict = regexp.MustCompile(`(?m)^(<{7}|>{7}|\|{7})[ \r]|^={7}\r?$`)

// Decode reads a baseline, and only a baseline: the error names what is unknown, missing, or said twice, with its line, and
// wraps ErrNotBaseline, ErrConflict or ErrVersion. The layout and order of the text do not matter.
func Decode(text []byte) (*File, error) {
	if at := conflict.FindIndex(text); at != nil {
		return nil, fmt.Errorf("line %d: %w", lineOf(text, int64(at[0])), ErrConflict)
	}
	var head struct {
		SchemaVersion *int            `json:"schema_version"`
		Snapshots     json.RawMessage `json:"snapshots"`
		Tool          json.RawMessage `json:"tool"`
		Snapshot      json.RawMessage `json:"snapshot"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, notBaseline(text, err)
	}
	switch {
	case head.Tool != nil:
		return nil, fmt.Errorf("%w, but a whole report", ErrNotBaseline)
	case head.Snapshot != nil:
		return nil, fmt.Errorf("%w, but an accepted report", ErrNotBaseline)
	case head.SchemaVersion == nil || head.Snapshots == nil:
		return nil, fmt.Errorf("%w: it states no schema_version and snapshots", ErrNotBaseline)
	case *head.SchemaVersion != SchemaVersion:
		return nil, fmt.Errorf("%w: %d, where this program knows %d", ErrVersion, *head.SchemaVersion, SchemaVersion)
	}
	if err := checkKeys(text); err != nil {
		return nil, err
	}
	f := New()
	if err := json.Unmarshal(text, f); err != nil {
		return nil, notBaseline(text, err)
	}
	if err := f.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotBaseline, err)
	}
	return f, nil
}

func lineOf(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
}

func notBaseline(text []byte, err error) error {
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w: %w", lineOf(text, syntax.Offset), ErrNotBaseline, err)
	case errors.As(err, &mistyped) && mistyped.Field != "":
		return fmt.Errorf("line %d: %w: %s is a %s", lineOf(text, mistyped.Offset), ErrNotBaseline, mistyped.Field, mistyped.Value)
	case errors.As(err, &mistyped):
		return fmt.Errorf("%w: it is a %s", ErrNotBaseline, mistyped.Value)
	}
	return fmt.Errorf("%w: %w", ErrNotBaseline, err)
}

// keys are those of the objects of a baseline, by how many objects they are in.
var keys = [][]string{
	{"schema_version", "snapshots"},
	{"name", "findings"},
	{"fingerprint", "severity", "reason", "owner", "expires"},
}

// checkKeys finds a key that there is not, or that an object has twice, which a careless merge leaves behind.
func checkKeys(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	var check func(depth int) error
	check = func(depth int) error {
		token, err := decoder.Token()
		if err != nil {
			return notBaseline(text, err)
		}
		switch token {
		case json.Delim('{'):
			var known, seen []string
			if depth < len(keys) {
				known = keys[depth]
			}
			for decoder.More() {
				token, err := decoder.Token()
				if err != nil {
					return notBaseline(text, err)
				}
				key, _ := token.(string)
				line := lineOf(text, decoder.InputOffset())
				switch {
				case !slices.Contains(known, key):
					meant := ""
					if nearest := spelling.Nearest(key, known); nearest != "" {
						meant = "; did you mean " + nearest + "?"
					}
					return fmt.Errorf("line %d: %w: %q is not a key%s", line, ErrNotBaseline, key, meant)
				case slices.Contains(seen, key):
					return fmt.Errorf("line %d: %w: %q is there twice", line, ErrNotBaseline, key)
				}
				seen = append(seen, key)
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

// validate checks what the types do not, and sorts.
func (f *File) validate() error {
	snapshots := make(map[string]bool)
	for i := range f.Snapshots {
		s := &f.Snapshots[i]
		switch {
		case s.Name == "":
			return errors.New("a snapshot has no name")
		case snapshots[s.Name]:
			return fmt.Errorf("the snapshot %q is there twice", s.Name)
		}
		snapshots[s.Name] = true
		seen := make(map[string]bool, len(s.Findings))
		for k := range s.Findings {
			entry := &s.Findings[k]
			rule, entity, _ := strings.Cut(entry.Fingerprint, "@")
			switch {
			case rule == "" || entity == "":
				return fmt.Errorf("snapshot %q: %q is not the fingerprint of a finding", s.Name, entry.Fingerprint)
			case seen[entry.Fingerprint]:
				return fmt.Errorf("snapshot %q: the finding %q is there twice", s.Name, entry.Fingerprint)
			case entry.Severity == 0:
				return fmt.Errorf("snapshot %q: the finding %q has no severity", s.Name, entry.Fingerprint)
			case strings.TrimSpace(entry.Reason) == "":
				return fmt.Errorf("snapshot %q: the finding %q has no reason", s.Name, entry.Fingerprint)
			}
			if entry.Expires != "" {
				if _, err := analyze.ParseDate(string(entry.Expires)); err != nil {
					return fmt.Errorf("snapshot %q: the finding %q: expires: %w", s.Name, entry.Fingerprint, err)
				}
			}
			seen[entry.Fingerprint] = true
		}
		sortEntries(s.Findings)
	}
	f.Snapshots = slices.DeleteFunc(f.Snapshots, func(s Snapshot) bool { return len(s.Findings) == 0 })
	slices.SortFunc(f.Snapshots, func(a, b Snapshot) int { return strings.Compare(a.Name, b.Name) })
	return nil
}
