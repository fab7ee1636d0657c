package commands

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"restate-lint/analyze/format"
	"restate-lint/snapshots"
)

// apart makes sure that files or directories which are to be written are not in a snapshot, wherever they lie below its
// directory and whether or not they are there yet, and are none of its files. The flag is the one that they are written for.
func apart(flag string, captures []snapshots.Capture, paths ...string) error {
	in := inputsOf(captures)
	for _, path := range paths {
		if capture := in.holding(path); capture != "" {
			return usagef("--%s: %s is in the snapshot %s, which is only ever read; name a place elsewhere", flag, format.Clean(path), format.Clean(capture))
		}
	}
	return nil
}

// directoryOf is the directory that the files of a capture are in. It is the capture's path where that leads to an archive.
func directoryOf(capture snapshots.Capture) string {
	if len(capture.Files) == 1 && filepath.Base(capture.Path) == capture.Files[0] {
		return filepath.Dir(capture.Path)
	}
	return capture.Path
}

// inputs are the files and directories that captures are read from.
type inputs struct {
	places []input
	// known are the names of the captures that begin at paths, "" for none.
	known map[string]string
}

type input struct {
	capture string
	info    fs.FileInfo
}

func inputsOf(captures []snapshots.Capture) *inputs {
	in := &inputs{known: make(map[string]string)}
	for _, capture := range captures {
		info, err := os.Stat(capture.Path)
		if err != nil { // it has no place
			continue
		}
		in.places = append(in.places, input{capture.Name, info})
		if !info.IsDir() {
			continue
		}
		for _, file := range capture.Files { // some of which may be links that lead elsewhere
			path := filepath.Join(capture.Path, filepath.FromSlash(file))
			if link, err := os.Lstat(path); err != nil || link.Mode()&fs.ModeSymlink == 0 {
				continue
			}
			if info, err := os.Stat(path); err == nil {
				in.places = append(in.places, input{capture.Name, info})
			}
		}
	}
	return in
}

// holding is the name of a capture that a path leads into; empty for none.
func (in *inputs) holding(path string) string {
	for _, at := range meanings(path) {
		for ; ; at = filepath.Dir(at) {
			if capture := in.at(at); capture != "" {
				return capture
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	return ""
}

// at is the name of a capture that is read from a path itself; empty for none.
func (in *inputs) at(path string) string {
	if capture, known := in.known[path]; known {
		return capture
	}
	in.known[path] = ""
	if info, err := os.Stat(path); err == nil {
		i := slices.IndexFunc(in.places, func(place input) bool { return os.SameFile(place.info, info) })
		if i >= 0 {
			in.known[path] = in.places[i].capture
		}
	}
	return in.known[path]
}

// meanings are the absolute paths that writing to a path may change: a link, or what it leads to. What leads nowhere, which
// writing will say, has none.
func meanings(path string) (all []string) {
	for _, path := range []string{path, filepath.Clean(path)} { // which are two things where .. follows a link
		if whole, err := resolved(path); err == nil {
			all = append(all, whole)
		}
		dir, last := splitPath(path)
		if dir, err := resolved(dir); err == nil {
			all = append(all, filepath.Join(dir, last))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// resolved is the absolute path of a file or directory, all links followed, of which the last parts may not exist yet.
func resolved(path string) (string, error) {
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return "", err
		}
		path = here + string(filepath.Separator) + path // Join would take away what .. follows, which may be a link
	}
	for rest := ""; ; {
		found, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(found, rest), nil
		}
		dir, last := splitPath(path)
		if last == "" || !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		path, rest = dir, filepath.Join(last, rest)
	}
}

// splitPath takes the last part off a path, as it stands.
func splitPath(path string) (dir, last string) {
	for path != "" && os.IsPathSeparator(path[len(path)-1]) {
		path = path[:len(path)-1]
	}
	return filepath.Split(path)
}
