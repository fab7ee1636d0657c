package archives

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// An allowance is what may still be unpacked of an archive and of those in it.
type allowance struct{ bytes, members atomic.Int64 }

func newAllowance() *allowance {
	a := new(allowance)
	a.bytes.Store(maxSize)
	a.members.Store(maxMembers)
	return a
}

// A stream is what an archive, or a part of one, unpacks to from its start on; what is not compressed is its own stream.
type stream struct {
	unpacked io.ReadCloser
	packed   *counter
	seeker   io.Seeker  // of what is not compressed; nil for all else
	pos      int64      // of the next byte
	pushed   []byte     // was read, and is to be read again
	counts   *allowance // nil unless the bytes are unpacked for the first time
	err      error      // sticky
	file     io.Closer
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
func newStream(how compression, r io.Reader, size int64, file io.Closer, counts *allowance) (s *stream, err error) {
	s = &stream{packed: &counter{Reader: r}, counts: counts, file: file}
	if how == notCompressed {
		s.unpacked = io.NopCloser(s.packed)
		s.seeker = seekable(r)
	} else if s.unpacked, err = decompress(how, s.packed, size); err != nil {
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
	n, err = s.unpacked.Read(p)
	s.pos += int64(n)
	switch {
	case s.counts == nil, s.seeker != nil: // it was found good, or is what it is
	case s.pos > ratioFloor && s.pos/maxRatio > s.packed.n:
		err = errRatio
	case s.counts.bytes.Add(-int64(n)) < 0:
		err = errSize
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
	return errors.Join(s.unpacked.Close(), s.file.Close())
}

const (
	// usualWindow is what every decoder of Zstandard should support; larger ones are made with --ultra and --long.
	usualWindow = 8 << 20
	maxWindow   = 128 << 20
	// smallPack is the size up to which a packed file is unpacked as a whole rather than through a large window: what a
	// few bytes ask for must not be allocated.
	smallPack = 64 << 10
)

// decompress unpacks r, which has about the given number of bytes. No decoder is made before there is something to decode.
func decompress(how compression, r io.Reader, size int64) (io.ReadCloser, error) {
	switch how {
	case gzipped:
		return gzip.NewReader(r)
	case deflated:
		return flate.NewReader(r), nil
	}
	head, err := headOf(r, zstd.HeaderMaxSize)
	if err != nil {
		return nil, err
	}
	r = io.MultiReader(bytes.NewReader(head), r)
	var header zstd.Header
	window := uint64(maxWindow)
	if size <= smallPack {
		window = usualWindow
		if header.Decode(head) == nil && header.WindowSize > usualWindow {
			whole, err := io.ReadAll(io.LimitReader(r, smallPack))
			if err != nil {
				return nil, err
			}
			r, window = bytes.NewBuffer(whole), maxWindow // which makes the decoder do without one
		}
	}
	decoder, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return nil, err
	}
	return decoder.IOReadCloser(), nil
}
