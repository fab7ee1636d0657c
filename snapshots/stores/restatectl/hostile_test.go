package restatectl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
)

// shared is a value in which each of n vectors contains the one before twice.
func shared(n int) []byte {
	const vector = 10 << 2
	b := []byte{'a', 0}
	b = append(b, 0) // a vector without elements
	at := len(b)
	for range n {
		b = append(b, 2)
		next := len(b)
		b = append(b, byte(next-at), byte(next+1-at), vector, vector)
		at = next
	}
	b = append(b, 1)
	keys := len(b)
	if keys > 255 {
		b = append(b, byte(keys), byte(keys>>8)) // keys of two bytes
	} else {
		b = append(b, byte(keys))
	}
	width := byte(len(b) - keys)
	b = append(b, byte(len(b)-keys), width, 1) // the header of the map
	root := len(b)
	b = append(b, byte(root-at), vector)
	b = append(b, byte(len(b)-root), 9<<2, 1)
	payload := binary.LittleEndian.AppendUint32([]byte{byte(FlexBuffers)}, uint32(len(b)))
	return append(payload, b...)
}

func TestSharedPartsAreNotPrintedForEver(t *testing.T) {
	v, err := New("nodes_config", shared(3))
	if err != nil || v.Err != nil || v.Size < 100 {
		t.Fatal(v, err)
	}
	v, err = New("nodes_config", shared(100))
	if err != nil || !errors.Is(v.Err, errBudget) {
		t.Fatal(v, err)
	}
	v, err = New("nodes_config", shared(maxDepth+10))
	if err != nil || v.Err == nil || v.Size > 2*budget(len(shared(maxDepth))) {
		t.Fatal(v, err)
	}
}

// A value of 1 KB never takes more than 1 MB to be read.
func TestSmallValuesTakeLittleMemory(t *testing.T) {
	nested := append([]byte{byte(JSON)}, bytes.Repeat([]byte(`{"a":`), 120)...)
	nested = append(append(nested, '1'), bytes.Repeat([]byte("}"), 120)...)
	wide := append([]byte{byte(JSON)}, `{"a":[`...)
	wide = append(append(wide, bytes.Repeat([]byte("[],"), 330)...), "0]}"...)
	rules := append([]byte{byte(Bilrost), 4, 1, 5, 0xf8, 6}, make([]byte, 1016)...)
	fields := append([]byte{byte(Bilrost)}, bytes.Repeat([]byte{20, 0}, 500)...)
	payloads := map[string][]byte{"shared": shared(100), "nested": nested, "wide": wide, "rules": rules, "fields": fields}
	values, _ := real(t)
	random := rand.New(rand.NewPCG(1, 2))
	for key, payload := range values {
		damaged := bytes.Clone(payload)
		for range 8 {
			damaged[5+random.IntN(len(payload)-5)] = byte(random.Uint32())
		}
		payloads["damaged "+key] = damaged
	}
	for name, payload := range payloads {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		v, err := New(RuleBookKey, payload)
		if err == nil {
			_, err = io.Copy(io.Discard, v.Open())
		}
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<20 {
			t.Errorf("%s: %d bytes take %d, %v", name, len(payload), taken, err)
		}
		if name == "rules" || name == "fields" || name == "wide" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// What Restate cannot have written is said to be so.
func TestForeignValuesAreRefused(t *testing.T) {
	for name, payload := range map[string][]byte{
		"empty":         {},
		"codec only":    {byte(FlexBuffers)},
		"protobuf":      {byte(Protobuf), 1, 2, 3},
		"codec 9":       {9, 1, 2, 3},
		"cut off":       {byte(FlexBuffers), 9, 0, 0, 0, 1, 4, 1},
		"more behind":   {byte(FlexBuffers), 3, 0, 0, 0, 1, 4, 1, 0},
		"no map":        {byte(FlexBuffers), 3, 0, 0, 0, 1, 4, 1},
		"no JSON":       []byte("\x05{"),
		"no JSON map":   []byte("\x05[1]"),
		"deep JSON":     append([]byte{byte(JSON)}, bytes.Repeat([]byte("["), 1000)...),
		"bilrost":       {byte(Bilrost), 4, 1},
		"bilrost, text": []byte("\x06nonsense"),
	} {
		if v, err := New("nodes_config", payload); err == nil {
			t.Errorf("%s: was read: %+v", name, v)
		}
	}
}
