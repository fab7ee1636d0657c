// Package bilrost reads Bilrost, a compact binary form of messages in which Restate keeps a few things: the rule book, and
// the envelope of metadata objects in a bucket (since Restate 1.5).
package bilrost

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// A Wire is how a field is stored.
type Wire uint8

// The four ways to store a field.
const (
	Varint Wire = iota
	Delimited
	Fixed32
	Fixed64
)

// A Field is one field of a message.
type Field struct {
	Tag  uint32
	Wire Wire
	// Number is the value, unless the field is Delimited.
	Number uint64
	// Bytes are those of a Delimited field, and share the message's memory.
	Bytes []byte
}

// A Reader reads the fields of a message one after another.
type Reader struct {
	rest []byte
	tag  uint64
}

// NewReader returns a reader over a message.
func NewReader(message []byte) *Reader { return &Reader{rest: message} }

var (
	errTruncated = errors.New("bilrost: the message ends in the middle of a field")
	errOverflow  = errors.New("bilrost: a number has more than 64 bits")
)

// More reports whether another field follows.
func (r *Reader) More() bool { return len(r.rest) > 0 }

// Rest is what was not read yet. After an error it starts somewhere within the field that could not be read.
func (r *Reader) Rest() []byte { return r.rest }

// Next returns the next field. A message that More says has one may still end within it.
func (r *Reader) Next() (Field, error) {
	key, err := r.Varint()
	if err != nil {
		return Field{}, err
	}
	if r.tag += key >> 2; r.tag > math.MaxUint32 {
		return Field{}, fmt.Errorf("bilrost: tag %d is not possible", r.tag)
	}
	f := Field{Tag: uint32(r.tag), Wire: Wire(key & 3)}
	switch f.Wire {
	case Varint:
		f.Number, err = r.Varint()
	case Delimited:
		f.Bytes, err = r.Delimited()
	case Fixed32:
		if len(r.rest) < 4 {
			return f, errTruncated
		}
		f.Number = uint64(binary.LittleEndian.Uint32(r.rest))
		r.rest = r.rest[4:]
	case Fixed64:
		if len(r.rest) < 8 {
			return f, errTruncated
		}
		f.Number = binary.LittleEndian.Uint64(r.rest)
		r.rest = r.rest[8:]
	}
	return f, err
}

// Varint reads a bare number, as packed lists and maps hold them. Its bytes are digits of base 128 that keep their
// continuation bits, so that every number has exactly one form; the ninth byte, if there is one, is the last.
func (r *Reader) Varint() (uint64, error) {
	n := uint64(0)
	for i := range 9 {
		if i == len(r.rest) {
			return 0, errTruncated
		}
		digit := uint64(r.rest[i])
		sum, carry := bits.Add64(n, digit<<(7*i), 0)
		if n = sum; carry > 0 {
			return 0, errOverflow
		}
		if digit < 0x80 || i == 8 {
			r.rest = r.rest[i+1:]
			break
		}
	}
	return n, nil
}

// Delimited reads a bare length and as many bytes, as packed lists and maps hold them.
func (r *Reader) Delimited() ([]byte, error) {
	n, err := r.Varint()
	if err != nil {
		return nil, err
	}
	if n > uint64(len(r.rest)) {
		return nil, errTruncated
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, nil
}
