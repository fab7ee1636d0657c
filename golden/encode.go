package golden

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	strict "github.com/go-json-experiment/json"

	"restate-lint/analyze"
	"restate-lint/internal/committed"
)

// What can be wrong with a text that should be a golden. Decode wraps these.
var (
	ErrNotGolden = errors.New("not a golden of restate-lint")
	ErrConflict  = committed.ErrConflict
	ErrVersion   = committed.ErrVersion
)

// Encode returns the canonical bytes of a golden: what takes one line to say stands on one line, and every character
// that could harm a terminal is escaped.
func (g *Golden) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"schema_version\": %d,\n  \"snapshot\": %s,\n  \"cluster_name\": %s,\n",
		SchemaVersion, line(g.Snapshot), line(g.ClusterName))
	list(&b, "documents", g.Documents, line)
	list(&b, "gaps", g.Gaps, line)
	list(&b, "outcomes", g.Outcomes, line)
	list(&b, "findings", g.Findings, func(value any) []byte { return committed.Encode(value, "    ", "  ") })
	b.Truncate(b.Len() - len(",\n"))
	b.WriteString("\n}\n")
	return b.Bytes()
}

func list[E Entry](b *bytes.Buffer, name string, entries []E, encode func(any) []byte) {
	fmt.Fprintf(b, "  %q: [", name)
	separator := "\n    "
	for _, entry := range entries {
		b.WriteString(separator)
		b.Write(encode(entry))
		separator = ",\n    "
	}
	if len(entries) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteString("],\n")
}

func line(value any) []byte { return committed.Encode(value, "", "") }

// Decode reads a golden, and only a golden: the error names what is unknown, missing, or said twice, and wraps
// ErrNotGolden, ErrConflict or ErrVersion. The layout and order of the text do not matter.
func Decode(text []byte) (*Golden, error) {
	text = committed.Plain(text)
	g := decodeSound(text)
	if g == nil {
		var err error
		if g, err = decodeAny(text); err != nil {
			return nil, err
		}
	}
	if err := g.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotGolden, err)
	}
	g.settle()
	return g, nil
}

// decodeSound reads a golden in one pass; nil for a text that needs a closer look by decodeAny, which says what is wrong
// with it. On everything that both read they agree.
func decodeSound(text []byte) *Golden {
	var read struct {
		SchemaVersion *int       `json:"schema_version"`
		Snapshot      *string    `json:"snapshot"`
		ClusterName   string     `json:"cluster_name"`
		Documents     []Document `json:"documents"`
		Gaps          []Gap      `json:"gaps"`
		Outcomes      []Outcome  `json:"outcomes"`
		Findings      []Finding  `json:"findings"`
	}
	err := strict.Unmarshal(text, &read, strict.RejectUnknownMembers(true))
	if err != nil || read.SchemaVersion == nil || *read.SchemaVersion != SchemaVersion || read.Snapshot == nil {
		return nil
	}
	return &Golden{
		SchemaVersion: SchemaVersion, Snapshot: *read.Snapshot, ClusterName: read.ClusterName,
		Documents: read.Documents, Gaps: read.Gaps, Outcomes: read.Outcomes, Findings: read.Findings,
	}
}

// decodeAny reads a golden step by step.
func decodeAny(text []byte) (*Golden, error) {
	if err := committed.CheckConflict(text); err != nil {
		return nil, err
	}
	var head struct {
		SchemaVersion *int            `json:"schema_version"`
		Snapshot      *string         `json:"snapshot"`
		Snapshots     json.RawMessage `json:"snapshots"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, committed.Mistaken(ErrNotGolden, text, err)
	}
	switch {
	case head.Snapshots != nil:
		return nil, fmt.Errorf("%w, but a whole report or a comparison", ErrNotGolden)
	case head.SchemaVersion == nil || head.Snapshot == nil:
		return nil, fmt.Errorf("%w: it states no schema_version and snapshot", ErrNotGolden)
	case *head.SchemaVersion != SchemaVersion:
		return nil, fmt.Errorf("%w: %d, where this program knows %d", ErrVersion, *head.SchemaVersion, SchemaVersion)
	}
	if err := committed.CheckKeys(ErrNotGolden, text, keys...); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	g := &Golden{}
	if err := decoder.Decode(g); err != nil {
		return nil, committed.Mistaken(ErrNotGolden, text, err)
	}
	return g, nil
}

// keys are those of the objects of a golden, by how many objects they are in. The decoder tells those of one list from
// those of another.
var keys = [][]string{
	{"schema_version", "snapshot", "cluster_name", "documents", "gaps", "outcomes", "findings"},
	{
		"kind", "reason", "rule", "state", "missing", "revision",
		"fingerprint", "severity", "suppressed", "title", "nodeset", "observed", "expected", "why", "remedy",
	},
}

var states = []analyze.State{
	analyze.Passed, analyze.Found, analyze.Undecided, analyze.NotApplicable, analyze.Suppressed, analyze.Crashed,
}

// validate checks what the types do not.
func (g *Golden) validate() error {
	for _, o := range g.Outcomes {
		switch {
		case o.Rule == "":
			return errors.New("an outcome names no rule")
		case !slices.Contains(states, o.State):
			return fmt.Errorf("%q is not a state of the rule %s", o.State, o.Rule)
		case o.Revision < 0:
			return fmt.Errorf("the rule %s has a revision below 0", o.Rule)
		}
	}
	for _, f := range g.Findings {
		switch {
		case f.Rule() == "" || f.Rule() == f.Fingerprint:
			return fmt.Errorf("%q is not the fingerprint of a finding", f.Fingerprint)
		case f.Severity == 0:
			return fmt.Errorf("the finding %q has no severity", f.Fingerprint)
		case f.Suppressed != "" && f.Suppressed != analyze.ByConfiguration && f.Suppressed != analyze.ByBaseline:
			return fmt.Errorf("%q is nothing that suppresses the finding %q", f.Suppressed, f.Fingerprint)
		}
	}
	return cmp.Or(
		unique("documents", g.Documents), unique("gaps", g.Gaps), unique("outcomes", g.Outcomes), unique("findings", g.Findings),
	)
}

func unique[E Entry](name string, entries []E) error {
	if entries == nil {
		return fmt.Errorf("%s is missing", name)
	}
	if isSettled(entries) {
		return nil
	}
	seen := make(map[string]bool, len(entries))
	for _, entry := range entries {
		if seen[entry.Key()] {
			return fmt.Errorf("%s has %q twice", name, entry.Key())
		}
		seen[entry.Key()] = true
	}
	return nil
}
