package rules

import (
	"hash/maphash"
	"slices"
)

// shared holds the texts of recent findings of a rule, so that findings which say the same hold it once: most say of a
// segment what they say of many others. Its size is bounded. The zero value is ready, and takes 16 kB with the first finding.
type shared struct {
	seed    maphash.Seed
	texts   []string
	remedy  recent[string]
	related recent[Related]
}

const textsShared = 1024

// with makes a finding share what it can.
func (s *shared) with(f *Finding) {
	if s.texts == nil {
		s.seed, s.texts = maphash.MakeSeed(), make([]string, textsShared)
	}
	for _, text := range []*string{&f.Nodeset, &f.Observed, &f.Expected, &f.Why, &f.Cause, &f.Subject.Node} {
		s.text(text)
	}
	f.Remedy = s.remedy.same(f.Remedy)
	f.Related = s.related.same(f.Related)
}

func (s *shared) text(text *string) {
	if *text == "" {
		return
	}
	known := &s.texts[maphash.String(s.seed, *text)%textsShared]
	if *known != *text {
		*known = *text
	}
	*text = *known
}

// recent are the last few lists of some kind.
type recent[T comparable] struct {
	lists [8][]T
	next  int
}

func (r *recent[T]) same(list []T) []T {
	for _, known := range r.lists {
		if slices.Equal(known, list) {
			return known
		}
	}
	r.lists[r.next] = list
	r.next = (r.next + 1) % len(r.lists)
	return list
}
