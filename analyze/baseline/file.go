package baseline

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// most is the size in bytes beyond which a file is not read.
const most = 256 << 20

// Read reads the baseline at a path. The error names the path, and wraps fs.ErrNotExist where there is no file.
func Read(path string) (*File, error) {
	text, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, underlying(err))
	}
	f, err := Decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%w: it is larger than %d MiB", ErrNotBaseline, most>>20)
	}
	return text, err
}

// underlying drops the path from an error of the file system.
func underlying(err error) error {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		return at.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// Write writes the baseline to a path. It is there as a whole or not at all: on an error, what was there before still is.
// Where a link is, what it leads to is written. A new baseline is not written over a file: the error then wraps fs.ErrExist.
func (f *File) Write(path string, isNew bool) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if err := write(path, f.Encode(), isNew); err != nil {
		return fmt.Errorf("%s: %w", path, underlying(err))
	}
	return nil
}

func write(path string, text []byte, isNew bool) (err error) {
	temporary := filepath.Join(filepath.Dir(path), ".baseline-"+rand.Text()+".tmp")
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // as the umask wants it; it is no secret
	if err != nil {
		return err
	}
	defer func() {
		if removed := os.Remove(temporary); err == nil && !errors.Is(removed, fs.ErrNotExist) {
			err = removed
		}
	}()
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err != nil:
		return err
	case isNew:
		if _, err := os.Lstat(path); err == nil {
			return fs.ErrExist
		}
	}
	return os.Rename(temporary, path)
}
