package baseline

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"restate-lint/internal/committed"
)

// most is the size in bytes beyond which a file is not read.
const most = 256 << 20

// Read reads the baseline at a path. The error names the path, and wraps fs.ErrNotExist where there is no file.
func Read(path string) (*File, error) {
	var f *File
	err := in(path, func(root *os.Root, name string) error {
		text, err := committed.Read(root, name, most)
		if err != nil {
			return err
		}
		f, err = Decode(text)
		return err
	})
	return f, err
}

// Write writes the baseline to a path. It is there as a whole or not at all: on an error, what was there before still is.
// Where a link is, what it leads to is written. A new baseline is not written over a file: the error then wraps fs.ErrExist.
func (f *File) Write(path string, isNew bool) error {
	return in(path, func(root *os.Root, name string) error {
		if _, err := root.Lstat(name); err == nil && isNew {
			return fs.ErrExist
		}
		return committed.Write(root, name, f.Encode())
	})
}

// in does something with a file, or with what it leads to where it is a link. Errors say where.
func in(path string, do func(root *os.Root, name string) error) error {
	target := path
	if to, err := filepath.EvalSymlinks(path); err == nil {
		target = to
	}
	root, err := os.OpenRoot(filepath.Dir(target))
	if err == nil {
		err = do(root, filepath.Base(target))
		_ = root.Close() // nothing was written to it
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, committed.Reason(err))
	}
	return nil
}
