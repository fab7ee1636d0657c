// Package flexbuffers reads FlexBuffers, the self-describing binary form in which Restate keeps most metadata values.
//
// It holds nothing but the bytes it is given, and trusts none of them: whatever an accessor returns lies within them. What
// a value contains stands before it, as every writer of the format lays it out, so that no value can contain itself;
// but values may share their contents, and whoever walks over all of them has to bound the walk.
package flexbuffers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A Kind is what a value is.
type Kind uint8

// The kinds of values. String stands for keys as well, Vector for vectors of every element type.
const (
	Null Kind = iota
	Int
	Uint
	Float
	Bool
	String
	Blob
	Map
	Vector
)

// The types of the format, as far as they are named here; 11 to 14 and 16 to 24 are vectors of typed elements.
const (
	typeNull          = 0
	typeInt           = 1
	typeUint          = 2
	typeFloat         = 3
	typeKey           = 4
	typeString        = 5
	typeIndirectInt   = 6
	typeIndirectUint  = 7
	typeIndirectFloat = 8
	typeMap           = 9
	typeVector        = 10
	typeVectorInt     = 11
	typeVectorKey     = 14
	typeVectorInt2    = 16
	typeVectorFloat4  = 24
	typeBlob          = 25
	typeBool          = 26
	typeVectorBool    = 36
)

// A Value is one value of a buffer, with everything checked that its accessors rely on. It shares the buffer's memory.
type Value struct {
	data  []byte // the whole buffer
	kind  Kind
	bits  uint64 // of a number or a Bool
	at    int    // the first byte of a text, or the first slot of a Map or Vector
	n     int    // the bytes of a text, the elements of a Map or Vector
	start int    // the first byte that belongs to a Map or Vector, its header included
	width int    // of a slot, in bytes
	typ   byte   // of every element; only where typed
	typed bool
	keys  int // the first slot of the keys of a Map
	keyW  int // the width of such a slot
}

var (
	errShort  = errors.New("flexbuffers: too short")
	errBounds = errors.New("flexbuffers: a value lies outside of the buffer, or not before what contains it")
)

// Root returns the value that a buffer holds.
func Root(data []byte) (Value, error) {
	if len(data) < 3 {
		return Value{}, errShort
	}
	width, packed := int(data[len(data)-1]), data[len(data)-2]
	slot := len(data) - 2 - width
	if width != 1 && width != 2 && width != 4 && width != 8 {
		return Value{}, fmt.Errorf("flexbuffers: a root of %d bytes", width)
	}
	if slot < 0 {
		return Value{}, errShort
	}
	return read(data, slot, width, packed, slot)
}

// read returns the value whose slot is given. What does not fit into the slot stands
// before the given limit, which is where that begins which the slot belongs to.
func read(data []byte, slot, width int, packed byte, limit int) (Value, error) {
	v := Value{data: data}
	typ, own := packed>>2, 1<<(packed&3) // own is the width of what the slot points to
	switch typ {
	case typeNull:
		return v, nil
	case typeInt:
		v.kind, v.bits = Int, signed(data, slot, width)
		return v, nil
	case typeUint:
		v.kind, v.bits = Uint, unsigned(data, slot, width)
		return v, nil
	case typeFloat:
		return v.float(slot, width)
	case typeBool:
		v.kind, v.bits = Bool, unsigned(data, slot, width)
		return v, nil
	}
	at, err := target(data, slot, width, limit)
	if err != nil {
		return v, err
	}
	v.at = at
	switch {
	case typ == typeKey:
		v.kind = String
		v.n, err = keyLength(data, at)
		return v, err
	case typ == typeString, typ == typeBlob:
		v.kind = String
		if typ == typeBlob {
			v.kind = Blob
		}
		if at < own {
			return v, errBounds
		}
		n := unsigned(data, at-own, own)
		if n > uint64(len(data)-at) {
			return v, errBounds
		}
		v.n = int(n)
		return v, nil
	case typ >= typeIndirectInt && typ <= typeIndirectFloat:
		if own > len(data)-at {
			return v, errBounds
		}
		switch typ {
		case typeIndirectInt:
			v.kind, v.bits = Int, signed(data, at, own)
		case typeIndirectUint:
			v.kind, v.bits = Uint, unsigned(data, at, own)
		default:
			return v.float(at, own)
		}
		return v, nil
	case typ == typeMap:
		v.kind = Map
		return v, v.list(own, 3, true)
	case typ == typeVector:
		v.kind = Vector
		return v, v.list(own, 1, true)
	case typ >= typeVectorInt && typ <= typeVectorKey, typ == typeVectorBool:
		v.kind, v.typed, v.typ = Vector, true, typ-typeVectorInt+typeInt
		if typ == typeVectorBool {
			v.typ = typeBool
		}
		return v, v.list(own, 1, false)
	case typ >= typeVectorInt2 && typ <= typeVectorFloat4:
		v.kind, v.typed, v.typ = Vector, true, (typ-typeVectorInt2)%3+typeInt
		v.n, v.start, v.width = int(typ-typeVectorInt2)/3+2, at, own
		if v.n*own > len(data)-at {
			return v, errBounds
		}
		return v, nil
	}
	return v, fmt.Errorf("flexbuffers: type %d is not known", typ)
}

// list reads the header of a Map or Vector, of the given number of slots, and checks that all slots are there.
func (v *Value) list(width, header int, typeBytes bool) error {
	v.width, v.start = width, v.at-header*width
	if v.start < 0 {
		return errBounds
	}
	n, each := unsigned(v.data, v.at-width, width), width
	if typeBytes {
		each++
	}
	if n > uint64((len(v.data)-v.at)/each) {
		return errBounds
	}
	v.n = int(n)
	if v.kind != Map {
		return nil
	}
	keyWidth := unsigned(v.data, v.at-2*width, width)
	if keyWidth != 1 && keyWidth != 2 && keyWidth != 4 && keyWidth != 8 {
		return fmt.Errorf("flexbuffers: keys of %d bytes", keyWidth)
	}
	v.keyW = int(keyWidth)
	var err error
	if v.keys, err = target(v.data, v.start, width, v.start); err != nil {
		return err
	}
	if v.n > (v.start-v.keys)/v.keyW {
		return errBounds
	}
	return nil
}

func (v Value) float(at, width int) (Value, error) {
	v.kind = Float
	switch bits := unsigned(v.data, at, width); width {
	case 4:
		v.bits = math.Float64bits(float64(math.Float32frombits(uint32(bits))))
	case 8:
		v.bits = bits
	default:
		return v, fmt.Errorf("flexbuffers: a float of %d bytes", width)
	}
	return v, nil
}

// target follows the offset in a slot, which leads backwards, to before the limit; what is empty may stand at the limit.
func target(data []byte, slot, width, limit int) (int, error) {
	offset := unsigned(data, slot, width)
	if offset > uint64(slot) || slot-int(offset) > limit {
		return 0, errBounds
	}
	return slot - int(offset), nil
}

func keyLength(data []byte, at int) (int, error) {
	n := bytes.IndexByte(data[at:], 0)
	if n < 0 {
		return 0, errors.New("flexbuffers: a key has no end")
	}
	return n, nil
}

func unsigned(data []byte, at, width int) uint64 {
	switch width {
	case 1:
		return uint64(data[at])
	case 2:
		return uint64(binary.LittleEndian.Uint16(data[at:]))
	case 4:
		return uint64(binary.LittleEndian.Uint32(data[at:]))
	}
	return binary.LittleEndian.Uint64(data[at:])
}

func signed(data []byte, at, width int) uint64 {
	shift := 64 - 8*width
	return uint64(int64(unsigned(data, at, width)<<shift) >> shift)
}

// Kind is what the value is.
func (v Value) Kind() Kind { return v.kind }

// Int is the number of a value of kind Int.
func (v Value) Int() int64 { return int64(v.bits) }

// Uint is the number of a value of kind Uint.
func (v Value) Uint() uint64 { return v.bits }

// Float is the number of a value of kind Float.
func (v Value) Float() float64 { return math.Float64frombits(v.bits) }

// Bool is the value of a value of kind Bool.
func (v Value) Bool() bool { return v.bits != 0 }

// Bytes are those of a String or Blob. Nothing says that a String is UTF-8.
func (v Value) Bytes() []byte {
	if v.kind != String && v.kind != Blob {
		return nil
	}
	return v.data[v.at : v.at+v.n]
}

// Len is the number of elements of a Map or Vector, and of bytes of a String or Blob.
func (v Value) Len() int { return v.n }

// Element returns the i-th element of a Map or Vector, from 0 to Len()-1.
func (v Value) Element(i int) (Value, error) {
	packed := v.typ << 2
	if !v.typed {
		packed = v.data[v.at+v.n*v.width+i]
	}
	return read(v.data, v.at+i*v.width, v.width, packed, v.start)
}

// Key returns the i-th key of a Map, from 0 to Len()-1. Writers of the format sort the keys by their bytes; nothing says
// that this one did.
func (v Value) Key(i int) ([]byte, error) {
	at, err := v.key(i)
	if err != nil {
		return nil, err
	}
	n, err := keyLength(v.data, at)
	if err != nil {
		return nil, err
	}
	return v.data[at : at+n], nil
}

func (v Value) key(i int) (int, error) {
	slot := v.keys + i*v.keyW
	return target(v.data, slot, v.keyW, v.keys)
}

// Find returns the place of a key in a Map, or -1.
func (v Value) Find(key string) int {
	for i := range v.n {
		if at, err := v.key(i); err == nil && len(v.data)-at > len(key) && string(v.data[at:at+len(key)]) == key && v.data[at+len(key)] == 0 {
			return i
		}
	}
	return -1
}
