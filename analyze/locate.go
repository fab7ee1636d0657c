package analyze

import (
	multierror "github.com/hashicorp/go-multierror"

	"restate-lint/snapshots"
)

// Locate fills in the line and column of every location, in one pass over each source that has one.
func (r *Result) Locate() error {
	bySource := make(map[*snapshots.Source][]*Location)
	add := func(l *Location) {
		if l.Position.Source != nil && l.Line == 0 {
			bySource[l.Position.Source] = append(bySource[l.Position.Source], l)
		}
	}
	for i := range r.Findings {
		add(&r.Findings[i].Location)
		for k := range r.Findings[i].Related {
			add(&r.Findings[i].Related[k].Location)
		}
	}
	var problems *multierror.Error
	for source, locations := range bySource {
		offsets := make([]int64, len(locations))
		for i, l := range locations {
			offsets[i] = l.Position.Offset
		}
		places, err := source.Places(offsets)
		if err != nil {
			problems = multierror.Append(problems, err)
		}
		for i, l := range locations {
			l.Line, l.Column = places[i].Number, places[i].Column
		}
	}
	return problems.ErrorOrNil()
}

// Hash fills in the hash of every document's source.
func (r *Result) Hash() error {
	var problems *multierror.Error
	hashes := make(map[string]string)
	for i, d := range r.Snapshot.Documents {
		hash, ok := hashes[d.Source.Name]
		if !ok {
			var err error
			if hash, err = d.Source.SHA256(); err != nil {
				problems = multierror.Append(problems, err)
			}
			hashes[d.Source.Name] = hash
		}
		r.Documents[i].SHA256 = hash
	}
	return problems.ErrorOrNil()
}
