// Package objects reads metadata values that lie in files of their own: the objects of a bucket (Restate 1.2), and bare
// values as `etcdctl get --print-value-only` prints them.
//
// The first byte of an object says whether its key exists ('e') or was deleted ('d', which then is all of it). What follows
// is an envelope with the version and the value: in CBOR up to Restate 1.5, in Bilrost since. Which one it is, the bucket
// knows as the object's Content-Encoding; of a copy it can be told from the bytes. The name of the object is the key, behind
// a prefix; nothing else says it.
package objects

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/bilrost"
)

// SniffSize is how much of a file's head tells what it is.
const SniffSize = 128

// MaxSize bounds one object, in bytes.
const MaxSize = 256 << 20

// A Form is how a value lies in a file.
type Form uint8

// The forms. NoForm stands for all other files.
const (
	NoForm  Form = iota
	CBOR         // an object with an envelope in CBOR
	Bilrost      // an object with an envelope in Bilrost
	Deleted      // the object of a deleted key
	Bare         // a value without an envelope
)

// String names the form.
func (f Form) String() string { return [...]string{"", "CBOR", "Bilrost", "deleted", "bare"}[f] }

const (
	exists  = 'e'
	deleted = 'd'

	flexBuffers = 2 // the codec of all values but one
	lastCodec   = 7
)

// Key is the metadata key that a file is named after, without an extension; empty if it is named after none.
func Key(file string) string {
	name := path.Base(file)
	for _, key := range []string{name, strings.TrimSuffix(name, path.Ext(name))} {
		if stores.Known(key) {
			return key
		}
	}
	return ""
}

// FormOf tells from its head, its size and, where these do not tell, its name how a value lies in a file.
func FormOf(file string, head []byte, size int64) Form {
	switch {
	case len(head) == 0:
		return NoForm
	case head[0] == deleted && size == 1 && Key(file) != "":
		return Deleted
	case head[0] == exists && isCBOR(head[1:]):
		return CBOR
	case head[0] == exists && isBilrost(head[1:]):
		return Bilrost
	case head[0] == flexBuffers && len(head) > 5:
		length := int64(binary.LittleEndian.Uint32(head[1:]))
		// etcdctl ends what it prints with a new line. A value that is cut off still has a name.
		if size-length == 5 || size-length == 6 || length > size-5 && Key(file) != "" && head[4] == 0 {
			return Bare
		}
	}
	return NoForm
}

// isBilrost reports whether an envelope starts like {1 salt, 2 {1 version, 2 value}}.
func isBilrost(b []byte) bool {
	step := func(key byte) bool {
		if len(b) == 0 || b[0] != key {
			return false
		}
		r := bilrost.NewReader(b[1:])
		_, err := r.Varint()
		b = r.Rest()
		return err == nil
	}
	const number, message, next = 1 << 2, 1<<2 | 1, 1<<2 | 1
	return step(number) && step(next) && step(number) && step(message) && len(b) > 0 && b[0] >= 1 && b[0] <= lastCodec
}

// Read reads a file of the given form. The key is left to the caller; the version is 0 where only the value itself has one.
func Read(form Form, r io.Reader) (stores.Value, error) {
	v := stores.Value{}
	body, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	switch {
	case err != nil:
		return v, err
	case len(body) > MaxSize:
		return v, fmt.Errorf("larger than %d MiB", MaxSize>>20)
	case len(body) == 0:
		return v, errors.New("empty")
	}
	switch form {
	case CBOR:
		v.Version, v.Payload, err = readCBOR(body[1:])
	case Bilrost:
		v.Version, v.Payload, err = readBilrost(body[1:])
	case Bare:
		v.Payload = body
		if length := uint64(len(body)); length > 5 && uint64(binary.LittleEndian.Uint32(body[1:])) == length-6 && body[length-1] == '\n' {
			v.Payload = body[:length-1]
		}
	}
	return v, err
}

func readBilrost(b []byte) (version uint32, payload []byte, err error) {
	var message []byte
	for r := bilrost.NewReader(b); r.More(); {
		f, err := r.Next()
		if err != nil {
			return 0, nil, err
		}
		if f.Tag == 2 && f.Wire == bilrost.Delimited {
			message = f.Bytes
		}
	}
	for r := bilrost.NewReader(message); r.More(); {
		f, err := r.Next()
		switch {
		case err != nil:
			return 0, nil, err
		case f.Tag == 1 && f.Wire == bilrost.Varint && f.Number <= math.MaxUint32:
			version = uint32(f.Number)
		case f.Tag == 2 && f.Wire == bilrost.Delimited:
			payload = f.Bytes
		}
	}
	if payload == nil {
		return version, nil, errors.New("the object has no value")
	}
	return version, payload, nil
}
