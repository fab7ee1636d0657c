package datadir

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// A field is one field of a protobuf message: a number, or bytes.
type field struct {
	number  protowire.Number
	varint  uint64
	content []byte
}

// errMessage stands for all that protobuf finds wrong with a message: its own texts differ from build to build.
var errMessage = errors.New("not a protobuf message")

// message calls each for the fields of a protobuf message that are varints or have a length. It passes over the others.
func message(b []byte, each func(field)) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errMessage
		}
		b = b[n:]
		f := field{number: number}
		switch kind {
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.content, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
			number = 0
		}
		if n < 0 {
			return errMessage
		}
		b = b[n:]
		if number > 0 {
			each(f)
		}
	}
	return nil
}

// numbers appends what a repeated field of numbers has, packed or not.
func (f field) numbers(to []uint64) []uint64 {
	if f.content == nil {
		return append(to, f.varint)
	}
	for b := f.content; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			break
		}
		to, b = append(to, v), b[n:]
	}
	return to
}
