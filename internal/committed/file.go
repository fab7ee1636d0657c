package committed

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// What the name of a file starts and ends with while it is written.
const (
	temporaryPrefix = ".restate-lint-"
	temporarySuffix = ".tmp"
)

// IsTemporary reports whether a file is called as one that is being written, or was when the program was stopped.
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, temporaryPrefix) && strings.HasSuffix(name, temporarySuffix)
}

// ErrTooLarge is what Read wraps for a file that is larger than it may be.
var ErrTooLarge = errors.New("is too large")

// Read reads a file below a directory that has at most so many bytes. Nothing but a regular file is opened: a pipe would be
// waited for.
func Read(root *os.Root, file string, most int64) ([]byte, error) {
	info, err := root.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("is a directory")
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	}
	f, err := root.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var whole bytes.Buffer
	if info.Size() <= most {
		whole.Grow(int(info.Size()) + bytes.MinRead)
	}
	if _, err = whole.ReadFrom(io.LimitReader(f, most+1)); err != nil {
		return nil, err
	}
	if int64(whole.Len()) > most {
		return nil, fmt.Errorf("%w: it has more than %s", ErrTooLarge, size(most))
	}
	return whole.Bytes(), nil
}

// size is a number of bytes in words, as a whole multiple of the largest unit that is not larger.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// Write writes a file below a directory. It is there as a whole or not at all: on an error, what was there before still is,
// and nothing else is left behind. A file that is there keeps its permissions, and is not replaced if they forbid its owner
// to write. A link is replaced by the file.
func Write(root *os.Root, file string, text []byte) error {
	before, err := root.Lstat(file)
	exists := err == nil && before.Mode().IsRegular()
	switch {
	case err == nil && before.IsDir():
		return errors.New("is a directory")
	case exists && before.Mode()&0o200 == 0:
		return errors.New("is read-only")
	}
	f, err := Create(root, file, 0o666)
	if err != nil {
		return err
	}
	if exists {
		err = f.file.Chmod(before.Mode().Perm())
	}
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Commit()
}

// A File is written under a temporary name, and gets its own when it is whole.
type File struct {
	file            *os.File
	root            *os.Root
	name, temporary string
	alone           bool // nobody else has the root
}

// Create begins to write a file below a directory. Before it is committed, nothing has its name; unless it is, it has to be
// discarded.
func Create(root *os.Root, name string, mode fs.FileMode) (*File, error) {
	temporary := path.Join(path.Dir(name), temporaryPrefix+rand.Text()+temporarySuffix)
	file, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	return &File{file: file, root: root, name: name, temporary: temporary}, nil
}

// CreateAt is Create for a path. What the path leads to by links is left as it is: the file comes in the place of the last.
func CreateAt(name string, mode fs.FileMode) (*File, error) {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	f, err := Create(root, filepath.Base(name), mode)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	f.alone = true
	return f, nil
}

// Write writes more of the file.
func (f *File) Write(text []byte) (int, error) { return f.file.Write(text) }

// Commit gives the file its name, which nothing else has then. On an error, nothing is left of it.
func (f *File) Commit() error { return f.commit(f.root.Rename) }

// CommitNew is Commit where nothing is to be replaced: the error wraps fs.ErrExist if something has the name.
func (f *File) CommitNew() error {
	return f.commit(func(temporary, name string) error {
		switch err := f.root.Link(temporary, name); { // which, unlike renaming, replaces nothing
		case err == nil:
			return f.root.Remove(temporary)
		case errors.Is(err, fs.ErrExist):
			return err
		}
		return f.root.Rename(temporary, name) // not every file system has links
	})
}

func (f *File) commit(rename func(temporary, name string) error) error {
	err := f.file.Close()
	if err == nil {
		err = rename(f.temporary, f.name)
	}
	if err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.closed()
}

// Discard removes what was written. It does nothing once the file was committed or discarded.
func (f *File) Discard() error {
	if f.temporary == "" {
		return nil
	}
	_ = f.file.Close() // nothing of it is kept
	return errors.Join(f.root.Remove(f.temporary), f.closed())
}

// closed notes that the file is done with.
func (f *File) closed() error {
	f.temporary = ""
	if f.alone {
		return f.root.Close()
	}
	return nil
}

// Reason is an error of the file system without its path, which is put before it anyway, and in plain words where the
// system has none.
func Reason(err error) error {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		err = at.Err
	case errors.As(err, &link):
		err = link.Err
	}
	if err != nil && err.Error() == "path escapes from parent" { // package os does not export it
		return errors.New("is, or lies below, a link that leads elsewhere")
	}
	return err
}
