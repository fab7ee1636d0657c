package golden

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"restate-lint/analyze"
	"restate-lint/internal/committed"
)

// A State says how a snapshot stands to its golden.
type State string

// The states of a verdict.
const (
	Accepted   State = "accepted"   // the report is the accepted one
	Different  State = "different"  // it is another one
	Missing    State = "missing"    // there is no golden
	Unreadable State = "unreadable" // the snapshot or its golden cannot be read
)

// A Verdict is what holding one snapshot against its golden gave.
type Verdict struct {
	Snapshot string `json:"snapshot"`
	// Golden is the path of the golden in its store, with forward slashes.
	Golden string `json:"golden"`
	State  State  `json:"state"`
	// Problem says why the state is Missing or Unreadable.
	Problem string `json:"problem,omitempty"`
	// Cluster and Tool are the changes; see Difference.
	Cluster []Change `json:"cluster"`
	Tool    []Change `json:"tool"`
	// Report is the whole report as a change, where a review had no golden to compare with.
	Report *Change `json:"report,omitempty"`
	// Diff is the unified diff of the canonical forms, where it was asked for.
	Diff string `json:"diff,omitempty"`

	// Difference is nil without a golden that can be read.
	Difference *Difference `json:"-"`
	// Accepted is the golden; nil if there is none that can be read.
	Accepted *Golden `json:"-"`
	// Err is why the state is Missing (a *MissingError) or Unreadable.
	Err error `json:"-"`
}

// Judge holds a report against the golden of its snapshot. It writes nothing.
func (s Store) Judge(current *Golden) *Verdict {
	v := &Verdict{Snapshot: current.Snapshot, Golden: File(current.Snapshot), Cluster: []Change{}, Tool: []Change{}}
	v.Accepted, v.Err = s.Read(current.Snapshot)
	switch {
	case errors.Is(v.Err, fs.ErrNotExist):
		v.State, v.Problem = Missing, "no golden"
		return v
	case v.Err != nil:
		// Not Err itself, which says where the store is.
		v.State, v.Problem = Unreadable, "the golden cannot be read: "+errors.Unwrap(v.Err).Error()
		return v
	}
	v.differ(Compare(v.Accepted, current))
	return v
}

// differ sets the difference and what follows from it.
func (v *Verdict) differ(d *Difference) {
	v.Difference = d
	v.State = Accepted
	if !d.Empty() {
		v.State = Different
	}
	v.Cluster = append([]Change{}, d.Cluster...)
	v.Tool = append([]Change{}, d.Tool...)
}

// Only leaves nothing of the difference but one part. It does nothing to a verdict without a difference.
func (v *Verdict) Only(part Part) {
	if v.Difference != nil {
		v.differ(v.Difference.Only(part))
	}
}

// A Summary counts verdicts by state.
type Summary struct {
	Accepted   int `json:"accepted"`
	Different  int `json:"different"`
	Missing    int `json:"missing"`
	Unreadable int `json:"unreadable"`
}

// Summarize counts verdicts.
func Summarize(verdicts []*Verdict) Summary {
	var s Summary
	for _, v := range verdicts {
		switch v.State {
		case Accepted:
			s.Accepted++
		case Different:
			s.Different++
		case Missing:
			s.Missing++
		case Unreadable:
			s.Unreadable++
		}
	}
	return s
}

// String is the counts in one line: "3 snapshots: 1 as accepted, 2 different".
func (s Summary) String() string {
	total := s.Accepted + s.Different + s.Missing + s.Unreadable
	text := count(total, "snapshot") + ": "
	var parts []string
	for _, part := range []struct {
		count int
		what  string
	}{
		{s.Accepted, "as accepted"}, {s.Different, "different"}, {s.Missing, "without a golden"}, {s.Unreadable, "not compared"},
	} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.count, part.what))
		}
	}
	return text + strings.Join(parts, ", ")
}

// JSON writes verdicts for machines, the names of snapshots that have a golden and are no more, and what was remarked on the
// configuration. Every character that could harm a terminal is escaped.
func JSON(w io.Writer, verdicts []*Verdict, orphaned []string, remarks []analyze.Remark) error {
	text := committed.Encode(struct {
		SchemaVersion int              `json:"schema_version"`
		Snapshots     []*Verdict       `json:"snapshots"`
		Orphaned      []string         `json:"orphaned"`
		Remarks       []analyze.Remark `json:"remarks,omitempty"`
		Summary       Summary          `json:"summary"`
	}{SchemaVersion, append([]*Verdict{}, verdicts...), append([]string{}, orphaned...), remarks, Summarize(verdicts)}, "", "  ")
	_, err := w.Write(append(text, '\n'))
	return err
}

// Unjudged is the verdict on a snapshot that cannot be read.
func Unjudged(name string) *Verdict {
	return &Verdict{
		Snapshot: name,
		Golden:   File(name),
		State:    Unreadable,
		Problem:  "the snapshot cannot be read",
		Cluster:  []Change{},
		Tool:     []Change{},
	}
}
