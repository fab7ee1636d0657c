package analyze

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"iter"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// SegmentAnswers are the answers for every replicated segment, in canonical order: by log, then by place in the chain.
// It holds a few bytes for each segment and one answer for each distinct placement, and makes a SegmentAnswer when it
// is asked for one.
type SegmentAnswers struct {
	release  cluster.Release
	given    *silence
	distinct placementIndex
	answers  []placementAnswer
	logs     []answeredLog
	segments []answeredSegment
	// loglets are the ids that are not composed of log and segment index, by the place in segments.
	loglets map[int]cluster.LogletID

	sealed   []cluster.LogID // logs whose chains end sealed
	unplaced int             // logs whose open segment is of kind local or in-memory
}

// An answeredLog is a run of segments.
type answeredLog struct {
	id         cluster.LogID
	start, end int
}

type answeredSegment struct {
	index  cluster.SegmentIndex
	answer int32
	tail   bool
}

// A placementAnswer is what a distinct placement can do, before and after the nodes went silent.
type placementAnswer struct {
	effective     []string
	before, after ability
	undecided     bool // before and after depend on a member whose entry cannot be read
}

// An ability is what a placement can do.
type ability struct {
	majority cluster.FMajority
	writes   bool
}

func (a *placementAnswer) lost() bool {
	return !a.undecided && (a.after.majority < a.before.majority || a.before.writes && !a.after.writes)
}

func newSegmentAnswers(release cluster.Release, given *silence) *SegmentAnswers {
	return &SegmentAnswers{release: release, given: given, loglets: make(map[int]cluster.LogletID)}
}

// add answers for the segments of one log, and counts those that cannot be decoded.
func (s *SegmentAnswers) add(log *snapshots.Log) (undecodable int) {
	run := answeredLog{id: log.ID, start: len(s.segments)}
	switch {
	case endsSealed(log):
		s.sealed = append(s.sealed, log.ID)
	case isUnplaced(log.Tail()):
		s.unplaced++
	}
	for i := range log.Segments {
		segment := &log.Segments[i]
		if segment.Kind != snapshots.Replicated {
			continue
		}
		if segment.Placement == nil {
			undecodable++
			continue
		}
		index, isNew := s.distinct.of(segment.Placement)
		if isNew {
			s.answers = append(s.answers, s.answer(segment.Placement))
		}
		if segment.Loglet != cluster.NewLogletID(log.ID, segment.Index) {
			s.loglets[len(s.segments)] = segment.Loglet
		}
		s.segments = append(s.segments, answeredSegment{index: segment.Index, answer: index, tail: log.Open(i)})
	}
	run.end = len(s.segments)
	if run.end > run.start {
		s.logs = append(s.logs, run)
	}
	return undecodable
}

func (s *SegmentAnswers) answer(placement *snapshots.Placement) placementAnswer {
	checker := cluster.NewChecker(placement.Verdict.Members, placement.Replication)
	answer := placementAnswer{effective: []string{}}
	for _, member := range checker.Effective() {
		answer.effective = append(answer.effective, member.Node.String())
	}
	for _, member := range placement.Verdict.Members {
		s.given.named(member.Node)
	}
	before, after, decided := abilities(placement, func(checker *cluster.Checker) (before, after ability) {
		able := func(given *silence) ability {
			return ability{
				majority: checker.FMajority(given.answers),
				writes:   checker.WriteQuorum(func(member cluster.Member) bool { return given.writes(member, s.release) }),
			}
		}
		return able(nil), able(s.given)
	})
	answer.before, answer.after, answer.undecided = before, after, !decided
	return answer
}

// undecided counts the segments without an answer.
func (s *SegmentAnswers) undecided() (n int) {
	for i := range s.segments {
		n += truth(s.answers[s.segments[i].answer].undecided)
	}
	return n
}

func (s *SegmentAnswers) sort() {
	slices.SortStableFunc(s.logs, func(a, b answeredLog) int { return cmp.Compare(a.id, b.id) })
}

// Len is the number of segments.
func (s *SegmentAnswers) Len() int {
	if s == nil {
		return 0
	}
	return len(s.segments)
}

// All yields the answers in canonical order. They share the lists of names: nobody may change them.
func (s *SegmentAnswers) All() iter.Seq[SegmentAnswer] {
	return func(yield func(SegmentAnswer) bool) {
		for log, place := range s.places() {
			segment := &s.segments[place]
			answer := &s.answers[segment.answer]
			full := SegmentAnswer{
				Log:              log,
				Segment:          segment.index,
				Loglet:           s.loglet(log, place).String(),
				Tail:             segment.tail,
				EffectiveNodeset: answer.effective,
				FMajority:        string(NotKnown),
			}
			if !answer.undecided {
				full.FMajority, full.WriteQuorum = answer.after.majority.String(), &answer.after.writes
			}
			if !yield(full) {
				return
			}
		}
	}
}

// places yields the places of the segments in canonical order, each with its log.
func (s *SegmentAnswers) places() iter.Seq2[cluster.LogID, int] {
	return func(yield func(cluster.LogID, int) bool) {
		if s == nil {
			return
		}
		for _, log := range s.logs {
			for place := log.start; place < log.end; place++ {
				if !yield(log.id, place) {
					return
				}
			}
		}
	}
}

func (s *SegmentAnswers) loglet(log cluster.LogID, place int) cluster.LogletID {
	if id, ok := s.loglets[place]; ok {
		return id
	}
	return cluster.NewLogletID(log, s.segments[place].index)
}

// MarshalJSON writes the answers as a list.
func (s *SegmentAnswers) MarshalJSON() ([]byte, error) {
	return json.Marshal(collect(s.All(), s.Len()))
}

// A SegmentTally counts segments that have an answer.
type SegmentTally struct {
	// Tails counts open segments; Writable and Sealable those of them that can be written and be sealed.
	Tails, Writable, Sealable int
	// Sealed counts the other segments, and Readable those of them that have an f-majority.
	Sealed, Readable int
}

// Tallies count the segments before and after the nodes went silent.
func (s *SegmentAnswers) Tallies() (tallies Change[SegmentTally]) {
	for _, place := range s.places() {
		segment := &s.segments[place]
		answer := &s.answers[segment.answer]
		if answer.undecided {
			continue
		}
		tallies.Before.add(segment.tail, answer.before)
		tallies.After.add(segment.tail, answer.after)
	}
	return tallies
}

func (t *SegmentTally) add(tail bool, able ability) {
	count := func(counter *int, holds bool) {
		if holds {
			*counter++
		}
	}
	count(&t.Tails, tail)
	count(&t.Writable, tail && able.writes)
	count(&t.Sealable, tail && able.majority.Passed())
	count(&t.Sealed, !tail)
	count(&t.Readable, !tail && able.majority.Passed())
}

// alreadyLost finds what did not work before.
func (s *SegmentAnswers) alreadyLost(lost *AlreadyLost) {
	lost.Sealed = append(lost.Sealed, s.sealed...)
	slices.Sort(lost.Sealed)
	for log, place := range s.places() {
		segment := &s.segments[place]
		answer := &s.answers[segment.answer]
		switch {
		case answer.undecided:
		case !segment.tail:
			lost.History += truth(!answer.before.majority.Passed())
		default:
			if !answer.before.writes {
				lost.Writes = append(lost.Writes, log)
			}
			if !answer.before.majority.Passed() {
				lost.Seals = append(lost.Seals, log)
			}
		}
	}
}

// endsSealed reports whether the chain of a log ends with a seal marker: the log takes no records, whatever runs.
func endsSealed(log *snapshots.Log) bool {
	tail := log.Tail()
	return tail != nil && tail.Kind == snapshots.SealMarker
}

// isUnplaced reports whether a segment is on a single node that the metadata does not name.
func isUnplaced(segment *snapshots.Segment) bool {
	return segment != nil && (segment.Kind == snapshots.Local || segment.Kind == snapshots.InMemory)
}

// losses are the segments that lost something. They stay where they are.
func (s *SegmentAnswers) losses() *SegmentLosses {
	l := &SegmentLosses{answers: s}
	for _, place := range s.places() {
		if s.answers[s.segments[place].answer].lost() {
			l.count++
		}
	}
	return l
}

// SegmentLosses are the segments that lost something, in canonical order.
type SegmentLosses struct {
	answers *SegmentAnswers
	count   int
}

// Len is the number of segments.
func (l *SegmentLosses) Len() int {
	if l == nil {
		return 0
	}
	return l.count
}

// All yields the losses in canonical order.
func (l *SegmentLosses) All() iter.Seq[SegmentLoss] {
	return func(yield func(SegmentLoss) bool) {
		if l.Len() == 0 {
			return
		}
		s := l.answers
		for log, place := range s.places() {
			segment := &s.segments[place]
			answer := &s.answers[segment.answer]
			if answer.lost() && !yield(SegmentLoss{
				Log:         log,
				Segment:     segment.index,
				Loglet:      s.loglet(log, place).String(),
				Tail:        segment.tail,
				FMajority:   Change[string]{answer.before.majority.String(), answer.after.majority.String()},
				WriteQuorum: Change[bool]{answer.before.writes, answer.after.writes},
			}) {
				return
			}
		}
	}
}

// MarshalJSON writes the losses as a list.
func (l *SegmentLosses) MarshalJSON() ([]byte, error) { return json.Marshal(collect(l.All(), l.Len())) }

func collect[T any](all iter.Seq[T], size int) []T {
	list := make([]T, 0, size)
	for item := range all {
		list = append(list, item)
	}
	return list
}

// A placementIndex numbers distinct placements from 0: those with another replication property, or with other members or
// in another order. It holds on to no placement.
type placementIndex struct {
	last      *snapshots.Placement
	lastIndex int32
	numbers   map[string]int32
	key       []byte
}

// of returns the number of a placement, and whether it is a new one.
func (x *placementIndex) of(placement *snapshots.Placement) (index int32, isNew bool) {
	if placement == x.last {
		return x.lastIndex, false
	}
	x.key = append(x.key[:0], placement.Replication.Node, placement.Replication.Zone, placement.Replication.Region)
	for _, id := range placement.Nodeset {
		x.key = binary.LittleEndian.AppendUint32(x.key, uint32(id))
	}
	index, ok := x.numbers[string(x.key)]
	if !ok {
		if x.numbers == nil {
			x.numbers = make(map[string]int32)
		}
		index = int32(len(x.numbers))
		x.numbers[string(x.key)] = index
	}
	x.last, x.lastIndex = placement, index
	return index, !ok
}
