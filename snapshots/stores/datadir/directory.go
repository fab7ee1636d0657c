// Package datadir reads the RocksDB directories in the data directories of nodes: those of metadata servers, of log servers,
// and the local metadata stores of old releases. A node that was stopped or killed leaves them behind.
package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"restate-lint/snapshots/stores/rocksdb"

	"restate-lint/snapshots/stores"
)

// A directory is one with a RocksDB database.
type directory struct {
	name string
	db   *rocksdb.DB
}

const (
	// maxProblems bounds what is said about one directory.
	maxProblems = 1000
	// maxText bounds what is kept of a text that only people read, in bytes.
	maxText = 64
)

// families are those of metadata servers and of log servers. Which one comes first differs from server to server; where
// nothing says so, their content tells.
var families, swapped = []rocksdb.Family{{ID: 1, Name: "data"}, {ID: 2, Name: "metadata"}}, []rocksdb.Family{{ID: 1, Name: "metadata"}, {ID: 2, Name: "data"}}

// partitionFamily is how the families are called in which partitions keep their state, but for the number.
const partitionFamily = "data-"

// localFamily is the only one of a local metadata store.
const localFamily = "kv_pairs"

// unknown says what a database is that is of none of these.
func (d directory) unknown() string {
	families := d.db.Families()
	if slices.ContainsFunc(families, func(name string) bool { return strings.HasPrefix(name, partitionFamily) }) {
		return "a RocksDB database in which partitions keep their state: it holds no metadata of the cluster, and is not read"
	}
	text := "a RocksDB database, but as far as it can be read neither that of a metadata server, nor of a log server, nor a local metadata store"
	if len(families) > 0 {
		names := strings.Join(families, ", ")
		text += " (its column families: " + names[:min(len(names), maxText)] + ")"
	}
	return text
}

// Read reads the RocksDB directories of one cluster's nodes, and tells from their content what they are. The directories of
// metadata servers give one store, as they are copies of one log; every other directory gives one of its own. The stores
// are in the order of kinds: metadata servers, local stores, log servers. Unread says of each directory that could not be
// read at all, or that is none of these, why; the others are read all the same.
func Read(fsys fs.FS, dirs ...string) (found []*stores.Store, unread []stores.Problem) {
	byKind := make(map[stores.Kind][]directory)
	for _, name := range dirs {
		dir, err := openDirectory(fsys, name)
		if err != nil {
			unread = append(unread, stores.Problem{Source: name, Reason: err.Error()})
		} else if kind := dir.kind(); kind != "" {
			byKind[kind] = append(byKind[kind], dir)
		} else { // what could not be read may be why
			unread = append(append(unread, dir.problems()...), stores.Problem{Source: name, Reason: dir.unknown()})
		}
	}
	if members := byKind[stores.MetadataServer]; len(members) > 0 {
		found = append(found, metadataServers(members))
	}
	for _, dir := range byKind[stores.LocalStore] {
		found = append(found, localStore(dir))
	}
	for _, dir := range byKind[stores.LogServer] {
		found = append(found, logServer(dir))
	}
	return found, unread
}

func openDirectory(fsys fs.FS, name string) (directory, error) {
	name = path.Clean(name)
	db, err := rocksdb.Open(fsys, name, families...)
	if err == nil && mistaken(db) {
		db, err = rocksdb.Open(fsys, name, swapped...)
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return directory{name, db}, err
}

// mistaken reports whether the family data has keys of the other one, as nothing said which is which.
func mistaken(db *rocksdb.DB) bool {
	if db.Listed() {
		return false
	}
	for key := range db.Highest("data", 1) {
		switch string(key) {
		case raftSnapshotKey, raftHardStateKey, raftConfStateKey, raftServerStateKey, storageMarkerKey:
			return true
		}
	}
	return false
}

// kind tells what a database is of from its families and keys; it is empty for others.
func (d directory) kind() stores.Kind {
	if slices.Contains(d.db.Families(), localFamily) {
		return stores.LocalStore
	}
	for entry := range d.db.Scan("metadata") {
		switch key := string(entry.Key); {
		case key == storageMarkerKey: // a server that has nothing else yet
			if marker, err := readMarker(entry.Value); err == nil && marker.name != "" {
				return stores.MetadataServer
			} else if err == nil && marker.id > 0 {
				return stores.LogServer
			}
		case key == raftSnapshotKey, key == raftHardStateKey, key == raftConfStateKey, key == raftServerStateKey:
			return stores.MetadataServer
		case isLogletKey(entry.Key):
			return stores.LogServer
		}
	}
	for key := range d.db.Highest("data", 1) {
		switch {
		case len(key) == raftLogKeySize && key[0] == raftLogKey:
			return stores.MetadataServer
		case len(key) == logletKeySize+8 && key[0] == recordKey:
			return stores.LogServer
		}
	}
	return ""
}

// problems are those of the database, in its own order.
func (d directory) problems() []stores.Problem {
	problems := make([]stores.Problem, 0, len(d.db.Problems()))
	for _, p := range d.db.Problems() {
		source := d.name
		if p.File != "" {
			source = path.Join(source, p.File)
		}
		problems = append(problems, stores.Problem{Source: source, Offset: p.Offset, Reason: p.Reason})
	}
	return problems
}

// format says how the database is stored.
func (d directory) format() string {
	var versions []string
	for _, version := range d.db.Formats() {
		versions = append(versions, fmt.Sprint(version))
	}
	if len(versions) == 0 {
		return "RocksDB"
	}
	return "RocksDB, format version " + strings.Join(versions, " and ")
}

// A marker says which node a directory is of: metadata servers write its name, log servers its id.
type marker struct {
	name string
	id   uint32
}

func readMarker(value []byte) (m marker, err error) {
	var text struct {
		ID json.RawMessage `json:"id"`
	}
	if err := json.Unmarshal(value, &text); err != nil {
		return m, err
	}
	if err := json.Unmarshal(text.ID, &m.id); err == nil {
		return m, nil
	}
	return m, json.Unmarshal(text.ID, &m.name)
}
