// Package archives reads files out of archives where they lie: tar, zip, gzip and Zstandard, also one within another. A
// Tree is a file system in which an archive looks like the directory that it would unpack to, and a compressed file like
// the file itself.
//
// What a file is, is told from its content, never from its name. Nothing is ever written. What is damaged or cut off is
// read as far as it can be; the rest, and whatever is left out on purpose, is a Problem.
//
// # Names
//
// The names of members are labels within the archive and mean nothing outside of it. Backslashes count as slashes, a
// leading slash and every "." are dropped, and ".." never leads out of the archive, which is its own root. Of members
// with one name the last one counts, as when an archive is unpacked; a name that is a file and a directory is the
// directory. Members whose names are too long or too deep are left out.
//
// # Members that are no files
//
// A hard link to a member before it has the content of that member. Symbolic links and devices are listed as what they
// are, and cannot be opened: no link is ever followed.
//
// # Limits
//
// An archive in an archive is opened, one in that is not; a compressed tar counts as one archive. Of an archive, with
// those in it, 16 GiB of unpacked bytes are read, 100,000 members with names of 1,024 bytes in up to 64 directories, and
// no more than 250 times its own size: real metadata is packed 50 times at most. The first 512 MiB are read whatever the
// ratio, as etcd has files full of zeros; of an archive of few bytes it is less, 128 KiB of 1 KiB and 64 KiB more for each
// further byte. Nor are there more than 200 members and one for each 4 bytes. What lies behind a limit is not read, and is
// a Problem.
//
// # Memory
//
// Members of up to 32 MiB are held in memory as they are met, 128 MiB in all archives of a Memory together: the archive
// that is in use displaces the others. Larger members of compressed archives are unpacked anew each time they are read.
// Reading at any place needs such a member as a whole, and holds it until there is another one; it may have 512 MiB. Of a
// plain tar, and of what a zip stores as it is, nothing needs to be held.
//
// What a few bytes ask for is not allocated: for an archive of up to 2 KiB 64 KiB are held, and 8 KiB more for each further
// byte, up to 1 GiB. All archives in an archive share what it may hold, and so do their decoders. So a Zstandard frame with a
// window of more than a quarter of that, or of 32 MiB (as --ultra and --long make them), is only read if it is packed in less
// than 256 KiB, and as far as nothing in it is repeated from further back. To tell what a file is, one block is unpacked.
package archives

import (
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// The limits. Tests make them small, to reach them soon.
var (
	maxSize    int64 = 16 << 30  // unpacked bytes
	maxRatio   int64 = 250       // unpacked bytes for every packed one
	ratioFloor int64 = 512 << 20 // unpacked bytes that are read whatever the ratio,
	leastFloor int64 = 128 << 10 // of the smallest archives
	maxMembers int64 = 100_000   // files and directories,
	// leastMembers of them whatever the size of the archive, and one more for so many bytes of it
	leastMembers, memberSize int64 = 200, 4

	maxHeld   int64 = 128 << 20 // bytes of members in memory
	maxMember int64 = 32 << 20  // bytes of a member that is held without being asked for
	maxWhole  int64 = 512 << 20 // bytes of a member that is held to be read at any place
)

const (
	maxName     = 1024 // bytes
	maxSteps    = 64   // directories of a name
	maxDepth    = 2    // archives in one another
	maxProblems = 1000 // of one archive

	smallMember = 1 << 20  // a quarter of the memory is kept for those that are no larger
	headSize    = 64 << 10 // is held of every other one: it tells what a file is
)

var (
	errAgain   = errors.New("reading it takes unpacking it again and again: unpack it first")
	errSize    = errors.New("it unpacks to more than 16 GiB: the rest is not read")
	errRatio   = errors.New("it unpacks to more than 250 times its size: the rest is not read")
	errMembers = errors.New("it holds more than 100,000 files: the rest is not read")
	errCrowded = errors.New("it holds more files than its size has room for: the rest is not read")
	errMemory  = errors.New("it unpacks to so much more than its size that it cannot be read at any place: unpack the archive")
	errHeader  = errors.New("a header is larger than any that is known")
	errDepth   = errors.New("an archive in an archive in an archive is not opened")
	errWhole   = errors.New("more than 512 MiB cannot be read at any place while they are compressed: unpack the archive")
)

// A Problem is something of an archive that could not be read, or was left out.
type Problem struct {
	// Path is that of a member, or of the archive itself, within the tree.
	Path string
	// Reason starts in lower case and does not repeat the path.
	Reason string
}

// reasonOf says what is wrong with an archive, in one voice for all formats.
func reasonOf(err error) string {
	corrupt := flate.CorruptInputError(0)
	pathError := (*fs.PathError)(nil)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends in the middle: it was cut off"
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zstd.ErrCRCMismatch), errors.Is(err, zip.ErrChecksum):
		return "its checksum is wrong: it is damaged"
	case errors.Is(err, gzip.ErrHeader):
		return "something that is not gzip follows"
	case errors.As(err, &corrupt):
		return fmt.Sprintf("it is damaged at byte %d of what is packed", int64(corrupt))
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return "unpacking it takes more memory than its size allows: unpack it first"
	case errors.As(err, &pathError):
		return pathError.Err.Error()
	}
	text := err.Error()
	for _, prefix := range []string{"archive/tar: ", "zip: ", "gzip: ", "flate: ", "zstd: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}
