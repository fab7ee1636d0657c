package testrocksdb

import (
	"encoding/binary"
	"slices"
	"testing/fstest"

	"google.golang.org/protobuf/encoding/protowire"
)

// A MetadataServer is the database of a replicated metadata server, as Restate writes it. The zero value is empty.
type MetadataServer struct {
	// Writes is what was written to the database, in order.
	Writes []Write
	// Entries is the index of the last entry of the raft log.
	Entries uint64
	// Torn is how many bytes the end of the write-ahead log lacks.
	Torn int
}

func nested(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

func number(field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), n)
}

// The column families of a metadata server.
const (
	raftData     = 1
	raftMetadata = 2
)

// Put writes a key of a column family: 1 is data, and 2 metadata.
func (m *MetadataServer) Put(family uint32, key string, value []byte) {
	m.Writes = append(m.Writes, Write{Family: family, Op: Put, Key: key, Value: string(value)})
}

// Start says which node the server is of, and up to which entry it knows that the voters agreed, and gives it a snapshot
// up to an index, with version 1 of nodes_config.
func (m *MetadataServer) Start(node, index, term, commit uint64, voters ...uint64) *MetadataServer {
	var state []byte
	for _, voter := range voters {
		state = append(state, number(1, voter)...)
	}
	m.Put(raftMetadata, "conf-state", state)
	m.Put(raftMetadata, "hard-state", slices.Concat(number(1, term), number(3, commit)))
	m.Put(raftMetadata, "raft-server-state", flex(flexMember{"Member", []flexMember{{"my_member_id", []flexMember{{"node_id", node}}}}}))
	m.Snapshot(index, term, "nodes_config", 1, []byte{2, 1})
	return m
}

// Snapshot replaces the snapshot by one with a single value.
func (m *MetadataServer) Snapshot(index, term uint64, key string, version uint64, value []byte) {
	entry := slices.Concat(nested(1, []byte(key)), nested(2, Versioned(version, value)))
	m.Put(raftMetadata, "snapshot", slices.Concat(nested(1, nested(2, entry)), nested(2, slices.Concat(number(2, index), number(3, term)))))
	m.Entries = index
}

// Versioned is a value with its version.
func Versioned(version uint64, value []byte) []byte {
	return slices.Concat(nested(1, number(1, version)), nested(2, value))
}

// Entry appends an entry to the raft log; data is nil for the one with which a leader begins.
func (m *MetadataServer) Entry(term uint64, data []byte) *MetadataServer {
	m.Entries++
	value := slices.Concat(number(2, term), number(3, m.Entries))
	if data != nil {
		value = append(value, nested(4, data)...)
	}
	m.Put(raftData, string(binary.BigEndian.AppendUint64([]byte("l"), m.Entries)), value)
	return m
}

// MetadataWrite is the data of an entry that puts a version of a key, or deletes the key if it is version 0, and expects
// something: 0 for nothing, or a version, or -1 for no value at all.
func MetadataWrite(key string, version uint64, value []byte, expected int) []byte {
	precondition := number(1, 1)
	switch {
	case expected < 0:
		precondition = number(1, 2)
	case expected > 0:
		precondition = slices.Concat(number(1, 3), nested(2, number(1, uint64(expected))))
	}
	kind, put := uint64(2), []byte(nil)
	if version > 0 {
		kind, put = 1, nested(7, Versioned(version, value))
	}
	return slices.Concat(nested(1, number(1, 7)), number(2, kind), nested(3, []byte(key)), nested(4, precondition), put)
}

// Files is the directory.
func (m *MetadataServer) Files(dir string) fstest.MapFS {
	records := make([][]byte, len(m.Writes))
	for i, w := range m.Writes {
		records[i] = Batch(uint64(i)+1, w)
	}
	log := Log{Compressed: true}.Encode(records...)
	log = log[:len(log)-m.Torn]
	return Database(dir, map[uint64][]byte{4: log}, nil, Family{}, Family{ID: raftData, Name: "data"}, Family{ID: raftMetadata, Name: "metadata"})
}

// LocalValue is a value of a local metadata store.
func LocalValue(version uint64, value string) string {
	content := flex(flexMember{"value", value}, flexMember{"version", version})
	return string(append(binary.LittleEndian.AppendUint32([]byte{2}, uint32(len(content))), content...))
}

// flexMember is one element of a FlexBuffers map.
type flexMember struct {
	key   string
	value any // a uint64, a string for a blob, or flexMembers
}

// flex encodes a map, with everything in 32 bits. Keys must be sorted.
func flex(members ...flexMember) []byte {
	b, at := flexMap(nil, members)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-at))
	return append(b, 9<<2|2, 4)
}

// flexMap appends a map, and returns where it is.
func flexMap(b []byte, members []flexMember) ([]byte, int) {
	type slot struct {
		kind   byte
		at     int
		number uint32
	}
	var keys []int
	var slots []slot
	for _, m := range members {
		keys = append(keys, len(b))
		b = append(append(b, m.key...), 0)
		switch value := m.value.(type) {
		case uint64:
			slots = append(slots, slot{kind: 2, number: uint32(value)})
		case string:
			b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
			slots = append(slots, slot{kind: 25, at: len(b)})
			b = append(b, value...)
		case []flexMember:
			var at int
			b, at = flexMap(b, value)
			slots = append(slots, slot{kind: 9, at: at})
		}
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(members)))
	keyVector := len(b)
	for _, at := range keys {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-at))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-keyVector))
	b = binary.LittleEndian.AppendUint32(b, 4)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(members)))
	at := len(b)
	for _, s := range slots {
		if s.kind != 2 {
			s.number = uint32(len(b) - s.at)
		}
		b = binary.LittleEndian.AppendUint32(b, s.number)
	}
	for _, s := range slots {
		b = append(b, s.kind<<2|2)
	}
	return b, at
}
