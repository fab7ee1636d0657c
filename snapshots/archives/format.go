package archives

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// A format is how an archive is made: what holds the files, and how that is compressed.
type format struct {
	container   container
	compression compression
	// foreign names a format that is not read; empty for all others.
	foreign string
}

type container uint8

const (
	noContainer container = iota // one file, without a name
	tarContainer
	zipContainer
)

type compression uint8

const (
	notCompressed compression = iota
	gzipped
	zstandard
	deflated // within a zip only
)

// none is true for what is no archive at all.
func (f format) none() bool { return f == format{} }

// folder is true for what holds files with names.
func (f format) folder() bool { return f.container != noContainer }

// foreignMagic are the first bytes of what has to be unpacked by somebody else.
var foreignMagic = []struct{ magic, name string }{
	{"\xfd7zXZ\x00", "xz"}, {"BZh", "bzip2"}, {"\x04\x22\x4d\x18", "lz4"}, {"7z\xbc\xaf\x27\x1c", "7-Zip"}, {"Rar!\x1a\x07", "RAR"},
}

const blockSize = 512 // of a tar

// formatOf tells from the first bytes of a file what it is.
func formatOf(fsys fs.FS, name string) (format, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return format{}, err
	}
	defer f.Close()
	head, err := headOf(f, blockSize)
	if err != nil {
		return format{}, err
	}
	found := format{compression: compressionOf(head)}
	switch {
	case found.compression != notCompressed:
		if isHeader(unpackedHead(found.compression, io.MultiReader(bytes.NewReader(head), io.LimitReader(f, maxLook)))) {
			found.container = tarContainer
		}
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		found.container = zipContainer
	case isHeader(head):
		found.container = tarContainer
	default:
		for _, other := range foreignMagic {
			if bytes.HasPrefix(head, []byte(other.magic)) {
				found.foreign = other.name
			}
		}
	}
	return found, nil
}

// maxLook bounds what is read of a compressed file to tell what is in it, in bytes.
const maxLook = 1 << 20

// unpackedHead returns the first bytes of what is compressed, fewer where there are no more.
func unpackedHead(how compression, r io.Reader) []byte {
	if how == zstandard {
		return headOfFrames(r, blockSize)
	}
	unpacked, err := gunzip(r)
	if err != nil {
		return nil // so much for its content
	}
	defer unpacked.Close()
	head, _ := headOf(unpacked, blockSize)
	return head
}

func compressionOf(head []byte) compression {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b\x08")):
		return gzipped
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")), // a frame, or one to be skipped
		len(head) > 3 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte("\x2a\x4d\x18")):
		return zstandard
	}
	return notCompressed
}

// headOf returns the first bytes, fewer where there are no more.
func headOf(r io.Reader, size int) ([]byte, error) {
	head := make([]byte, size)
	n, err := io.ReadFull(r, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:n], err
}

// isHeader reports whether a block is a header of a tar, of whichever kind: its checksum is right.
func isHeader(block []byte) bool {
	const from, to = 148, 156 // the checksum, which counts as spaces
	if len(block) < blockSize {
		return false
	}
	stated, err := strconv.ParseInt(strings.Trim(string(block[from:to]), " \x00"), 8, 64)
	if err != nil {
		return false
	}
	var sum, signed int64 // some old programs had signed bytes
	for i, c := range block[:blockSize] {
		if i >= from && i < to {
			c = ' '
		}
		sum += int64(c)
		signed += int64(int8(c))
	}
	return stated == sum || stated == signed
}

// unpackedName is the name of the file that a compressed one holds: names are only labels.
func unpackedName(name string) string {
	switch extension := strings.ToLower(path.Ext(name)); extension {
	case ".gz", ".gzip", ".zst", ".zstd":
		if plain := name[:len(name)-len(extension)]; plain != "" {
			return plain
		}
	case ".tgz", ".tzst":
		return name[:len(name)-len(extension)] + ".tar"
	}
	return name
}

// Stem is the name of an archive without what says that it is one: "metadata" of "metadata.tar.gz".
func Stem(name string) string {
	name = unpackedName(name)
	switch extension := strings.ToLower(path.Ext(name)); extension {
	case ".tar", ".zip":
		return name[:len(name)-len(extension)]
	}
	return name
}
