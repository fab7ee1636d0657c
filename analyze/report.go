// Package analyze runs rules over snapshots and gathers what they find into a report.
package analyze

import (
	"cmp"
	"slices"

	"restate-lint/rules"
	"restate-lint/snapshots"
)

// SchemaVersion is the version of the JSON report. Additions keep it; anything else raises it.
const SchemaVersion = 1

// A Report is every outcome and finding of one run. Its JSON form holds no times, durations or absolute paths: the
// same snapshots give the same bytes.
type Report struct {
	SchemaVersion int       `json:"schema_version"`
	Tool          Tool      `json:"tool"`
	Snapshots     []*Result `json:"snapshots"`
	// Failures are the snapshots that could not be checked.
	Failures []Failure `json:"failures,omitempty"`
	// Remarks are about entries of configurations and baselines that do nothing, or not any more.
	Remarks []Remark `json:"remarks,omitempty"`
	Summary Summary  `json:"summary"`
}

// A Failure is a snapshot that could not be checked: nothing of it could be read, or the program stopped on it.
type Failure struct {
	Snapshot string `json:"snapshot"`
	Reason   string `json:"reason"`
	// Crashed is true when it is a mistake of this program.
	Crashed bool `json:"crashed"`
}

// SortFailures sorts failures by snapshot, and returns them.
func SortFailures(failures []Failure) []Failure {
	slices.SortStableFunc(failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(a.Snapshot, b.Snapshot), cmp.Compare(a.Reason, b.Reason))
	})
	return failures
}

// A Tool says what made a report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// A Summary counts findings by severity, and the rules that could not speak.
type Summary struct {
	// Error, Warning and Note count the findings that nothing suppresses.
	Error   int `json:"error"`
	Warning int `json:"warning"`
	Note    int `json:"note"`
	// Suppressed counts the findings that something suppresses.
	Suppressed int `json:"suppressed"`
	Undecided  int `json:"undecided"`
	Crashed    int `json:"crashed"`
}

// Findings counts all findings.
func (s *Summary) Findings() int { return s.Error + s.Warning + s.Note + s.Suppressed }

// A Result is the report on one snapshot.
type Result struct {
	Name string `json:"name"`
	// Path is where the snapshot lies, below the root of the repository that it is kept in, with forward slashes: some
	// formats tell other programs where to find its sources. It is empty when that is not known.
	Path        string     `json:"path,omitempty"`
	ClusterName string     `json:"cluster_name"`
	Documents   []Document `json:"documents"`
	Gaps        []Gap      `json:"gaps"`
	// Outcomes has every rule that was asked for, sorted by id.
	Outcomes []Outcome `json:"outcomes"`
	// Findings are sorted by severity (worst first), rule and entity.
	Findings []Finding `json:"findings"`

	// Inventory is what the snapshot holds, for people.
	Inventory Inventory `json:"-"`
	// Snapshot is what was checked.
	Snapshot *snapshots.Snapshot `json:"-"`
}

// A Document is one document of a snapshot.
type Document struct {
	Kind   string `json:"kind"` // the metadata key, such as "pp_epoch_0"
	Source string `json:"source"`
	// SHA256 is that of the source, in hexadecimal. It is empty until Describe was called.
	SHA256  string `json:"sha256"`
	Bytes   int64  `json:"bytes"`
	Version uint32 `json:"version"`
}

// A Gap is something that was not captured, or could not be read.
type Gap struct {
	Kind   string `json:"kind"`
	Source string `json:"source"`
	Reason string `json:"reason"`
}

// A State is what became of a rule on a snapshot.
type State string

// The states of an outcome.
const (
	Passed        State = "passed"
	Found         State = "found"
	Undecided     State = "undecided"
	NotApplicable State = "not applicable"
	Suppressed    State = "suppressed"
	Crashed       State = "crashed"
)

var states = []State{Passed, Found, Undecided, NotApplicable, Suppressed, Crashed}

// An Outcome is what became of one rule on a snapshot.
type Outcome struct {
	Rule     string         `json:"rule"`
	Severity rules.Severity `json:"severity"`
	State    State          `json:"state"`
	Findings int            `json:"findings"`
	// Suppressed is how many of the findings are suppressed.
	Suppressed int `json:"suppressed,omitempty"`
	// Missing are the documents that an undecided rule would have needed.
	Missing []string `json:"missing"`
	// Revision is that of the rule.
	Revision int `json:"revision,omitempty"`
	// Crash is what a crashed rule panicked with.
	Crash string `json:"crash,omitempty"`
}

// A Finding is one report of one rule about one entity.
type Finding struct {
	Rule        string         `json:"rule"`
	Severity    rules.Severity `json:"severity"`
	Fingerprint string         `json:"fingerprint"`
	Subject     rules.Subject  `json:"subject"`
	// Title is the headline of the message.
	Title    string    `json:"title"`
	Nodeset  string    `json:"nodeset,omitempty"`
	Observed string    `json:"observed"`
	Expected string    `json:"expected"`
	Why      string    `json:"why,omitempty"`
	Cause    string    `json:"cause,omitempty"`
	Location Location  `json:"location"`
	Related  []Related `json:"related"`
	Remedy   []string  `json:"remedy"`
	// Suppressed is nil for a finding that counts.
	Suppressed *Suppression `json:"suppressed,omitempty"`

	stated string // the message that a saved report states, where it differs
}

// A Location is a place in a source. Line and Column start at 1 and are 0 until Locate was called; columns count bytes.
type Location struct {
	Source  string `json:"source"`
	Line    int64  `json:"line"`
	Column  int64  `json:"column"`
	Pointer string `json:"pointer"`

	Position snapshots.Position `json:"-"`
}

// Related is a place that explains a finding.
type Related struct {
	Message  string   `json:"message"`
	Location Location `json:"location"`
}

// An Inventory counts what a snapshot holds. A count of something that was not captured is -1.
type Inventory struct {
	// Unknown is true for a report that was saved: the counts are not part of it.
	Unknown                bool
	Nodes, Active, Removed int
	Logs, Segments         int
	Partitions, Epochs     int
	Releases               []string // distinct, ascending
	ReleasesUnknown        bool     // some registered node does not say its release
}
