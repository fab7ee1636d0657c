package rules

import (
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// mostPlacements bounds what is remembered of placements: clusters have few distinct ones, and one that has many gains
// nothing from remembering all of them.
const mostPlacements = 4096

// perPlacement remembers something for each placement: equal segments share theirs, and neighbours mostly do.
type perPlacement[V any] struct {
	// make is called about once for each distinct placement, and again where there are very many: calling it twice must do
	// no harm.
	make func(*snapshots.Placement) V

	known []ofPlacement[V] // by the placements' numbers
}

type ofPlacement[V any] struct {
	placement *snapshots.Placement
	value     V
}

func (m *perPlacement[V]) of(placement *snapshots.Placement) V {
	place := placement.Number % mostPlacements
	if place >= len(m.known) {
		m.known = append(m.known, make([]ofPlacement[V], min(place+16, mostPlacements)-len(m.known))...)
	}
	if m.known[place].placement != placement {
		m.known[place] = ofPlacement[V]{placement, m.make(placement)}
	}
	return m.known[place].value
}

// undecodable is true for a segment that has a nodeset which cannot be read: it may name any node.
func undecodable(segment *snapshots.Segment) bool {
	return segment.Placement == nil && (segment.Kind == snapshots.Replicated || segment.Kind == snapshots.UnknownKind)
}

// usableTail returns the place of a log's open replicated segment with a usable placement, or -1.
func usableTail(pass *Pass, log *snapshots.Log) int {
	i := len(log.Segments) - 1
	if i < 0 || !log.Open(i) || judged(pass, log, i) == nil {
		return -1
	}
	return i
}

// tails gathers segments of many logs. The log with the lowest id stands for all, in whatever order they come.
type tails struct {
	logTally
	lowest cluster.LogID
	at     snapshots.Position
}

func (t *tails) add(log *snapshots.Log, i int, at func(int) snapshots.Position) {
	if t.count() == 0 || log.ID < t.lowest {
		t.lowest, t.at = log.ID, at(i)
	}
	t.logTally.add(log, i)
}

func (t *tails) count() int { return t.open + t.sealed }

// unnamed takes the nodes that some nodeset names out of a set, and calls conclude with what is left once all logs were
// read as a whole: what could not be read may name any of them. It says whether there is a replicated segment at all.
func unnamed[V any](pass *Pass, nodes map[cluster.NodeID]V, conclude func(replicated bool)) {
	replicated, hidden := false, false
	named := perPlacement[struct{}]{make: func(placement *snapshots.Placement) struct{} {
		replicated = true
		for _, id := range placement.Nodeset {
			delete(nodes, id)
		}
		return struct{}{}
	}}
	pass.Logs(func(log *snapshots.Log) {
		if len(nodes) == 0 {
			return // as soon as all are named, nothing that follows matters
		}
		for _, run := range log.Runs {
			if segment := &log.Segments[run.First]; segment.Placement != nil {
				named.of(segment.Placement)
			} else if undecodable(segment) {
				hidden = true
			}
		}
	})
	pass.Finally(func() {
		if hidden && len(nodes) > 0 {
			pass.Incomplete(snapshots.BifrostConfig)
		}
		if pass.Whole(snapshots.BifrostConfig) {
			conclude(replicated)
		}
	})
}
