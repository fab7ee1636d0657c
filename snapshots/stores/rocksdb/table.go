package rocksdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	footerSize       = 53 // of format version 1 on
	legacyFooterSize = 48

	blockBasedMagic       = 0x88e241b785f4cff7
	legacyBlockBasedMagic = 0xdb4775248b80fb57

	// maxFormat is the last format version of tables that is known. Restate up to 1.7 writes 5 and 6.
	maxFormat = 6
)

// The kinds of indexes of a table.
const (
	indexBinarySearch     = 0
	indexHashSearch       = 1
	indexTwoLevel         = 2
	indexBinarySearchKeys = 3
)

// A table is a sorted file of keys, open for reading.
type table struct {
	name string
	file io.ReaderAt
	size uint64

	format      uint32
	checksum    checksumKind
	contextBase uint32
	index       handle
	levels      int // of index blocks
	indexing    blockIndexing

	stated     bool // which family the table is of
	family     uint32
	familyName string
	external   bool   // the table was built elsewhere,
	sequence   uint64 // and all of it was written at once
	ranges     []rangeDeletion
	unverified bool // the checksums are of an unknown kind
}

// A rangeDeletion deletes the keys from start until before end that were written before it.
type rangeDeletion struct {
	start, end []byte
	sequence   uint64
}

// openTable reads all of a table but its index and data.
func openTable(name string, file io.ReaderAt, size int64) (*table, error) {
	t := &table{name: name, file: file, size: uint64(max(size, 0)), levels: 1}
	metaIndex, err := t.readFooter()
	if err != nil {
		return nil, err
	}
	blocks := make(map[string]handle)
	err = t.metaBlock("the metaindex", metaIndex, func(b *blockIterator) error {
		r := reading{rest: b.value}
		if h := r.handle(); !r.failed {
			blocks[string(b.key)] = h
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if t.format >= 6 {
		t.index = blocks["rocksdb.index"]
	}
	if _, ok := blocks["rocksdb.compression_dict"]; ok {
		return nil, &damage{reason: "its blocks are compressed with a dictionary, which is not supported"}
	}
	if properties, ok := blocks["rocksdb.properties"]; ok {
		if err := t.readProperties(properties); err != nil {
			return nil, err
		}
	}
	if deletions, ok := blocks["rocksdb.range_del"]; ok {
		err = t.metaBlock("the range deletions", deletions, func(b *blockIterator) error {
			key, sequence, _, err := splitKey(b.key)
			if err != nil {
				return err
			}
			t.ranges = append(t.ranges, rangeDeletion{bytes.Clone(key), bytes.Clone(b.value), sequence})
			return nil
		})
	}
	return t, err
}

// readFooter reads the end of the file, and returns where the metaindex is.
func (t *table) readFooter() (metaIndex handle, err error) {
	footer := make([]byte, min(footerSize, t.size))
	at := t.size - uint64(len(footer))
	if err := t.readAt(footer, at); err != nil {
		return handle{}, err
	}
	if len(footer) < footerSize {
		return handle{}, &damage{reason: fmt.Sprintf("is no table: has %d bytes", t.size)}
	}
	r := reading{rest: footer[1:41]}
	switch magic := binary.LittleEndian.Uint64(footer[footerSize-8:]); magic {
	case blockBasedMagic:
		t.format = binary.LittleEndian.Uint32(footer[41:])
		t.checksum = checksumKind(footer[0])
	case legacyBlockBasedMagic:
		t.checksum = checksumCRC32C
		r.rest = footer[footerSize-legacyFooterSize:]
	default:
		return handle{}, &damage{offset: int64(t.size - 8), reason: fmt.Sprintf("is no block-based table, or is truncated (magic number 0x%016x)", magic)}
	}
	if t.format > maxFormat {
		return handle{}, &damage{offset: int64(at + 41), reason: fmt.Sprintf("a table of format version %d, which is newer than the last one that is known, %d", t.format, maxFormat)}
	}
	t.unverified = !t.checksum.known()
	if t.format < 6 {
		metaIndex, t.index = r.handle(), r.handle()
		if r.failed {
			return handle{}, &damage{offset: int64(at), reason: "the footer is malformed"}
		}
		return metaIndex, nil
	}
	if !bytes.Equal(footer[1:5], []byte{0x3e, 0, 0x7a, 0}) {
		return handle{}, &damage{offset: int64(at + 1), reason: "the footer is malformed"}
	}
	sum := binary.LittleEndian.Uint32(footer[5:])
	t.contextBase = binary.LittleEndian.Uint32(footer[9:])
	clear(footer[5:9])
	if t.checksum != checksumNone && !t.unverified && t.checksum.sum(footer[:footerSize-1], footer[footerSize-1])+context(t.contextBase, at) != sum {
		return handle{}, &damage{offset: int64(at), reason: "the checksum of the footer is wrong"}
	}
	size := uint64(binary.LittleEndian.Uint32(footer[13:]))
	if size+blockTrailerSize > at {
		return handle{}, &damage{offset: int64(at), reason: "the footer is malformed"}
	}
	return handle{at - size - blockTrailerSize, size}, nil
}

// readProperties takes over what the table says of itself.
func (t *table) readProperties(h handle) error {
	return t.metaBlock("the properties", h, func(b *blockIterator) error {
		number := func() uint64 {
			r := reading{rest: b.value}
			return r.uint64()
		}
		switch string(b.key) {
		case "rocksdb.column.family.id":
			t.family, t.stated = uint32(number()), true
		case "rocksdb.column.family.name":
			t.familyName = string(b.value)
		case "rocksdb.comparator":
			if string(b.value) != bytewise {
				return fmt.Errorf("keys are in an order that is not known, %q", shorten(b.value))
			}
		case "rocksdb.index.key.is.user.key":
			t.indexing.userKeys = number() != 0
		case "rocksdb.index.value.is.delta.encoded":
			t.indexing.deltas = number() != 0
		case "rocksdb.block.based.table.index.type":
			if len(b.value) != 4 {
				return errBlock
			}
			switch kind := binary.LittleEndian.Uint32(b.value); kind {
			case indexBinarySearch, indexHashSearch:
			case indexTwoLevel:
				t.levels = 2
			case indexBinarySearchKeys:
				t.indexing.firstKey = true
			default:
				return fmt.Errorf("an index of unknown kind %d", kind)
			}
		case "rocksdb.external_sst_file.version":
			t.external = true
		case "rocksdb.external_sst_file.global_seqno":
			if len(b.value) == 8 {
				t.sequence = binary.LittleEndian.Uint64(b.value)
			}
		}
		return nil
	})
}

// metaBlock calls each for the entries of a block that is neither index nor data; their keys have no trailers, or trailers
// that count as part of the key.
func (t *table) metaBlock(what string, h handle, each func(*blockIterator) error) error {
	var buffer blockBuffer
	block, err := t.read(h, &buffer)
	if err != nil {
		return err
	}
	var b blockIterator
	b.set(block, nil, 0)
	for err == nil && b.next() {
		err = each(&b)
	}
	if err = errors.Join(err, b.err); err != nil {
		return &damage{offset: int64(h.offset), reason: what + ": " + err.Error()}
	}
	return nil
}

func (t *table) readAt(b []byte, offset uint64) error {
	n, err := t.file.ReadAt(b, int64(offset))
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &damage{offset: int64(offset), reason: err.Error()}
}

// A blockBuffer is what a block is read into.
type blockBuffer struct{ raw, plain []byte }

// read reads and decompresses a block. It is valid until the buffer is used again.
func (t *table) read(h handle, buffer *blockBuffer) ([]byte, error) {
	fail := func(reason string) ([]byte, error) {
		return nil, &damage{offset: int64(min(h.offset, t.size)), reason: reason}
	}
	if h.offset > t.size || h.size > t.size || h.end() > t.size {
		return fail("a block beyond the end of the table")
	}
	size := int(h.size + blockTrailerSize)
	if cap(buffer.raw) < size {
		buffer.raw = make([]byte, size)
	}
	raw := buffer.raw[:size]
	if err := t.readAt(raw, h.offset); err != nil {
		return nil, err
	}
	data, how := raw[:h.size], raw[h.size]
	if t.checksum != checksumNone && !t.unverified &&
		t.checksum.sum(data, how)+context(t.contextBase, h.offset) != binary.LittleEndian.Uint32(raw[h.size+1:]) {
		return fail("the checksum of a block is wrong")
	}
	if how := compression(how); how != compressionNone && t.format < 2 && how != compressionSnappy {
		return fail(fmt.Sprintf("a block compressed with %v in a table of format version %d, which is not supported", how, t.format))
	}
	plain, err := decompress(buffer.plain, data, compression(how))
	if err != nil {
		return fail("a block " + err.Error())
	}
	if compression(how) != compressionNone {
		buffer.plain = plain
	}
	return plain, nil
}

// splitKey takes an internal key apart.
func splitKey(internal []byte) (user []byte, sequence uint64, op operation, err error) {
	if len(internal) < trailerSize {
		return nil, 0, 0, errBlock
	}
	user = userKey(internal)
	packed := binary.LittleEndian.Uint64(internal[len(user):])
	return user, packed >> 8, operation(packed), nil
}

// A tableIterator walks over a table in the order of its keys. Blocks that cannot be read are passed over, and told to
// problem.
type tableIterator struct {
	table   *table
	problem func(error)
	blocks  [maxLevels + 1]blockIterator // the index from its root down, and data
	buffers [maxLevels + 1]blockBuffer
	next    [maxLevels + 1]uint64 // no block of a level begins before this place
	depth   int                   // how many of blocks are in use
}

// maxLevels is how many levels of blocks an index has at most.
const maxLevels = 2

func newTableIterator(t *table, problem func(error)) *tableIterator {
	it := &tableIterator{table: t, problem: problem}
	it.enter(t.index)
	return it
}

// enter reads a block of the next level, and stands before its first entry.
func (it *tableIterator) enter(h handle) {
	level := it.depth
	if h.offset < it.next[level] {
		it.problem(&damage{offset: int64(min(h.offset, it.table.size)), reason: "the index leads back"})
		return
	}
	block, err := it.table.read(h, &it.buffers[level])
	if err != nil {
		it.problem(err)
		return
	}
	it.next[level] = h.end()
	it.depth++
	if level == it.table.levels {
		it.blocks[level].set(block, nil, trailerSize)
		return
	}
	trailer := trailerSize
	if it.table.indexing.userKeys {
		trailer = 0
	}
	it.blocks[level].set(block, &it.table.indexing, trailer)
}

// leave goes back to the level above.
func (it *tableIterator) leave() {
	it.depth--
	if err := it.blocks[it.depth].err; err != nil {
		it.problem(&damage{offset: int64(it.next[it.depth]), reason: "the block before " + err.Error()})
	}
}

// advance goes to the next entry of blocks of the given level, 0 being the root of the index, and reports whether there
// is one.
func (it *tableIterator) advance(level int) bool {
	for it.depth > 0 {
		b := &it.blocks[it.depth-1]
		switch {
		case !b.next():
			it.leave()
		case it.depth > level:
			return true
		default:
			it.enter(b.handle)
		}
	}
	return false
}

// nextVersion returns the next version of a key; its bytes are valid until the next call.
func (it *tableIterator) nextVersion() (v version, ok bool) {
	if !it.advance(it.table.levels) {
		return v, false
	}
	b := &it.blocks[it.table.levels]
	v.key, v.sequence, v.op, _ = splitKey(b.key) // blocks of data have no shorter keys
	v.value = b.value
	if it.table.external && it.table.sequence != 0 {
		v.sequence = it.table.sequence
	}
	return v, true
}

// highest tells the highest user key of each prefix of the given size; it is valid during the call. It does not read the
// blocks in whose midst no prefix ends.
func (it *tableIterator) highest(prefix int, tell func(key []byte)) {
	var (
		last    []byte // the highest key so far; empty before the first one
		skipped handle // a block with higher ones of the same prefix; of size 0 where there is none
		buffer  blockBuffer
	)
	same := func(key []byte) bool {
		return len(last) >= prefix && len(key) >= prefix && bytes.Equal(key[:prefix], last[:prefix])
	}
	tellLast := func() {
		if skipped.size > 0 {
			block, err := it.table.read(skipped, &buffer)
			if err != nil {
				it.problem(err)
			}
			var b blockIterator
			for b.set(block, nil, trailerSize); b.next(); {
				last = append(last[:0], b.userKey()...)
			}
			skipped = handle{}
		}
		if len(last) >= prefix {
			tell(last)
		}
	}
	for it.advance(it.table.levels - 1) {
		above := &it.blocks[it.table.levels-1]
		if same(above.userKey()) { // which is not less than any key of the block
			skipped = above.handle
			continue
		}
		if it.enter(above.handle); it.depth <= it.table.levels {
			continue
		}
		b := &it.blocks[it.table.levels]
		for b.next() {
			if key := b.userKey(); !same(key) {
				tellLast()
				last = append(last[:0], key...)
			} else {
				skipped, last = handle{}, append(last[:0], key...)
			}
		}
		it.leave()
	}
	tellLast()
}

// shorten makes hostile text fit into a message.
func shorten(text []byte) string { return string(text[:min(len(text), 60)]) }
