package snapshots

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// standardInput is how standard input is asked for, and stdinName what a snapshot from there is called.
const (
	standardInput = "-"
	stdinName     = "stdin"
)

// maxStdin bounds what is held of a standard input that is no file, in bytes. Tests make it small.
var maxStdin int64 = 1 << 30

// readStdin makes standard input readable at any place, and more than once. A file is read where it lies; all else is held.
func readStdin(in io.Reader) (oneFile, error) {
	held := func(at io.ReaderAt, from, size int64) oneFile {
		return oneFile{stdinName, func() (fs.File, error) {
			return &stdinFile{SectionReader: io.NewSectionReader(at, from, size)}, nil
		}}
	}
	type regular interface {
		io.ReaderAt
		io.Seeker
		Stat() (fs.FileInfo, error)
	}
	if file, ok := in.(regular); ok {
		info, err := file.Stat()
		if err == nil && info.IsDir() {
			return oneFile{}, errors.New("a directory")
		}
		if err == nil && info.Mode().IsRegular() {
			from, err := file.Seek(0, io.SeekCurrent) // somebody may have read the beginning
			return held(file, from, max(info.Size()-from, 0)), err
		}
	}
	var text heldText
	_, err := text.ReadFrom(io.LimitReader(in, maxStdin+1))
	switch {
	case err != nil:
		return oneFile{}, underlying(err)
	case text.size > maxStdin:
		return oneFile{}, fmt.Errorf("more than %d MiB: give it as a file (restate-lint check - < FILE), which needs not be held in memory", maxStdin>>20)
	}
	return held(&text, 0, text.size), nil
}

// A stdinFile is standard input, opened once more.
type stdinFile struct{ *io.SectionReader }

func (f *stdinFile) Close() error               { return nil }
func (f *stdinFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *stdinFile) Name() string               { return stdinName }
func (f *stdinFile) Mode() fs.FileMode          { return 0o444 }
func (f *stdinFile) ModTime() time.Time         { return time.Time{} }
func (f *stdinFile) IsDir() bool                { return false }
func (f *stdinFile) Sys() any                   { return nil }

// A heldText is a text whose length was not known before, in blocks so that nothing is ever copied.
type heldText struct {
	blocks [][]byte // all but the last one are full
	size   int64
}

const heldBlock = 64 << 10

// ReadFrom reads to the end.
func (b *heldText) ReadFrom(r io.Reader) (int64, error) {
	for {
		block := make([]byte, heldBlock)
		n, err := io.ReadFull(r, block)
		b.size += int64(n)
		if n < heldBlock {
			block = bytes.Clone(block[:n])
		}
		b.blocks = append(b.blocks, block)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return b.size, nil
		}
		if err != nil {
			return b.size, err
		}
	}
}

// ReadAt reads from a place.
func (b *heldText) ReadAt(p []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	for n < len(p) && offset < b.size {
		copied := copy(p[n:], b.blocks[offset/heldBlock][offset%heldBlock:])
		n += copied
		offset += int64(copied)
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}
