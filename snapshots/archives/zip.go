package archives

import (
	"archive/zip"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
)

// A zipped says how a zip holds a member. The zero value belongs to all others.
type zipped struct {
	in       bool // it is in a zip
	method   uint16
	from     int64 // where it starts in the zip
	packed   int64 // its bytes there
	declared uint64
	checksum uint32
	locked   bool
	// unchecked is set where the archive was read without its directory, which knows what was declared.
	unchecked bool
}

// maxIndex bounds what is read of a zip to learn what it holds, in bytes.
var maxIndex int64 = 16 << 20

// An indexReader reads no more than is needed for an index.
type indexReader struct {
	io.ReaderAt
	left int64
}

func (r *indexReader) ReadAt(p []byte, offset int64) (int, error) {
	if r.left -= int64(len(p)); r.left < 0 {
		return 0, errMembers
	}
	return r.ReaderAt.ReadAt(p, offset)
}

func (a *archive) indexZip() error {
	f, err := a.fsys.Open(a.path)
	if err != nil {
		return err
	}
	defer f.Close()
	at, ok := f.(io.ReaderAt)
	if !ok {
		return errors.New("a zip can only be read where any place of it can be")
	}
	reader := &indexReader{at, min(maxIndex, memoryFor(a.counts.size)/2)}
	directory, err := zip.NewReader(reader, a.size)
	switch {
	case errors.Is(err, zip.ErrInsecurePath): // every name is only a label
	case errors.Is(err, errMembers), errors.Is(err, errWhole):
		return err
	case err != nil:
		return a.salvageZip(at)
	}
	for _, member := range directory.File {
		n := &node{mode: member.Mode().Type()}
		if strings.HasSuffix(member.Name, `\`) {
			n.mode = fs.ModeDir
		}
		reader.left = 1 << 10
		n.zipped = zipped{
			in: true, method: member.Method, packed: int64(member.CompressedSize64), declared: member.UncompressedSize64,
			checksum: member.CRC32, locked: member.Flags&1 != 0,
		}
		name, ok, err := a.add(member.Name, n)
		if err != nil {
			return err
		}
		if !ok || !n.mode.IsRegular() {
			continue
		}
		if n.zipped.from, err = member.DataOffset(); err != nil || n.zipped.packed < 0 || n.zipped.packed > a.size-n.zipped.from {
			n.zipped.from, n.zipped.packed = 0, 0
			a.problem(name, "it is not where the directory of the archive says")
		}
	}
	return nil
}

// methods are those that are not read, for people.
var methods = map[uint16]string{9: "Deflate64", 12: "bzip2", 14: "LZMA", 95: "xz"}

// openZipped opens a member of a zip.
func (a *archive) openZipped(z *zipped, first bool) (*stream, error) {
	how := notCompressed
	switch {
	case z.locked:
		return nil, errors.New("it is encrypted")
	case z.method == zip.Deflate:
		how = deflated
	case z.method == 93:
		how = zstandard
	case z.method != zip.Store && methods[z.method] != "":
		return nil, fmt.Errorf("it is compressed with %s, which is not read", methods[z.method])
	case z.method != zip.Store:
		return nil, fmt.Errorf("it is compressed by method %d, which is not read", z.method)
	}
	f, err := a.fsys.Open(a.path)
	if err != nil {
		return nil, err
	}
	at, ok := f.(io.ReaderAt)
	if !ok {
		return nil, errors.Join(errors.ErrUnsupported, f.Close())
	}
	return newStream(how, io.NewSectionReader(at, z.from, z.packed), z.packed, f, a.counts, first)
}

// A checker reads a file and finds out whether it is what its zip says of it.
type checker struct {
	io.Reader
	z    *zipped
	hash hash.Hash32
	n    uint64
}

func (z *zipped) check(r io.Reader) *checker {
	c := &checker{Reader: r, z: z, hash: crc32.NewIEEE()}
	if z.in {
		c.Reader = io.TeeReader(r, c.hash)
	}
	return c
}

func (c *checker) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += uint64(n)
	return n, err
}

func (c *checker) verify() error {
	switch {
	case !c.z.in, c.z.unchecked:
		return nil
	case c.n < c.z.declared:
		return io.ErrUnexpectedEOF
	case c.n != c.z.declared, c.hash.Sum32() != c.z.checksum:
		return zip.ErrChecksum
	}
	return nil
}
