package snapshots

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
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

// add adds to the number at the end of text. It fails when the number gets longer, and has changed it then.
func add(text []byte, n uint64) bool {
	for i := len(text) - 1; i >= 0 && '0' <= text[i] && text[i] <= '9'; i-- {
		if n += uint64(text[i] - '0'); n < 10 {
			text[i] = '0' + byte(n)
			return true
		}
		text[i] = '0' + byte(n%10)
		n /= 10
	}
	return false
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

// longest is more than the number of digits of any integer of 64 bits.
const longest = 24

// digits reads an integer as JSON writes it and returns the place behind it, or 0 when there is none, one that might not
// fit 64 bits, or one that may go on behind the text.
func digits(text []byte, i int) (n uint64, end int) {
	if len(text)-i < longest {
		return 0, 0
	}
	number := text[i : i+longest]
	n, length := eightDigits(binary.LittleEndian.Uint64(number))
	if length == 8 && number[8]-'0' <= 9 {
		next, more := eightDigits(binary.LittleEndian.Uint64(number[8:]))
		n, length = n*powersOfTen[more]+next, 8+more
		if more == 8 {
			next, more := eightDigits(binary.LittleEndian.Uint64(number[16:]))
			n, length = n*powersOfTen[more]+next, 16+more
		}
	}
	if length == 0 || length > 19 || length > 1 && number[0] == '0' {
		return 0, 0
	}
	return n, i + length
}

var powersOfTen = [...]uint64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// shortNumber reads an integer of 32 bits like digits, digit by digit: it has one or two in most cases.
func shortNumber(text []byte, i int) (n uint64, end int) {
	if len(text)-i < longest || text[i] == '0' {
		n, end = digits(text, i)
	} else {
		for end = i; text[end]-'0' <= 9 && end-i < 11; end++ {
			n = n*10 + uint64(text[end]-'0')
		}
	}
	if end == i || n > math.MaxUint32 {
		return 0, 0
	}
	return n, end
}

// digitsBefore reads an integer like digits where it is expected to end. It fails where the text up to there is no integer, or
// has more than eight digits; whether the integer goes on is left to see.
func digitsBefore(text []byte, i, end int) (n uint64, ok bool) {
	count := end - i
	if len(text)-i < longest || count < 1 || count > 8 {
		return 0, false
	}
	characters := binary.LittleEndian.Uint64(text[i:])
	chunk := (characters ^ zeros) << (64 - 8*count)
	if others(chunk) != 0 || characters&0xff == '0' && count > 1 {
		return 0, false
	}
	return valueOf(chunk), true
}

// eightDigits reads the number that the first of eight characters are, and counts its digits.
func eightDigits(characters uint64) (n uint64, count int) {
	chunk := characters ^ zeros
	count = bits.TrailingZeros64(others(chunk)) / 8
	return valueOf(chunk << (64 - 8*count)), count
}

// zeros are eight digits. Without their bits a digit is its value.
const zeros = 0x3030303030303030

// others has a bit for each of eight characters without the bits of zeros that is no digit: adding 0x76 sets the top bit of
// whatever is more than 9.
func others(chunk uint64) uint64 { return (chunk + 0x7676767676767676 | chunk) & 0x8080808080808080 }

// valueOf is the number that eight digits are, the values of which stand in the bytes of chunk from the lowest on.
func valueOf(chunk uint64) uint64 {
	chunk = chunk*10 + chunk>>8
	return (chunk&0x000000ff000000ff*0x000f424000000064 + chunk>>16&0x000000ff000000ff*0x0000271000000001) >> 32
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
