package rocksdb

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// An operation is what was done to a key.
type operation byte

// The operations, by the numbers that tables and write batches give them. In a batch, numbers of their own say that the
// family is named.
const (
	opDelete            operation = 0x0
	opPut               operation = 0x1
	opMerge             operation = 0x2
	opLogData           operation = 0x3
	opSingleDelete      operation = 0x7
	opNothing           operation = 0xd
	opDeleteRange       operation = 0xf
	opBlobIndex         operation = 0x11
	opWideColumns       operation = 0x16
	opPreferredSequence operation = 0x18
)

var familyOperations = map[operation]operation{
	0x4: opDelete, 0x5: opPut, 0x6: opMerge, 0x8: opSingleDelete, 0xe: opDeleteRange, 0x10: opBlobIndex,
	0x17: opWideColumns, 0x19: opPreferredSequence,
}

// A write is one operation of a write batch. Its bytes are those of the batch.
type write struct {
	family   uint32
	sequence uint64
	op       operation
	key      []byte
	value    []byte // the end of the range for opDeleteRange
}

var errBatch = errors.New("a write batch that ends early")

// batch calls each for the writes of a batch in their order, and returns the sequence number that follows them. It calls
// each for none of them where the batch is malformed.
func batch(record []byte, each func(write)) (next uint64, err error) {
	if next, err = walkBatch(record, func(write) {}); err != nil {
		return next, err
	}
	return walkBatch(record, each)
}

func walkBatch(record []byte, each func(write)) (next uint64, err error) {
	if len(record) < 12 {
		return 0, errBatch
	}
	sequence, count := binary.LittleEndian.Uint64(record), binary.LittleEndian.Uint32(record[8:])
	first := sequence
	r := reading{rest: record[12:]}
	for len(r.rest) > 0 && !r.failed {
		w := write{op: operation(r.byte()), sequence: sequence}
		if plain, ok := familyOperations[w.op]; ok {
			w.op, w.family = plain, r.uint32()
		}
		switch w.op {
		case opPut, opMerge, opDeleteRange:
			w.key, w.value = r.bytes(), r.bytes()
		case opDelete, opSingleDelete:
			w.key = r.bytes()
		case opLogData:
			r.bytes()
			continue
		case opNothing:
			continue
		case opBlobIndex, opWideColumns, opPreferredSequence:
			w.key, w.value = r.bytes(), nil
			r.bytes()
		default:
			return first, fmt.Errorf("a write batch has an operation of unknown kind 0x%x", byte(w.op))
		}
		if r.failed {
			break
		}
		each(w)
		sequence++
	}
	switch {
	case r.failed:
		return first, errBatch
	case sequence-first != uint64(count):
		return first, fmt.Errorf("a write batch has %d operations and says %d", sequence-first, count)
	}
	return sequence, nil
}

// A reading takes values from the front of some bytes. What is not there reads as zero, and is told by failed.
type reading struct {
	rest   []byte
	failed bool
}

func (r *reading) byte() byte {
	if len(r.rest) == 0 {
		r.failed = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reading) uint64() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reading) uint32() uint32 {
	v := r.uint64()
	if v > 1<<32-1 {
		r.failed = true
	}
	return uint32(v)
}

// int64 reads a signed number, with its sign as the lowest bit.
func (r *reading) int64() int64 {
	v := r.uint64()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reading) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// bytes reads some bytes behind their length.
func (r *reading) bytes() []byte { return r.take(r.uint64()) }

// firstSequence is the sequence number of a batch's first write; 0 where there is none.
func firstSequence(record []byte) uint64 {
	if len(record) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(record)
}
