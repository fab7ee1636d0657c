package rocksdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// bytewise is the only order of keys that is known.
const bytewise = "leveldb.BytewiseComparator"

// A family is a column family.
type family struct {
	id         uint32
	name       string
	comparator string
	logNumber  uint64                // writes of logs with a lower number are in tables
	tables     map[uint64]*tableFile // by file number
}

// A tableFile is what the manifest says of a table.
type tableFile struct {
	number   uint64
	size     uint64
	smallest []byte // user keys
	largest  []byte
	sequence uint64 // the largest in it
}

// A manifest is what the edits of a MANIFEST file come to.
type manifest struct {
	families map[uint32]*family
	// minLog is the lowest number of a log that is still needed, where the manifest states one.
	minLog uint64
	// nextFile is higher than the numbers of all files that the manifest knows of.
	nextFile uint64
}

// The tags of a version edit.
const (
	tagComparator         = 1
	tagLogNumber          = 2
	tagNextFileNumber     = 3
	tagLastSequence       = 4
	tagCompactCursor      = 5
	tagDeletedFile        = 6
	tagNewFile            = 7
	tagPrevLogNumber      = 9
	tagMinLogNumberToKeep = 10
	tagNewFile2           = 100
	tagNewFile3           = 102
	tagNewFile4           = 103
	tagColumnFamily       = 200
	tagColumnFamilyAdd    = 201
	tagColumnFamilyDrop   = 202
	tagMaxColumnFamily    = 203
	tagInAtomicGroup      = 300
	tagIgnorable          = 1 << 13 // tags with this bit carry a length, and may be passed over
)

// The tags of what a new file may have besides.
const (
	fileTagEnd          = 1
	fileTagNotIgnorable = 1 << 6
	fileTagPath         = 65
)

// An edit is one record of a manifest.
type edit struct {
	family     uint32
	name       string // of the family to add
	add, drop  bool
	comparator string
	logNumber  *uint64
	minLog     *uint64
	nextFile   uint64
	files      []*tableFile
	deleted    []uint64
	grouped    bool   // the edit is one of an atomic group,
	remaining  uint32 // of which as many follow
}

// readManifest applies all edits of a manifest. What was read before the error counts.
func readManifest(r io.Reader) (*manifest, error) {
	m := &manifest{families: make(map[uint32]*family)}
	m.families[0] = &family{name: "default", tables: make(map[uint64]*tableFile)}
	records := newLogReader(r, 0)
	var group []*edit // takes effect as a whole
	for empty := true; ; empty = false {
		record, offset, err := records.next()
		switch {
		case errors.Is(err, io.EOF) && len(group) > 0:
			return m, &damage{offset: offset, reason: "ends within a group of changes that belong together"}
		case errors.Is(err, io.EOF) && empty:
			return m, &damage{reason: "is empty"}
		case errors.Is(err, io.EOF):
			return m, nil
		case err != nil:
			return m, err
		}
		e, err := parseEdit(record)
		if err != nil {
			return m, &damage{offset: offset, reason: err.Error()}
		}
		group = append(group, e)
		if e.grouped && e.remaining > 0 {
			continue
		}
		for _, e := range group {
			m.apply(e)
		}
		group = group[:0]
	}
}

func parseEdit(record []byte) (*edit, error) {
	e := &edit{}
	r := reading{rest: record}
	number := func() *uint64 {
		n := r.uint64()
		return &n
	}
	for len(r.rest) > 0 && !r.failed {
		switch tag := r.uint32(); tag {
		case tagComparator:
			e.comparator = string(r.bytes())
		case tagLogNumber:
			e.logNumber = number()
		case tagMinLogNumberToKeep:
			e.minLog = number()
		case tagNextFileNumber:
			e.nextFile = r.uint64()
		case tagLastSequence, tagPrevLogNumber, tagMaxColumnFamily:
			r.uint64()
		case tagCompactCursor:
			r.uint32()
			r.bytes()
		case tagDeletedFile:
			r.uint32()
			e.deleted = append(e.deleted, r.uint64())
		case tagNewFile, tagNewFile2, tagNewFile3, tagNewFile4:
			file, err := parseNewFile(&r, tag)
			if err != nil {
				return nil, err
			}
			e.files = append(e.files, file)
		case tagColumnFamily:
			e.family = r.uint32()
		case tagColumnFamilyAdd:
			e.add, e.name = true, string(r.bytes())
		case tagColumnFamilyDrop:
			e.drop = true
		case tagInAtomicGroup:
			e.grouped, e.remaining = true, r.uint32()
		default:
			if tag&tagIgnorable == 0 {
				return nil, fmt.Errorf("a change of unknown kind %d: a newer RocksDB may have written it", tag)
			}
			r.bytes()
		}
	}
	if r.failed {
		return nil, errors.New("a change that ends early")
	}
	return e, nil
}

func parseNewFile(r *reading, tag uint32) (*tableFile, error) {
	r.uint32() // the level: sequence numbers tell more
	f := &tableFile{number: r.uint64()}
	if tag == tagNewFile3 {
		r.uint32() // the path
	}
	f.size = r.uint64()
	f.smallest, f.largest = bytes.Clone(userKey(r.bytes())), bytes.Clone(userKey(r.bytes()))
	if tag != tagNewFile {
		r.uint64()
		f.sequence = r.uint64()
	}
	if tag != tagNewFile4 {
		return f, nil
	}
	for !r.failed {
		kind := r.uint32()
		if kind == fileTagEnd {
			return f, nil
		}
		field := r.bytes()
		switch {
		case r.failed:
		case kind == fileTagPath && (len(field) != 1 || field[0] != 0):
			return nil, errors.New("a table outside the directory")
		case kind&fileTagNotIgnorable != 0 && kind != fileTagPath:
			return nil, fmt.Errorf("a table with something of unknown kind %d: a newer RocksDB may have written it", kind)
		}
	}
	return f, nil
}

func (m *manifest) apply(e *edit) {
	f := m.families[e.family]
	switch {
	case e.drop:
		delete(m.families, e.family)
		return
	case e.add || f == nil: // a family that nobody added has no name, and can still be read
		f = &family{id: e.family, name: e.name, tables: make(map[uint64]*tableFile)}
		m.families[e.family] = f
	}
	if e.comparator != "" {
		f.comparator = e.comparator
	}
	if e.logNumber != nil {
		f.logNumber = max(f.logNumber, *e.logNumber)
	}
	if e.minLog != nil {
		m.minLog = max(m.minLog, *e.minLog)
	}
	m.nextFile = max(m.nextFile, e.nextFile)
	for _, number := range e.deleted {
		delete(f.tables, number)
	}
	for _, file := range e.files {
		f.tables[file.number] = file
		m.nextFile = max(m.nextFile, file.number+1)
	}
}

// trailerSize is that of what an internal key has behind the user's key: sequence number and operation.
const trailerSize = 8

// userKey cuts the trailer off an internal key.
func userKey(internal []byte) []byte {
	if len(internal) < trailerSize {
		return nil
	}
	return internal[:len(internal)-trailerSize]
}
