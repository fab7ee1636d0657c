// Package restatectl prints the values of the metadata store as `restatectl metadata get` prints them, byte for byte: the
// version first, all other keys sorted by their bytes, two spaces for each level, numbers and texts as Rust writes them.
// A value is printed while it is read: nothing is held but the value itself, which is several times smaller.
package restatectl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/stores/flexbuffers"
)

// A Codec says how a value is encoded; it is the value's first byte.
type Codec uint8

// The codecs of Restate's storage. Of the metadata, everything but the rule book is in FlexBuffers.
const (
	Protobuf       Codec = 1
	FlexBuffers    Codec = 2
	LengthPrefixed Codec = 3
	JSON           Codec = 5
	Bilrost        Codec = 6
	Custom         Codec = 7
)

var codecNames = [...]string{
	Protobuf: "protobuf", FlexBuffers: "flexbuffers", LengthPrefixed: "length-prefixed", JSON: "json", Bilrost: "bilrost", Custom: "custom",
}

// String is the name of the codec.
func (c Codec) String() string {
	if int(c) < len(codecNames) && codecNames[c] != "" {
		return codecNames[c]
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

// foreignMagic is how values start that somebody has packed or printed.
var foreignMagic = [...]struct{ magic, name string }{{"\x1f\x8b", "gzip"}, {"\x28\xb5\x2f\xfd", "Zstandard"}, {"{", "JSON"}, {"[", "JSON"}}

// RuleBookKey is the metadata key of the rule book, the only value in Bilrost. `restatectl metadata get` fails on it; it
// is printed here in a form of our own.
const RuleBookKey = "rule_book"

// A Value is one value of the metadata store, printed. It shares the memory of the payload that it was made from.
type Value struct {
	// Codec is how the payload is encoded.
	Codec Codec
	// Version is that within the value; 0 if there is none to be read.
	Version uint32
	// Size is that of the text, in bytes.
	Size int64
	// Err says why the text breaks off at Size; nil when it is whole.
	Err error

	open func() io.Reader
}

// Open returns a reader over the text. It ends with Err where that is set.
func (v *Value) Open() io.Reader { return v.open() }

// New returns the printed value of a metadata key, given its payload as the store holds it: the codec, then what it
// encoded. It walks once over the whole value, and fails only if nothing of it can be printed.
func New(key string, payload []byte) (*Value, error) {
	if len(payload) == 0 {
		return nil, errors.New("the value is empty")
	}
	v := &Value{Codec: Codec(payload[0])}
	body := payload[1:]
	most := budget(len(payload))
	switch v.Codec {
	case FlexBuffers:
		root, version, err := flexRoot(body)
		if err != nil {
			return nil, err
		}
		v.Version = version
		v.open = func() io.Reader { return newPrinter(root, most) }
	case JSON:
		text, err := canonical(body, most)
		if err != nil {
			return nil, err
		}
		v.Version = uint32(min(gjson.GetBytes(body, "version").Uint(), math.MaxUint32))
		v.open = func() io.Reader { return &fixed{text: text} }
	case Bilrost:
		if key != RuleBookKey {
			return nil, fmt.Errorf("the value is in %v, in which Restate keeps nothing but %s", v.Codec, RuleBookKey)
		}
		book, err := readRuleBook(body)
		if err != nil {
			return nil, err
		}
		text := book.print()
		v.Version = book.version
		v.open = func() io.Reader { return &fixed{text: text} }
	default:
		for _, foreign := range foreignMagic {
			if bytes.HasPrefix(payload, []byte(foreign.magic)) {
				return nil, fmt.Errorf("the value starts like %s: that is not how Restate keeps it", foreign.name)
			}
		}
		return nil, fmt.Errorf("the value is in %v, which this program cannot read: a newer Restate may have written it", v.Codec)
	}
	// Nearly all the work of printing: whoever opens the text later does it again, and most never do.
	var err error
	if v.Size, err = io.Copy(io.Discard, v.open()); err != nil {
		v.Err = err
	}
	return v, nil
}

// budget bounds the text of a payload of n bytes. Restate's own values become three to fifteen times larger; but parts of
// a value may be shared, and a text that is printed by them can grow beyond all bounds.
func budget(n int) int64 { return 64*int64(n) + 64<<10 }

var errBudget = errors.New("the value is more than 64 times larger than it is stored: Restate writes no such thing")

// flexRoot returns the map behind the length of a FlexBuffers payload, and the version in it.
func flexRoot(body []byte) (root flexbuffers.Value, version uint32, err error) {
	if len(body) < 4 {
		return root, 0, errors.New("the value ends within its length")
	}
	length, body := binary.LittleEndian.Uint32(body), body[4:]
	switch {
	case uint64(length) > uint64(len(body)):
		return root, 0, fmt.Errorf("the value is cut off: %d of %d bytes are there", len(body), length)
	case uint64(length) < uint64(len(body)):
		return root, 0, fmt.Errorf("%d bytes follow behind the value", uint64(len(body))-uint64(length))
	}
	if root, err = flexbuffers.Root(body); err != nil {
		return root, 0, err
	}
	if root.Kind() != flexbuffers.Map {
		return root, 0, errors.New("the value is no map of fields")
	}
	if i := root.Find(versionKey); i >= 0 {
		if v, err := root.Element(i); err == nil && (v.Kind() == flexbuffers.Uint || v.Kind() == flexbuffers.Int && v.Int() >= 0) && v.Uint() <= math.MaxUint32 {
			version = uint32(v.Uint())
		}
	}
	return root, version, nil
}

// versionKey is the field that is printed first.
const versionKey = "version"

// fixed reads a text that is held.
type fixed struct{ text []byte }

func (f *fixed) Read(p []byte) (int, error) {
	if len(f.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.text)
	f.text = f.text[n:]
	return n, nil
}
