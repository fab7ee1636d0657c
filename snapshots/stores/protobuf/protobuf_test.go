package protobuf

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// A seen is what is to be known of a field.
type seen struct {
	number  uint32
	varint  uint64
	content []byte // nil for a varint
	numbers []uint64
	broken  bool // they are no numbers
}

func read(message []byte) (fields []seen, err error) {
	err = Each(message, func(f Field) {
		s := seen{number: f.Number(), varint: f.Varint(), content: f.Content()}
		numbers, err := f.Numbers([]uint64{7})
		s.numbers, s.broken = numbers, errors.Is(err, ErrMessage)
		fields = append(fields, s)
	})
	return fields, err
}

// expected is what read has to return, by the decoder that Google's library has.
func expected(message []byte) (fields []seen, err error) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 || !number.IsValid() || kind == protowire.StartGroupType {
			return fields, ErrMessage
		}
		size := protowire.ConsumeFieldValue(number, kind, message[n:])
		if size < 0 {
			return fields, ErrMessage
		}
		s := seen{number: uint32(number), numbers: []uint64{7}}
		switch kind {
		case protowire.VarintType:
			s.varint, _ = protowire.ConsumeVarint(message[n:])
			s.numbers = append(s.numbers, s.varint)
			fields = append(fields, s)
		case protowire.BytesType:
			s.content, _ = protowire.ConsumeBytes(message[n:])
			for rest := s.content; len(rest) > 0; {
				v, n := protowire.ConsumeVarint(rest)
				if s.broken = n < 0; s.broken {
					s.numbers = []uint64{7}
					break
				}
				s.numbers, rest = append(s.numbers, v), rest[n:]
			}
			fields = append(fields, s)
		}
		message = message[n+size:]
	}
	return fields, nil
}

func message() []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), math.MaxUint64)
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), "text")
	b = protowire.AppendFixed32(protowire.AppendTag(b, 3, protowire.Fixed32Type), 1)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 4, protowire.Fixed64Type), 1)
	b = protowire.AppendString(protowire.AppendTag(b, 15, protowire.BytesType), "")
	b = protowire.AppendString(protowire.AppendTag(b, 16, protowire.BytesType), "\x01\x80\x01")
	b = protowire.AppendString(protowire.AppendTag(b, 17, protowire.BytesType), strings.Repeat("\x02", 200))
	return protowire.AppendVarint(protowire.AppendTag(b, protowire.MaxValidNumber, protowire.VarintType), 0)
}

func TestFieldsThatAreVarintsOrHaveALengthAreVisited(t *testing.T) {
	fields, err := read(message())
	twos := bytes.Repeat([]byte{2}, 200)
	want := []seen{
		{number: 1, varint: math.MaxUint64, numbers: []uint64{7, math.MaxUint64}},
		{number: 2, content: []byte("text"), numbers: []uint64{7, 't', 'e', 'x', 't'}},
		{number: 15, content: []byte{}, numbers: []uint64{7}},
		{number: 16, content: []byte{1, 0x80, 1}, numbers: []uint64{7, 1, 128}},
		{number: 17, content: twos, numbers: append([]uint64{7}, slices.Repeat([]uint64{2}, 200)...)},
		{number: 1<<29 - 1, numbers: []uint64{7, 0}},
	}
	if err != nil || !reflect.DeepEqual(fields, want) {
		t.Errorf("%v, %+v, want %+v", err, fields, want)
	}
	if fields, err := read(nil); err != nil || fields != nil {
		t.Errorf("of the empty message: %v, %v", err, fields)
	}
}

// What stands before is visited; the library alone would accept the numbers that no field has.
func TestMessagesThatAreNone(t *testing.T) {
	for name, text := range map[string]string{
		"no tag":                "\xff",
		"no varint":             "\x08",
		"half a varint":         "\x08\x80",
		"a varint of 65 bits":   "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
		"a varint of 11 bytes":  "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
		"no length":             "\x0a",
		"a length without text": "\x0a\x05",
		"a huge length":         "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01text",
		"three bytes of four":   "\x0d\x00\x00\x00",
		"seven bytes of eight":  "\x09\x00\x00\x00\x00\x00\x00\x00",
		"field 0":               "\x00\x01",
		"field 0 with a length": "\x02\x01x",
		"a number too high":     "\x80\x80\x80\x80\x10\x01",
		"a number of 33 bits":   "\x88\x80\x80\x80\x80\x01\x01",
		"a group":               "\x0b\x0c",
		"the end of a group":    "\x0c",
		"wire type 6":           "\x0e",
		"wire type 7":           "\x0f",
	} {
		if fields, err := read([]byte(text)); !errors.Is(err, ErrMessage) || len(fields) != 0 {
			t.Errorf("%s: %v, %v", name, err, fields)
		}
		if fields, err := read([]byte("\x10\x01" + text)); !errors.Is(err, ErrMessage) || len(fields) != 1 {
			t.Errorf("%s behind a field: %v, %v", name, err, fields)
		}
	}
}

func TestTakingMessagesApartTakesNoMemory(t *testing.T) {
	text, sum := message(), uint64(0)
	if n := testing.AllocsPerRun(10, func() {
		if err := Each(text, func(f Field) { sum += f.Varint() + uint64(len(f.Content())) }); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Every message is read as Google's library reads it, but for groups and for the numbers that it takes although no field
// has them.
func FuzzEach(f *testing.F) {
	whole := message()
	for i := range len(whole) + 1 {
		f.Add(whole[:i])
	}
	for _, seed := range []string{"\x00\x01", "\x0b\x0c", "\x0c", "\x80\x80\x80\x80\x10\x01", "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", "\x8a\x80\x00\x01x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		fields, err := read(message)
		want, wantErr := expected(message)
		if !errors.Is(err, wantErr) || !reflect.DeepEqual(fields, want) {
			t.Errorf("%v, %+v, want %v, %+v", err, fields, wantErr, want)
		}
	})
}
