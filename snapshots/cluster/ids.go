package cluster

import (
	"fmt"
	"math"
	"strconv"
)

// NodeID names a node for as long as the cluster lives, printed "N4". Restate gives each new node the highest id ever
// used plus one, and keeps the id of a removed node as a tombstone. Ids start at 1 since Restate 1.2; clusters that
// 1.0 or 1.1 provisioned may own a legal N0.
type NodeID uint32

// GenerationalNodeID names one process run of a node, printed "N1:2". Generations start at 1 and grow by one with every
// start of the process; 0 is kept if a capture holds it.
type GenerationalNodeID struct {
	ID         NodeID
	Generation uint32
}

// LogID names a log. By default the log of partition p has the id p.
type LogID uint32

// PartitionID names a partition. Restate uses 0 to 65535; larger values are kept so that they can be reported.
type PartitionID uint32

// SegmentIndex counts the segments of one log from 0. Indexes of a chain grow but may skip: a segment that was
// replaced while empty leaves a hole, and a seal marker repeats the index of the segment before it.
type SegmentIndex uint32

// LSN is the position of a record in a log, over all its segments.
type LSN uint64

const (
	// InvalidLSN is the position before every record. Restate never gives it to a record.
	InvalidLSN LSN = 0
	// OldestLSN is the position of the first record of a log.
	OldestLSN LSN = 1
	// MaxLSN stands for an open end.
	MaxLSN LSN = math.MaxUint64
)

// LogletID names one segment's loglet: the log in the upper 32 bits, the segment index in the lower, printed "0_1".
// Loglets of kind local that Restate 1.0 or 1.1 created carry a random id instead.
type LogletID uint64

// Version counts the writes to one metadata document, printed "v22". The first write is 1; 0 is invalid.
type Version uint32

// LeaderEpoch counts the leaders of a partition, printed "e2". The first is 1.
type LeaderEpoch uint64

// NewLogletID composes the id that Restate's logs controller gives to a segment (Restate 1.2 and later).
func NewLogletID(log LogID, index SegmentIndex) LogletID {
	return LogletID(uint64(log)<<32 | uint64(index))
}

// Log returns the log that the id was composed of.
func (id LogletID) Log() LogID { return LogID(id >> 32) }

// Index returns the segment index that the id was composed of.
func (id LogletID) Index() SegmentIndex { return SegmentIndex(id & math.MaxUint32) }

// String returns the id as Restate prints it: "N4".
func (id NodeID) String() string { return "N" + strconv.FormatUint(uint64(id), 10) }

// String returns the id as Restate prints it: "N1:2".
func (id GenerationalNodeID) String() string {
	return id.ID.String() + ":" + strconv.FormatUint(uint64(id.Generation), 10)
}

// String returns the id as Restate prints it: "0_1".
func (id LogletID) String() string {
	return strconv.FormatUint(uint64(id.Log()), 10) + "_" + strconv.FormatUint(uint64(id.Index()), 10)
}

// String returns the version as Restate prints it: "v22".
func (version Version) String() string { return "v" + strconv.FormatUint(uint64(version), 10) }

// String returns the epoch as Restate prints it: "e2".
func (epoch LeaderEpoch) String() string { return "e" + strconv.FormatUint(uint64(epoch), 10) }

// text is what identifiers are parsed from; parsing bytes allocates nothing unless it fails.
type text interface{ ~string | ~[]byte }

// ParseNodeID reads "N4" or "4".
func ParseNodeID[Text text](input Text) (NodeID, error) {
	id, ok := decimal(withoutPrefix(input), math.MaxUint32)
	if !ok {
		return 0, fmt.Errorf("invalid node id %q: want N1 or 1", string(input))
	}
	return NodeID(id), nil
}

// ParseGenerationalNodeID reads "N1:2" or "1:2".
func ParseGenerationalNodeID[Text text](input Text) (GenerationalNodeID, error) {
	if colon := indexOf(input, ':'); colon >= 0 {
		id, idOK := decimal(withoutPrefix(input[:colon]), math.MaxUint32)
		generation, generationOK := decimal(input[colon+1:], math.MaxUint32)
		if idOK && generationOK {
			return GenerationalNodeID{ID: NodeID(id), Generation: uint32(generation)}, nil
		}
	}
	return GenerationalNodeID{}, fmt.Errorf("invalid generational node id %q: want N1:2 or 1:2", string(input))
}

// ParseLogletID reads the printed form, "3_1", or the plain number, "12884901889".
func ParseLogletID[Text text](input Text) (LogletID, error) {
	if underscore := indexOf(input, '_'); underscore >= 0 {
		log, logOK := decimal(input[:underscore], math.MaxUint32)
		index, indexOK := decimal(input[underscore+1:], math.MaxUint32)
		if logOK && indexOK {
			return NewLogletID(LogID(log), SegmentIndex(index)), nil
		}
	} else if id, ok := decimal(input, math.MaxUint64); ok {
		return LogletID(id), nil
	}
	return 0, fmt.Errorf("invalid loglet id %q: want 3_1 or a decimal number", string(input))
}

func withoutPrefix[Text text](input Text) Text {
	if len(input) > 0 && input[0] == 'N' {
		return input[1:]
	}
	return input
}

func indexOf[Text text](input Text, character byte) int {
	for i := range len(input) {
		if input[i] == character {
			return i
		}
	}
	return -1
}

// decimal reads a number of ASCII digits and nothing else. The limit is inclusive and at least 9.
func decimal[Text text](digits Text, limit uint64) (value uint64, ok bool) {
	for i := range len(digits) {
		digit := uint64(digits[i] - '0') // a byte: what is below '0' wraps to above 9
		if digit > 9 || value > (limit-digit)/10 {
			return 0, false
		}
		value = value*10 + digit
	}
	return value, len(digits) > 0
}
