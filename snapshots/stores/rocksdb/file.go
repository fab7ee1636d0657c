package rocksdb

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
)

// A file can be read anywhere.
type file interface {
	io.ReaderAt
	fs.File
}

// maxHeld bounds a table that must be held as a whole, as its file system cannot read it anywhere, in bytes.
const maxHeld = 1 << 30

var errNotRegular = errors.New("is not a regular file")

// openRegular opens a regular file: opening a pipe may take for ever.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	if info, err := fs.Stat(fsys, name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return fsys.Open(name)
}

// openAt opens a file for reading anywhere, and returns its size.
func openAt(fsys fs.FS, name string) (file, int64, error) {
	f, err := openRegular(fsys, name)
	if err != nil {
		return nil, 0, err
	}
	at, size, err := readerAt(f)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return at, size, nil
}

func readerAt(f fs.File) (file, int64, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errNotRegular
	}
	if at, ok := f.(file); ok {
		return at, info.Size(), nil
	}
	content, err := io.ReadAll(io.LimitReader(f, maxHeld+1))
	switch {
	case err != nil:
		return nil, 0, err
	case len(content) > maxHeld:
		return nil, 0, errors.New("is too large to be read out of an archive")
	}
	return held{f, bytes.NewReader(content)}, int64(len(content)), nil
}

// held is a file whose content is in memory.
type held struct {
	fs.File
	io.ReaderAt
}
