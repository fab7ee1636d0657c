package snapshots

import (
	"slices"

	"restate-lint/snapshots/cluster"
)

// A successor is a segment that only continues the one before it, as most do: its index is no lower, its loglet id is higher by as
// much, and its text is the same but for the base LSN. It is then known whole, and comparing it at once is several times as
// fast as taking it apart. Where the placement or the sequencer changes, that holds for what is on either side of them.
type successor struct {
	segment Segment // that text stands for, which need not be the one before; its base LSN is not used
	text    []byte  // from behind the base LSN up to that of the next segment; empty where nothing is known
	at      places  // in text

	newlines  int // of text
	lsnDigits int // of the base LSN before
}

// follow makes s the successor of a segment, whose text ends before the base LSN of the next one.
func (s *successor) follow(segment *Segment, text []byte, at places, newlines int) {
	if s.text = s.text[:0]; at.index == 0 || at.index > at.loglet {
		return // to keep it simple: restatectl prints the index, and before the parameters
	}
	s.segment, s.newlines = *segment, newlines
	s.text = append(s.text, text[at.baseLSN:]...)
	s.at, s.lsnDigits = at, at.baseLSN
	for _, place := range []*int{&s.at.index, &s.at.loglet, &s.at.params} {
		*place -= at.baseLSN
	}
}

// match decodes the segments at the start of text as long as each continues the one before it, and adds them to those that
// it is given. The first one starts at the given place of the log. It returns the length of the text up to the base LSN of the
// next segment, which may be of any kind.
func (s *successor) match(text []byte, segments []Segment, at int, last *parameters, placements *placements) ([]Segment, int) {
	length := 0
	for len(s.text) > 0 {
		// Most numbers have as many digits as the ones before: where anything stands does then not depend on them.
		i := length + s.lsnDigits
		lsn, ok := digitsBefore(text, length, i)
		if !ok || text[i] != s.text[0] {
			if lsn, i = digits(text, length); i == 0 {
				break
			}
			s.lsnDigits = i - length
		}
		index, ok := digitsBefore(text, i+s.at.index-s.at.indexDigits, i+s.at.index)
		if !ok || index < uint64(s.segment.Index) || !s.advance(index-uint64(s.segment.Index)) ||
			!hasPrefixAt(text, i, s.text) && !s.adapt(text[i:], last, placements) {
			break
		}
		number := len(segments)
		segments = oneMore(segments)
		segment := &segments[number] // field by field, as copying what was just written in parts is slow
		segment.BaseLSN = cluster.LSN(lsn)
		segment.Loglet = s.segment.Loglet
		segment.Placement = s.segment.Placement
		segment.Sequencer = s.segment.Sequencer
		segment.Index = s.segment.Index
		segment.Kind = s.segment.Kind
		segment.plain = s.segment.plain
		segment.at = uint32(at + length)
		segment.number = uint32(number)
		length = i + len(s.text)
	}
	return segments, length
}

// oneMore returns the segments and one more, in which anything may be.
func oneMore(segments []Segment) []Segment {
	number := len(segments)
	if number == cap(segments) {
		segments = slices.Grow(segments, max(64, number))
	}
	return segments[:number+1]
}

// advance goes from a segment to one that continues it, by so many indexes: where an empty tail was replaced, there is a hole.
// Where a number gets longer nothing is known, which it reports.
func (s *successor) advance(by uint64) (known bool) {
	if !add(s.text[:s.at.index], by) || !add(s.text[:s.at.loglet], by) {
		s.text = s.text[:0]
		return false
	}
	s.segment.Index += cluster.SegmentIndex(by)
	s.segment.Loglet += cluster.LogletID(by)
	return true
}

// adapt takes over the parameters behind the loglet id from a text that is the same around them.
func (s *successor) adapt(text []byte, last *parameters, placements *placements) bool {
	params := s.at.loglet
	if !hasPrefixAt(text, 0, s.text[:params]) || !last.take(text[params:], placements) {
		return false
	}
	end := params + len(last.text)
	behind := s.text[s.at.params:]
	if !hasPrefixAt(text, end, behind) {
		return false
	}
	s.segment.Sequencer, s.segment.Placement = last.sequencer, last.placement
	s.text = append(s.text[:params], text[params:end+len(behind)]...)
	s.at.params = end
	return true
}
