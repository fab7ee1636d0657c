package analyze

// A Suppression says by what, and why, a finding does not count.
type Suppression struct {
	By Suppressor `json:"by"`
	// Reason is never empty: nothing is suppressed without one.
	Reason string `json:"reason"`
	// Owner is who answers for it; empty where nobody is named.
	Owner string `json:"owner,omitempty"`
	// Expires is the last day on which it holds, as 2006-01-02; empty where it has no end.
	Expires string `json:"expires,omitempty"`
}

// A Suppressor is what suppresses findings.
type Suppressor string

// The suppressors.
const (
	ByConfiguration Suppressor = "configuration" // an entry of the configuration file
	ByBaseline      Suppressor = "baseline"      // an entry of the baseline: the finding was there before
)

// Suppress asks about every finding that counts, in their order, whether it is suppressed, and marks it with what is not
// nil. The finding stays in the report and does not count any more; a rule whose findings are all suppressed is
// Suppressed, unless it crashed.
func (r *Result) Suppress(ask func(*Finding) *Suppression) {
	suppressed := make(map[string]int)
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Suppressed != nil {
			continue
		}
		if f.Suppressed = ask(f); f.Suppressed != nil {
			suppressed[f.Rule]++
		}
	}
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		o.Suppressed += suppressed[o.Rule]
		if o.State == Found && o.Suppressed == o.Findings {
			o.State = Suppressed
		}
	}
}

// Counting yields the findings that count, in their order: those that nothing suppresses.
func (r *Result) Counting(yield func(*Finding) bool) {
	for i := range r.Findings {
		if r.Findings[i].Suppressed == nil && !yield(&r.Findings[i]) {
			return
		}
	}
}
