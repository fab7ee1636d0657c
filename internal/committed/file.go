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
func Write(root *os.Root, file string, text []byte) (err error) {
	before, err := root.Lstat(file)
	exists := err == nil && before.Mode().IsRegular()
	switch {
	case err == nil && before.IsDir():
		return errors.New("is a directory")
	case exists && before.Mode()&0o200 == 0:
		return errors.New("is read-only")
	}
	temporary := path.Join(path.Dir(file), temporaryPrefix+rand.Text()+temporarySuffix)
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Remove(temporary))
		}
	}()
	if exists {
		err = f.Chmod(before.Mode().Perm())
	}
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return root.Rename(temporary, file)
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
