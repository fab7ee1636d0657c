package golden

import "errors"

// A Decision is what a review decided about a change.
type Decision string

// The decisions. The zero value stands for a change that nobody decided about yet.
const (
	Accept Decision = "accept" // the golden takes the change over
	Reject Decision = "reject" // the golden stays, and a pending report loses the change
	Skip   Decision = "skip"   // both stay
)

// A Review decides about the changes between a golden and a report, one by one. It writes nothing.
type Review struct {
	// Verdict is what is decided about; the decisions are noted in its changes.
	Verdict *Verdict
	Current *Golden
	// Changes are those of the verdict, those of the cluster first. Without a golden to compare with, there is one change:
	// the whole report.
	Changes []*Change
}

// Review begins the review of a report that the verdict is about. It has no changes if nothing is to decide: the report is
// as accepted, or its golden is something that must not be replaced.
func (v *Verdict) Review(current *Golden) *Review {
	r := &Review{Verdict: v, Current: current}
	if v.State == Missing || errors.Is(v.Err, ErrConflict) {
		v.Report = &Change{Kind: New, Subject: AReport, Key: current.Snapshot}
		r.Changes = []*Change{v.Report}
		return r
	}
	for _, changes := range [][]Change{v.Cluster, v.Tool} {
		for i := range changes {
			r.Changes = append(r.Changes, &changes[i])
		}
	}
	return r
}

// FromTool reports whether the i-th change is one of the rules.
func (r *Review) FromTool(i int) bool { return r.Verdict.Report == nil && i >= len(r.Verdict.Cluster) }

// Decide decides about the changes that have a key (a fingerprint, the id of a rule, the metadata key of a document, the
// name of the snapshot for a whole report) or are of the rule with that id, and returns how many these are.
func (r *Review) Decide(key string, decision Decision) int {
	n := 0
	for _, change := range r.Changes {
		if change.Key == key || key != "" && change.Rule() == key {
			change.Decision = decision
			n++
		}
	}
	return n
}

// DecideAll decides about all changes from the i-th on.
func (r *Review) DecideAll(i int, decision Decision) {
	for _, change := range r.Changes[i:] {
		change.Decision = decision
	}
}

// Count is how many changes were decided about in one way; those that were not decided about are skipped.
func (r *Review) Count(decision Decision) int { return len(r.decided(decision)) }

func (r *Review) decided(decision Decision) (changes []Change) {
	for _, change := range r.Changes {
		if change.Decision == decision || decision == Skip && change.Decision == "" {
			changes = append(changes, *change)
		}
	}
	return changes
}

// Golden is the golden with the changes that were accepted; nil if none was.
func (r *Review) Golden() (*Golden, error) {
	switch {
	case r.Count(Accept) == 0:
		return nil, nil
	case r.Verdict.Accepted == nil:
		return r.Current, nil
	}
	return r.Verdict.Accepted.Apply(r.decided(Accept)...)
}

// Pending is the report that is still to be decided about: the one under review, without what was rejected. It is nil if
// that is no more than what the golden says.
func (r *Review) Pending() (*Golden, error) {
	accepted, err := r.Golden()
	switch {
	case err != nil:
		return nil, err
	case accepted == nil:
		accepted = r.Verdict.Accepted
	}
	rejected := r.decided(Reject)
	if r.Verdict.Report != nil {
		if len(rejected) > 0 || accepted != nil {
			return nil, nil
		}
		return r.Current, nil
	}
	for i := range rejected {
		rejected[i].Accepted, rejected[i].Current = rejected[i].Current, rejected[i].Accepted
	}
	left, err := r.Current.Apply(rejected...)
	if err != nil || accepted != nil && Compare(accepted, left).Empty() {
		return nil, err
	}
	return left, nil
}
