package datadir

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/flexbuffers"
)

// sealedKey is what a local metadata store holds once its data was moved into a metadata server (Restate 1.4 and 1.5).
const sealedKey = "##restate_internal_sealed##"

// codecFlexBuffers is the first byte of what Restate encodes in FlexBuffers; the length follows, 32 bits.
const codecFlexBuffers = 2

// localStore reads a local metadata store (Restate 1.0 to 1.5). It keeps one value for each key, and no order of writes.
func localStore(dir directory) *stores.Store {
	store := &stores.Store{Kind: stores.LocalStore, Name: dir.name}
	var problems []stores.Problem
	var values []stores.Value
	for entry := range dir.db.Scan(localFamily) {
		key := string(entry.Key)
		if key == sealedKey {
			store.Sealed = cmp.Or(string(entry.Value[:min(len(entry.Value), maxText)]), "at an unknown time")
			continue
		}
		v, err := localValue(entry.Value)
		v.Key = key
		if err != nil {
			if len(problems) < maxProblems {
				problems = append(problems, stores.Problem{Key: key, Source: dir.name, Reason: err.Error()})
			}
			continue
		}
		values = append(values, v)
	}
	if store.Sealed == "" {
		store.Values = values
	} else { // the metadata server has gone on from here
		for _, v := range values {
			store.Remember(v)
		}
		problems = append(problems, stores.Problem{Source: dir.name, Reason: fmt.Sprintf(
			"this store is stale: it was sealed (%s) when its data was moved into a replicated metadata server", store.Sealed)})
	}
	store.Size, store.Format = dir.db.Size(), dir.format()
	store.Problems = append(dir.problems(), problems...)
	store.Settle()
	return store
}

// localValue reads the value of a key: a map of the version and the value in the storage codec.
func localValue(b []byte) (v stores.Value, err error) {
	content, err := unwrap(b)
	if err != nil {
		return v, err
	}
	fields, err := flexbuffers.Root(content)
	if err != nil {
		return v, err
	}
	version, err := element(fields, "version", flexbuffers.Uint, flexbuffers.Int)
	if err != nil {
		return v, err
	}
	value, err := element(fields, "value", flexbuffers.Blob, flexbuffers.String)
	if err != nil {
		return v, err
	}
	if version.Uint() > 1<<32-1 {
		return v, fmt.Errorf("its version is out of range: %d", version.Uint())
	}
	v.Version, v.Payload = uint32(version.Uint()), value.Bytes()
	return v, nil
}

// unwrap takes FlexBuffers out of Restate's storage codec.
func unwrap(b []byte) ([]byte, error) {
	switch {
	case len(b) < 5:
		return nil, errors.New("is shorter than the storage codec's header")
	case b[0] != codecFlexBuffers:
		return nil, fmt.Errorf("is in an unknown codec (%d)", b[0])
	case uint64(binary.LittleEndian.Uint32(b[1:])) != uint64(len(b)-5):
		return nil, fmt.Errorf("has %d bytes where %d were promised", len(b)-5, binary.LittleEndian.Uint32(b[1:]))
	}
	return b[5:], nil
}

// element returns an element of a map, which must be of one of the given kinds.
func element(fields flexbuffers.Value, key string, kinds ...flexbuffers.Kind) (flexbuffers.Value, error) {
	i := -1
	if fields.Kind() == flexbuffers.Map {
		i = fields.Find(key)
	}
	if i < 0 {
		return flexbuffers.Value{}, fmt.Errorf("has no %s", key)
	}
	found, err := fields.Element(i)
	switch {
	case err != nil:
		return found, fmt.Errorf("its %s: %w", key, err)
	case !slices.Contains(kinds, found.Kind()):
		return found, fmt.Errorf("its %s is of another type", key)
	}
	return found, nil
}
