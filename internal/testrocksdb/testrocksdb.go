// Package testrocksdb writes small RocksDB databases for tests, in every form that package rocksdb reads: logs with their
// records in blocks, manifests, and tables of all format versions.
package testrocksdb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing/fstest"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/zeebo/xxh3"
)

// The operations on a key.
const (
	Delete       = 0x0
	Put          = 0x1
	Merge        = 0x2
	SingleDelete = 0x7
	DeleteRange  = 0xf
)

// A Write is one operation. Value is the end of the range for DeleteRange.
type Write struct {
	Family     uint32
	Op         byte
	Key, Value string
}

var inFamily = map[byte]byte{Put: 0x5, Delete: 0x4, Merge: 0x6, SingleDelete: 0x8, DeleteRange: 0xe}

// Batch encodes a write batch.
func Batch(sequence uint64, writes ...Write) []byte {
	b := binary.LittleEndian.AppendUint64(nil, sequence)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(writes)))
	for _, w := range writes {
		if w.Family == 0 {
			b = append(b, w.Op)
		} else {
			b = binary.AppendUvarint(append(b, inFamily[w.Op]), uint64(w.Family))
		}
		b = appendText(b, w.Key)
		if w.Op != Delete && w.Op != SingleDelete {
			b = appendText(b, w.Value)
		}
	}
	return b
}

func appendText[Text string | []byte](b []byte, text Text) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// A Log says how to write a log. The zero value writes plain records.
type Log struct {
	// Number is that of a recycled file, which repeats it in every record.
	Number uint32
	// Compressed makes every record a ZSTD frame.
	Compressed bool
	// Frames makes the frames of a compressed log; nil for Compress.
	Frames func([]byte) []byte
}

const logBlock = 32 << 10

// Encode writes records in fragments, none of which crosses the end of a block.
func (l Log) Encode(records ...[]byte) []byte {
	var b []byte
	if l.Compressed {
		b = l.fragment(b, 9, []byte{7, 0, 0, 0})
	}
	for _, record := range records {
		switch {
		case l.Compressed && l.Frames != nil:
			record = l.Frames(record)
		case l.Compressed:
			record = Compress(record)
		}
		for first := true; ; first = false {
			room := logBlock - len(b)%logBlock
			if room < l.header() {
				b = append(b, make([]byte, room)...)
				room = logBlock
			}
			n := min(room-l.header(), len(record))
			last := n == len(record)
			kind := byte(3)
			switch {
			case first && last:
				kind = 1
			case first:
				kind = 2
			case last:
				kind = 4
			}
			if l.Number > 0 {
				kind += 4
			}
			b = l.fragment(b, kind, record[:n])
			if record = record[n:]; last {
				break
			}
		}
	}
	return b
}

func (l Log) header() int {
	if l.Number > 0 {
		return 11
	}
	return 7
}

func (l Log) fragment(b []byte, kind byte, payload []byte) []byte {
	checked := []byte{kind}
	if kind >= 5 && kind <= 8 {
		checked = binary.LittleEndian.AppendUint32(checked, l.Number)
	}
	checked = append(checked, payload...)
	b = binary.LittleEndian.AppendUint32(b, crc(checked))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(payload)))
	return append(b, checked...)
}

func crc(b []byte) uint32 {
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return (sum>>15 | sum<<17) + 0xa282ead8
}

var encoder, _ = zstd.NewWriter(nil)

// Compress makes a ZSTD frame of some bytes.
func Compress(b []byte) []byte { return compress(b, 7) }

func compress(b []byte, how byte) []byte {
	switch how {
	case 1:
		return snappy.Encode(nil, b)
	case 4, 5:
		dst := make([]byte, lz4.CompressBlockBound(len(b)))
		n, err := lz4.CompressBlock(b, dst, nil)
		if err != nil || n == 0 { // what cannot be compressed is a run of literals
			dst = []byte{min(byte(len(b)), 15) << 4}
			if len(b) >= 15 {
				rest := len(b) - 15
				for ; rest >= 255; rest -= 255 {
					dst = append(dst, 255)
				}
				dst = append(dst, byte(rest))
			}
			return append(dst, b...)
		}
		return dst[:n]
	case 7:
		return encoder.EncodeAll(b, nil)
	}
	return b
}

// A Version is what was done to a key at one time.
type Version struct {
	Key      string
	Sequence uint64
	Op       byte
	Value    string
}

func (v Version) internal() []byte {
	return binary.LittleEndian.AppendUint64([]byte(v.Key), v.Sequence<<8|uint64(v.Op))
}

// A Table says how to write a table.
type Table struct {
	// Format is the version, from 0 to 6. More is written as 6 would be.
	Format uint32
	// Checksum is 0 for none, 1 for CRC32C, 4 for XXH3. Format 0 knows only CRC32C.
	Checksum byte
	// Compression is 0 for none, 1 for Snappy, 4 or 5 for LZ4, 7 for ZSTD. Before format 2, only none and Snappy are.
	Compression byte
	// TwoLevels, Deltas, UserKeys, FirstKeys and HashIndex say how the index, or the end of blocks, is written.
	TwoLevels, Deltas, UserKeys, FirstKeys, HashIndex bool
	// BlockEntries is how many entries a block has; 0 for all.
	BlockEntries int
	Family       uint32
	FamilyName   string
	// Properties are added to what the table says of itself.
	Properties map[string]string
}

type entry struct{ key, value []byte }

type handle struct{ offset, size uint64 }

func (h handle) append(b []byte) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, h.offset), h.size)
}

const contextBase = 0x5eed1e55

type tableWriter struct {
	Table
	file []byte
}

func (t *tableWriter) sum(data []byte, last byte, at uint64) uint32 {
	var sum uint32
	switch t.Checksum {
	case 1:
		sum = crc(append(bytes.Clone(data), last))
	case 4:
		sum = uint32(xxh3.Hash(data)) ^ uint32(last)*0x6b9083d9
	}
	if t.Format >= 6 && t.Checksum != 0 {
		sum += contextBase ^ (uint32(at) + uint32(at>>32))
	}
	return sum
}

// block writes a block and returns where it is.
func (t *tableWriter) block(content []byte, how byte) handle {
	data := content
	if how != 0 {
		data = compress(content, how)
		if how != 1 {
			data = append(binary.AppendUvarint(nil, uint64(len(content))), data...)
		}
	}
	h := handle{uint64(len(t.file)), uint64(len(data))}
	t.file = append(append(t.file, data...), how)
	t.file = binary.LittleEndian.AppendUint32(t.file, t.sum(data, how, h.offset))
	return h
}

// entries encodes entries with shared prefixes, and whole keys at every interval.
func entries(list []entry, interval int, hashIndex bool) []byte {
	var b, last []byte
	var restarts []uint32
	for i, e := range list {
		shared := 0
		if i%interval == 0 {
			restarts = append(restarts, uint32(len(b)))
		} else {
			for shared < min(len(last), len(e.key)) && last[shared] == e.key[shared] {
				shared++
			}
		}
		b = binary.AppendUvarint(b, uint64(shared))
		b = binary.AppendUvarint(b, uint64(len(e.key)-shared))
		b = binary.AppendUvarint(b, uint64(len(e.value)))
		b = append(append(b, e.key[shared:]...), e.value...)
		last = e.key
	}
	return ends(b, restarts, hashIndex)
}

func ends(b []byte, restarts []uint32, hashIndex bool) []byte {
	for _, at := range restarts {
		b = binary.LittleEndian.AppendUint32(b, at)
	}
	n := uint32(len(restarts))
	if hashIndex {
		b = append(b, 1, 2, 3)
		b = binary.LittleEndian.AppendUint16(b, 3)
		n |= 1 << 31
	}
	return binary.LittleEndian.AppendUint32(b, n)
}

// A child is a block that an index leads to.
type child struct {
	last, first []byte
	at          handle
}

// indexBlock encodes an index block, with whole keys at every fourth entry.
func (t *tableWriter) indexBlock(children []child) []byte {
	var b, last []byte
	var restarts []uint32
	var before handle
	for i, c := range children {
		key := c.last
		if t.UserKeys {
			key = key[:len(key)-8]
		}
		shared := 0
		if i%4 == 0 {
			restarts = append(restarts, uint32(len(b)))
		} else {
			for shared < min(len(last), len(key)) && last[shared] == key[shared] {
				shared++
			}
		}
		var value []byte
		if t.Deltas && shared > 0 && c.at.offset == before.offset+before.size+5 {
			value = binary.AppendVarint(nil, int64(c.at.size-before.size))
		} else {
			value = c.at.append(nil)
			if t.Deltas && shared > 0 { // only a whole key has a whole handle
				shared = 0
			}
		}
		if t.FirstKeys {
			value = appendText(value, c.first)
		}
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(shared)), uint64(len(key)-shared))
		if !t.Deltas {
			b = binary.AppendUvarint(b, uint64(len(value)))
		}
		b = append(append(b, key[shared:]...), value...)
		last, before = key, c.at
	}
	return ends(b, restarts, false)
}

// Encode writes a table. Versions must be sorted by key, and the newest of a key first; a range is a version with
// DeleteRange.
func (t Table) Encode(versions, ranges []Version) []byte {
	w := &tableWriter{Table: t}
	if w.Format == 0 {
		w.Checksum = 1
	}
	size := len(versions)
	if t.BlockEntries > 0 {
		size = t.BlockEntries
	}
	var children []child
	for from := 0; from < len(versions); from += size {
		chunk := versions[from:min(from+size, len(versions))]
		list := make([]entry, len(chunk))
		for i, v := range chunk {
			list[i] = entry{v.internal(), []byte(v.Value)}
		}
		at := w.block(entries(list, 16, t.HashIndex), t.Compression)
		children = append(children, child{list[len(list)-1].key, list[0].key, at})
	}
	if t.TwoLevels {
		var upper []child
		for from := 0; from < len(children); from += 3 {
			chunk := children[from:min(from+3, len(children))]
			upper = append(upper, child{chunk[len(chunk)-1].last, chunk[0].first, w.block(w.indexBlock(chunk), t.Compression)})
		}
		children = upper
	}
	index := w.block(w.indexBlock(children), t.Compression)

	meta := []entry{}
	if t.Format >= 6 {
		meta = append(meta, entry{[]byte("rocksdb.index"), index.append(nil)})
	}
	meta = append(meta, entry{[]byte("rocksdb.properties"), w.block(entries(w.properties(), 1, false), 0).append(nil)})
	if len(ranges) > 0 {
		var list []entry
		for _, r := range ranges {
			list = append(list, entry{r.internal(), []byte(r.Value)})
		}
		meta = append(meta, entry{[]byte("rocksdb.range_del"), w.block(entries(list, 1, false), 0).append(nil)})
	}
	return w.footer(w.block(entries(meta, 1, false), 0), index)
}

func (t *tableWriter) properties() []entry {
	kind := make([]byte, 4)
	switch {
	case t.TwoLevels:
		kind[0] = 2
	case t.FirstKeys:
		kind[0] = 3
	}
	flag := func(set bool) []byte {
		if set {
			return []byte{1}
		}
		return []byte{0}
	}
	list := []entry{
		{[]byte("rocksdb.block.based.table.index.type"), kind},
		{[]byte("rocksdb.column.family.id"), binary.AppendUvarint(nil, uint64(t.Family))},
		{[]byte("rocksdb.column.family.name"), []byte(t.FamilyName)},
		{[]byte("rocksdb.comparator"), []byte("leveldb.BytewiseComparator")},
		{[]byte("rocksdb.index.key.is.user.key"), flag(t.UserKeys)},
		{[]byte("rocksdb.index.value.is.delta.encoded"), flag(t.Deltas)},
	}
	for name, value := range t.Properties {
		list = append(list, entry{[]byte(name), []byte(value)})
	}
	return list
}

func (t *tableWriter) footer(metaIndex, index handle) []byte {
	at := uint64(len(t.file))
	if t.Format == 0 {
		footer := append(index0(metaIndex, index), 0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb)
		return append(t.file, footer...)
	}
	footer := make([]byte, 53)
	footer[0] = t.Checksum
	if t.Format < 6 {
		copy(footer[1:], index0(metaIndex, index))
	} else {
		copy(footer[1:], []byte{0x3e, 0, 0x7a, 0})
		if t.Checksum != 0 {
			binary.LittleEndian.PutUint32(footer[9:], contextBase)
		}
		binary.LittleEndian.PutUint32(footer[13:], uint32(metaIndex.size))
	}
	binary.LittleEndian.PutUint32(footer[41:], t.Format)
	copy(footer[45:], []byte{0xf7, 0xcf, 0xf4, 0x85, 0xb7, 0x41, 0xe2, 0x88})
	if t.Format >= 6 {
		binary.LittleEndian.PutUint32(footer[5:], t.sum(footer[:52], footer[52], at))
	}
	return append(t.file, footer...)
}

// index0 is the part of a footer that has the handles.
func index0(metaIndex, index handle) []byte {
	b := index.append(metaIndex.append(nil))
	return append(b, make([]byte, 40-len(b))...)
}

// A Family is a column family for Manifest. LogNumber is the first log whose writes are not in its tables.
type Family struct {
	ID        uint32
	Name      string
	LogNumber uint64
	Tables    []uint64
}

// Manifest encodes a manifest: one record that adds each family, and one for the tables of each.
func Manifest(sizes func(table uint64) int, families ...Family) []byte {
	var records [][]byte
	for _, f := range families {
		e := appendText(binary.AppendUvarint(nil, 1), "leveldb.BytewiseComparator")
		if f.ID != 0 {
			e = binary.AppendUvarint(binary.AppendUvarint(e, 200), uint64(f.ID))
			e = appendText(binary.AppendUvarint(e, 201), f.Name)
		}
		records = append(records, e)
		e = binary.AppendUvarint(binary.AppendUvarint(nil, 200), uint64(f.ID))
		e = binary.AppendUvarint(binary.AppendUvarint(e, 2), f.LogNumber)
		for _, table := range f.Tables {
			e = binary.AppendUvarint(e, 103)
			e = binary.AppendUvarint(e, 0) // level
			e = binary.AppendUvarint(e, table)
			e = binary.AppendUvarint(e, uint64(sizes(table)))
			e = appendText(e, Version{Key: ""}.internal())
			e = appendText(e, Version{Key: "\xff"}.internal())
			e = append(e, 0, 0) // sequence numbers
			e = append(e, 5, 1, 0, 1)
		}
		records = append(records, e)
	}
	return Log{}.Encode(records...)
}

// Database puts a directory together, from the contents of its write-ahead logs and tables by their numbers.
func Database(dir string, logs, tables map[uint64][]byte, families ...Family) fstest.MapFS {
	files := fstest.MapFS{
		dir + "/CURRENT":         {Data: []byte("MANIFEST-000001\n")},
		dir + "/MANIFEST-000001": {Data: Manifest(func(n uint64) int { return len(tables[n]) }, families...)},
	}
	for n, content := range logs {
		files[fmt.Sprintf("%s/%06d.log", dir, n)] = &fstest.MapFile{Data: content}
	}
	for n, content := range tables {
		files[fmt.Sprintf("%s/%06d.sst", dir, n)] = &fstest.MapFile{Data: content}
	}
	return files
}
