package rules

import (
	"strconv"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A Finding is one report of one rule about one entity.
type Finding struct {
	// Severity is the rule's where it is left out.
	Severity Severity
	Subject  Subject
	// Title is one line: which entity, and what is wrong with it.
	Title string
	// Nodeset is the whole nodeset with each member's class, where the finding is about one.
	Nodeset string
	// Observed is what was found and Expected what should be there.
	Observed, Expected string
	// Why says what it means for the data.
	Why string
	At  snapshots.Position
	// Related are other places that explain the finding, usually in another document.
	Related []Related
	// Remedy are commands or steps, in order. They never write metadata by hand.
	Remedy []string
	// Cause is what findings of one rule may share, such as "N4": reports put them together.
	Cause string
}

// Related is a place that explains a finding.
type Related struct {
	Message string
	At      snapshots.Position
}

// A Subject names the entity that a finding is about. Pointers are nil for what does not apply.
type Subject struct {
	Log        *cluster.LogID        `json:"log,omitempty"`
	Segment    *cluster.SegmentIndex `json:"segment,omitempty"`
	Loglet     string                `json:"loglet,omitempty"` // "0_1"
	Node       string                `json:"node,omitempty"`   // "N4"
	Partition  *cluster.PartitionID  `json:"partition,omitempty"`
	Deployment string                `json:"deployment,omitempty"`
	Document   string                `json:"document,omitempty"` // "nodes_config"
	// Part tells several findings about one entity apart, such as the field they are about.
	Part string `json:"part,omitempty"`
}

// Entity is the subject as a path, such as "log/0/segment/0/node/N4". It is what makes a fingerprint survive
// re-capture and re-ordering.
func (s Subject) Entity() string {
	path := make([]byte, 0, 128)
	for kind, name := range s.steps {
		if len(path) > 0 {
			path = append(path, '/')
		}
		path = append(append(append(path, kind...), '/'), name...)
	}
	if len(path) == 0 {
		return "cluster"
	}
	return string(path)
}

// A Step is one entity within another.
type Step struct{ Kind, Name string }

// Path is the subject from the outermost entity to the innermost; empty for the cluster as a whole.
func (s Subject) Path() []Step {
	var path []Step
	for kind, name := range s.steps {
		path = append(path, Step{kind, name})
	}
	return path
}

// steps yields the kind and the name of each step of the path.
func (s *Subject) steps(yield func(kind, name string) bool) {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	_ = (s.Log == nil || yield("log", number(uint64(*s.Log)))) &&
		(s.Segment == nil || yield("segment", number(uint64(*s.Segment)))) &&
		(s.Partition == nil || yield("partition", number(uint64(*s.Partition)))) &&
		(s.Deployment == "" || yield("deployment", s.Deployment)) &&
		(s.Document == "" || yield("document", s.Document)) &&
		(s.Node == "" || yield("node", s.Node)) &&
		(s.Part == "" || yield("part", s.Part))
}

// SubjectLog is the subject of a finding about a whole log.
func SubjectLog(log *snapshots.Log) Subject {
	id := log.ID
	return Subject{Log: &id}
}

// SubjectSegment is the subject of a finding about the i-th segment of a log.
func SubjectSegment(log *snapshots.Log, i int) Subject {
	subject := SubjectLog(log)
	index := log.Segments[i].Index
	subject.Segment = &index
	subject.Loglet = logletOf(log, i).String()
	return subject
}

// SubjectMember is the subject of a finding about one member of the i-th segment's nodeset.
func SubjectMember(log *snapshots.Log, i int, node cluster.NodeID) Subject {
	subject := SubjectSegment(log, i)
	subject.Node = node.String()
	return subject
}

// logletOf is the loglet id of a segment: the stated one, or the one that its place in the chain implies.
func logletOf(log *snapshots.Log, i int) cluster.LogletID {
	segment := &log.Segments[i]
	if segment.Placement != nil {
		return segment.Loglet
	}
	return cluster.NewLogletID(log.ID, segment.Index)
}

// segmentTitle names a segment in messages: "log 0, segment 0 (0_0, sealed)".
func segmentTitle(log *snapshots.Log, i int) string {
	state := "sealed"
	switch {
	case log.Open(i):
		state = "open tail"
	case log.Segments[i].Kind == snapshots.SealMarker:
		state = "seal marker"
	}
	return "log " + strconv.FormatUint(uint64(log.ID), 10) +
		", segment " + strconv.FormatUint(uint64(log.Segments[i].Index), 10) +
		" (" + logletOf(log, i).String() + ", " + state + ")"
}
