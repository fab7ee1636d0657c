package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"restate-lint/internal/handwritten"
)

// FileName is how a configuration is called that is found by itself.
const FileName = ".restate-lint.yaml"

// misnamed is what nobody would find and somebody might expect to be.
const misnamed = ".restate-lint.yml"

// Find looks for a configuration in a directory, then in the one above it, and so on up to the root. It returns the path
// of the first that there is; empty for none. Whatever else is called like one is an error: it is not to be overlooked. So
// is a link, which may lead out of a capture.
func Find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		file := filepath.Join(dir, FileName)
		info, err := os.Lstat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink != 0:
			return "", fmt.Errorf("%s: is a link: name its target as the configuration, or remove it", file)
		case !info.Mode().IsRegular():
			return "", fmt.Errorf("%s: is not a regular file", file)
		default:
			return file, nil
		}
		if _, err := os.Lstat(filepath.Join(dir, misnamed)); err == nil {
			return "", fmt.Errorf("%s: has to be called %s", filepath.Join(dir, misnamed), FileName)
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", nil
		}
		dir = above
	}
}

// Read reads the configuration at a path. The name is how messages call it.
func Read(path, name string) (*File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is not a regular file")
	}
	var text []byte
	if err == nil {
		text, err = readAll(path)
	}
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, &Problem{File: name, Message: err.Error()}
	}
	return Parse(name, text)
}

// readAll reads no more of a file than it takes to see that it is too large.
func readAll(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, handwritten.MostBytes+1))
}
