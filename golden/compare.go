package golden

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"restate-lint/analyze"
)

// A Kind is what happened to an entry.
type Kind string

// The kinds of changes, in the order in which they are listed.
const (
	New             Kind = "new"              // an entry that the accepted report does not have
	SeverityChanged Kind = "severity changed" // the same finding, but better or worse, whatever else it says
	NowSuppressed   Kind = "suppressed"       // the same finding, but it does not count any more
	NowCounting     Kind = "counting again"   // the same finding, but it was suppressed
	MessageChanged  Kind = "message changed"  // the same finding, but it says something else
	Changed         Kind = "changed"          // the same rule or name, but it says something else
	Resolved        Kind = "resolved"         // a finding or a gap that is no more
	Crashed         Kind = "crashed"          // a rule that crashed now
	Undecided       Kind = "undecided"        // a rule that lacks evidence now
	Decided         Kind = "decided"          // a rule that lacked evidence and has it now
	Gone            Kind = "gone"             // a document or a rule that is no more
)

var kinds = []Kind{New, NowCounting, SeverityChanged, NowSuppressed, MessageChanged, Changed, Resolved, Crashed, Undecided, Decided, Gone}

// label is the kind in one word, for a column.
func (k Kind) label() string {
	word, _, _ := strings.Cut(string(k), " ")
	return word
}

// A Subject is what a change is about.
type Subject string

// The subjects, in the order in which their changes are listed.
const (
	AFinding  Subject = "finding"
	ARule     Subject = "rule"
	ADocument Subject = "document"
	AGap      Subject = "gap"
	AName     Subject = "name"
	AReport   Subject = "report" // the whole report, where there is no golden to compare with
)

// A Change is one way in which a report differs from the accepted one. It can be accepted by itself: see Golden.Apply.
type Change struct {
	Kind    Kind    `json:"kind"`
	Subject Subject `json:"subject"`
	// Key is the entry's: the fingerprint of a finding, the id of a rule, the metadata key of a document.
	Key string `json:"key"`
	// Fields are the parts that differ, for an entry that is in both reports.
	Fields []Field `json:"fields,omitempty"`
	// Accepted is nil for what is new, Current for what is no more.
	Accepted Entry `json:"accepted,omitempty"`
	Current  Entry `json:"current,omitempty"`
	// Decision is what a review decided about the change.
	Decision Decision `json:"decision,omitempty"`
}

// A Field is a part of an entry that differs.
type Field struct {
	Name     string `json:"name"`
	Accepted string `json:"accepted"`
	Current  string `json:"current"`
}

// A Difference is how a report differs from the accepted one.
type Difference struct {
	Snapshot string
	// Cluster are the changes that came from the cluster, or from its capture.
	Cluster []Change
	// Tool are the changes of the rules: those that one of the two reports was made without, or with another revision, and their
	// findings. What such a rule says of a change of the cluster is among them: nobody can tell the two apart.
	Tool []Change
}

// Empty reports whether the reports are the same.
func (d *Difference) Empty() bool { return len(d.Cluster) == 0 && len(d.Tool) == 0 }

// A Part is a part of a difference that can be accepted by itself.
type Part string

// The parts of a difference. The zero value stands for all of it.
const (
	Cluster Part = "cluster"
	Tool    Part = "tool"
)

// Only is a part of the difference.
func (d *Difference) Only(part Part) *Difference {
	only := &Difference{Snapshot: d.Snapshot}
	if part != Tool {
		only.Cluster = d.Cluster
	}
	if part != Cluster {
		only.Tool = d.Tool
	}
	return only
}

// Changes are all changes: those of the cluster, then those of the tool.
func (d *Difference) Changes() []Change { return slices.Concat(d.Cluster, d.Tool) }

// Compare says how the current report differs from the accepted one. The difference is empty exactly when the two are
// equal, and applying all its changes to the accepted report gives the current one.
func Compare(accepted, current *Golden) *Difference {
	changes := compare(AFinding, accepted.Findings, current.Findings)
	changes = append(changes, compare(ARule, accepted.Outcomes, current.Outcomes)...)
	changes = append(changes, compare(ADocument, accepted.Documents, current.Documents)...)
	changes = append(changes, compare(AGap, accepted.Gaps, current.Gaps)...)
	changes = append(changes, compare(AName, accepted.names(), current.names())...)

	had, has := accepted.revisions(), current.revisions()
	d := &Difference{Snapshot: current.Snapshot}
	for _, change := range changes {
		if rule := change.Rule(); rule != "" && had[rule] != has[rule] {
			d.Tool = append(d.Tool, change)
		} else {
			d.Cluster = append(d.Cluster, change)
		}
	}
	return d
}

// Rule is the rule that a change of a finding or of an outcome is about; empty for other changes.
func (c *Change) Rule() string {
	switch entry := c.entry().(type) {
	case Finding:
		return entry.Rule()
	case Outcome:
		return entry.Rule
	}
	return ""
}

// entry is the current entry, or the accepted one of what is no more.
func (c *Change) entry() Entry {
	if c.Current != nil {
		return c.Current
	}
	return c.Accepted
}

// compare lists the changes from one settled list to another.
func compare[E Entry](subject Subject, accepted, current []E) []Change {
	no := Resolved
	if subject == ADocument || subject == ARule {
		no = Gone
	}
	var changes []Change
	for len(accepted) > 0 || len(current) > 0 {
		var order int
		switch {
		case len(accepted) == 0:
			order = 1
		case len(current) == 0:
			order = -1
		default:
			order = natural(accepted[0].Key(), current[0].Key())
		}
		switch {
		case order < 0:
			changes = append(changes, Change{Kind: no, Subject: subject, Key: accepted[0].Key(), Accepted: accepted[0]})
			accepted = accepted[1:]
			continue
		case order > 0:
			changes = append(changes, Change{Kind: New, Subject: subject, Key: current[0].Key(), Current: current[0]})
			current = current[1:]
			continue
		}
		before, now := accepted[0], current[0]
		accepted, current = accepted[1:], current[1:]
		if fields := differing(before, now); len(fields) > 0 {
			changes = append(changes, Change{
				Kind: kindOf(before, now), Subject: subject, Key: now.Key(), Fields: fields, Accepted: before, Current: now,
			})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), compareSeverity(a.entry(), b.entry()))
	})
	return changes
}

func differing(accepted, current Entry) []Field {
	if accepted.same(current) {
		return nil
	}
	var fields []Field
	was := accepted.fields()
	for i, is := range current.fields() {
		if is != was[i] {
			fields = append(fields, Field{Name: is.name, Accepted: was[i].value, Current: is.value})
		}
	}
	return fields
}

// kindOf is the kind of a change between two entries of one key.
func kindOf(accepted, current Entry) Kind {
	if was, ok := accepted.(Finding); ok {
		switch is := current.(Finding); {
		case was.Suppressed != "" && is.Suppressed == "":
			return NowCounting
		case was.Severity != is.Severity:
			return SeverityChanged
		case was.Suppressed == "" && is.Suppressed != "":
			return NowSuppressed
		}
		return MessageChanged
	}
	before, _ := accepted.(Outcome)
	after, ok := current.(Outcome)
	switch {
	case !ok || before.State == after.State:
		return Changed
	case after.State == analyze.Crashed:
		return Crashed
	case after.State == analyze.Undecided:
		return Undecided
	case before.State == analyze.Undecided && decided(after.State):
		return Decided
	}
	return Changed
}

// compareSeverity puts the worst finding first.
func compareSeverity(a, b Entry) int {
	x, _ := a.(Finding)
	y, _ := b.(Finding)
	return cmp.Compare(y.Severity, x.Severity)
}

// revisions are those of the rules that the report was made with, from 1; 0 for all others.
func (g *Golden) revisions() map[string]int {
	set := make(map[string]int, len(g.Outcomes))
	for _, o := range g.Outcomes {
		set[o.Rule] = 1 + o.Revision
	}
	return set
}

func (g *Golden) names() []Name {
	return []Name{{"cluster_name", g.ClusterName}, {"snapshot", g.Snapshot}}
}

// Apply returns a copy of the golden with some changes accepted. It fails on a change that was not made from this
// golden.
func (g *Golden) Apply(changes ...Change) (*Golden, error) {
	next := &Golden{SchemaVersion: SchemaVersion}
	names, err := applied(g.names(), changes, nil)
	next.Documents, err = applied(g.Documents, changes, err)
	next.Gaps, err = applied(g.Gaps, changes, err)
	next.Outcomes, err = applied(g.Outcomes, changes, err)
	next.Findings, err = applied(g.Findings, changes, err)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name.Name == "snapshot" {
			next.Snapshot = name.Value
		} else {
			next.ClusterName = name.Value
		}
	}
	next.settle()
	return next, nil
}

// applied makes those of the changes that are about entries of one type. It does nothing after an error.
func applied[E Entry](entries []E, changes []Change, err error) ([]E, error) {
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]E, len(entries))
	for _, entry := range entries {
		byKey[entry.Key()] = entry
	}
	for _, change := range changes {
		if _, ok := change.entry().(E); !ok {
			continue
		}
		before, had := byKey[change.Key]
		if had != (change.Accepted != nil) || had && len(differing(before, change.Accepted)) > 0 {
			return nil, fmt.Errorf("%s %s: the golden has changed since it was compared", change.Subject, change.Key)
		}
		delete(byKey, change.Key)
		if change.Current != nil {
			byKey[change.Key] = change.Current.(E)
		}
	}
	next := make([]E, 0, len(byKey))
	for _, entry := range byKey {
		next = append(next, entry)
	}
	return next, nil
}
