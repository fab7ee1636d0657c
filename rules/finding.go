package rules

import (
	"strconv"
	"strings"

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

// Message says the whole finding in one paragraph.
func (f *Finding) Message() string {
	text := f.Title
	if f.Nodeset != "" {
		text += "; nodeset " + f.Nodeset
	}
	if f.Observed != "" {
		text += "; " + f.Observed
	}
	if f.Why != "" {
		text += "; " + f.Why
	}
	return text
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
	var path []string
	for _, step := range s.Path() {
		path = append(path, step.Kind, step.Name)
	}
	if len(path) == 0 {
		return "cluster"
	}
	return strings.Join(path, "/")
}

// A Step is one entity within another.
type Step struct{ Kind, Name string }

// Path is the subject from the outermost entity to the innermost; empty for the cluster as a whole.
func (s Subject) Path() []Step {
	var path []Step
	add := func(kind, name string) {
		if name != "" {
			path = append(path, Step{kind, name})
		}
	}
	if s.Log != nil {
		add("log", strconv.FormatUint(uint64(*s.Log), 10))
	}
	if s.Segment != nil {
		add("segment", strconv.FormatUint(uint64(*s.Segment), 10))
	}
	if s.Partition != nil {
		add("partition", strconv.FormatUint(uint64(*s.Partition), 10))
	}
	add("deployment", s.Deployment)
	add("document", s.Document)
	add("node", s.Node)
	add("part", s.Part)
	return path
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
