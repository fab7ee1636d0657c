// Package golden keeps the accepted report of a snapshot and says how a new report differs from it.
//
// A golden holds what a report says about a cluster and nothing about how the capture was written: no positions,
// sizes, hashes or file names. Capturing the same cluster again, with the logs in another order or the JSON in another
// layout, gives the same golden, byte for byte.
package golden

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"restate-lint/analyze"
	"restate-lint/rules"
)

// SchemaVersion is the version of the canonical form. Anything that an older program could not read raises it.
const SchemaVersion = 1

// A Golden is the report of one snapshot in canonical form. Its lists are sorted and have every key once.
type Golden struct {
	SchemaVersion int        `json:"schema_version"`
	Snapshot      string     `json:"snapshot"`
	ClusterName   string     `json:"cluster_name"`
	Documents     []Document `json:"documents"`
	Gaps          []Gap      `json:"gaps"`
	// Outcomes has every rule that the report was made with.
	Outcomes []Outcome `json:"outcomes"`
	Findings []Finding `json:"findings"`
}

// A Document is one document that was captured. Its version is left out: it grows with every restart of a node, while
// nothing that a rule found has changed.
type Document struct {
	Kind string `json:"kind"` // the metadata key, such as "pp_epoch_0"
}

// A Gap is something that was not captured, or could not be read. Its reason names no place in the source.
type Gap struct {
	Kind   string `json:"kind"` // a metadata key; empty where it could not be told
	Reason string `json:"reason"`
}

// An Outcome is what became of one rule.
type Outcome struct {
	Rule    string        `json:"rule"`
	State   analyze.State `json:"state"`
	Missing []string      `json:"missing,omitempty"`
	// Revision is that of the rule when the report was made; see rules.Rule.
	Revision int `json:"revision,omitempty"`
}

// A Finding is one report of one rule about one entity. Its fingerprint is unique in a golden.
type Finding struct {
	Fingerprint string         `json:"fingerprint"`
	Severity    rules.Severity `json:"severity"`
	// Suppressed is what suppresses the finding; empty for one that counts. Why it is suppressed stands where that is written.
	Suppressed analyze.Suppressor `json:"suppressed,omitempty"`
	Title      string             `json:"title"`
	Nodeset    string             `json:"nodeset,omitempty"`
	Observed   string             `json:"observed,omitempty"`
	Expected   string             `json:"expected,omitempty"`
	Why        string             `json:"why,omitempty"`
	Remedy     []string           `json:"remedy,omitempty"`
}

// Rule is the rule that reported the finding: what stands before the @ of the fingerprint.
func (f Finding) Rule() string {
	rule, _, _ := strings.Cut(f.Fingerprint, "@")
	return rule
}

// Of returns the canonical form of a result. The result need not be located or hashed. Suppressed findings are kept and
// marked: one that appears, disappears, or counts again is a change like any other.
func Of(result *analyze.Result) *Golden {
	g := &Golden{SchemaVersion: SchemaVersion, Snapshot: text(result.Name), ClusterName: text(result.ClusterName)}
	for _, d := range result.Documents {
		g.Documents = append(g.Documents, Document{Kind: text(d.Kind)})
	}
	for _, gap := range result.Gaps {
		g.Gaps = append(g.Gaps, Gap{Kind: text(gap.Kind), Reason: placeless(text(gap.Reason))})
	}
	for _, o := range result.Outcomes {
		g.Outcomes = append(g.Outcomes, Outcome{Rule: o.Rule, State: o.State, Missing: slices.Clone(o.Missing), Revision: o.Revision})
	}
	for i := range result.Findings {
		f := &result.Findings[i]
		finding := Finding{
			Fingerprint: text(f.Fingerprint),
			Severity:    f.Severity,
			Title:       text(f.Title),
			Nodeset:     text(f.Nodeset),
			Observed:    text(f.Observed),
			Expected:    text(f.Expected),
			Why:         text(f.Why),
		}
		if f.Suppressed != nil {
			finding.Suppressed = f.Suppressed.By
		}
		for _, step := range f.Remedy {
			finding.Remedy = append(finding.Remedy, text(step))
		}
		g.Findings = append(g.Findings, finding)
	}
	g.settle()
	return g
}

// text makes a text survive being written as JSON and read again.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

var places = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` \(byte \d+\)|(\bentry) \d+`) })

// placeless takes from a reason where in a source the gap is: which of the entries, and at which byte.
func placeless(reason string) string { return places().ReplaceAllString(reason, "$1") }

// settle puts a golden into canonical form: sorted, every key once, no list nil, and a rule "found" exactly when it
// has findings that count, "suppressed" when it has others only.
func (g *Golden) settle() {
	g.Documents, g.Gaps = settled(g.Documents), settled(g.Gaps)
	g.Outcomes, g.Findings = settled(g.Outcomes), settled(g.Findings)
	states := make(map[string]analyze.State)
	for i := range g.Findings {
		if f := &g.Findings[i]; f.Suppressed == "" {
			states[f.Rule()] = analyze.Found
		} else if rule := f.Rule(); states[rule] == "" {
			states[rule] = analyze.Suppressed
		}
	}
	for i := range g.Outcomes {
		o := &g.Outcomes[i]
		slices.Sort(o.Missing)
		o.Missing = slices.Compact(o.Missing)
		if decided(o.State) {
			o.State = cmp.Or(states[o.Rule], analyze.Passed)
		}
	}
}

func settled[E Entry](entries []E) []E {
	if entries == nil {
		return []E{}
	}
	if isSettled(entries) {
		return entries
	}
	slices.SortStableFunc(entries, func(a, b E) int { return natural(a.Key(), b.Key()) })
	return slices.CompactFunc(entries, func(a, b E) bool { return a.Key() == b.Key() })
}

// isSettled reports whether entries are sorted and have every key once.
func isSettled[E Entry](entries []E) bool {
	for i := 1; i < len(entries); i++ {
		if natural(entries[i-1].Key(), entries[i].Key()) >= 0 {
			return false
		}
	}
	return true
}

// decided reports whether a rule had the evidence it needs. Whether it then found something, its findings tell.
func decided(state analyze.State) bool {
	return state == analyze.Passed || state == analyze.Found || state == analyze.Suppressed
}

// natural orders texts as people count: "log/2" before "log/10". It is 0 for equal texts only.
func natural(a, b string) int {
	n := min(len(a), len(b))
	i := 0
	for i < n && a[i] == b[i] {
		i++
	}
	if i == n {
		return cmp.Compare(len(a), len(b))
	}
	for i > 0 && isDigit(a[i-1]) { // back to where the number starts that differs
		i--
	}
	x, y := digits(a[i:]), digits(b[i:])
	if x != "" && y != "" {
		return cmp.Or(compareDigits(x, y), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func digits(s string) string {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return s[:i]
		}
	}
	return s
}

func compareDigits(x, y string) int {
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
}

// An Entry is one line of a golden, and what a change is about: a Name, Document, Gap, Outcome or Finding.
type Entry interface {
	// Key tells the entry from the others in the same list, and finds it again in another golden.
	Key() string
	// fields are what may differ between entries of one key.
	fields() []field
	// same reports whether all fields are those of another entry of the same type, as fields does and faster.
	same(Entry) bool
}

type field struct{ name, value string }

// A Name is a text that a golden has once: "snapshot" or "cluster_name".
type Name struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Key is the name's name.
func (n Name) Key() string { return n.Name }

// Key is the metadata key of the document.
func (d Document) Key() string { return d.Kind }

// Key is all of the gap.
func (g Gap) Key() string {
	if g.Kind == "" {
		return g.Reason
	}
	return g.Kind + ": " + g.Reason
}

// Key is the rule.
func (o Outcome) Key() string { return o.Rule }

// Key is the fingerprint.
func (f Finding) Key() string { return f.Fingerprint }

func (n Name) same(other Entry) bool { return n == other.(Name) }

func (d Document) same(Entry) bool { return true }

func (g Gap) same(Entry) bool { return true }

func (o Outcome) same(other Entry) bool {
	is := other.(Outcome)
	return (o.State == is.State || decided(o.State) && decided(is.State)) && slices.Equal(o.Missing, is.Missing) && o.Revision == is.Revision
}

func (f Finding) same(other Entry) bool {
	is := other.(Finding)
	return f.Severity == is.Severity && f.Suppressed == is.Suppressed && f.Title == is.Title && f.Nodeset == is.Nodeset &&
		f.Observed == is.Observed && f.Expected == is.Expected && f.Why == is.Why && slices.Equal(f.Remedy, is.Remedy)
}

func (n Name) fields() []field { return []field{{"value", n.Value}} }

func (d Document) fields() []field { return nil }

func (g Gap) fields() []field { return nil }

func (o Outcome) fields() []field {
	state := string(o.State)
	if decided(o.State) {
		state = "decided"
	}
	return []field{{"state", state}, {"missing", strings.Join(o.Missing, ", ")}, {"revision", strconv.Itoa(o.Revision)}}
}

func (f Finding) fields() []field {
	return []field{
		{"severity", f.Severity.String()},
		{"suppressed", string(f.Suppressed)},
		{"title", f.Title},
		{"nodeset", f.Nodeset},
		{"observed", f.Observed},
		{"expected", f.Expected},
		{"why", f.Why},
		{"remedy", strings.Join(f.Remedy, "\n")},
	}
}

// heading is a finding in one line.
func (f Finding) heading() string {
	mark := ""
	if f.Suppressed != "" {
		mark = " (suppressed)"
	}
	return fmt.Sprintf("%s[%s]%s: %s", f.Severity, f.Rule(), mark, f.Title)
}
