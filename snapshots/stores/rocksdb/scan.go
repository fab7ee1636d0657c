package rocksdb

import (
	"bytes"
	"cmp"
	"container/heap"
	"iter"
	"maps"
	"slices"
)

// An Entry is what a key has come to. Its bytes belong to whoever gets it.
type Entry struct {
	Key []byte
	// Value is what was put last; nil where nothing was, or where it was deleted.
	Value []byte
	// Operands were merged into the value since, oldest first. What that means is known to who wrote them.
	Operands [][]byte
	// Sequence is that of the newest write of the key; 0 where RocksDB did not keep it.
	Sequence uint64
}

// Scan yields the keys of a column family in ascending order, but for those that were deleted. For a family that the
// database does not have it yields nothing.
func (db *DB) Scan(name string) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		f := db.find(name)
		if f == nil {
			return
		}
		memory, ranges := db.memory(f)
		tables, closeAll := db.openTables(f)
		defer closeAll()
		m := merger{db: db}
		if len(memory) > 0 {
			m.add(&source{ahead: memory})
		}
		for _, it := range tables {
			ranges = append(ranges, it.table.ranges...)
			m.add(&source{table: it})
		}
		m.cover = newCover(ranges)
		for {
			entry, ok, more := m.next()
			if !more || ok && !yield(entry) {
				return
			}
		}
	}
}

// memory returns what the write-ahead logs hold of a family, in order.
func (db *DB) memory(f *family) (versions []version, ranges []rangeDeletion) {
	limit := min(int64(maxExpanded(int(min(db.size, 1<<30)))), maxMemory)
	db.eachWrite(func(log uint64, w write) bool {
		if w.family != f.id || log < f.logNumber {
			return true
		}
		if limit -= int64(len(w.key)+len(w.value)) + versionSize; limit < 0 {
			db.problem(Problem{File: logFile(log), Reason: "the write-ahead logs hold more than is read: the newest writes are left out"})
			return false
		}
		if w.op == opDeleteRange {
			ranges = append(ranges, rangeDeletion{bytes.Clone(w.key), bytes.Clone(w.value), w.sequence})
			return true
		}
		versions = append(versions, version{bytes.Clone(w.key), w.sequence, w.op, bytes.Clone(w.value)})
		return true
	})
	slices.SortFunc(versions, func(a, b version) int { return compareVersions(&a, &b) })
	return versions, ranges
}

const (
	// maxMemory bounds what is held of the write-ahead logs, in bytes. RocksDB writes them into tables long before.
	maxMemory = 2 << 30
	// versionSize is about what a version takes besides its bytes.
	versionSize = 160
)

// Highest yields the highest key of each prefix of the given length, in bytes, among the keys of a column family, in
// ascending order. Keys that were deleted count, and shorter ones do not. It reads little more than the indexes of tables.
func (db *DB) Highest(name string, prefix int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		f := db.find(name)
		if f == nil {
			return
		}
		limit := min(int64(maxExpanded(int(min(db.size, 1<<30)))), maxMemory)
		highest := make(map[string][]byte)
		tell := func(key []byte) bool {
			if len(key) < prefix {
				return true
			}
			before, ok := highest[string(key[:prefix])]
			if !ok {
				if limit -= int64(len(key)+prefix) + versionSize; limit < 0 {
					db.problem(Problem{Reason: "has more prefixes of keys than are read"})
					return false
				}
			}
			if bytes.Compare(key, before) > 0 {
				highest[string(key[:prefix])] = append(before[:0], key...)
			}
			return true
		}
		db.eachWrite(func(log uint64, w write) bool {
			if w.family != f.id || log < f.logNumber || w.op == opDeleteRange {
				return true
			}
			return tell(w.key)
		})
		tables, closeAll := db.openTables(f)
		defer closeAll()
		for _, it := range tables {
			it.highest(prefix, func(key []byte) { tell(key) })
		}
		for _, key := range slices.Sorted(maps.Keys(highest)) {
			if !yield(highest[key]) {
				return
			}
		}
	}
}

// A source is a sorted sequence of versions: a table, or what the logs hold.
type source struct {
	table   *tableIterator
	ahead   []version // what follows, where there is no table
	current version
}

func (s *source) advance() (ok bool) {
	if s.table != nil {
		s.current, ok = s.table.nextVersion()
		return ok
	}
	if len(s.ahead) == 0 {
		return false
	}
	s.current, s.ahead = s.ahead[0], s.ahead[1:]
	return true
}

// A merger brings the versions of all sources into one order, and makes entries of them.
type merger struct {
	db      *DB
	sources sources
	cover   cover
}

func (m *merger) add(s *source) {
	if s.advance() {
		heap.Push(&m.sources, s)
	}
}

// next takes all versions of the next key. It returns what they come to, whether that is an entry, and whether there was
// a key at all.
func (m *merger) next() (e Entry, ok, more bool) {
	if len(m.sources) == 0 {
		return e, false, false
	}
	e.Key = bytes.Clone(m.sources[0].current.key)
	deleted := m.cover.at(e.Key)
	settled := false
	for len(m.sources) > 0 && bytes.Equal(m.sources[0].current.key, e.Key) {
		v := &m.sources[0].current
		if !settled {
			e.Sequence = max(e.Sequence, v.sequence)
			settled = m.take(&e, v, deleted)
		}
		if m.sources[0].advance() {
			heap.Fix(&m.sources, 0)
		} else {
			heap.Pop(&m.sources)
		}
	}
	slices.Reverse(e.Operands)
	return e, e.Value != nil || len(e.Operands) > 0, true
}

// take adds a version to an entry, and reports whether the older ones do not matter any more.
func (m *merger) take(e *Entry, v *version, deleted uint64) (settled bool) {
	switch {
	case v.sequence < deleted:
	case v.op == opPut:
		e.Value = append([]byte{}, v.value...) // not nil, even if it is empty
	case v.op == opMerge:
		e.Operands = append(e.Operands, bytes.Clone(v.value))
		return false
	case v.op == opDelete, v.op == opSingleDelete:
	default:
		m.db.problem(Problem{Reason: "some values are of a kind that is not supported, and were left out"})
	}
	return true
}

// sources is a heap.
type sources []*source

func (s sources) Len() int           { return len(s) }
func (s sources) Less(i, k int) bool { return compareVersions(&s[i].current, &s[k].current) < 0 }
func (s sources) Swap(i, k int)      { s[i], s[k] = s[k], s[i] }
func (s *sources) Push(x any)        { *s = append(*s, x.(*source)) } //nolint:forcetypeassert // heap pushes what it is given
func (s *sources) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}

// A cover answers which range deletions cover a key, for ascending keys.
type cover struct {
	ahead  []rangeDeletion // by their starts
	active []rangeDeletion
}

func newCover(ranges []rangeDeletion) cover {
	slices.SortFunc(ranges, func(a, b rangeDeletion) int {
		return cmp.Or(bytes.Compare(a.start, b.start), cmp.Compare(a.sequence, b.sequence))
	})
	return cover{ahead: ranges}
}

// at returns the highest sequence number of the deletions that cover a key; 0 where there is none.
func (c *cover) at(key []byte) uint64 {
	for len(c.ahead) > 0 && bytes.Compare(c.ahead[0].start, key) <= 0 {
		c.active = append(c.active, c.ahead[0])
		c.ahead = c.ahead[1:]
	}
	c.active = slices.DeleteFunc(c.active, func(r rangeDeletion) bool { return bytes.Compare(r.end, key) <= 0 })
	sequence := uint64(0)
	for _, r := range c.active {
		sequence = max(sequence, r.sequence)
	}
	return sequence
}
