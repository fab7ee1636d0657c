package rocksdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/zeebo/xxh3"
)

// A compression is how a block is compressed, by the number in its trailer.
type compression byte

const (
	compressionNone   compression = 0
	compressionSnappy compression = 1
	compressionLZ4    compression = 4
	compressionLZ4HC  compression = 5
	compressionZstd   compression = 7
)

func (c compression) String() string {
	names := []string{"none", "Snappy", "zlib", "bzip2", "LZ4", "LZ4HC", "Xpress", "ZSTD"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("type %d", byte(c))
}

// maxRatio is how many times larger than its compressed form data may be. LZ4 cannot do better; metadata is far from it.
const maxRatio = 255

// maxExpanded is how large the data may be that was compressed to the given size, both in bytes.
func maxExpanded(size int) int { return maxRatio*size + 4<<10 }

var errExpands = errors.New("expands more than " + strconv.Itoa(maxRatio) + " times")

// zstdDecoder is one decoder for everybody, with all that it allocates.
var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		panic(err) // the options do not fit together
	}
	return decoder
})

// decompress returns the content of a block, in dst if it is large enough. The size of the content stands before all but
// Snappy, which has its own; in tables of format version 0 and 1 it does not, and they cannot be read.
func decompress(dst, block []byte, how compression) ([]byte, error) {
	if how == compressionNone {
		return block, nil
	}
	var size uint64
	if how == compressionSnappy {
		n, err := snappy.DecodedLen(block)
		if err != nil {
			return nil, err
		}
		size = uint64(n)
	} else {
		r := reading{rest: block}
		size = uint64(r.uint32())
		if r.failed {
			return nil, errors.New("has no size")
		}
		block = r.rest
	}
	switch {
	case size > uint64(maxExpanded(len(block))):
		return nil, errExpands
	case size == 0: // no block is; and the LZ4 decoder fails on a destination that does not exist
		return nil, errors.New("is empty")
	}
	if uint64(cap(dst)) < size {
		dst = make([]byte, size)
	}
	dst = dst[:size:size]
	var n int
	var err error
	switch how {
	case compressionSnappy:
		var plain []byte
		plain, err = snappy.Decode(dst, block)
		n = len(plain)
	case compressionLZ4, compressionLZ4HC:
		n, err = lz4.UncompressBlock(block, dst)
	case compressionZstd:
		var plain []byte
		plain, err = zstdDecoder().DecodeAll(block, dst[:0])
		n = len(plain)
	default:
		if how > compressionZstd {
			return nil, fmt.Errorf("is compressed in an unknown way (%v): a newer RocksDB may have written it", how)
		}
		return nil, fmt.Errorf("is compressed with %v, which Restate does not use and is not read", how)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%v: %w", how, err)
	case uint64(n) != size:
		return nil, fmt.Errorf("%v: %d bytes where %d were promised", how, n, size)
	}
	return dst, nil
}

// A checksumKind is how the blocks of a table are protected.
type checksumKind byte

const (
	checksumNone   checksumKind = 0
	checksumCRC32C checksumKind = 1
	checksumXXH3   checksumKind = 4
)

func (k checksumKind) known() bool {
	return k == checksumNone || k == checksumCRC32C || k == checksumXXH3
}

// sum is the checksum of some data and one byte more, which is in last.
func (k checksumKind) sum(data []byte, last byte) uint32 {
	switch k {
	case checksumCRC32C:
		return mask(crc32.Update(crc32.Checksum(data, castagnoli()), castagnoli(), []byte{last}))
	case checksumXXH3:
		return uint32(xxh3.Hash(data)) ^ uint32(last)*0x6b9083d9
	}
	return 0
}

// context is what is added to the checksum of something at the given offset, so that a block of another file or place
// does not pass for it (format version 6).
func context(base uint32, offset uint64) uint32 {
	if base == 0 {
		return 0
	}
	return base ^ (uint32(offset) + uint32(offset>>32))
}

// A handle is where a block lies, without its trailer.
type handle struct{ offset, size uint64 }

// blockTrailerSize is that of the compression type and the checksum behind each block.
const blockTrailerSize = 5

func (h handle) end() uint64 { return h.offset + h.size + blockTrailerSize }

func (r *reading) handle() handle { return handle{r.uint64(), r.uint64()} }

// A blockIndexing says how the index blocks of a table are encoded.
type blockIndexing struct {
	deltas   bool // values lack their length, and are the difference to the handle before
	firstKey bool // the first key of the block stands behind its handle
	userKeys bool // keys lack their trailers
}

// A blockIterator walks over the entries of a block, whose keys share prefixes with the ones before. Key and value are
// valid until it moves.
type blockIterator struct {
	rest    []byte // the entries that follow
	index   *blockIndexing
	trailer int // the size of what keys have behind the user's key
	key     []byte
	value   []byte // nil in an index block
	handle  handle // in an index block
	err     error
}

var errBlock = errors.New("is malformed")

// set makes the iterator walk over another block, from before its first entry. Index is nil for what is no index block.
func (b *blockIterator) set(block []byte, index *blockIndexing, trailer int) {
	*b = blockIterator{key: b.key[:0], index: index, trailer: trailer, err: errBlock}
	tail := len(block) - 4 // the entries are followed by the offsets of some of them, and by how many these are
	if tail < 0 {
		return
	}
	restarts := binary.LittleEndian.Uint32(block[tail:])
	if restarts&hasHashIndex != 0 { // it stands between the two
		restarts &^= hasHashIndex
		if tail < 2 {
			return
		}
		tail -= 2 + int(binary.LittleEndian.Uint16(block[tail-2:]))
	}
	if int64(tail) < 4*int64(restarts) {
		return
	}
	b.rest, b.err = block[:tail-4*int(restarts)], nil
}

// hasHashIndex is a bit of the number at the end of a block.
const hasHashIndex = 1 << 31

// next goes to the next entry and reports whether there is one.
func (b *blockIterator) next() bool {
	if b.err != nil || len(b.rest) == 0 {
		return false
	}
	r := reading{rest: b.rest}
	shared, rest := r.uint64(), r.uint64()
	valueSize := uint64(0)
	if b.index == nil || !b.index.deltas {
		valueSize = r.uint64()
	}
	suffix := r.take(rest)
	if r.failed || shared > uint64(len(b.key)) {
		b.err = errBlock
		return false
	}
	b.key = append(b.key[:shared], suffix...)
	switch {
	case b.index == nil:
		b.value = r.take(valueSize)
	case b.index.deltas:
		b.readHandle(&r, shared > 0)
	default:
		value := reading{rest: r.take(valueSize)}
		b.readHandle(&value, false)
		r.failed = r.failed || value.failed
	}
	if r.failed || len(b.key) < b.trailer {
		b.err = errBlock
		return false
	}
	b.rest = r.rest
	return true
}

// readHandle reads where a block lies. With follows it lies behind the one before, and only the change in size is stated.
func (b *blockIterator) readHandle(r *reading, follows bool) {
	if follows {
		b.handle = handle{b.handle.end(), b.handle.size + uint64(r.int64())}
	} else {
		b.handle = r.handle()
	}
	if b.index.firstKey {
		r.bytes()
	}
}

// userKey is the key of the entry without its trailer.
func (b *blockIterator) userKey() []byte { return b.key[:len(b.key)-b.trailer] }
