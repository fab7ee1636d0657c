package rocksdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// blockSize is that of the blocks of a log, in bytes; no record fragment crosses the end of one.
const blockSize = 32 << 10

// The types of log records, of which manifests consist as well as write-ahead logs.
const (
	recordZero = iota
	recordFull
	recordFirst
	recordMiddle
	recordLast
	recyclableFull // as the four before, with the number of the log in the header
	recyclableFirst
	recyclableMiddle
	recyclableLast
	recordCompression
	recordTimestampSizes
	recyclableTimestampSizes
	recordPredecessor          = 130
	recyclablePredecessor      = 131
	recordIgnorable       byte = 0x80 // the types from here on may be passed over by who does not know them
)

const (
	headerSize           = 7  // checksum, length, type
	recyclableHeaderSize = 11 // and the number of the log
)

// castagnoli is the table of the checksums. It is made when it is asked for first.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// mask hides a checksum that is stored among the data that it is of.
func mask(sum uint32) uint32 { return (sum>>15 | sum<<17) + 0xa282ead8 }

// A logReader puts the records of a log together.
type logReader struct {
	source io.Reader
	number uint64 // of the log
	block  []byte // what was read of the block under work
	pos    int    // in block
	base   int64  // the offset of block in the file
	last   bool   // nothing follows block

	compressed bool
	fragments  []byte // of the record under work
	plain      []byte // the record, decompressed
}

func newLogReader(source io.Reader, number uint64) *logReader {
	return &logReader{source: source, number: number, block: make([]byte, 0, blockSize)}
}

// next returns the next record and where it starts; the record is valid until the next call. The error is io.EOF at the
// end of the log, and a *damage where it cannot be read on.
func (l *logReader) next() (record []byte, offset int64, err error) {
	l.fragments = l.fragments[:0]
	within := false
	for {
		at, kind, payload, err := l.fragment()
		if errors.Is(err, io.EOF) && within {
			return nil, offset, &damage{offset: offset, torn: true, reason: "ends within a record"}
		}
		if err != nil {
			var d *damage
			if within && errors.As(err, &d) {
				d.offset = offset // the record begins before
			}
			return nil, offset, err
		}
		switch kind {
		case recordFull, recyclableFull, recordFirst, recyclableFirst:
			if within {
				return nil, offset, &damage{offset: offset, reason: "a record has no end"}
			}
			within, offset = true, at
		case recordMiddle, recyclableMiddle, recordLast, recyclableLast:
			if !within {
				return nil, at, &damage{offset: at, reason: "a record has no beginning"}
			}
		case recordCompression:
			if err := l.setCompression(payload); err != nil {
				return nil, at, &damage{offset: at, reason: err.Error()}
			}
			continue
		case recordTimestampSizes, recyclableTimestampSizes, recordPredecessor, recyclablePredecessor:
			continue
		default:
			if kind >= recordIgnorable {
				continue
			}
			return nil, at, &damage{offset: at, reason: fmt.Sprintf("a record of unknown type %d", kind)}
		}
		l.fragments = append(l.fragments, payload...)
		switch kind {
		case recordFull, recyclableFull, recordLast, recyclableLast:
			if !l.compressed {
				return l.fragments, offset, nil
			}
			l.plain, err = expand(l.plain[:0], l.fragments)
			if err != nil {
				return nil, offset, &damage{offset: offset, reason: "a compressed record: " + err.Error()}
			}
			return l.plain, offset, nil
		}
	}
}

func (l *logReader) setCompression(payload []byte) error {
	if len(payload) < 4 {
		return errors.New("a compression record that is too short")
	}
	switch kind := binary.LittleEndian.Uint32(payload); kind {
	case uint32(compressionNone):
		l.compressed = false
	case uint32(compressionZstd):
		l.compressed = true
	default:
		return fmt.Errorf("is compressed in an unknown way (type %d)", kind)
	}
	return nil
}

// fragment returns the next record as it lies in the file. Its payload is valid until the next call.
func (l *logReader) fragment() (at int64, kind byte, payload []byte, err error) {
	for len(l.block)-l.pos < headerSize {
		if l.last {
			if l.pos < len(l.block) && len(l.block) < blockSize {
				return 0, 0, nil, &damage{offset: l.base + int64(l.pos), torn: true, reason: "ends within the header of a record"}
			}
			return 0, 0, nil, io.EOF
		}
		if err := l.fill(); err != nil {
			return 0, 0, nil, &damage{offset: l.base, reason: err.Error()}
		}
	}
	at = l.base + int64(l.pos)
	rest := l.block[l.pos:]
	sum, length := binary.LittleEndian.Uint32(rest), int(binary.LittleEndian.Uint16(rest[4:]))
	kind = rest[6]
	header := headerSize
	switch kind {
	case recordZero:
		if length == 0 && sum == 0 {
			return at, kind, nil, l.zeros(at)
		}
	case recyclableFull, recyclableFirst, recyclableMiddle, recyclableLast, recyclableTimestampSizes, recyclablePredecessor:
		header = recyclableHeaderSize
	}
	if header+length > len(rest) {
		if l.last && len(l.block) < blockSize {
			return at, kind, nil, &damage{offset: at, torn: true, reason: "ends within a record"}
		}
		return at, kind, nil, &damage{offset: at, reason: "a record is longer than its block"}
	}
	if mask(crc32.Checksum(rest[6:header+length], castagnoli())) != sum {
		// The last record may have been on its way to the disk when the process, or the machine, was stopped.
		torn := l.last && l.pos+header+length == len(l.block)
		return at, kind, nil, &damage{offset: at, torn: torn, reason: "the checksum of a record is wrong"}
	}
	if header == recyclableHeaderSize && l.number != 0 && binary.LittleEndian.Uint32(rest[7:]) != uint32(l.number) {
		return at, kind, nil, io.EOF // the file was used before, for an older log, and this is still of that one
	}
	l.pos += header + length
	return at, kind, rest[header : header+length], nil
}

// fill reads the next block.
func (l *logReader) fill() error {
	l.base += int64(len(l.block))
	n, err := io.ReadFull(l.source, l.block[:blockSize])
	l.block, l.pos = l.block[:n], 0
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		l.last = true
		return nil
	}
	return err
}

// zeros reads on where the space that was set aside for the log seems to begin: behind it nothing was written.
func (l *logReader) zeros(at int64) error {
	for {
		for _, b := range l.block[l.pos:] {
			if b != 0 {
				return &damage{offset: at, reason: "zeros, and data behind them"}
			}
		}
		if l.last {
			l.pos = len(l.block)
			return io.EOF
		}
		if err := l.fill(); err != nil {
			return &damage{offset: l.base, reason: err.Error()}
		}
	}
}

// maxFrameBlock is how large one block of a zstd frame gets, in bytes.
const maxFrameBlock = 128 << 10

// expand decompresses zstd frames whose size is not known before, in dst if that is large enough.
func expand(dst, compressed []byte) ([]byte, error) {
	limit := maxExpanded(len(compressed))
	var plain []byte
	var err error
	for _, size := range []int{min(16*len(compressed), limit), limit} { // most records need no more than the first
		if cap(dst) < size {
			dst = make([]byte, 0, size)
		}
		// The error is of many kinds where there is no room.
		if plain, err = zstdDecoder().DecodeAll(compressed, dst[:0:size]); err == nil {
			return plain, nil
		}
	}
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || len(plain)+maxFrameBlock >= limit {
		err = errExpands
	}
	return dst, err
}
