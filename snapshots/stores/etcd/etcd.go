// Package etcd reads Restate's metadata from etcd: from a database file, as `etcdctl snapshot save` writes it or as it
// lies in a member's data directory (member/snap/db), and from what `etcdctl get --prefix "" -w json` prints.
//
// Every metadata key has two keys in etcd, both written in one transaction: <key> with the value, and since Restate 1.2
// <key>::version with its version, a 32-bit little-endian number. Without the second one Restate takes the key for missing.
package etcd

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/protobuf"
)

// SniffSize is how much of a file's head tells whether it is a database of etcd's.
const SniffSize = 16<<10 + pageHeader + metaSize

// IsDatabase reports whether a file with this head is a bbolt database, be it a damaged one.
func IsDatabase(head []byte) bool {
	for _, at := range append([]int64{0}, pageSizes...) {
		if int64(len(head)) >= at+pageHeader+metaSize && readMeta(head[at+pageHeader:]).recognised && binary.LittleEndian.Uint16(head[at+8:]) == metaPage {
			return true
		}
	}
	return false
}

// maxProblems bounds what is said about one file.
const maxProblems = 100

// ReadDatabase reads a database file of the given size. The error says why nothing of it could be read.
func ReadDatabase(name string, r io.ReaderAt, size int64) (*stores.Store, error) {
	s := &stores.Store{Kind: stores.EtcdSnapshot, Name: name, Size: size}
	problem := func(offset int64, reason string) {
		if len(s.Problems) < maxProblems {
			s.Problems = append(s.Problems, stores.Problem{Source: name, Offset: offset, Reason: reason})
		}
	}
	f, err := openFile(r, size, problem)
	if err != nil {
		return nil, err
	}
	if s.Saved = size%512 == sha256.Size; s.Saved {
		if err := checkSum(r, size-sha256.Size); err != nil {
			problem(size-sha256.Size, err.Error())
		}
	}
	var keys, meta []byte
	f.each(f.root, func(key, value []byte, flags uint32) {
		if flags&bucketLeaf == 0 {
			return
		}
		switch string(key) {
		case "key":
			keys = slices.Clone(value)
		case "meta":
			meta = slices.Clone(value)
		}
	})
	if keys == nil {
		if len(s.Problems) > 0 {
			return nil, errors.New(s.Problems[len(s.Problems)-1].Reason)
		}
		return nil, errors.New("a database of bbolt's that is not etcd's: it has no bucket named key")
	}
	storage := ""
	if meta != nil {
		f.bucket(meta, func(key, value []byte, _ uint32) {
			switch {
			case string(key) == "storageVersion" && len(value) < 32:
				storage = fmt.Sprintf(", etcd storage version %s", value)
			case string(key) == "consistent_index" && len(value) == 8:
				s.Applied = binary.BigEndian.Uint64(value)
			}
		})
	}
	h := &history{store: s, states: make(map[string]*state), problem: problem}
	f.bucket(keys, h.write)
	h.commit()
	h.settle()
	s.Format = fmt.Sprintf("bbolt, page size %d, revision %d%s", f.pageSize, h.revision, storage)
	return s, nil
}

// checkSum compares the hash that `etcdctl snapshot save` appends.
func checkSum(r io.ReaderAt, size int64) error {
	hash, want := sha256.New(), make([]byte, sha256.Size)
	if _, err := io.Copy(hash, io.NewSectionReader(r, 0, size)); err != nil {
		return err
	}
	if _, err := r.ReadAt(want, size); err != nil {
		return err
	}
	if string(hash.Sum(nil)) != string(want) {
		return errors.New("the checksum behind the database is wrong: the file is damaged, or not as etcdctl saved it")
	}
	return nil
}

// A history follows the writes of a store in their order.
type history struct {
	store    *stores.Store
	states   map[string]*state
	others   map[string]bool
	revision uint64 // of the transaction under work
	batch    []write
	problem  func(offset int64, reason string)
}

// A state is what a metadata key has at some revision.
type state struct {
	value     stores.Value // its Payload is nil while the key does not exist
	count     int64        // etcd's own count of the writes of <key>
	version   uint32       // what <key>::version says
	versioned uint64       // the revision of <key>::version; 0 while it does not exist
	broken    bool         // <key>::version is no number
}

// A write is one key of a transaction.
type write struct {
	key     string
	value   []byte // nil for a deletion
	count   int64
	version bool // it is <key>::version
}

const versionSuffix = "::version"

// write takes over an entry of the bucket named key: a revision of 8 bytes, '_', its part of the transaction of 8 bytes,
// and a 't' for a deletion; the value is a KeyValue of etcd's in protobuf.
func (h *history) write(key, value []byte, _ uint32) {
	if (len(key) != 17 && len(key) != 18) || key[8] != '_' || len(key) == 18 && key[17] != 't' {
		h.problem(0, fmt.Sprintf("%.40q is no revision of a key", key))
		return
	}
	if revision := binary.BigEndian.Uint64(key); revision != h.revision {
		if revision < h.revision {
			h.problem(0, fmt.Sprintf("revision %d stands behind revision %d", revision, h.revision))
			return
		}
		h.commit()
		h.revision = revision
	}
	name, payload, count, err := keyValue(value)
	if err != nil {
		h.problem(0, fmt.Sprintf("the value of revision %d: %v", h.revision, err))
		return
	}
	if len(key) == 18 {
		payload = nil
	}
	h.add(name, payload, count)
}

// add takes over a write of the transaction under work. The payload is copied.
func (h *history) add(name, payload []byte, count int64) {
	w := write{count: count}
	w.key, w.version = strings.CutSuffix(string(name), versionSuffix)
	if !stores.Known(w.key) {
		if h.others == nil {
			h.others = make(map[string]bool)
		}
		if len(h.others) < 1<<16 {
			h.others[w.key] = true
		}
		return
	}
	if payload != nil {
		w.value = append(make([]byte, 0, len(payload)), payload...)
	}
	h.batch = append(h.batch, w)
}

// keyValue reads an mvccpb.KeyValue: field 1 is the key, 4 the count of its writes, 5 the value.
func keyValue(b []byte) (key, value []byte, count int64, err error) {
	value = []byte{}
	err = protobuf.Each(b, func(f protobuf.Field) {
		switch content := f.Content(); {
		case f.Number() == 1 && content != nil:
			key = content
		case f.Number() == 5 && content != nil:
			value = content
		case f.Number() == 4 && content == nil:
			count = int64(f.Varint())
		}
	})
	if err != nil {
		return nil, nil, 0, err
	}
	if key == nil {
		return nil, nil, 0, errors.New("it has no key")
	}
	return key, value, count, nil
}

// commit ends the transaction under work: what it overwrites becomes history.
func (h *history) commit() {
	for _, w := range h.batch {
		if !w.version {
			continue
		}
		st := h.state(w.key)
		st.versioned, st.broken = h.revision, false
		switch {
		case w.value == nil:
			st.versioned = 0
		case len(w.value) != 4:
			st.broken = true
		default:
			st.version = binary.LittleEndian.Uint32(w.value)
		}
	}
	for _, w := range h.batch {
		if w.version {
			continue
		}
		st := h.state(w.key)
		if st.value.Revision != 0 {
			h.store.Remember(st.value)
		}
		st.count = w.count
		st.value = stores.Value{Key: w.key, Payload: w.value, Revision: h.revision}
		if w.value != nil {
			st.value.Version = st.versionOf()
		}
	}
	clear(h.batch)
	h.batch = h.batch[:0]
}

func (h *history) state(key string) *state {
	st := h.states[key]
	if st == nil {
		st = &state{}
		h.states[key] = st
	}
	return st
}

// versionOf is the version that the key has now. Restate 1.1 took etcd's own count for it.
func (st *state) versionOf() uint32 {
	switch {
	case st.broken:
		return 0
	case st.versioned == 0:
		return uint32(max(st.count, 0))
	}
	return st.version
}

// settle makes the last state of every key a value of the store.
func (h *history) settle() {
	s := h.store
	versioned := false // as since Restate 1.2
	for _, st := range h.states {
		versioned = versioned || st.versioned != 0
	}
	for key, st := range h.states {
		problem := func(format string, arguments ...any) {
			s.Problems = append(s.Problems, stores.Problem{Key: key, Source: s.Name, Reason: fmt.Sprintf(format, arguments...)})
		}
		if st.value.Payload == nil {
			if st.value.Revision != 0 {
				s.Remember(st.value)
			}
			if st.versioned != 0 {
				problem("%s%s is there without %s: Restate takes the key for missing", key, versionSuffix, key)
			}
			continue
		}
		st.value.Version = st.versionOf()
		s.Values = append(s.Values, st.value)
		switch {
		case st.broken:
			problem("%s%s is not a number of 4 bytes", key, versionSuffix)
		case st.versioned == 0 && versioned:
			problem("there is no %s%s: Restate from 1.2 on takes the key for missing", key, versionSuffix)
		case st.versioned != 0 && st.versioned != st.value.Revision:
			problem("%s was written at revision %d and %s%s at revision %d: Restate writes both in one transaction", key, st.value.Revision, key, versionSuffix, st.versioned)
		}
	}
	slices.SortStableFunc(s.History, func(a, b stores.Value) int { // a deletion may have been added last
		if a.Revision != b.Revision {
			if a.Revision < b.Revision {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Key, b.Key)
	})
	slices.SortStableFunc(s.Problems, func(a, b stores.Problem) int { return strings.Compare(a.Key, b.Key) })
	s.Others = len(h.others)
	s.Settle()
}
