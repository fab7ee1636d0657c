package flexbuffers

import (
	"encoding/binary"
	"math"
	"slices"
)

// A writer builds buffers as the tests need them, with slots of any width that fits.
type writer struct {
	data []byte
	keys map[string]int
}

// A piece is a value that was written, or fits into a slot.
type piece struct {
	typ    byte
	width  int // of what the slot points to
	inline bool
	bits   uint64
	at     int
}

func fits(bits uint64, signed bool, width int) bool {
	if width == 8 {
		return true
	}
	if signed {
		return int64(bits)<<(64-8*width)>>(64-8*width) == int64(bits)
	}
	return bits>>(8*width) == 0
}

func (w *writer) put(bits uint64, width int) {
	w.data = append(w.data, binary.LittleEndian.AppendUint64(nil, bits)[:width]...)
}

// slot writes a slot; ok is false if it does not fit.
func (w *writer) slot(p piece, width int) (ok bool) {
	bits := p.bits
	if !p.inline {
		bits = uint64(len(w.data) - p.at)
	}
	ok = fits(bits, p.inline && p.typ == typeInt, width) && !(p.inline && p.typ == typeFloat && width < 8)
	w.put(bits, width)
	return ok
}

// list writes a vector, or the values of a map. Its slots have the given width or the next one that all fit into.
func (w *writer) list(pieces []piece, keys *piece, width int) piece {
	for ; ; width *= 2 {
		before, ok := len(w.data), true
		if keys != nil {
			ok = w.slot(piece{at: keys.at}, width)
			w.put(uint64(keys.width), width)
		}
		ok = fits(uint64(len(pieces)), false, width) && ok
		w.put(uint64(len(pieces)), width)
		at := len(w.data)
		for _, p := range pieces {
			ok = w.slot(p, width) && ok
		}
		if !ok {
			w.data = w.data[:before]
			continue
		}
		for _, p := range pieces {
			w.data = append(w.data, p.typ<<2|log2(p.width))
		}
		result := piece{typ: typeVector, width: width, at: at}
		if keys != nil {
			result.typ = typeMap
		}
		return result
	}
}

func log2(width int) byte { return byte(slices.Index([]int{1, 2, 4, 8}, max(width, 1))) }

func (w *writer) key(key string) piece {
	if at, ok := w.keys[key]; ok {
		return piece{typ: typeKey, width: 1, at: at}
	}
	if w.keys == nil {
		w.keys = make(map[string]int)
	}
	w.keys[key] = len(w.data)
	w.data = append(append(w.data, key...), 0)
	return piece{typ: typeKey, width: 1, at: w.keys[key]}
}

// write writes a value: nil, bool, int64, uint64, float64, string, []byte, []any or map[string]any.
func (w *writer) write(value any, width int) piece {
	switch v := value.(type) {
	case bool:
		p := piece{typ: typeBool, inline: true}
		if v {
			p.bits = 1
		}
		return p
	case int64:
		return piece{typ: typeInt, inline: true, bits: uint64(v)}
	case uint64:
		return piece{typ: typeUint, inline: true, bits: v}
	case float64:
		return piece{typ: typeFloat, inline: true, bits: math.Float64bits(v)}
	case string:
		return w.text([]byte(v), typeString, width)
	case []byte:
		return w.text(v, typeBlob, width)
	case []any:
		pieces := make([]piece, len(v))
		for i := range v {
			pieces[i] = w.write(v[i], width)
		}
		return w.list(pieces, nil, width)
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		keys, pieces := make([]piece, len(names)), make([]piece, len(names))
		for i, name := range names {
			keys[i], pieces[i] = w.key(name), w.write(v[name], width)
		}
		vector := w.list(keys, nil, width)
		w.data = w.data[:len(w.data)-len(keys)] // a vector of keys has no types
		return w.list(pieces, &vector, width)
	}
	return piece{inline: true}
}

func (w *writer) text(text []byte, typ byte, width int) piece {
	for !fits(uint64(len(text)), false, width) {
		width *= 2
	}
	w.put(uint64(len(text)), width)
	at := len(w.data)
	w.data = append(append(w.data, text...), 0)
	return piece{typ: typ, width: width, at: at}
}

// encode returns a buffer that holds a value.
func encode(value any, width int) []byte {
	w := &writer{}
	root := w.write(value, width)
	for before := len(w.data); ; width *= 2 {
		if w.slot(root, width) {
			w.data = append(w.data, root.typ<<2|log2(root.width), byte(width))
			return w.data
		}
		w.data = w.data[:before]
	}
}
