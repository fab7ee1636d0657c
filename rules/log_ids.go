package rules

import "restate-lint/snapshots/cluster"

// logIDs is a set of log ids. Partitions have logs of small ids without large holes between them, which take a bit each:
// it is for all logs of a cluster, and whether one is among them. The logs of a finding are a logSet.
type logIDs struct {
	len  int
	low  []uint64
	high map[cluster.LogID]struct{}
}

// highLogs is the first id that takes more than a bit: Restate has no more partitions.
const highLogs cluster.LogID = 1 << 16

// add reports whether the id was not in the set before.
func (s *logIDs) add(id cluster.LogID) bool {
	if s.has(id) {
		return false
	}
	s.len++
	if id >= highLogs {
		if s.high == nil {
			s.high = make(map[cluster.LogID]struct{})
		}
		s.high[id] = struct{}{}
		return true
	}
	for len(s.low) <= int(id/64) {
		s.low = append(s.low, 0)
	}
	s.low[id/64] |= 1 << (id % 64)
	return true
}

func (s *logIDs) has(id cluster.LogID) bool {
	if id >= highLogs {
		_, in := s.high[id]
		return in
	}
	word := int(id / 64)
	return word < len(s.low) && s.low[word]>>(id%64)&1 != 0
}
