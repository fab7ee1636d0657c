// Package rules says what can be wrong with a Restate cluster, judged by a snapshot of its metadata.
//
// A rule is a value with everything about it in one file: its identity, its documentation and the function that
// checks it. Registering it is all that is needed; its cases are in testdata/<rule id>.
package rules

import (
	"cmp"
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A Severity says how bad a finding is. The words are SARIF's.
type Severity uint8

// The severities, from mild to bad. The zero value is none of them.
const (
	Note Severity = iota + 1
	Warning
	Error
)

var severityNames = [...]string{Note: "note", Warning: "warning", Error: "error"}

// String is the severity as it is printed.
func (s Severity) String() string { return severityNames[s] }

// ParseSeverity reads a severity as it is printed.
func ParseSeverity(name string) (Severity, error) {
	if i := slices.Index(severityNames[:], name); i > 0 {
		return Severity(i), nil
	}
	return 0, fmt.Errorf("%q is not a severity: use error, warning or note", name)
}

// MarshalText prints the severity in reports.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the severity of a saved report.
func (s *Severity) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSeverity(string(text))
	return err
}

// A Category groups rules by what they are about.
type Category string

// The categories.
const (
	Logs       Category = "logs"
	Nodes      Category = "nodes"
	Partitions Category = "partitions"
	Services   Category = "services"
	Metadata   Category = "metadata"
	Capture    Category = "capture"
)

// A Rule is one check. Its ID is its only name.
type Rule struct {
	// ID is in kebab case and never changes.
	ID string
	// Severity is that of a finding that states no other.
	Severity Severity
	Category Category
	// Summary says in one line what is wrong when the rule finds something.
	Summary string
	Doc     Doc
	// Needs are the documents without which the rule is undecided.
	Needs []snapshots.Kind
	// Since is the first release of Restate that the rule applies to; the zero value means every one.
	Since cluster.Release
	// Options are what an operator may set.
	Options []Option
	// Revision counts how often the rule began to judge otherwise from one release of this program to the next: to find more
	// or less, or to say something else. Accepted reports have it, so that such a change is not taken for one of the cluster.
	Revision int
	// Run checks one snapshot. It may panic on data that nobody thought of: the engine reports the rule as crashed.
	Run func(*Pass)
}

// A Doc explains a rule to somebody who has its finding in front of them. Every field is required; texts are Markdown.
type Doc struct {
	// Checks says exactly when the rule reports, and with which severity.
	Checks string
	// Why says what it means for the data and the operation of the cluster.
	Why string
	// Legal says when the situation is harmless.
	Legal string
	// Fix says what to do.
	Fix string
	// Evidence names the source of the facts: issues of restatedev/restate, documentation, Restate versions.
	Evidence []string
}

var registry []*Rule

// register adds a rule, which is a variable of its own: nothing of it is made or copied when the program starts. It
// returns it, so that a declaration can call it.
func register(rule *Rule) *Rule { //nolint:unparam // a declaration needs a value
	registry = append(registry, rule)
	return rule
}

// All returns every rule, sorted by id.
func All() []*Rule {
	all := slices.Clone(registry)
	slices.SortFunc(all, func(a, b *Rule) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Find returns the rule with the given id, or nil.
func Find(id string) *Rule {
	for _, rule := range registry {
		if rule.ID == id {
			return rule
		}
	}
	return nil
}
