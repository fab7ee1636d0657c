package archives

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/bits"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxWindow is what zstd itself unpacks unless it is told to take more memory.
	maxWindow = 128 << 20
	// usualWindow is what zstd makes at most without being told to; frames behind one with a smaller window may have it.
	usualWindow = 8 << 20
	// maxBlock is how much one block of a frame unpacks to at most.
	maxBlock = 128 << 10
	// smallPack is the size up to which what is packed is unpacked as a whole where that is possible, and not through a
	// window: it may name one that is much larger than all there is.
	smallPack = 256 << 10
	// smallText is what it unpacks to then at most.
	smallText = 256 << 10
	// decoderSize is what every decoder takes, and what is not counted.
	decoderSize = 64 << 10
)

// unpackFrames unpacks the frames of Zstandard that are packed in about the given number of bytes.
func (s *stream) unpackFrames(size int64) (io.ReadCloser, error) {
	in := bufio.NewReader(s.packed)
	header, _ := firstFrame(in) // the decoder says what is wrong with it
	window := header.WindowSize
	if header.SingleSegment {
		window = header.FrameContentSize
	}
	room := min(memoryFor(size), memoryFor(s.counts.size), maxWindow)
	if size > smallPack {
		return s.unpackThrough(min(max(window, usualWindow), uint64(room/4)), in)
	}
	packed, err := io.ReadAll(io.LimitReader(in, smallPack))
	if err != nil {
		return nil, err
	}
	text, err := unpackWhole(packed, int(s.take(min(room, smallText))))
	if err == nil {
		s.take(int64(cap(text)))
		s.whole = true
		return io.NopCloser(bytes.NewReader(text)), nil
	}
	narrow := uint64(1) << (bits.Len64(uint64(room/4)) - 1)
	if window > uint64(room/4) {
		decoder, err := s.unpackThrough(narrow, bytes.NewReader(narrowed(packed, narrow)))
		return narrowReader{decoder}, err
	}
	return s.unpackThrough(min(max(window, usualWindow), uint64(room/4)), io.MultiReader(bytes.NewReader(packed), in))
}

// unpackThrough unpacks frames with windows up to a size.
func (s *stream) unpackThrough(window uint64, frames io.Reader) (io.ReadCloser, error) {
	if needed := int64(window + 2*min(window, maxBlock)); s.take(needed) < needed {
		return nil, zstd.ErrWindowSizeExceeded
	}
	decoder, err := zstd.NewReader(frames, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return nil, err
	}
	return decoder.IOReadCloser(), nil
}

// narrowed are frames with a smaller window, a power of two from 1 KiB on. They unpack to the same where nothing in them is
// repeated from further back.
func narrowed(packed []byte, window uint64) []byte {
	const rle, last, checked = 1, 1, 1 << 2
	out := make([]byte, 0, len(packed)+16)
	pass := func(n int) bool {
		n, enough := min(n, len(packed)), n <= len(packed)
		out, packed = append(out, packed[:n]...), packed[n:]
		return enough
	}
	for len(packed) > 0 {
		var header zstd.Header
		switch err := header.Decode(packed); {
		case err != nil, header.DictionaryID != 0: // the decoder says what is wrong with it
			pass(len(packed))
			return out
		case header.Skippable:
			if !pass(8 + int(header.SkippableSize)) {
				return out
			}
			continue
		}
		descriptor := byte(0)
		if header.HasCheckSum {
			descriptor = checked
		}
		out = append(out, "\x28\xb5\x2f\xfd"...)
		out = append(out, descriptor, byte(bits.Len64(window)-1-10)<<3)
		packed = packed[header.HeaderSize:]
		for end := false; !end; {
			if len(packed) < 3 {
				pass(len(packed))
				return out
			}
			block := int(packed[0]) | int(packed[1])<<8 | int(packed[2])<<16
			size := block >> 3
			if block>>1&3 == rle {
				size = 1
			}
			if end = block&last != 0; !pass(3 + size) {
				return out
			}
		}
		if header.HasCheckSum && !pass(4) {
			return out
		}
	}
	return out
}

// A narrowReader reads narrowed frames: what is wrong with them is mostly that they are.
type narrowReader struct{ io.ReadCloser }

func (r narrowReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, zstd.ErrCRCMismatch):
		return n, err
	}
	return n, zstd.ErrWindowSizeExceeded
}

// firstFrame passes over frames that are to be skipped, and returns the header of the first one that is not.
func firstFrame(in *bufio.Reader) (header zstd.Header, err error) {
	for {
		start, _ := in.Peek(zstd.HeaderMaxSize) // there may be less
		if err := header.Decode(start); err != nil || !header.Skippable {
			return header, err
		}
		if _, err := io.CopyN(io.Discard, in, 8+int64(header.SkippableSize)); err != nil {
			return header, err
		}
	}
}

// headDecoders unpack one block at a time.
var headDecoders = sync.Pool{New: func() any {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxBlock), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		panic(err) // the options do not fit together
	}
	return decoder
}}

// headOfFrames returns the first bytes of what frames unpack to, fewer where there are no more. It takes no more memory than
// a block does, whatever window the frame names: nothing of the first block lies further back.
func headOfFrames(r io.Reader, size int) []byte {
	const smallest = "\x28\xb5\x2f\xfd\x00\x38" // a header of a frame whose window is one block, and of which nothing else is known
	in := bufio.NewReader(r)
	header, err := firstFrame(in)
	if err != nil {
		return nil
	}
	_, _ = in.Discard(header.HeaderSize)          // it has been there
	decoder := headDecoders.Get().(*zstd.Decoder) //nolint:forcetypeassert // nothing else is in there
	defer headDecoders.Put(decoder)
	if decoder.Reset(io.MultiReader(bytes.NewReader([]byte(smallest)), in)) != nil {
		return nil
	}
	head, _ := headOf(decoder, size)
	_ = decoder.Reset(nil) // so that it lets go of the reader
	return head
}

// wholeDecoder is one decoder for everybody: it is larger than most of what it decodes.
var wholeDecoder = sync.OnceValue(func() *zstd.Decoder {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options do not fit together
	}
	return decoder
})

// unpackWhole unpacks what has no more than the given number of bytes, whatever window it names.
func unpackWhole(packed []byte, limit int) (text []byte, err error) {
	size := min(16*len(packed), limit) // most need no more
	if header := (zstd.Header{}); header.Decode(packed) == nil && header.HasFCS {
		if header.FrameContentSize > uint64(limit) {
			return nil, zstd.ErrDecoderSizeExceeded
		}
		size = max(int(header.FrameContentSize), 1)
	}
	for {
		text, err = wholeDecoder().DecodeAll(packed, make([]byte, 0, size))
		// Where there is no room the error is of many kinds; but then all but the last block is there.
		if err == nil || max(size, len(text)) >= limit || len(text)+maxBlock < size || errors.Is(err, io.ErrUnexpectedEOF) {
			return text, err
		}
		size = min(8*size, limit)
	}
}
