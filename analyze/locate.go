package analyze

import (
	multierror "github.com/hashicorp/go-multierror"

	"restate-lint/snapshots"
)

// Locate fills in the line and column of every location, in one pass over each source that has one.
func (r *Result) Locate() error {
	all := make([]*Location, 0, 2*len(r.Findings))
	var last *Related // neighbours often share their related places
	for i := range r.Findings {
		f := &r.Findings[i]
		all = append(all, &f.Location)
		if len(f.Related) == 0 || &f.Related[0] == last {
			continue
		}
		last = &f.Related[0]
		for k := range f.Related {
			all = append(all, &f.Related[k].Location)
		}
	}
	return Locate(all)
}

// Locate fills in the line and column of locations, in one pass over each source.
func Locate(all []*Location) error {
	bySource := make(map[*snapshots.Source][]*Location)
	for _, l := range all {
		if l.Position.Source != nil && l.Line == 0 {
			bySource[l.Position.Source] = append(bySource[l.Position.Source], l)
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
