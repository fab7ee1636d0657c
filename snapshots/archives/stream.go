package archives

import (
	"errors"
	"io"
	"sync/atomic"
)

// maxStep is how much is unpacked before the limits are looked at again, in bytes.
const maxStep = 256 << 10

// An allowance is what may still be taken from an archive and from those in it.
type allowance struct {
	bytes   atomic.Int64 // to be unpacked for the first time,
	again   atomic.Int64 // and to be passed over to reach what is read once more
	members atomic.Int64
	memory  atomic.Int64 // bytes to be held
	size    int64        // of the outermost archive
	tight   bool         // bytes are what its size allows
}

// newAllowance is that of an archive of the given size.
func newAllowance(size int64) *allowance {
	a := &allowance{size: size}
	byRatio := max(maxRatio*min(size, maxSize), min(ratioFloor, floorFor(size)))
	a.tight = byRatio < maxSize
	a.bytes.Store(min(byRatio, maxSize))
	a.again.Store(4 * maxSize)
	a.members.Store(min(maxMembers, leastMembers+size/memberSize))
	a.memory.Store(memoryFor(size))
	return a
}

// floorFor is how many bytes may be unpacked of an archive of the given size, whatever the ratio: no more of a few bytes than
// metadata becomes of them, and soon enough for the files full of zeros that etcd has.
func floorFor(size int64) int64 {
	const small, each = 1 << 10, 64 << 10
	return leastFloor + each*max(min(size, 1<<20)-small, 0)
}

// memoryFor is how much memory may be taken to read what is packed in the given number of bytes. It soon is enough for a
// database that is mostly zeros.
func memoryFor(size int64) int64 {
	const least, small, each = 64 << 10, 2 << 10, 8 << 10
	return least + each*max(min(size, 128<<10)-small, 0)
}

// hold takes up to the wanted bytes of memory, and returns how many it got.
func (a *allowance) hold(wanted int64) int64 {
	left := a.memory.Add(-wanted)
	if left >= 0 {
		return wanted
	}
	got := max(wanted+left, 0)
	a.memory.Add(wanted - got)
	return got
}

// release gives memory back.
func (a *allowance) release(bytes int64) { a.memory.Add(bytes) }

func (a *allowance) exceeded() error {
	if a.tight {
		return errRatio
	}
	return errSize
}

// member counts a file or a directory, or something that stands in the place of one.
func (a *allowance) member() error {
	switch left := a.members.Add(-1); {
	case left >= 0:
		return nil
	case leastMembers+a.size/memberSize < maxMembers:
		return errCrowded
	}
	return errMembers
}

// A stream is what an archive, or a part of one, unpacks to from its start on; what is not compressed is its own stream.
type stream struct {
	unpacked io.ReadCloser
	packed   *counter
	seeker   io.Seeker // of what is not compressed; nil for all else
	pos      int64     // of the next byte
	pushed   []byte    // was read, and is to be read again
	end      int64     // nothing is read from this place on; 0 for no such place
	counts   *allowance
	first    bool  // the bytes are unpacked for the first time
	err      error // sticky
	file     io.Closer
	taken    int64 // bytes of memory that are given back when it is closed
	whole    bool  // it holds all that it unpacks to
}

// A counter counts the bytes that were read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// newStream unpacks r, which has about the given number of bytes, and closes the file when it is closed itself.
func newStream(how compression, r io.Reader, size int64, file io.Closer, counts *allowance, first bool) (s *stream, err error) {
	s = &stream{packed: &counter{Reader: r}, counts: counts, first: first, file: file}
	if how == notCompressed {
		s.unpacked = io.NopCloser(s.packed)
		s.seeker = seekable(r)
	} else if err := s.decompress(how, size); err != nil {
		s.release()
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// seekable is r where moving on does not mean to read; nil otherwise.
func seekable(r io.Reader) io.Seeker {
	if f, ok := r.(*file); ok && f.at == nil {
		return nil
	}
	seeker, _ := r.(io.Seeker)
	return seeker
}

func (s *stream) Read(p []byte) (n int, err error) {
	if len(s.pushed) > 0 {
		n = copy(p, s.pushed)
		s.pushed = s.pushed[n:]
		s.pos += int64(n)
		return n, nil
	}
	if s.err != nil {
		return 0, s.err
	}
	p = p[:min(len(p), maxStep)]
	if s.end > 0 {
		if p = p[:min(int64(len(p)), s.end-s.pos)]; len(p) == 0 {
			return 0, errHeader
		}
	}
	n, err = s.unpacked.Read(p)
	s.pos += int64(n)
	switch {
	case s.seeker != nil: // it is what it is
	case !s.first:
		if s.counts.again.Add(-int64(n)) < 0 {
			err = errAgain
		}
	case s.pos > ratioFloor && s.pos/maxRatio > s.packed.n:
		err = errRatio
	case s.counts.bytes.Add(-int64(n)) < 0:
		err = s.counts.exceeded()
	}
	s.err = err
	return n, err
}

// skipTo moves forward to a place. Nothing is read for it of what is not compressed.
func (s *stream) skipTo(pos int64) error {
	if s.seeker == nil || pos == s.pos {
		_, err := io.CopyN(io.Discard, s, pos-s.pos)
		return err
	}
	if _, err := s.seeker.Seek(pos, io.SeekStart); err != nil {
		return err
	}
	s.pos, s.pushed = pos, nil
	return nil
}

// unread gives back what was read last.
func (s *stream) unread(text []byte) {
	s.pushed = append(text, s.pushed...)
	s.pos -= int64(len(text))
}

func (s *stream) Close() error {
	s.release()
	return errors.Join(s.unpacked.Close(), s.file.Close())
}

func (s *stream) release() {
	s.counts.release(s.taken)
	s.taken = 0
}

// take takes memory for a decoder, and returns how much of the wanted bytes it got. A little is not counted.
func (s *stream) take(wanted int64) (got int64) {
	s.release()
	s.taken = s.counts.hold(max(wanted-decoderSize, 0))
	return min(wanted, s.taken+decoderSize)
}

// decompress makes the stream unpack what is packed, which has about the given number of bytes. No decoder is made before
// there is something to decode.
func (s *stream) decompress(how compression, size int64) (err error) {
	switch how {
	case gzipped:
		s.unpacked, err = gunzip(s.packed)
	case deflated:
		s.unpacked, err = inflate(s.packed)
	default:
		s.unpacked, err = s.unpackFrames(size)
	}
	return err
}
