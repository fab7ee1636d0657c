// Package stores reads cluster metadata where it lies: in an etcd database, in the objects of a bucket, in the RocksDB
// directory of a metadata server. A cluster that is down cannot export anything; a copy of its store still can be read.
//
// It only ever reads, through an fs.FS, and trusts nothing that it reads. It knows keys and bytes, not what the values
// mean.
package stores

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Value is one version of one metadata key, as a store holds it.
type Value struct {
	// Key is the metadata key, such as "nodes_config".
	Key string
	// Version is the one that the store keeps beside the value; 0 where it keeps none, or none could be read.
	Version uint32
	// Payload is the value in Restate's storage codec: one byte that names the codec, and what it encoded. It is nil for
	// a deletion.
	Payload []byte
	// Revision orders the writes of one store: etcd's revision, or the index in a raft log. It is 0 where the store has
	// no such order.
	Revision uint64
}

// A Store is what could be read of one store.
type Store struct {
	// Kind says what the store is.
	Kind Kind
	// Name is that of the file or directory it was read from, relative to the capture, with forward slashes.
	Name string
	// Format says how it is stored, for people: "bbolt, page size 4096", "RocksDB, format version 6".
	Format string
	// Size is in bytes, all files taken together.
	Size int64
	// Values are the current ones, sorted by key; a key that was deleted is not among them.
	Values []Value
	// History are the older ones that are still there, in ascending order of revisions. Deletions are among them. Of a
	// history of more than MaxHistory bytes the oldest ones are left out, which is a problem of the store.
	History []Value
	// Others counts the keys that are not Restate's.
	Others int
	// Saved says that a server wrote the store for somebody to keep, so that it lacks nothing: `etcdctl snapshot save`.
	Saved bool
	// Applied is the last entry of a log that the store has, where it says so; 0 otherwise.
	Applied uint64
	// Unsure says that newer writes may be somewhere else, so that a key that is not here may exist.
	Unsure bool
	// Raft is what metadata servers tell about how they agree; nil for other kinds.
	Raft *Raft
	// LogServer is what a log server tells of loglets; nil for other kinds.
	LogServer *LogServerState
	// Sealed is when a local metadata store was given up, as its data was moved elsewhere; empty where it was not. What it
	// holds is then stale: Values is empty, and all of it is in History.
	Sealed string
	// Problems are what could not be read, or is not as Restate writes it.
	Problems []Problem

	held      int // bytes of the history
	forgotten int // values that were left out of it
}

// A Kind is what a store is.
type Kind string

// The kinds of stores.
const (
	// EtcdSnapshot is a database file as `etcdctl snapshot save` writes it, or as it lies in a member's data directory.
	EtcdSnapshot Kind = "etcd snapshot"
	// EtcdRange is what `etcdctl get --prefix "" -w json` prints.
	EtcdRange Kind = "etcdctl get"
	// ObjectStore is a copy of the objects of a bucket, as files.
	ObjectStore Kind = "object store"
	// MetadataServer is the directory replicated-metadata-server of a node.
	MetadataServer Kind = "replicated metadata server"
	// LocalStore is the directory local-metadata-store of a node (Restate up to 1.5).
	LocalStore Kind = "local metadata store"
	// LogServer is the directory log-store of a node. It holds no metadata.
	LogServer Kind = "log-server store"
)

// A Problem is a part of a store that is missing, damaged or of an unknown form.
type Problem struct {
	// Key is the metadata key that it is about; empty where it is about the store.
	Key string
	// Source is the name of the file, relative to the capture; empty where it is about the store.
	Source string
	// Offset is the place in the file, in bytes; 0 where it is not about a place.
	Offset int64
	// Reason starts in lower case and names neither key nor source.
	Reason string
	// Remedy is how to get at what could not be read; empty where another copy is all that helps.
	Remedy string
}

// MaxHistory bounds the older values that are held of one store, in bytes.
const MaxHistory = 64 << 20

// Known reports whether Restate keeps metadata under a key.
func Known(key string) bool {
	switch key {
	case "nodes_config", "bifrost_config", "partition_table", "schema_registry", "rule_book", "scheduling_plan":
		return true
	}
	id, ok := strings.CutPrefix(key, "pp_epoch_")
	if !ok {
		return false
	}
	n, err := strconv.ParseUint(id, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == id
}

// Remember adds a value to the history. It must be no older than those that were added before.
func (s *Store) Remember(v Value) {
	s.History = append(s.History, v)
	s.held += len(v.Payload)
	for s.held > MaxHistory {
		s.held -= len(s.History[0].Payload)
		s.History = s.History[1:]
		s.forgotten++
	}
}

// Settle sorts the values, and says what was left out. Whoever fills a store calls it at the end.
func (s *Store) Settle() {
	slices.SortFunc(s.Values, func(a, b Value) int { return cmp.Compare(a.Key, b.Key) })
	if s.forgotten > 0 {
		s.Problems = append(s.Problems, Problem{Reason: fmt.Sprintf("the %d oldest values of the history were left out: it is larger than %d MiB", s.forgotten, MaxHistory>>20)})
		s.forgotten = 0
	}
}
