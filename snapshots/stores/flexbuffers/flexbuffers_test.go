package flexbuffers

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// decode is the whole value, as the writer of the tests takes it.
func decode(v Value, depth int) (any, error) {
	if depth > 100 {
		return nil, fmt.Errorf("deeper than %d", depth)
	}
	switch v.Kind() {
	case Int:
		return v.Int(), nil
	case Uint:
		return v.Uint(), nil
	case Float:
		return v.Float(), nil
	case Bool:
		return v.Bool(), nil
	case String:
		return string(v.Bytes()), nil
	case Blob:
		return bytes.Clone(v.Bytes()), nil
	case Vector:
		elements := []any{}
		for i := range v.Len() {
			element, err := v.Element(i)
			if err != nil {
				return nil, err
			}
			decoded, err := decode(element, depth+1)
			if err != nil {
				return nil, err
			}
			elements = append(elements, decoded)
		}
		return elements, nil
	case Map:
		fields := map[string]any{}
		for i := range v.Len() {
			key, err := v.Key(i)
			if err != nil {
				return nil, err
			}
			element, err := v.Element(i)
			if err != nil {
				return nil, err
			}
			if fields[string(key)], err = decode(element, depth+1); err != nil {
				return nil, err
			}
		}
		return fields, nil
	}
	return nil, nil
}

func values() *rapid.Generator[any] {
	scalar := rapid.OneOf(
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Uint64().AsAny(), rapid.Float64().AsAny(),
		rapid.String().AsAny(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) []byte { return append([]byte{}, b...) }).AsAny(),
	)
	key := rapid.StringMatching(`[a-z_]{0,12}`)
	any := scalar
	for range 3 {
		inner := any
		any = rapid.OneOf(scalar, rapid.SliceOfN(inner, 0, 5).AsAny(), rapid.MapOfN(key, inner, 0, 5).AsAny())
	}
	return any
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value, width := values().Draw(t, "value"), rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "width")
		v, err := Root(encode(value, width))
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(v, 0)
		if err != nil || !reflect.DeepEqual(got, value) {
			t.Fatalf("%v: %#v, want %#v", err, got, value)
		}
		if fields, ok := value.(map[string]any); ok {
			for key := range fields {
				found, err := v.Key(v.Find(key))
				if err != nil || string(found) != key {
					t.Fatalf("%q is found at %q, %v", key, found, err)
				}
			}
			if v.Find("MISSING") >= 0 {
				t.Fatal("a key was found that is not there")
			}
		}
	})
}

// These forms are not among what the writer writes.
func TestRareFormsAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		buffer []byte
		want   any
	}{
		"typed vector of int":  {[]byte{3, 1, 0xff, 3, 3, typeVectorInt << 2, 1}, []any{int64(1), int64(-1), int64(3)}},
		"typed vector of uint": {[]byte{2, 1, 0xff, 2, 12 << 2, 1}, []any{uint64(1), uint64(255)}},
		"typed vector of bool": {[]byte{2, 1, 0, 2, typeVectorBool << 2, 1}, []any{true, false}},
		"typed vector of keys": {[]byte{'a', 0, 'b', 0, 2, 5, 4, 2, typeVectorKey << 2, 1}, []any{"a", "b"}},
		"pair of int":          {[]byte{1, 0xfe, 2, typeVectorInt2 << 2, 1}, []any{int64(1), int64(-2)}},
		"triple of uint":       {[]byte{1, 2, 3, 3, 20 << 2, 1}, []any{uint64(1), uint64(2), uint64(3)}},
		"indirect int":         {[]byte{0xfe, 0xff, 2, typeIndirectInt<<2 | 1, 1}, int64(-2)},
		"indirect uint":        {[]byte{0xfe, 0xff, 2, typeIndirectUint<<2 | 1, 1}, uint64(65534)},
		"float of 32 bits":     {[]byte{0, 0, 0x20, 0xc0, typeFloat << 2, 4}, -2.5},
		"indirect float":       {[]byte{0, 0, 0x20, 0xc0, 4, typeIndirectFloat<<2 | 2, 1}, -2.5},
	} {
		v, err := Root(c.buffer)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := decode(v, 0); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %#v, %v, want %#v", name, got, err, c.want)
		}
	}
}

func TestImpossibleBuffersAreRefused(t *testing.T) {
	for name, buffer := range map[string][]byte{
		"empty":                       {},
		"no slot":                     {0, 4},
		"width of root":               {0, 0, 3},
		"offset to before the buffer": {9, typeString << 2, 1},
		"string beyond the buffer":    {200, 'a', 1, typeString << 2, 1},
		"vector that contains itself": {1, 0, typeVector << 2, 2, typeVector << 2, 1},
		"vector of endless length":    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, typeVector<<2 | 3, 1},
		"key without an end":          {1, 1, 1, typeKey << 2, 1},
		"half a float":                {0, 0, typeFloat << 2, 2},
		"unknown type":                {0, 40 << 2, 1},
		"old vector of strings":       {1, 0, 1, 15 << 2, 1},
	} {
		v, err := Root(buffer)
		if err == nil {
			_, err = decode(v, 0)
		}
		if err == nil {
			t.Errorf("%s: was read", name)
		}
	}
}

// epoch is a value as Restate 1.7.12 stored it: epoch metadata, behind the codec and the length.
const epoch = "76657273696f6e006c65616465725f6d6574616461746100706172746974696f6e5f6964006e6f64655f6964000103020b190201020800440865706f63680063757272656e74007265706c69636174696f6e00097b6e6f64653a20317d007265706c6963615f7365740001016d6f6469666965645f617400636f6e746578740000000100050d1a2941890000000000000b000000000000000100000000000000050000000000000024000000000000008e2d0e06a20100004d000000000000006c000000000000000100000000000000240b30140b6e65787400059ca3d509df0501053b03b0000327082400080a2401"

func TestRealValue(t *testing.T) {
	buffer, err := hex.DecodeString(epoch)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Root(buffer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(v, 0)
	want := map[string]any{
		"current": map[string]any{"context": map[string]any{}, "modified_at": uint64(1795397922190), "replica_set": []any{uint64(1)}, "replication": "{node: 1}", "version": uint64(1)},
		"epoch":   uint64(3), "leader_metadata": map[string]any{"node_id": []any{uint64(1), uint64(3)}, "partition_id": uint64(0)}, "next": nil, "version": uint64(3),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%#v\nwant\n%#v", err, got, want)
	}
}

func FuzzRoot(f *testing.F) {
	buffer, err := hex.DecodeString(epoch)
	if err != nil {
		f.Fatal(err)
	}
	for n := 0; n < len(buffer); n += 17 {
		f.Add(buffer[:len(buffer)-n])
		f.Add(buffer[n:])
		flipped := slices.Clone(buffer)
		flipped[n] ^= 1 << (n % 8)
		f.Add(flipped)
	}
	f.Fuzz(func(t *testing.T, buffer []byte) {
		if v, err := Root(buffer); err == nil {
			walk(v, 1<<16)
		}
	})
}

// walk visits everything in a value, up to a number of steps, and returns how many are left.
func walk(v Value, steps int) int {
	_, _, _, _, _ = v.Int(), v.Uint(), v.Float(), v.Bool(), len(v.Bytes())
	if v.Kind() != Map && v.Kind() != Vector {
		return steps - 1
	}
	for i := range v.Len() {
		if steps--; steps < 0 {
			break
		}
		if v.Kind() == Map {
			_, _ = v.Key(i)
		}
		if element, err := v.Element(i); err == nil {
			steps = walk(element, steps)
		}
	}
	return steps
}
