package analyze

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// findingOf is a finding of a rule as it stands in a report. It has no fingerprint yet.
func findingOf(rule *rules.Rule, f *rules.Finding, related *relatedPlaces) Finding {
	result := Finding{
		Rule:     rule.ID,
		Severity: cmp.Or(f.Severity, rule.Severity),
		Subject:  f.Subject,
		Title:    f.Title,
		Nodeset:  f.Nodeset,
		Observed: f.Observed,
		Expected: f.Expected,
		Why:      f.Why,
		Cause:    f.Cause,
		Location: At(f.At),
		Related:  related.of(f.Related),
		Remedy:   f.Remedy,
	}
	if result.Remedy == nil {
		result.Remedy = []string{}
	}
	return result
}

// relatedPlaces remembers the last few lists of related places: findings that share one go on to share it.
type relatedPlaces struct {
	recent [8]struct {
		of *rules.Related
		is []Related
	}
	next int
}

func (p *relatedPlaces) of(list []rules.Related) []Related {
	if len(list) == 0 {
		return []Related{}
	}
	for _, known := range p.recent {
		if known.of == &list[0] && len(known.is) == len(list) {
			return known.is
		}
	}
	result := make([]Related, len(list))
	for i, related := range list {
		result[i] = Related{Message: related.Message, Location: At(related.At)}
	}
	p.recent[p.next].of, p.recent[p.next].is = &list[0], result
	p.next = (p.next + 1) % len(p.recent)
	return result
}

// At is the location of a position. It has no line yet.
func At(at snapshots.Position) Location {
	l := Location{Pointer: at.Pointer, Position: at}
	if at.Source != nil {
		l.Source = at.Source.Name
	}
	return l
}

// A place is where a finding belongs among those of its rules, as far as a few numbers tell.
type place struct {
	log, segment int64 // -1 for none
	finding      int32
	rule         int32 // counts on where the next finding is of another rule
}

// sortFindings puts the findings, which come rule by rule, into canonical order and gives each its fingerprint, made unique.
// What is set of rules changes severities and the order, and no fingerprint.
func sortFindings(findings []Finding, selected []*rules.Rule, settings map[string]rules.Settings) {
	places := make([]place, len(findings))
	for i := range findings {
		f := &findings[i]
		places[i] = place{log: -1, segment: -1, finding: int32(i)}
		if f.Subject.Log != nil {
			places[i].log = int64(*f.Subject.Log)
		}
		if f.Subject.Segment != nil {
			places[i].segment = int64(*f.Subject.Segment)
		}
		if i > 0 {
			places[i].rule = places[i-1].rule
			if f.Rule != findings[i-1].Rule {
				places[i].rule++
			}
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.rule != b.rule || a.log != b.log || a.segment != b.segment {
			return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.log, b.log), cmp.Compare(a.segment, b.segment))
		}
		x, y := &findings[a.finding], &findings[b.finding]
		return cmp.Or(compareSubjects(&x.Subject, &y.Subject), -cmp.Compare(x.Severity, y.Severity), compareTexts(x, y), cmp.Compare(a.finding, b.finding))
	})
	// Equal fingerprints are neighbours now, the worst finding first, but where names are texts from a capture: these can be
	// made up to look like the path to something else.
	last, times := "", 0
	named := make(map[string]int)
	for _, place := range places {
		f := &findings[place.finding]
		f.Fingerprint = f.Rule + "@" + f.Subject.Entity()
		if times++; f.Fingerprint != last {
			last, times = f.Fingerprint, 1
		}
		if f.Subject.Deployment+f.Subject.Document+f.Subject.Part != "" {
			named[f.Fingerprint]++
			times = named[f.Fingerprint]
		}
		if times > 1 {
			f.Fingerprint += "#" + strconv.Itoa(times)
		}
	}
	order := make([]int32, 0, len(findings))
	for severity := rules.Error; severity >= rules.Note; severity-- {
		for _, place := range places {
			if findings[place.finding].Severity == severity {
				order = append(order, place.finding)
			}
		}
	}
	arrange(findings, order)
	if len(settings) == 0 {
		return
	}
	byID := make(map[string]*rules.Rule, len(selected))
	for _, rule := range selected {
		byID[rule.ID] = rule
	}
	for i := range findings {
		f := &findings[i]
		f.Severity = byID[f.Rule].Judge(f.Severity, settings[f.Rule])
	}
	slices.SortStableFunc(findings, compareFindings)
}

// arrange puts at each place the element that the order names there. The order is used up.
func arrange[T any](list []T, order []int32) {
	for start := range order {
		if order[start] < 0 {
			continue
		}
		first, at := list[start], int32(start)
		for {
			from := order[at]
			order[at] = -1
			if from == int32(start) {
				break
			}
			list[at] = list[from]
			at = from
		}
		list[at] = first
	}
}

// compareFindings orders by nothing that depends on where in a source something stands, but for the order of the segments
// within one chain.
func compareFindings(a, b Finding) int {
	return cmp.Or(
		-cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Rule, b.Rule),
		compareSubjects(&a.Subject, &b.Subject),
		compareTexts(&a, &b),
	)
}

// compareTexts orders findings about the same entity.
func compareTexts(a, b *Finding) int {
	return cmp.Or(
		cmp.Compare(chainPlace(a.Location.Pointer), chainPlace(b.Location.Pointer)),
		cmp.Compare(a.Title, b.Title),
		cmp.Compare(a.Observed, b.Observed),
	)
}

// chainPlace orders findings about segments that claim the same index, which a damaged chain may have.
func chainPlace(pointer string) int {
	_, rest, ok := strings.Cut(pointer, "/chain/")
	place := 0
	if ok {
		for _, c := range []byte(rest) {
			if c < '0' || c > '9' {
				break
			}
			place = place*10 + int(c-'0')
		}
	}
	return place
}

// compareSubjects orders by numbers where entities are numbered: segment 2 before segment 10.
func compareSubjects(a, b *rules.Subject) int {
	return cmp.Or(
		comparePointers(a.Log, b.Log),
		comparePointers(a.Segment, b.Segment),
		comparePointers(a.Partition, b.Partition),
		cmp.Compare(a.Deployment, b.Deployment),
		cmp.Compare(a.Document, b.Document),
		compareNodes(a.Node, b.Node),
		cmp.Compare(a.Part, b.Part),
	)
}

func comparePointers[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

func compareNodes(a, b string) int {
	x, errX := cluster.ParseNodeID(a)
	y, errY := cluster.ParseNodeID(b)
	if errX != nil || errY != nil {
		return cmp.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
}
