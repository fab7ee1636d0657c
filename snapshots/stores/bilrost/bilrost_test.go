package bilrost

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// appendVarint writes a number.
func appendVarint(out []byte, n uint64) []byte {
	for range 8 {
		if n < 0x80 {
			return append(out, byte(n))
		}
		out = append(out, byte(n)|0x80)
		n = n>>7 - 1
	}
	return append(out, byte(n))
}

func TestNumbersAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64().Draw(t, "n")
		r := NewReader(appendVarint(nil, n))
		if got, err := r.Varint(); err != nil || got != n || r.More() {
			t.Fatalf("%d, %v, rest %x", got, err, r.Rest())
		}
	})
	for text, want := range map[string]uint64{"00": 0, "7f": 127, "8000": 128, "fa00": 250, "84d2dcaf9f33": 1795398527364, "fffefefefefefefefe": math.MaxUint64} {
		b, _ := hex.DecodeString(text)
		if got, err := NewReader(b).Varint(); err != nil || got != want || !bytes.Equal(appendVarint(nil, want), b) {
			t.Errorf("%s: %d, %v, want %d, which is %x", text, got, err, want, appendVarint(nil, want))
		}
	}
	for _, text := range []string{"", "80", "ffffffffffffffff", "ffffffffffffffffff", "fffffefefefefefefe"} {
		b, _ := hex.DecodeString(text)
		if got, err := NewReader(b).Varint(); err == nil {
			t.Errorf("%s was read as %d", text, got)
		}
	}
}

func TestFieldsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var message []byte
		var fields []Field
		tag := uint32(0)
		for range rapid.IntRange(0, 6).Draw(t, "fields") {
			delta := rapid.Uint32Range(0, 1<<28).Draw(t, "delta")
			tag += delta
			f := Field{Tag: tag, Wire: Wire(rapid.IntRange(0, 3).Draw(t, "wire"))}
			message = appendVarint(message, uint64(delta)<<2|uint64(f.Wire))
			switch f.Wire {
			case Varint:
				f.Number = rapid.Uint64().Draw(t, "number")
				message = appendVarint(message, f.Number)
			case Delimited:
				f.Bytes = rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
				message = append(appendVarint(message, uint64(len(f.Bytes))), f.Bytes...)
			case Fixed32:
				f.Number = uint64(rapid.Uint32().Draw(t, "number"))
				message = binary.LittleEndian.AppendUint32(message, uint32(f.Number))
			case Fixed64:
				f.Number = rapid.Uint64().Draw(t, "number")
				message = binary.LittleEndian.AppendUint64(message, f.Number)
			}
			fields = append(fields, f)
		}
		r := NewReader(message)
		for i, want := range fields {
			got, err := r.Next()
			if err != nil || got.Tag != want.Tag || got.Wire != want.Wire || got.Number != want.Number || !bytes.Equal(got.Bytes, want.Bytes) {
				t.Fatalf("field %d is %+v, %v, want %+v", i, got, err, want)
			}
		}
		if r.More() {
			t.Fatalf("%x follows", r.Rest())
		}
		for n := range message { // a message that is cut never gives a field that it did not have
			r := NewReader(message[:n])
			for i := 0; r.More(); i++ {
				got, err := r.Next()
				if err != nil {
					break
				}
				if got.Tag != fields[i].Tag || !bytes.Equal(got.Bytes, fields[i].Bytes) {
					t.Fatalf("cut at %d, field %d is %+v", n, i, got)
				}
			}
		}
	})
}

// The rule book of a real cluster (Restate 1.7.12), behind its codec.
const ruleBook = "04010517012a14040109" + "02040a050568656c6c6f0884d2dcaf9f33"

func TestRealMessage(t *testing.T) {
	message, err := hex.DecodeString(ruleBook)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(message)
	version, err := r.Next()
	if err != nil || version.Tag != 1 || version.Number != 1 {
		t.Fatal(version, err)
	}
	rules, err := r.Next()
	if err != nil || rules.Tag != 2 || rules.Wire != Delimited || len(rules.Bytes) != 23 || r.More() {
		t.Fatal(rules, err)
	}
}

func FuzzReader(f *testing.F) {
	message, err := hex.DecodeString(ruleBook)
	if err != nil {
		f.Fatal(err)
	}
	for n := range message {
		f.Add(message[:n+1])
		flipped := slices.Clone(message)
		flipped[n] ^= 1 << (n % 8)
		f.Add(flipped)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		r := NewReader(message)
		for r.More() {
			before := len(r.Rest())
			if _, err := r.Next(); err != nil {
				break
			}
			if len(r.Rest()) >= before {
				t.Fatal("nothing was read")
			}
		}
	})
}
