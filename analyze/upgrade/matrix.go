// Package upgrade answers whether a cluster may be upgraded to a release, or rolled back to one, by a snapshot of it.
//
// What the releases ask for is data: matrix.json. Somebody who knows a new release adds a step to it and needs no code,
// as long as the evidence is one of the predicates that evidence.go has, or a finding of a rule.
package upgrade

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	multierror "github.com/hashicorp/go-multierror"

	"restate-lint/rules"
	"restate-lint/snapshots/cluster"
)

//go:embed matrix.json
var matrixText []byte

// A Matrix says what stands in the way from one minor release to the next.
type Matrix struct {
	// Degraded are the rules whose findings mean that no upgrade must be started now.
	Degraded []Degraded `json:"degraded"`
	// Always are the rows for every upgrade, whatever the releases.
	Always []Row `json:"always"`
	// Steps are in the order of releases, each from one minor release to the next.
	Steps []Step `json:"steps"`
	// OneWay are the features that forbid, or spoil, going back to a release before the one that introduced them.
	OneWay []Row `json:"one_way"`
}

// Degraded is a rule whose findings stop an upgrade.
type Degraded struct {
	Rule string `json:"rule"`
	// BlocksFrom is the mildest severity that blocks; warnings below it warn, and notes are of no interest.
	BlocksFrom rules.Severity `json:"blocks_from"`
	// AloneBlocksFrom takes the place of BlocksFrom in a cluster of one node; 0 means that there is no difference.
	AloneBlocksFrom rules.Severity `json:"alone_blocks_from,omitempty"`
	// Optional means that it is no gap when the rule is undecided: its evidence is not part of every capture.
	Optional bool `json:"optional,omitempty"`
	// Do comes behind the steps that the rule itself knows.
	Do       []string `json:"do,omitempty"`
	Evidence []string `json:"evidence"`
}

// A Step is the upgrade from one minor release to the next.
type Step struct {
	From Minor `json:"from"`
	To   Minor `json:"to"`
	// Preview means that the newer release is not there yet.
	Preview bool `json:"preview,omitempty"`
	// AcceptsDataFrom is the oldest release over whose data To starts.
	AcceptsDataFrom Minor `json:"accepts_data_from"`
	// RollsBackTo is the oldest release that starts over the data once To ran.
	RollsBackTo Minor `json:"rolls_back_to"`
	// WayBack says in words where one can go back to, and what forbids it.
	WayBack string `json:"way_back"`
	// Notes are worth knowing, and nothing to be decided.
	Notes    []string `json:"notes,omitempty"`
	Evidence []string `json:"evidence"`
	Rows     []Row    `json:"rows"`
}

// A Row is one thing that stands in the way.
type Row struct {
	// ID is in kebab case and unique in the matrix.
	ID string `json:"id"`
	// Check is the rule or gate that the row belongs to.
	Check string `json:"check"`
	// Severity says what the row does when its evidence is there.
	Severity Effect `json:"severity"`
	// Since is the release that introduced a one-way feature.
	Since string `json:"since,omitempty"`
	// Says is what goes wrong, as a sentence without a full stop.
	Says string    `json:"says"`
	When Condition `json:"when"`
	// Do are the steps that clear it.
	Do       []string `json:"do"`
	Evidence []string `json:"evidence"`

	since cluster.Release
}

// A Condition is a predicate of evidence.go and what it is about.
type Condition struct {
	Predicate string   `json:"predicate"`
	Arguments []string `json:"arguments,omitempty"`
}

// An Effect is what a row does.
type Effect string

// The effects.
const (
	Blocks Effect = "block"
	Warns  Effect = "warn"
)

// A Minor is a minor release such as 1.7. The zero value is none.
type Minor struct{ Major, Minor int }

// MinorOf is the minor release that a release belongs to. Pre-releases count as what they precede.
func MinorOf(release cluster.Release) Minor { return Minor{release.Major, release.Minor} }

// String is "1.7".
func (m Minor) String() string { return fmt.Sprintf("%d.%d", m.Major, m.Minor) }

// UnmarshalText reads "1.7".
func (m *Minor) UnmarshalText(text []byte) error {
	release, err := cluster.ParseRelease(string(text) + ".0")
	if err != nil {
		return fmt.Errorf("%q is not a minor release such as 1.7", text)
	}
	*m = MinorOf(release)
	return nil
}

// MarshalText prints it as it is read.
func (m Minor) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

func (m Minor) isZero() bool { return m == Minor{} }

func (m Minor) less(other Minor) bool {
	return m.Major < other.Major || m.Major == other.Major && m.Minor < other.Minor
}

func (m Minor) release() cluster.Release { return cluster.Release{Major: m.Major, Minor: m.Minor} }

// Known is the matrix that comes with the program.
var Known = sync.OnceValue(func() *Matrix {
	matrix, err := ParseMatrix(matrixText)
	if err != nil {
		panic("upgrade: " + err.Error()) // a test reads it
	}
	return matrix
})

// ParseMatrix reads a matrix. It accepts no field that it does not know, and lists everything that is wrong.
func ParseMatrix(text []byte) (*Matrix, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	m := &Matrix{}
	if err := decoder.Decode(m); err != nil {
		return nil, fmt.Errorf("matrix: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("matrix: text behind its end")
	}
	return m, m.check()
}

func (m *Matrix) check() error {
	var problems *multierror.Error
	wrong := func(where, format string, args ...any) {
		problems = multierror.Append(problems, fmt.Errorf("matrix: %s: %s", where, fmt.Sprintf(format, args...)))
	}
	seen := make(map[string]bool)
	rows := func(where string, list []Row) {
		for i := range list {
			row := &list[i]
			at := where + ", row " + row.ID
			switch {
			case row.ID == "" || row.Check == "" || row.Says == "" || len(row.Do) == 0 || len(row.Evidence) == 0:
				wrong(at, "id, check, says, do and evidence have to be there")
			case seen[row.ID]:
				wrong(at, "the id is taken")
			case row.Severity != Blocks && row.Severity != Warns:
				wrong(at, "severity %q is not block or warn", row.Severity)
			}
			seen[row.ID] = true
			if p, ok := predicates[row.When.Predicate]; !ok {
				wrong(at, "there is no predicate %q; there are\n%s", row.When.Predicate, strings.Join(Predicates(), "\n"))
			} else if n := len(row.When.Arguments); n < p.least || n > p.most {
				wrong(at, "%s takes %d to %d arguments, not %d", row.When.Predicate, p.least, p.most, n)
			}
			if where == "one_way" {
				var err error
				if row.since, err = cluster.ParseRelease(row.Since); err != nil {
					wrong(at, "since: %v", err)
				}
			} else if row.Since != "" {
				wrong(at, "since belongs to one_way")
			}
		}
	}
	for _, d := range m.Degraded {
		if d.Rule == "" || d.BlocksFrom < rules.Warning || len(d.Evidence) == 0 {
			wrong("degraded "+d.Rule, "rule, blocks_from (warning or error) and evidence have to be there")
		}
		if d.AloneBlocksFrom != 0 && d.AloneBlocksFrom <= d.BlocksFrom {
			wrong("degraded "+d.Rule, "alone_blocks_from has to be above blocks_from")
		}
		if seen[d.Rule] {
			wrong("degraded "+d.Rule, "the rule is named twice")
		}
		seen[d.Rule] = true
	}
	rows("always", m.Always)
	for i, step := range m.Steps {
		at := step.name()
		if step.To != (Minor{step.From.Major, step.From.Minor + 1}) {
			wrong(at, "a step goes from one minor release to the next")
		}
		if i > 0 && m.Steps[i-1].To != step.From {
			wrong(at, "the step before it ends at %v", m.Steps[i-1].To)
		}
		if step.AcceptsDataFrom.isZero() || step.RollsBackTo.isZero() || step.WayBack == "" || len(step.Evidence) == 0 {
			wrong(at, "accepts_data_from, rolls_back_to, way_back and evidence have to be there")
		}
		rows(at, step.Rows)
	}
	rows("one_way", m.OneWay)
	return problems.ErrorOrNil()
}

func (s *Step) name() string { return s.From.String() + " → " + s.To.String() }

// to returns the step that ends at a release, or nil.
func (m *Matrix) to(release Minor) *Step {
	i := slices.IndexFunc(m.Steps, func(s Step) bool { return s.To == release })
	if i < 0 {
		return nil
	}
	return &m.Steps[i]
}

// Unknown is an error for a release that the matrix says nothing about; nil for one that it knows.
func (m *Matrix) Unknown(release cluster.Release) error {
	minor := MinorOf(release)
	if len(m.Steps) == 0 || minor == m.Steps[0].From || m.to(minor) != nil {
		return nil
	}
	last := m.Steps[len(m.Steps)-1]
	newest := last.To.String()
	if last.Preview {
		newest += " (preview)"
	}
	return fmt.Errorf("%v is not a release that this version knows: it knows %v to %s", minor, m.Steps[0].From, newest)
}

// Predicates says, one in a line, what a row may ask for, with its arguments.
func Predicates() []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(predicates)) {
		about := predicates[name].about
		if predicates[name].most == 0 {
			about = ": " + about
		} else {
			about = " " + about
		}
		lines = append(lines, name+about)
	}
	return lines
}

// Rows returns all rows, in the order of the matrix.
func (m *Matrix) Rows() []*Row {
	var all []*Row
	for _, list := range m.lists() {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	return all
}

func (m *Matrix) lists() [][]Row {
	lists := [][]Row{m.Always}
	for _, step := range m.Steps {
		lists = append(lists, step.Rows)
	}
	return append(lists, m.OneWay)
}

// RuleIDs returns the rules that the matrix refers to, sorted.
func (m *Matrix) RuleIDs() []string {
	var ids []string
	for _, d := range m.Degraded {
		ids = append(ids, d.Rule)
	}
	for _, row := range m.Rows() {
		if row.When.Predicate == "rule" {
			ids = append(ids, row.When.Arguments[0])
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Features returns the names that Request.Uses may have, in the order of the matrix.
func (m *Matrix) Features() []string {
	var names []string
	for _, row := range m.OneWay {
		if row.When.Predicate == "used" {
			names = append(names, row.When.Arguments[0])
		}
	}
	return names
}

// ParseTarget reads a release that somebody aims at: "1.7", which means its newest patch, or "1.7.12".
func ParseTarget(text string) (release cluster.Release, patch bool, err error) {
	if strings.Count(text, ".") == 1 && !strings.ContainsAny(text, "-+") {
		var minor Minor
		err = minor.UnmarshalText([]byte(text))
		release = minor.release()
	} else {
		patch = true
		release, err = cluster.ParseRelease(text)
	}
	if err != nil || release.IsZero() {
		return release, patch, fmt.Errorf("%q is not a release such as 1.7 or 1.7.12", text)
	}
	return release, patch, nil
}
