// Package stores reads cluster metadata where it lies: in an etcd database, in the objects of a bucket, in the RocksDB
// directory of a metadata server. A cluster that is down cannot export anything; a copy of its store still can be read.
//
// It only ever reads, through an fs.FS, and trusts nothing that it reads. It knows keys and bytes, not what the values
// mean.
package stores

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
	// History are the older ones that are still there, in ascending order of revisions. Deletions are among them.
	History []Value
	// Problems are what could not be read, or is not as Restate writes it.
	Problems []Problem
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
}
