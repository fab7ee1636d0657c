// Package protobuf takes protobuf messages apart without a description of them: what databases of metadata hold has few
// fields. It is as strict as the encoding is defined, and takes no memory but for lists of numbers.
package protobuf

import (
	"errors"

	"github.com/VictoriaMetrics/easyproto"
)

// ErrMessage stands for all that can be wrong with a message. What the decoder says of it is in no report: its words may change.
var ErrMessage = errors.New("not a protobuf message")

// maxNumber is the highest number that a field can have.
const maxNumber = 1<<29 - 1

// A Field is one field of a message: a varint, or something that has a length.
type Field struct{ context easyproto.FieldContext }

// Each calls visit for the fields of a message that are varints or have a length, in their order, and passes over those of
// four or eight bytes. A group is as wrong as what cannot be decoded: proto3 has none. The fields before what is wrong are
// visited.
func Each(message []byte, visit func(Field)) error {
	var f Field
	for len(message) > 0 {
		var err error
		if message, err = f.context.NextField(message); err != nil || f.context.FieldNum == 0 || f.context.FieldNum > maxNumber {
			return ErrMessage
		}
		_, varint := f.context.Uint64()
		if _, length := f.context.Bytes(); varint || length {
			visit(f)
		}
	}
	return nil
}

// Number is which field of its message it is, from 1 on.
func (f Field) Number() uint32 { return f.context.FieldNum }

// Varint is the number that a varint is, and 0 where the field has a length.
func (f Field) Varint() uint64 {
	n, _ := f.context.Uint64()
	return n
}

// Content is what a field holds that has a length: bytes, a text or a message. It is part of the message that the field is
// of, and nil where the field is a varint, but not where its length is 0.
func (f Field) Content() []byte {
	content, _ := f.context.Bytes()
	return content
}

// Numbers appends what a repeated field of numbers has, packed or not. Where they cannot be read, it appends none.
func (f Field) Numbers(to []uint64) ([]uint64, error) {
	to, ok := f.context.UnpackUint64s(to)
	if !ok {
		return to, ErrMessage
	}
	return to, nil
}
