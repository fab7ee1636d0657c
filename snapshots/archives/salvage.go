package archives

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"strings"
)

// errNoDirectory is said of a zip that was cut off: its directory comes last.
var errNoDirectory = errors.New("it has no directory, which stands at its end: it was cut off or is damaged; what can be found without one is read")

// salvageZip reads a zip without its directory, by the headers that stand before its members. It returns errNoDirectory, or
// what else ended the reading.
func (a *archive) salvageZip(at io.ReaderAt) error {
	const (
		headerSize  = 30
		signature   = "PK\x03\x04"
		locked      = 1 << 0
		sizesBehind = 1 << 3
	)
	header := make([]byte, headerSize)
	for pos := int64(0); ; {
		if _, err := at.ReadAt(header, pos); err != nil || string(header[:4]) != signature {
			return errNoDirectory
		}
		short := func(i int) int64 { return int64(binary.LittleEndian.Uint16(header[i:])) }
		long := func(i int) int64 { return int64(binary.LittleEndian.Uint32(header[i:])) }
		labels := make([]byte, short(26)+short(28))
		if _, err := at.ReadAt(labels, pos+headerSize); err != nil {
			return errNoDirectory
		}
		label, extra := string(labels[:short(26)]), labels[short(26):]
		flags := short(6)
		z := zipped{
			in: true, method: uint16(short(8)), from: pos + headerSize + int64(len(labels)), packed: long(18),
			declared: uint64(long(22)), checksum: uint32(long(14)), locked: flags&locked != 0,
		}
		z.wide(extra)
		next := z.from + z.packed
		switch {
		case z.packed < 0:
			return errNoDirectory
		case flags&sizesBehind != 0 && z.packed == 0:
			z.unchecked = true
			z.packed, next = sizeBehind(at, z.from, a.size)
		}
		z.packed = min(z.packed, a.size-z.from)
		n := &node{zipped: z}
		if strings.HasSuffix(label, "/") || strings.HasSuffix(label, `\`) {
			n.mode = fs.ModeDir
		}
		if _, _, err := a.add(label, n); err != nil {
			return err
		}
		pos = next
	}
}

// wide takes over the sizes of a member of 4 GiB and more.
func (z *zipped) wide(extra []byte) {
	const narrow, wideField = 1<<32 - 1, 1
	for len(extra) >= 4 {
		id, size := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; size > len(extra) {
			return
		}
		if id == wideField && size >= 16 && z.packed == narrow && z.declared == narrow {
			z.declared, z.packed = binary.LittleEndian.Uint64(extra), int64(binary.LittleEndian.Uint64(extra[8:]))
		}
		extra = extra[size:]
	}
}

// sizeBehind finds the end of a member whose size stands behind it, with a signature and a checksum before. It returns the
// number of its bytes, and where the next member starts.
func sizeBehind(at io.ReaderAt, from, end int64) (packed, next int64) {
	const signature, narrow, wide = "PK\x07\x08", 16, 24
	block := make([]byte, headSize+wide)
	for pos := from; pos < end; pos += headSize {
		n, _ := at.ReadAt(block, pos)
		for i := 0; i < min(n, headSize); i++ {
			found := bytes.Index(block[i:n], []byte(signature))
			if found < 0 {
				break
			}
			i += found
			packed = pos + int64(i) - from
			switch rest := block[i:n]; {
			case len(rest) >= wide && binary.LittleEndian.Uint64(rest[8:]) == uint64(packed):
				return packed, from + packed + wide
			case len(rest) >= narrow && int64(binary.LittleEndian.Uint32(rest[8:])) == packed:
				return packed, from + packed + narrow
			case pos+int64(n) == end && len(rest) < narrow: // it was cut off itself
				return packed, end
			}
		}
	}
	return end - from, end
}
