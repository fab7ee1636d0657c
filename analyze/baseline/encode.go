package baseline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"restate-lint/analyze"
	"restate-lint/internal/committed"
)

// What can be wrong with a text that should be a baseline. Decode wraps these.
var (
	ErrNotBaseline = errors.New("not a baseline of restate-lint")
	ErrConflict    = committed.ErrConflict
	ErrVersion     = committed.ErrVersion
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
	// A string holds no newline: they are escaped in it.
	text := strings.ReplaceAll(string(committed.Encode(value, "", " ")), "\n ", " ")
	return strings.Replace(strings.Replace(text, "{ ", "{", 1), "\n}", "}", 1)
}

// Decode reads a baseline, and only a baseline: the error names what is unknown, missing, or said twice, with its line, and
// wraps ErrNotBaseline, ErrConflict or ErrVersion. The layout and order of the text do not matter.
func Decode(text []byte) (*File, error) {
	text = committed.Plain(text)
	if err := committed.CheckConflict(text); err != nil {
		return nil, err
	}
	var head struct {
		SchemaVersion *int            `json:"schema_version"`
		Snapshots     json.RawMessage `json:"snapshots"`
		Tool          json.RawMessage `json:"tool"`
		Snapshot      json.RawMessage `json:"snapshot"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, committed.Mistaken(ErrNotBaseline, text, err)
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
	if err := committed.CheckKeys(ErrNotBaseline, text, keys...); err != nil {
		return nil, err
	}
	f := New()
	if err := json.Unmarshal(text, f); err != nil {
		return nil, committed.Mistaken(ErrNotBaseline, text, err)
	}
	if err := f.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotBaseline, err)
	}
	return f, nil
}

// keys are those of the objects of a baseline, by how many objects they are in.
var keys = [][]string{
	{"schema_version", "snapshots"},
	{"name", "findings"},
	{"fingerprint", "severity", "reason", "owner", "expires"},
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
