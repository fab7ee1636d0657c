package snapshots

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// Logs is the log metadata: for every log the chain of its segments. The chains are not held in memory; Each reads
// them from the source, one log at a time.
type Logs struct {
	Document *Document
	// DefaultProvider is what new segments are made by; nil when the document does not state it (Restate before 1.2).
	DefaultProvider *Provider

	snapshot *Snapshot
	way      *readingWay     // nil for the fastest; tests compare it with others
	listAt   int64           // where the list of logs starts in the source; -1 when there is none
	whole    bool            // what follows the list was read already, further documents included
	through  bool            // it was read to its end to compare it with a rival, but for the logs
	before   map[string]bool // the fields before the list and, if whole, behind it
	// broken is why the document could not be read to its end, which is a gap of the snapshot then; empty if it could, or
	// was not tried.
	broken string
}

// A Provider is how new segments of a log are made.
type Provider struct {
	Kind LogletKind
	// Replication and TargetNodesetSize belong to replicated providers. A target of 0 means automatic.
	Replication       cluster.Replication
	TargetNodesetSize uint16
	At                Position
}

// A LogletKind is what implements a segment.
type LogletKind uint8

// The kinds of loglets. UnknownKind stands for a spelling that is not one of Restate's.
const (
	UnknownKind LogletKind = iota
	Replicated
	Local
	InMemory
	// SealMarker is no loglet: it ends a sealed chain and repeats the index of the segment that it seals (Restate 1.5).
	SealMarker
)

var kindSpellings = [...]string{UnknownKind: "unknown", Replicated: "replicated", Local: "local", InMemory: "in-memory", SealMarker: "sealed"}

// String is Restate's spelling of the kind.
func (k LogletKind) String() string { return kindSpellings[k] }

func parseKind(spelling string) LogletKind {
	for kind, s := range kindSpellings {
		if s == spelling {
			return LogletKind(kind)
		}
	}
	return UnknownKind
}

// A Log is one log and its chain. It is valid until the function that got it returns: the next log reuses its memory.
type Log struct {
	ID cluster.LogID
	// Segments are in the order of the document, which is that of the LSNs.
	Segments []Segment
	// Runs divide all segments into stretches of equal ones, in order.
	Runs []Run
	// Oddities are the values of this log that are not as Restate writes them.
	Oddities []Oddity
	// Defects are the segments that cannot be decoded, with the reason: at most 1,000. An element of the chain that is no
	// segment at all keeps its place, as one of UnknownKind.
	Defects []Defect

	document *Document
	number   int   // its place in the list of logs
	offset   int64 // of the entry [id, {"chain": …}] in the source
	raw      []byte
}

// A Segment is one element of a chain: it covers the LSNs from BaseLSN up to the next segment's.
type Segment struct {
	BaseLSN cluster.LSN
	// Loglet is the id that the parameters state. Log and index of a loglet id repeat those of its segment.
	Loglet cluster.LogletID
	// Placement is shared by all segments with the same replication and nodeset. Nil unless Kind is Replicated and
	// the parameters could be decoded.
	Placement *Placement
	// Sequencer is set where Placement is.
	Sequencer cluster.GenerationalNodeID
	Index     cluster.SegmentIndex
	Kind      LogletKind

	plain  bool   // by the layout it has no fields but the known ones: the parameters are the only text with escapes
	at     uint32 // where the segment starts in the log's text
	number uint32 // its place in the chain, elements that are no segments included
}

// A Run is a stretch of neighbouring segments with the same Kind, Sequencer and Placement: those from First on, up to but not
// including End. Chains are long and their runs are few, so that most questions need not be asked about every segment.
type Run struct{ First, End int }

// A Placement is one distinct combination of replication and nodeset. Segments with an equal pointer are placed
// equally; two placements may still be equal.
type Placement struct {
	Replication cluster.Replication
	// Invalid says what is wrong with the replication property; empty when nothing is.
	Invalid string
	// Computable is false when the property is so wrong that no quorum can be computed by it.
	Computable bool
	// Nodeset is in the order of the document.
	Nodeset []cluster.NodeID
	// Distinct is the number of different nodes in it; Restate writes each node once.
	Distinct int
	// Verdict is what holds for the placement by the captured nodes configuration; the zero value without one.
	Verdict cluster.Verdict
	// Number counts the placements of one reading of the logs, from 0 on.
	Number int
}

// A Defect is a segment that cannot be decoded, mostly for its parameters.
type Defect struct {
	Segment int // its place in the chain
	Reason  string
}

// Head is the oldest segment; nil when the chain is empty.
func (l *Log) Head() *Segment {
	if len(l.Segments) == 0 {
		return nil
	}
	return &l.Segments[0]
}

// Tail is the newest element of the chain, which is a seal marker when the chain is sealed; nil when the chain is empty.
func (l *Log) Tail() *Segment {
	if len(l.Segments) == 0 {
		return nil
	}
	return &l.Segments[len(l.Segments)-1]
}

// findRuns divides the segments into runs.
func (l *Log) findRuns() {
	l.Runs = l.Runs[:0]
	if len(l.Segments) == 0 {
		return
	}
	first := 0
	a := &l.Segments[0]
	placement, sequencer, kind := a.Placement, a.Sequencer, a.Kind
	for i := range l.Segments {
		if b := &l.Segments[i]; b.Placement != placement || b.Sequencer != sequencer || b.Kind != kind {
			l.Runs = append(l.Runs, Run{first, i})
			first, placement, sequencer, kind = i, b.Placement, b.Sequencer, b.Kind
		}
	}
	l.Runs = append(l.Runs, Run{first, len(l.Segments)})
}

// Open reports whether the i-th segment takes appends: it is the last one and no seal marker.
func (l *Log) Open(i int) bool {
	return i == len(l.Segments)-1 && l.Segments[i].Kind != SealMarker
}

// At is the position of the log's entry.
func (l *Log) At() Position { return l.document.At(l.offset, l.pointer()) }

// SegmentAt is the position of the i-th element of the chain.
func (l *Log) SegmentAt(i int) Position {
	return l.document.At(l.offset+int64(l.Segments[i].at), l.elementPointer(int(l.Segments[i].number)))
}

func (l *Log) pointer() string { return "/logs/" + strconv.Itoa(l.number) }

func (l *Log) elementPointer(number int) string {
	return l.pointer() + "/1/chain/" + strconv.Itoa(number)
}

// ParamsAt is the position of the i-th segment's parameters, or of the segment where it has none.
func (l *Log) ParamsAt(i int) Position {
	params, _ := l.params(i)
	return l.paramsAt(i, params)
}

func (l *Log) paramsAt(i int, params gjson.Result) Position {
	at := l.SegmentAt(i)
	if !params.Exists() {
		return at
	}
	return l.document.At(at.Offset+int64(params.Index), at.Pointer+"/1/params")
}

// MemberAt is the position of the k-th member of the i-th segment's nodeset, within the parameters.
func (l *Log) MemberAt(i, k int) Position { return l.within(i, "nodeset", k) }

// SequencerAt is the position of the i-th segment's sequencer, within the parameters.
func (l *Log) SequencerAt(i int) Position { return l.within(i, "sequencer", -1) }

// ReplicationAt is the position of the i-th segment's replication property, within the parameters.
func (l *Log) ReplicationAt(i int) Position { return l.within(i, "replication", -1) }

// LogletAt is the position of the i-th segment's loglet id, within the parameters.
func (l *Log) LogletAt(i int) Position { return l.within(i, "loglet_id", -1) }

// Field returns a field of the i-th segment as it stands in the document, for messages: it may be anything.
func (l *Log) Field(i int, name string) string {
	segment := gjson.ParseBytes(l.segmentText(i))
	return value{result: segment.Get("1." + gjson.Escape(name))}.shown()
}

func (l *Log) segmentText(i int) []byte {
	end := len(l.raw)
	if i+1 < len(l.Segments) {
		end = int(l.Segments[i+1].at)
	}
	return l.raw[l.Segments[i].at:end]
}

// params returns the i-th segment's field `params` as it stands in the document, and the text within the string.
func (l *Log) params(i int) (field gjson.Result, inner string) {
	segment := gjson.ParseBytes(l.segmentText(i))
	field = segment.Get("1.params")
	return field, field.Str
}

// within finds a field of the parameters, or one element of it, which stand as a string in the document.
func (l *Log) within(i int, name string, element int) Position {
	if at := l.plainly(i, name, element); at > 0 {
		return l.document.At(l.offset+int64(l.Segments[i].at)+int64(at), l.elementPointer(int(l.Segments[i].number))+"/1/params")
	}
	params, inner := l.params(i)
	at := l.paramsAt(i, params)
	found := gjson.Get(inner, name)
	if element >= 0 {
		k := 0
		found.ForEach(func(_, v gjson.Result) bool {
			if k == element {
				found = v
				return false
			}
			k++
			return true
		})
	}
	if found.Exists() && found.Index > 0 {
		at.Offset += int64(escapedOffset(params.Raw, found.Index))
	}
	return at
}

// plainly looks in the text of a segment for what within finds, if that can be done without a parser. It returns the place, or 0.
func (l *Log) plainly(i int, name string, element int) int {
	if !l.Segments[i].plain {
		return 0
	}
	text, key := l.segmentText(i), `\"`+name+`\":`
	at := bytes.Index(text, []byte(key)) // the parameters begin with the fields in front of the nodeset, in this order
	if element >= 0 {
		at = bytes.LastIndex(text, []byte(key+"[")) // and end with it; a replication property may have anything in it
	}
	if at < 0 || text[at+len(key)] == ' ' {
		return 0
	}
	if at += len(key); element < 0 {
		return at
	}
	end := at + bytes.IndexByte(text[at:], ']')
	for at++; element > 0; element-- { // behind the bracket
		comma := bytes.IndexByte(text[at:end], ',')
		if comma < 0 {
			return 0
		}
		at += comma + 1
	}
	if c := text[at]; c < '0' || c > '9' { // no plain number
		return 0
	}
	return at
}

// escapedOffset finds in a quoted JSON string the place of the given byte of its unescaped text.
func escapedOffset(quoted string, index int) int {
	i := 1 // behind the quote
	for index > 0 && i < len(quoted) {
		size, width := 1, 1
		if quoted[i] == '\\' && i+1 < len(quoted) {
			size = 2
			if quoted[i+1] == 'u' && i+6 <= len(quoted) {
				size = 6
				if half := quoted[i+2] | 0x20; half == 'd' && quoted[i+3] >= '8' && strings.HasPrefix(quoted[i+6:], `\u`) {
					size = min(12, len(quoted)-i) // two halves of one character
				}
				width = len(gjson.Parse(`"` + quoted[i:i+size] + `"`).Str)
			}
		}
		i += size
		index -= width
	}
	return i
}

// A Seal is what a seal marker records.
type Seal struct {
	// Permanent forbids that the chain ever grows again.
	Permanent bool
	// Context says who sealed and why, in no particular spelling.
	Context map[string]string
}

// SealOf decodes the parameters of the i-th segment, a seal marker. ok is false when they are no JSON object.
func (l *Log) SealOf(i int) (seal Seal, ok bool) {
	_, inner := l.params(i)
	if !shallow(inner) || !gjson.Valid(inner) {
		return seal, false
	}
	params := gjson.Parse(inner)
	if !params.IsObject() {
		return seal, false
	}
	seal.Permanent = params.Get("permanent_seal").Bool()
	params.Get("context").ForEach(func(key, value gjson.Result) bool {
		if seal.Context == nil {
			seal.Context = make(map[string]string)
		}
		seal.Context[key.String()] = value.String()
		return len(seal.Context) < 32
	})
	return seal, true
}
