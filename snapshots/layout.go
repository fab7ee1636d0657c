package snapshots

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// A layout is how one log looks in the text of a document: what is literal, and where the numbers stand. All logs of an
// export have the same layout, and comparing bytes is much faster than parsing them. Whatever differs from the layout,
// even by a byte, is decoded by gjson.
//
// A text that matches means the same as the log that the layout was learned from, but for the numbers: the literals
// are equal, and with one of its segments that log was decoded by gjson without oddities.
type layout struct {
	open    []byte  // up to the log id
	chain   []byte  // from behind the log id to the first base LSN
	opening int     // how much of that, and of between, belongs to the segment
	shapes  []shape // of a segment; the one that matched last comes first
	between []byte  // from the end of a segment to the base LSN of the next one
	close   []byte  // from the end of the last segment to that of the log

	newlines  int // up to the first base LSN
	successor successor
}

// A shape is how a segment looks from behind its base LSN to the base LSN of the next one, or to the end of the log.
type shape struct {
	pieces     []piece
	next, last []byte
	plain      bool // see Segment

	nextLines, lastLines int // newlines of all that
}

// A piece of a segment is some literal text and the field behind it.
type piece struct {
	literal []byte
	field   segmentField
}

type segmentField uint8

const (
	indexField segmentField = iota
	createdAtField
	paramsField
)

// The parameters of a replicated segment are JSON within a string, always in this form.
const (
	paramsOpen        = `"{\"loglet_id\":`
	paramsSequencer   = `,\"sequencer\":\"N`
	paramsReplication = `\",\"replication\":`
	paramsClose       = `}"`
)

// learnFrom returns the layout of a log, or nil when its text has none to learn. Only one segment of it is decoded, which
// must be without oddities.
func (r *logsReader) learnFrom(raw []byte) *layout {
	if !gjson.ValidBytes(raw) {
		return nil
	}
	var id, body, first, second, last, model gjson.Result
	gjson.ParseBytes(raw).ForEach(func(_, v gjson.Result) bool {
		id, body = body, v
		return true
	})
	body.Get("chain").ForEach(func(_, v gjson.Result) bool {
		switch {
		case !first.Exists():
			first = v
		case !second.Exists():
			second = v
		}
		if last = v; !model.Exists() && v.Get("1.kind").Str == kindSpellings[Replicated] {
			model = v
		}
		return true
	})
	if !model.Exists() {
		return nil
	}
	end := func(v gjson.Result) int { return v.Index + len(v.Raw) }
	r.reset(0)
	sample, err := parse(slices.Concat(raw[:first.Index], raw[model.Index:end(model)], raw[end(last):]), 0, "", "", r.logs.Document, &r.log.Oddities)
	if err != nil || !r.decode(sample) || len(r.log.Segments) != 1 || len(r.log.Oddities)+len(r.log.Defects) > 0 {
		return nil
	}
	base := model.Get("0")
	opening, before := raw[model.Index:base.Index], raw[end(id):first.Index]
	between := slices.Concat([]byte{','}, before[bytes.LastIndexByte(before, '[')+1:])
	if second.Exists() {
		between = raw[end(first):second.Index]
	}
	y := &layout{
		open:    bytes.Clone(raw[:id.Index]),
		chain:   slices.Concat(before, opening),
		opening: len(opening),
		between: slices.Concat(between, opening),
		close:   bytes.Clone(raw[end(last):]),
	}
	// The time of creation is null in all that Restate has written so far, but a number is what belongs there.
	for _, createdAt := range []bool{false, true} {
		if pieces, rest := piecesOf(raw[:end(model)], end(base), model.Get("1"), createdAt); pieces != nil {
			s := newShape(pieces, slices.Concat(rest, y.between), slices.Concat(rest, y.close))
			s.plain = onlyKnown(model.Get("1"))
			y.shapes = append(y.shapes, s)
		}
	}
	y.newlines = bytes.Count(y.open, newline) + bytes.Count(y.chain, newline)
	return y
}

// onlyKnown reports whether a segment has no fields but those of Restate, each of them once.
func onlyKnown(config gjson.Result) bool {
	seen := make(map[string]bool)
	fields := 0
	config.ForEach(func(key, _ gjson.Result) bool {
		fields++
		switch key.Str {
		case "created_at", "index", "kind", "params":
			seen[key.Str] = true
		}
		return true
	})
	return len(seen) == fields
}

func newShape(pieces []piece, next, last []byte) shape {
	s := shape{pieces: pieces, next: next, last: last, nextLines: bytes.Count(next, newline), lastLines: bytes.Count(last, newline)}
	for i := range pieces {
		n := bytes.Count(pieces[i].literal, newline)
		s.nextLines += n
		s.lastLines += n
	}
	return s
}

// piecesOf takes a segment apart, from the given place in raw on to its end, and returns what is left behind the last field.
// Without createdAt the time of creation is null. No pieces are returned if the parameters are not in the usual form.
func piecesOf(raw []byte, from int, config gjson.Result, createdAt bool) (pieces []piece, rest []byte) {
	usual := false
	add := func(value gjson.Result, field segmentField, opened, closed string) {
		pieces = append(pieces, piece{slices.Concat(rest, raw[from:value.Index], []byte(opened)), field})
		rest = []byte(closed)
		from = value.Index + len(value.Raw)
	}
	config.ForEach(func(key, value gjson.Result) bool {
		switch {
		case key.Str == "index":
			add(value, indexField, "", "")
		case key.Str == "created_at" && createdAt:
			add(value, createdAtField, "", "")
		case key.Str == "created_at":
			rest = slices.Concat(rest, raw[from:value.Index], null)
			from = value.Index + len(value.Raw)
		case key.Str == "params":
			usual = strings.HasPrefix(value.Raw, paramsOpen)
			add(value, paramsField, paramsOpen, paramsClose)
		}
		return true
	})
	if !usual {
		return nil, nil
	}
	return pieces, slices.Concat(rest, raw[from:])
}

// match decodes the segment whose base LSN is at the start of text. It returns the length of the text up to the base LSN
// of the next segment, or up to the end of the log if there is none; 0 when the text does not have the layout or ends
// too early to tell.
func (y *layout) match(text []byte, segment *Segment, last *parameters, placements *placements) (length int, more bool) {
	for i := range y.shapes {
		s := &y.shapes[i]
		end, places := s.match(text, segment, last, placements)
		switch {
		case end > 0 && hasPrefixAt(text, end, s.next):
			length, more = end+len(s.next), true
			y.successor.follow(segment, text[:length], places, s.nextLines)
		case end > 0 && hasPrefixAt(text, end, s.last):
			length = end + len(s.last)
		default:
			continue
		}
		if i > 0 {
			y.shapes[0], y.shapes[i] = y.shapes[i], y.shapes[0]
		}
		break
	}
	return length, more
}

// places are those behind the fields of a segment, from its start on; 0 stands for a field that it does not have.
type places struct{ baseLSN, index, indexDigits, loglet, params int }

// match decodes the segment at the start of text and sets all of its fields. It returns the place behind the last field, or 0.
func (s *shape) match(text []byte, segment *Segment, last *parameters, placements *placements) (end int, at places) {
	segment.Kind, segment.Index, segment.plain = Replicated, 0, s.plain
	n, i := digits(text, 0)
	if i == 0 {
		return 0, at
	}
	segment.BaseLSN, at.baseLSN = cluster.LSN(n), i
	for p := range s.pieces {
		piece := &s.pieces[p]
		if !hasPrefixAt(text, i, piece.literal) {
			return 0, at
		}
		i += len(piece.literal)
		switch piece.field {
		case indexField:
			begin := i
			if n, i = digits(text, i); i == 0 || n > math.MaxUint32 {
				return 0, at
			}
			segment.Index, at.index, at.indexDigits = cluster.SegmentIndex(n), i, i-begin
		case createdAtField:
			if _, i = digits(text, i); i == 0 {
				return 0, at
			}
		case paramsField:
			if n, i = digits(text, i); i == 0 {
				return 0, at
			}
			segment.Loglet, at.loglet = cluster.LogletID(n), i
			if !last.take(text[i:], placements) {
				return 0, at
			}
			segment.Sequencer, segment.Placement = last.sequencer, last.placement
			i += len(last.text)
			at.params = i
		}
	}
	return i, at
}

// parameters are those of a segment from behind the loglet id to the nodeset. Often the next segment has the same.
type parameters struct {
	text      []byte
	sequencer cluster.GenerationalNodeID
	placement *Placement
}

// take takes over the parameters at the start of text, unless it has them. It fails, and changes nothing, when they are not
// in the usual form.
func (p *parameters) take(text []byte, placements *placements) bool {
	return p.placement != nil && hasPrefixAt(text, 0, p.text) || p.read(text, placements)
}

func (p *parameters) read(text []byte, placements *placements) bool {
	if !hasPrefixAt(text, 0, paramsSequencer) {
		return false
	}
	id, i := shortNumber(text, len(paramsSequencer))
	if i == 0 || text[i] != ':' {
		return false
	}
	generation, i := shortNumber(text, i+1)
	if i == 0 || !hasPrefixAt(text, i, paramsReplication) {
		return false
	}
	i += len(paramsReplication)
	end := i + bytes.IndexByte(text[i:], ']') + 1 // the nodeset is a list of numbers
	if end == i {
		return false
	}
	slot, err := placements.lookup(text[i:end], readEscapedPlacement)
	if err != nil {
		return false
	}
	p.text = append(p.text[:0], text[:end]...)
	p.sequencer = cluster.GenerationalNodeID{ID: cluster.NodeID(id), Generation: uint32(generation)}
	p.placement = slot.placement
	return true
}

var null = []byte("null")

func hasPrefixAt[Text string | []byte](text []byte, i int, prefix Text) bool {
	return len(text)-i >= len(prefix) && string(text[i:i+len(prefix)]) == string(prefix)
}

var errNotLikely = errors.New("not the usual text of a placement")

// readEscapedPlacement reads `{\"node\":2},\"nodeset\":[1,2,3]`, as it stands within the string of the parameters.
func readEscapedPlacement(text []byte) (replication, nodeset gjson.Result, err error) {
	plain := make([]byte, 0, len(text)+len(`{"replication":}`))
	plain = append(plain, `{"replication":`...)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && text[i+1] == '"':
			i++
			c = '"'
		case c == '\\', c == '"', c < ' ', c > '~':
			return replication, nodeset, errNotLikely
		}
		plain = append(plain, c)
	}
	plain = append(plain, '}')
	if !shallow(string(plain)) || !gjson.ValidBytes(plain) {
		return replication, nodeset, errNotLikely
	}
	fields := 0
	gjson.ParseBytes(plain).ForEach(func(key, v gjson.Result) bool {
		switch fields++; {
		case fields == 1:
			replication = v
		case fields == 2 && key.Str == "nodeset":
			nodeset = v
		default:
			fields = 3
		}
		return true
	})
	if fields != 2 || !replication.IsObject() || !nodeset.IsArray() {
		return replication, nodeset, errNotLikely
	}
	return replication, nodeset, nil
}
