package upgrade

import (
	"restate-lint/analyze"
)

// SchemaVersion is the version of the JSON form of a Report. Additions keep it; anything else raises it.
const SchemaVersion = 1

// A Verdict is the answer.
type Verdict string

// The verdicts.
const (
	Go   Verdict = "go"
	NoGo Verdict = "no go"
)

// A Report is the answer with its reasons. Its JSON form holds no times or absolute paths.
type Report struct {
	SchemaVersion int          `json:"schema_version"`
	Tool          analyze.Tool `json:"tool"`
	Snapshot      string       `json:"snapshot"`
	ClusterName   string       `json:"cluster_name"`
	// From is what the cluster runs: "1.6.2", "1.5" where only that can be told, and empty where nothing can.
	From string `json:"from"`
	// FromEvidence is where From is known from.
	FromEvidence []string `json:"from_evidence"`
	To           string   `json:"to,omitempty"`
	// Preview says that To is not released, as far as the matrix knows, and Already that all nodes run it.
	Preview    bool    `json:"preview,omitempty"`
	Already    bool    `json:"already,omitempty"`
	RollbackTo string  `json:"rollback_to,omitempty"`
	Verdict    Verdict `json:"verdict"`
	// WayBack says where one can go back to once To ran: "to 1.6", perhaps with conditions, or "none to 1.6" and why.
	WayBack   string `json:"way_back,omitempty"`
	Blockers  []Item `json:"blockers"`
	Warnings  []Item `json:"warnings"`
	Undecided []Item `json:"undecided"`
	// Steps are what has to be done, in order: what clears the blockers, then the upgrade itself.
	Steps []Action `json:"steps"`

	// Crashed are rules that panicked.
	Crashed []string `json:"-"`
}

// An Item is one reason for or against.
type Item struct {
	// Check is the rule or gate, and Row the row of the matrix, or the rule for upgrade-while-degraded.
	Check string `json:"check"`
	Row   string `json:"row"`
	// Step is the upgrade that the item belongs to, "1.6 → 1.7"; empty for all of them.
	Step    string `json:"step,omitempty"`
	Message string `json:"message"`
	// Observed is what was seen; Missing what would have to be captured, for what is undecided.
	Observed  string             `json:"observed,omitempty"`
	Missing   string             `json:"missing,omitempty"`
	Locations []analyze.Location `json:"locations"`
	Remedy    []string           `json:"remedy"`
	Evidence  []string           `json:"evidence"`
}

// An Action is one of the steps to take.
type Action struct {
	// Clears is the row of the blocker that it clears; empty for an upgrade.
	Clears string   `json:"clears,omitempty"`
	Says   string   `json:"says"`
	Do     []string `json:"do"`
}

// Locate fills in the lines of all locations.
func (r *Report) Locate() error {
	var all []*analyze.Location
	for _, items := range [][]Item{r.Blockers, r.Warnings, r.Undecided} {
		for i := range items {
			for k := range items[i].Locations {
				all = append(all, &items[i].Locations[k])
			}
		}
	}
	return analyze.Locate(all)
}
