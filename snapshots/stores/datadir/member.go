package datadir

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/tidwall/gjson"
	"github.com/zeebo/xxh3"

	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/flexbuffers"
	"restate-lint/snapshots/stores/protobuf"
	"restate-lint/snapshots/stores/restatectl"
)

// The keys in the column family metadata of a metadata server.
const (
	raftSnapshotKey    = "snapshot"
	raftHardStateKey   = "hard-state"
	raftConfStateKey   = "conf-state"
	raftServerStateKey = "raft-server-state"
	storageMarkerKey   = "storage-marker"
)

// raftLogKey is how the keys of raft entries start, in the column family data; the index follows, eight bytes.
const (
	raftLogKey     = 'l'
	raftLogKeySize = 9
)

// A replica is one member's log, replayed.
type replica struct {
	stores.Member
	problems []stores.Problem
	current  map[string]stores.Value
	history  []stores.Value
	kept     int // bytes in history
	dropped  int // values that history had no room for
	rejected int
	state    uint64  // a hash of all current keys and versions
	places   []place // by index, from the snapshot's on
}

// A place is what is known of one index: the term of the entry, and hashes of it and of all keys and versions after it.
type place struct {
	term         uint64
	entry, state uint64
	snapshot     bool // the entry itself is not there any more
}

func (m *replica) at(index uint64) (place, bool) {
	i := index - m.Snapshot.Index
	if index < m.Snapshot.Index || i >= uint64(len(m.places)) {
		return place{}, false
	}
	return m.places[i], true
}

func (m *replica) problem(key, reason string) {
	if len(m.problems) < maxProblems {
		m.problems = append(m.problems, stores.Problem{Key: key, Source: m.Directory, Reason: reason})
	}
}

// readReplica reads and replays one member's directory.
func readReplica(dir directory) *replica {
	m := &replica{Member: stores.Member{Directory: dir.name, Size: dir.db.Size()}, current: make(map[string]stores.Value)}
	for entry := range dir.db.Scan("metadata") {
		m.fact(string(entry.Key), entry.Value)
	}
	m.Last = m.Snapshot
	m.places = append(m.places, place{term: m.Snapshot.Term, state: m.state, snapshot: true})
	behind := 0
	for entry := range dir.db.Scan("data") {
		if len(entry.Key) != raftLogKeySize || entry.Key[0] != raftLogKey {
			continue
		}
		index := binary.BigEndian.Uint64(entry.Key[1:])
		switch {
		case index <= m.Snapshot.Index: // included in the snapshot
		case behind > 0 || index != m.Last.Index+1:
			behind++
		case !m.apply(index, entry.Value):
			behind++
		}
	}
	if behind > 0 {
		m.problem("", fmt.Sprintf("entry %d of the raft log is missing or cannot be read: the %d entries from there on are not applied", m.Last.Index+1, behind))
	}
	if m.dropped > 0 {
		m.problem("", fmt.Sprintf("the %d oldest values of the history were left out: it is larger than %d MiB", m.dropped, stores.MaxHistory>>20))
	}
	m.Cluster, m.Fingerprint = clusterOf(m.current["nodes_config"].Payload)
	slices.SortStableFunc(m.history, func(a, b stores.Value) int { return cmp.Compare(a.Revision, b.Revision) })
	problems := dir.problems()
	m.problems = append(problems, m.problems...)
	for i, p := range dir.db.Problems() {
		if p.Torn {
			m.Torn = &problems[i]
		}
	}
	return m
}

// fact takes over one entry of the column family metadata.
func (m *replica) fact(key string, value []byte) {
	var err error
	switch key {
	case raftSnapshotKey:
		err = m.readSnapshot(value)
	case raftHardStateKey:
		err = protobuf.Each(value, func(f protobuf.Field) {
			switch f.Number() {
			case 1:
				m.Term = f.Varint()
			case 2:
				m.Vote = f.Varint()
			case 3:
				m.Commit = f.Varint()
			}
		})
	case raftConfStateKey:
		m.Voters, m.Learners, err = confState(value)
	case raftServerStateKey:
		m.NodeID, m.Standby, err = serverState(value)
	case storageMarkerKey:
		var of marker
		of, err = readMarker(value)
		m.NodeName = of.name
	}
	if err != nil {
		m.problem("", key+" of the raft storage: "+err.Error())
	}
}

func confState(b []byte) (voters, learners []uint64, err error) {
	var listErr error
	err = protobuf.Each(b, func(f protobuf.Field) {
		var err error
		switch f.Number() {
		case 1:
			voters, err = f.Numbers(voters)
		case 2:
			learners, err = f.Numbers(learners)
		}
		listErr = cmp.Or(listErr, err)
	})
	return voters, learners, cmp.Or(err, listErr)
}

// readSnapshot takes over a raft snapshot: all values up to an index.
func (m *replica) readSnapshot(b []byte) error {
	var data []byte
	var metadataErr error
	err := protobuf.Each(b, func(f protobuf.Field) {
		switch f.Number() {
		case 1:
			data = f.Content()
		case 2:
			metadataErr = protobuf.Each(f.Content(), func(f protobuf.Field) {
				switch f.Number() {
				case 1:
					if m.Voters == nil { // unless conf-state, which is newer, has come before
						m.Voters, m.Learners, _ = confState(f.Content())
					}
				case 2:
					m.Snapshot.Index = f.Varint()
				case 3:
					m.Snapshot.Term = f.Varint()
				}
			})
		}
	})
	if err := cmp.Or(err, metadataErr); err != nil {
		return err
	}
	var entryErr error
	err = protobuf.Each(data, func(f protobuf.Field) {
		switch f.Number() {
		case 1:
			m.configuration(f.Content())
		case 2:
			v := stores.Value{Revision: m.Snapshot.Index}
			err := protobuf.Each(f.Content(), func(f protobuf.Field) {
				switch f.Number() {
				case 1:
					v.Key = string(f.Content())
				case 2:
					entryErr = cmp.Or(entryErr, versioned(&v, f.Content()))
				}
			})
			entryErr = cmp.Or(entryErr, err)
			m.put(v)
		}
	})
	return cmp.Or(err, entryErr)
}

// configuration takes over which nodes are metadata servers.
func (m *replica) configuration(b []byte) {
	var servers []uint32
	err := protobuf.Each(b, func(f protobuf.Field) {
		if f.Number() == 2 { // an entry of the map from node ids to when they joined
			_ = protobuf.Each(f.Content(), func(f protobuf.Field) {
				if f.Number() == 1 {
					servers = append(servers, uint32(f.Varint()))
				}
			})
		}
	})
	if err != nil {
		m.problem("", "the configuration of the metadata servers: "+err.Error())
	}
	slices.Sort(servers)
	m.Servers = slices.Compact(servers)
}

// versioned reads a value with its version.
func versioned(v *stores.Value, b []byte) error {
	var versionErr error
	v.Payload = []byte{}
	err := protobuf.Each(b, func(f protobuf.Field) {
		switch f.Number() {
		case 1:
			versionErr = protobuf.Each(f.Content(), func(f protobuf.Field) {
				if f.Number() == 1 {
					v.Version = uint32(f.Varint())
				}
			})
		case 2:
			v.Payload = f.Content()
		}
	})
	return cmp.Or(err, versionErr)
}

// The types of raft entries.
const (
	entryNormal   = 0
	entryChange   = 1
	entryChangeV2 = 2
)

// apply takes over the next entry of the log, and reports whether it could be read.
func (m *replica) apply(index uint64, b []byte) bool {
	var kind, term, stated uint64
	var data, context []byte
	err := protobuf.Each(b, func(f protobuf.Field) {
		switch f.Number() {
		case 1:
			kind = f.Varint()
		case 2:
			term = f.Varint()
		case 3:
			stated = f.Varint()
		case 4:
			data = f.Content()
		case 6:
			context = f.Content()
		}
	})
	switch {
	case err != nil:
		m.problem("", fmt.Sprintf("entry %d of the raft log: %v", index, err))
		return false
	case stated != index:
		m.problem("", fmt.Sprintf("entry %d of the raft log says that it is entry %d", index, stated))
		return false
	}
	switch kind {
	case entryNormal:
		if len(data) > 0 { // a new leader begins with an empty entry
			m.write(index, data)
		}
	case entryChange, entryChangeV2:
		if len(context) > 0 {
			m.configuration(context)
		}
	default:
		m.problem("", fmt.Sprintf("entry %d of the raft log is of unknown kind %d", index, kind))
		return false
	}
	m.Last = stores.Position{Index: index, Term: term}
	if m.First.Index == 0 {
		m.First = m.Last
	}
	m.places = append(m.places, place{term: term, entry: xxh3.Hash(b), state: m.state})
	return true
}

// The kinds of writes and of what they expect.
const (
	writePut    = 1
	writeDelete = 2

	expectNothing      = 1
	expectDoesNotExist = 2
	expectVersion      = 3
)

// write takes over a write that the metadata servers agreed on. It may still have had no effect: each of them decides when
// it comes to the entry, and all decide alike.
func (m *replica) write(index uint64, b []byte) {
	var kind, expected, version uint64
	v := stores.Value{Revision: index}
	var nested error
	err := protobuf.Each(b, func(f protobuf.Field) {
		switch f.Number() {
		case 2:
			kind = f.Varint()
		case 3:
			v.Key = string(f.Content())
		case 4:
			nested = cmp.Or(nested, protobuf.Each(f.Content(), func(f protobuf.Field) {
				switch f.Number() {
				case 1:
					expected = f.Varint()
				case 2:
					nested = cmp.Or(nested, protobuf.Each(f.Content(), func(f protobuf.Field) {
						if f.Number() == 1 {
							version = f.Varint()
						}
					}))
				}
			}))
		case 7:
			nested = cmp.Or(nested, versioned(&v, f.Content()))
		}
	})
	if err := cmp.Or(err, nested); err != nil {
		m.problem(v.Key, fmt.Sprintf("the write in entry %d of the raft log: %v", index, err))
		return
	}
	now, exists := m.current[v.Key]
	switch expected {
	case expectNothing:
	case expectDoesNotExist:
		if exists {
			m.rejected++
			return
		}
	case expectVersion:
		if !exists || uint64(now.Version) != version {
			m.rejected++
			return
		}
	default:
		m.problem(v.Key, fmt.Sprintf("the write in entry %d of the raft log expects something of unknown kind %d, and is left out", index, expected))
		return
	}
	switch {
	case kind == writePut && v.Payload != nil:
		m.put(v)
	case kind == writeDelete:
		m.remove(v)
	default:
		m.problem(v.Key, fmt.Sprintf("the write in entry %d of the raft log is of unknown kind %d, and is left out", index, kind))
	}
}

func (m *replica) put(v stores.Value) {
	m.supersede(v.Key)
	m.current[v.Key] = v
	m.state ^= hash(v)
}

func (m *replica) remove(v stores.Value) {
	m.supersede(v.Key)
	delete(m.current, v.Key)
	v.Payload, v.Version = nil, 0
	m.keep(v)
}

func (m *replica) supersede(key string) {
	if old, ok := m.current[key]; ok {
		m.state ^= hash(old)
		m.keep(old)
	}
}

// keep adds to the history, and drops the oldest where it gets too large.
func (m *replica) keep(v stores.Value) {
	m.history = append(m.history, v)
	for m.kept += len(v.Payload); m.kept > stores.MaxHistory; m.dropped++ {
		m.kept -= len(m.history[0].Payload)
		m.history[0] = stores.Value{}
		m.history = m.history[1:]
	}
}

// hash is one of a key and its version, so that the hashes of several values can be combined. The content is left out:
// members encode the nodes configuration anew, each with the nodes in an order of its own.
func hash(v stores.Value) uint64 { return xxh3.HashStringSeed(v.Key, uint64(v.Version)) }

// clusterOf reads what a nodes_config says of which cluster it is; nothing where it does not say.
func clusterOf(payload []byte) (name string, fingerprint uint64) {
	const head = 8 << 10 // both stand before everything that can be long
	value, err := restatectl.New("nodes_config", payload)
	if err != nil {
		return "", 0
	}
	text, _ := io.ReadAll(io.LimitReader(value.Open(), head))
	return gjson.GetBytes(text, "cluster_name").String(), gjson.GetBytes(text, "cluster_fingerprint").Uint()
}

// serverState reads what the server knows of itself: the text Standby, or a map with a Member.
func serverState(b []byte) (node uint32, standby bool, err error) {
	root, err := flexbuffers.Root(b)
	if err != nil {
		return 0, false, err
	}
	if root.Kind() == flexbuffers.String {
		return 0, string(root.Bytes()) == "Standby", nil
	}
	state, err := element(root, "Member", flexbuffers.Map)
	if err != nil {
		return 0, false, err
	}
	id, err := element(state, "my_member_id", flexbuffers.Map)
	if err != nil {
		return 0, false, err
	}
	number, err := element(id, "node_id", flexbuffers.Uint, flexbuffers.Int)
	if err != nil {
		return 0, false, err
	}
	if number.Uint() > 1<<32-1 {
		return 0, false, fmt.Errorf("its node_id is out of range: %d", number.Uint())
	}
	return uint32(number.Uint()), false, nil
}
