package etcd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// What follows reads the file format of bbolt, a B+ tree in pages, of which format version 2 is the only one since 2014.
//
// The library itself (go.etcd.io/bbolt) is what the tests compare with, but not what reads: it can only map a file that has
// a path, and trusts what it maps. A page that refers to itself, which one flipped bit can make, has it descend until the
// memory is gone.

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeader   = 16
	elementSize  = 16
	metaSize     = 64
	bucketHeader = 16

	branchPage = 1
	leafPage   = 2
	metaPage   = 4

	bucketLeaf = 1 // a flag of a leaf element

	// maxDepth is the deepest tree that is followed: with two elements on a page one of that depth has four billion.
	maxDepth = 32
	// maxPage bounds one page with what overflows from it, which is about as large as its largest value. etcd takes no
	// request above 1.5 MB unless told so.
	maxPage = 256 << 20
)

// A file is a bbolt database.
type file struct {
	r        io.ReaderAt
	size     int64
	pageSize int64
	pages    uint64 // of the file; what lies behind them is not the database's
	root     uint64
	txid     uint64
	seen     []uint64 // a bit for each page that was visited, or that another one flowed over to
	problem  func(offset int64, reason string)
}

// A meta is one of the two pages that say where everything is.
type meta struct {
	pageSize   uint32
	root       uint64
	highest    uint64 // the first page number that was never used
	txid       uint64
	version    uint32
	bigEndian  bool
	recognised bool
	err        error
}

// readMeta reads what stands behind the header of a meta page.
func readMeta(b []byte) meta {
	m := meta{recognised: true}
	switch {
	case binary.BigEndian.Uint32(b) == boltMagic:
		m.bigEndian = true
		m.err = errors.New("the database was written by a big-endian machine, which is not supported")
	case binary.LittleEndian.Uint32(b) != boltMagic:
		m.recognised = false
		m.err = errors.New("no page of bbolt's")
	}
	if m.err != nil {
		return m
	}
	m.version = binary.LittleEndian.Uint32(b[4:])
	m.pageSize = binary.LittleEndian.Uint32(b[8:])
	m.root = binary.LittleEndian.Uint64(b[16:])
	m.highest = binary.LittleEndian.Uint64(b[40:])
	m.txid = binary.LittleEndian.Uint64(b[48:])
	sum := fnv.New64a()
	_, _ = sum.Write(b[:56])
	switch {
	case m.version != boltVersion:
		m.err = fmt.Errorf("bbolt format version %d, where this program knows version %d", m.version, boltVersion)
	case sum.Sum64() != binary.LittleEndian.Uint64(b[56:]):
		m.err = errors.New("the checksum of a meta page is wrong")
	case m.pageSize < 512 || m.pageSize > 1<<20 || m.pageSize&(m.pageSize-1) != 0:
		m.err = fmt.Errorf("a page size of %d bytes", m.pageSize)
	}
	return m
}

// pageSizes are the places at which the second meta page is looked for when the first does not tell.
var pageSizes = []int64{4096, 8192, 16384, 32768, 65536, 1024, 2048, 512}

// openFile finds the tree: by the newer one of its two meta pages that is sound.
func openFile(r io.ReaderAt, size int64, problem func(offset int64, reason string)) (*file, error) {
	f := &file{r: r, size: size, problem: problem}
	at := func(offset int64) meta {
		b := make([]byte, pageHeader+metaSize)
		switch _, err := r.ReadAt(b, offset); {
		case errors.Is(err, io.EOF):
			return meta{err: errors.New("the file ends before its meta pages do")}
		case err != nil:
			return meta{err: err}
		}
		return readMeta(b[pageHeader:])
	}
	first := at(0)
	second, secondAt := meta{err: errors.New("the second meta page is not to be found")}, int64(0)
	if first.err == nil {
		secondAt = int64(first.pageSize)
		second = at(secondAt)
	} else {
		for _, pageSize := range pageSizes {
			if m := at(pageSize); m.recognised && (m.err != nil || int64(m.pageSize) == pageSize) {
				second, secondAt = m, pageSize
				break
			}
		}
	}
	use := first
	switch {
	case first.err != nil && second.err != nil:
		return nil, first.err
	case first.err != nil:
		problem(0, first.err.Error()+": the other one is used, which may be one transaction older")
		use = second
	case second.err != nil:
		problem(secondAt, second.err.Error()+": the other one is used, which may be one transaction older")
	case second.txid > first.txid:
		use = second
	}
	f.pageSize, f.root, f.txid = int64(use.pageSize), use.root, use.txid
	if f.pages = use.highest; f.pages > uint64(size/f.pageSize) {
		problem(size, fmt.Sprintf("the file is cut off: it has %d of %d pages", size/f.pageSize, f.pages))
		f.pages = uint64(size / f.pageSize)
	}
	f.seen = make([]uint64, f.pages/64+1)
	return f, nil
}

// A page is one page of the tree with what overflows from it, or one that stands within the value of a small bucket.
type page struct {
	data  []byte
	at    int64 // of data in the file
	flags uint16
	count int
}

func (f *file) page(id uint64) (page, error) {
	offset := int64(id) * f.pageSize
	if id < 2 || id >= f.pages {
		return page{}, fmt.Errorf("page %d is not one of the %d there are", id, f.pages)
	}
	header := make([]byte, pageHeader)
	if _, err := f.r.ReadAt(header, offset); err != nil {
		return page{}, fmt.Errorf("page %d: %w", id, err)
	}
	if own := binary.LittleEndian.Uint64(header); own != id {
		return page{}, fmt.Errorf("page %d says that it is page %d", id, own)
	}
	overflow := uint64(binary.LittleEndian.Uint32(header[12:]))
	size := int64(1+overflow) * f.pageSize
	switch {
	case size > f.size-offset || overflow >= f.pages-id:
		return page{}, fmt.Errorf("page %d is larger than the rest of the file", id)
	case size > maxPage:
		return page{}, fmt.Errorf("page %d is larger than %d MiB", id, maxPage>>20)
	}
	for i := id; i <= id+overflow; i++ { // no page is read twice, so that reading ends
		if f.seen[i/64]&(1<<(i%64)) != 0 {
			return page{}, fmt.Errorf("page %d stands twice in the tree", i)
		}
		f.seen[i/64] |= 1 << (i % 64)
	}
	data := make([]byte, size)
	if _, err := f.r.ReadAt(data, offset); err != nil {
		return page{}, fmt.Errorf("page %d: %w", id, err)
	}
	return newPage(data, offset)
}

func newPage(data []byte, at int64) (page, error) {
	p := page{data: data, at: at, flags: binary.LittleEndian.Uint16(data[8:]), count: int(binary.LittleEndian.Uint16(data[10:]))}
	if p.flags != branchPage && p.flags != leafPage {
		return p, fmt.Errorf("a page of kind %#x where a branch or a leaf belongs", p.flags)
	}
	if p.count > (len(data)-pageHeader)/elementSize {
		return p, fmt.Errorf("a page of %d elements, more than it has room for", p.count)
	}
	return p, nil
}

// element returns the fields of an element, and the bytes from where its key starts.
func (p page) element(i int) (fields, rest []byte, err error) {
	start := pageHeader + i*elementSize
	fields = p.data[start : start+elementSize]
	position := uint64(binary.LittleEndian.Uint32(fields)) // of a branch
	if p.flags == leafPage {
		position = uint64(binary.LittleEndian.Uint32(fields[4:]))
	}
	if position > uint64(len(p.data)-start) {
		return nil, nil, fmt.Errorf("element %d lies outside of its page", i)
	}
	return fields, p.data[start+int(position):], nil
}

// leaf returns the key and the value of an element of a leaf page.
func (p page) leaf(i int) (key, value []byte, flags uint32, err error) {
	fields, rest, err := p.element(i)
	if err != nil {
		return nil, nil, 0, err
	}
	keySize, valueSize := uint64(binary.LittleEndian.Uint32(fields[8:])), uint64(binary.LittleEndian.Uint32(fields[12:]))
	if keySize+valueSize > uint64(len(rest)) {
		return nil, nil, 0, fmt.Errorf("element %d lies outside of its page", i)
	}
	return rest[:keySize], rest[keySize : keySize+valueSize], binary.LittleEndian.Uint32(fields), nil
}

// each visits everything in the tree below a page, in the order of its keys. What cannot be read is a problem.
func (f *file) each(root uint64, visit func(key, value []byte, flags uint32)) {
	f.descend(root, 0, visit)
}

func (f *file) descend(id uint64, depth int, visit func(key, value []byte, flags uint32)) {
	if depth == maxDepth {
		f.problem(int64(id)*f.pageSize, fmt.Sprintf("the tree is deeper than %d levels", maxDepth))
		return
	}
	p, err := f.page(id)
	if err != nil {
		f.problem(int64(min(id, f.pages))*f.pageSize, err.Error())
		return
	}
	if p.flags == leafPage {
		f.leaves(p, visit)
		return
	}
	children := make([]uint64, 0, p.count) // so that the page is not held while its children are read
	for i := range p.count {
		fields, _, err := p.element(i)
		if err != nil {
			f.problem(p.at, err.Error())
			continue
		}
		children = append(children, binary.LittleEndian.Uint64(fields[8:]))
	}
	for _, child := range children {
		f.descend(child, depth+1, visit)
	}
}

func (f *file) leaves(p page, visit func(key, value []byte, flags uint32)) {
	for i := range p.count {
		key, value, flags, err := p.leaf(i)
		if err != nil {
			f.problem(p.at, err.Error())
			continue
		}
		visit(key, value, flags)
	}
}

// bucket visits everything in a bucket, given the value that the root bucket has of it. A small one stands within it.
func (f *file) bucket(value []byte, visit func(key, value []byte, flags uint32)) {
	if len(value) < bucketHeader {
		f.problem(0, "a bucket without a header")
		return
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		f.each(root, visit)
		return
	}
	if value = value[bucketHeader:]; len(value) < pageHeader {
		f.problem(0, "a small bucket without a page")
		return
	}
	p, err := newPage(value, 0)
	if err != nil || p.flags != leafPage {
		f.problem(0, "a small bucket that is no leaf")
		return
	}
	f.leaves(p, visit)
}
