package snapshots

import (
	"bytes"
	"errors"
	"math"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// A layout is how one log looks in the text of a document, learned from a log that was decoded by gjson: what is
// literal, and where the numbers stand. All logs of an export have the same layout, and comparing bytes is much
// faster than parsing them. Whatever differs from the layout, even by a byte, is decoded by gjson.
//
// A text that matches means the same as the log that the layout was learned from, but for the numbers: the literals
// are equal, and a layout is learned only from a log without oddities.
type layout struct {
	open    []byte // up to the log id
	chain   []byte // from behind the log id up to the first segment
	between []byte // between two segments
	close   []byte // from behind the last segment to the end of the log
	segment []piece
	end     []byte // from behind the last field to the end of a segment
}

// A piece of a segment is some literal text and the field behind it.
type piece struct {
	literal []byte
	field   segmentField
}

type segmentField uint8

const (
	baseLSNField segmentField = iota
	indexField
	createdAtField
	paramsField
)

// The parameters of a replicated segment are JSON within a string, always in this form.
var (
	paramsOpen        = []byte(`"{\"loglet_id\":`)
	paramsSequencer   = []byte(`,\"sequencer\":\"N`)
	paramsReplication = []byte(`\",\"replication\":`)
	paramsClose       = []byte(`}"`)
)

// learnLayout returns the layout of a log that was decoded without oddities, or nil when it has no segment to learn from.
func learnLayout(raw []byte, log *Log) *layout {
	root := gjson.ParseBytes(raw)
	var id, body gjson.Result
	root.ForEach(func(_, v gjson.Result) bool {
		if !id.Exists() {
			id = v
			return true
		}
		body = v
		return false
	})
	var first, second, last, model gjson.Result
	elements := 0
	body.Get("chain").ForEach(func(_, v gjson.Result) bool {
		switch elements++; elements {
		case 1:
			first = v
		case 2:
			second = v
		}
		if last = v; !model.Exists() && v.Get("1.kind").Str == kindSpellings[Replicated] {
			model = v
		}
		return true
	})
	if !model.Exists() || elements != len(log.Segments) {
		return nil
	}
	end := func(v gjson.Result) int { return v.Index + len(v.Raw) }
	y := &layout{
		open:  bytes.Clone(raw[:id.Index]),
		chain: bytes.Clone(raw[end(id):first.Index]),
		close: bytes.Clone(raw[end(last):]),
	}
	if second.Exists() {
		y.between = bytes.Clone(raw[end(first):second.Index])
	} else {
		inner := y.chain[bytes.LastIndexByte(y.chain, '[')+1:]
		y.between = append([]byte{','}, inner...)
	}

	at := model.Index // everything before it is in a piece
	add := func(v gjson.Result, field segmentField) {
		y.segment = append(y.segment, piece{bytes.Clone(raw[at:v.Index]), field})
		at = end(v)
	}
	ok := true
	model.ForEach(func(_, v gjson.Result) bool {
		if len(y.segment) == 0 {
			add(v, baseLSNField)
			return true
		}
		v.ForEach(func(key, v gjson.Result) bool {
			switch key.Str {
			case "index":
				add(v, indexField)
			case "created_at":
				add(v, createdAtField)
			case "params":
				ok = ok && bytes.HasPrefix([]byte(v.Raw), paramsOpen)
				add(v, paramsField)
			}
			return true
		})
		return true
	})
	y.end = bytes.Clone(raw[at:end(model)])
	if !ok {
		return nil
	}
	return y
}

// match decodes the segment at the start of text. It returns the segment's length, or 0 when the text does not have
// the layout or ends too early to tell.
func (y *layout) match(text []byte, placements *placements, last **placementSlot, segment *Segment) int {
	i := 0
	segment.Kind = Replicated
	segment.Index = 0
	for p := range y.segment {
		piece := &y.segment[p]
		if !hasPrefixAt(text, i, piece.literal) {
			return 0
		}
		i += len(piece.literal)
		var n uint64
		switch piece.field {
		case baseLSNField:
			if n, i = digits(text, i); i == 0 {
				return 0
			}
			segment.BaseLSN = cluster.LSN(n)
		case indexField:
			if n, i = digits(text, i); i == 0 || n > math.MaxUint32 {
				return 0
			}
			segment.Index = cluster.SegmentIndex(n)
		case createdAtField:
			if hasPrefixAt(text, i, null) {
				i += len(null)
			} else if _, i = digits(text, i); i == 0 {
				return 0
			}
		case paramsField:
			if !hasPrefixAt(text, i, paramsOpen) {
				return 0
			}
			if n, i = digits(text, i+len(paramsOpen)); i == 0 {
				return 0
			}
			segment.Loglet = cluster.LogletID(n)
			if !hasPrefixAt(text, i, paramsSequencer) {
				return 0
			}
			if n, i = digits(text, i+len(paramsSequencer)); i == 0 || n > math.MaxUint32 || i == len(text) || text[i] != ':' {
				return 0
			}
			segment.Sequencer.ID = cluster.NodeID(n)
			if n, i = digits(text, i+1); i == 0 || n > math.MaxUint32 {
				return 0
			}
			segment.Sequencer.Generation = uint32(n)
			if !hasPrefixAt(text, i, paramsReplication) {
				return 0
			}
			i += len(paramsReplication)
			slot := *last
			if slot == nil || len(text)-i < len(slot.text) || string(text[i:i+len(slot.text)]) != slot.text {
				// The nodeset is a list of numbers: it ends at the first bracket.
				length := bytes.IndexByte(text[i:], ']') + 1
				if length == 0 {
					return 0
				}
				var err error
				if slot, err = placements.lookup(text[i:i+length], readEscapedPlacement); err != nil {
					return 0
				}
				*last = slot
			}
			segment.Placement = slot.placement
			i += len(slot.text)
			if !hasPrefixAt(text, i, paramsClose) {
				return 0
			}
			i += len(paramsClose)
		}
	}
	if !hasPrefixAt(text, i, y.end) {
		return 0
	}
	return i + len(y.end)
}

var null = []byte("null")

func hasPrefixAt(text []byte, i int, prefix []byte) bool {
	return len(text)-i >= len(prefix) && string(text[i:i+len(prefix)]) == string(prefix)
}

// digits reads an integer as JSON writes it and returns the place behind it, or 0 when there is none, or one that
// might not fit 64 bits.
func digits(text []byte, i int) (uint64, int) {
	start := i
	var n uint64
	for ; i < len(text); i++ {
		d := text[i] - '0'
		if d > 9 {
			break
		}
		n = n*10 + uint64(d)
	}
	length := i - start
	if length == 0 || length > 19 || length > 1 && text[start] == '0' {
		return 0, 0
	}
	if i == len(text) {
		return 0, 0 // more digits may follow
	}
	return n, i
}

var errNotLikely = errors.New("not the usual text of a placement")

// readEscapedPlacement reads `{\"node\":2},\"nodeset\":[1,2,3]`, as it stands within the string of the parameters.
func readEscapedPlacement(text []byte) (replication, nodeset gjson.Result, err error) {
	plain := make([]byte, 0, len(text)+len(`{"replication":}`))
	plain = append(plain, `{"replication":`...)
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			if i++; i == len(text) || text[i] != '"' {
				return replication, nodeset, errNotLikely
			}
		}
		plain = append(plain, text[i])
	}
	plain = append(plain, '}')
	if !gjson.ValidBytes(plain) {
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
