package snapshots

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"restate-lint/snapshots/archives"
)

// oneFile is a directory in which there is one file, whatever lies beside it.
type oneFile struct {
	name string
	open func() (fs.File, error)
}

// fileOf is the directory of a file of the operating system, without the others.
func fileOf(absolute string) oneFile {
	return oneFile{filepath.Base(absolute), func() (fs.File, error) { return os.Open(absolute) }}
}

// Open opens the file.
func (o oneFile) Open(name string) (fs.File, error) {
	if name != o.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.open()
}

// splitArchive takes a path apart at the first file in it: the rest may lead into an archive.
func splitArchive(given string) (file, rest string, ok bool) {
	for file := filepath.Clean(given); ; {
		if info, err := os.Stat(file); err == nil {
			return file, filepath.ToSlash(rest), info.Mode().IsRegular() && rest != ""
		}
		parent := filepath.Dir(file)
		if parent == file {
			return "", "", false
		}
		file, rest = parent, filepath.Join(filepath.Base(file), rest)
	}
}

// findFile adds what a file is: a snapshot of its own, an archive of one, or what a path in an archive leads to.
func (f *finder) findFile(file oneFile, at folder, rest string, everyBelow bool) error {
	inside, single, err := archives.NewTree(file, f.memory).Enter(file.name)
	switch {
	case errors.Is(err, archives.ErrNotArchive) && (everyBelow || rest != "."):
		return errNoFolder
	case errors.Is(err, archives.ErrNotArchive):
		f.add(at, Capture{FS: file, Files: []string{file.name}, alone: true}, 1)
		return nil
	case err != nil:
		return err
	}
	at.fsys, at.root, at.file = inside, file.name, at.absolute
	if rest != "." {
		at = at.sub(rest)
	} else if entries, err := inside.ReadDir("."); single && err == nil && len(entries) == 1 {
		at.dir = entries[0].Name()
	}
	info, err := fs.Stat(inside, at.dir)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return f.findArchive(at, everyBelow)
	case everyBelow:
		return errNoFolder
	}
	capture := captureOf(folder{fsys: inside, dir: path.Dir(at.dir), root: at.root}, []string{path.Base(at.dir)})
	capture.alone = true
	f.add(at, capture, 1)
	return nil
}

var errNoFolder = errors.New("neither a directory nor an archive")

// findArchive adds what is in an archive: the snapshot that it holds, or every one.
func (f *finder) findArchive(at folder, everyBelow bool) error {
	files, _ := f.list(at)
	all := []foundIn{{at, files, 0}}
	if everyBelow || len(files) == 0 {
		all = f.inArchive(at, 0)
	}
	switch {
	case len(all) == 0:
		if err := problemOf(at); err != nil {
			return fmt.Errorf("%w: %w", errNoDocument, err)
		}
		return errNoDocument
	case len(all) > 1 && !everyBelow:
		first := strings.TrimPrefix(all[0].at.dir, at.dir+"/")
		return &hintedError{
			fmt.Sprintf("holds %d snapshots", len(all)),
			fmt.Sprintf("name one of them, such as %s, or all of them: %s", filepath.Join(at.shown, filepath.FromSlash(first)), filepath.Join(at.shown, "...")),
		}
	}
	for _, one := range all {
		f.add(one.at, captureOf(one.at, one.files), max(one.depth, 1))
	}
	return nil
}

// problemOf is why an archive may hold less than it should; nil if nothing is wrong with it.
func problemOf(at folder) error {
	if tree, ok := at.fsys.(*archives.Tree); ok {
		for _, problem := range tree.Problems() {
			if problem.Path == at.dir {
				return errors.New(problem.Reason)
			}
		}
	}
	return nil
}

// A foundIn is a snapshot in an archive.
type foundIn struct {
	at    folder
	files []string
	depth int
}

// inArchive returns every snapshot that an archive holds. One that is alone is called like the archive, wherever it is in it:
// archives mostly have a folder at the top, and more of them.
func (f *finder) inArchive(at folder, depth int) (all []foundIn) {
	at.file = cmp.Or(at.file, at.absolute)
	f.walk(at, depth, func(below folder, files []string, depth int) bool {
		all = append(all, foundIn{below, files, depth})
		return true
	})
	if len(all) != 1 {
		return all
	}
	top := at
	for range strings.Count(all[0].at.dir, "/") {
		_, folders := f.list(top)
		if folders = slices.DeleteFunc(folders, func(name string) bool { return name == "__MACOSX" }); len(folders) != 1 {
			break
		}
		top = top.sub(folders[0])
	}
	if files := f.onlyStores(top); files != nil {
		all[0].at, all[0].files = top, files
	}
	all[0].at.label, all[0].depth = at.label, depth
	return all
}

// walkArchive is walk for an archive.
func (f *finder) walkArchive(at folder, depth int, found func(at folder, files []string, depth int) bool) bool {
	all := f.inArchive(at, depth)
	if err := problemOf(at); len(all) == 0 && err != nil {
		f.problem(at.shown, err)
	}
	for _, one := range all {
		if !found(one.at, one.files, one.depth) {
			return false
		}
	}
	return true
}

func isArchive(at folder) bool {
	tree, ok := at.fsys.(*archives.Tree)
	return ok && tree.IsArchive(at.dir)
}

// captureOf is the capture of files in a folder.
func captureOf(at folder, files []string) Capture {
	return Capture{FS: within(at.fsys, at.dir), Files: files, gaps: func() []Gap { return archiveGaps(at, files) }}
}

// archiveGaps are what is wrong with the archives that the files of a folder come from, as far as they were read.
func archiveGaps(at folder, files []string) (gaps []Gap) {
	tree, ok := at.fsys.(*archives.Tree)
	if !ok {
		return nil
	}
	for _, problem := range tree.Problems() {
		source, within := problem.Path, true
		switch {
		case source == ".":
			source = at.root
		case source == at.dir || strings.HasPrefix(at.dir, source+"/"): // all of it is in there
			source = path.Base(source)
		default:
			if at.dir != "." {
				source, within = strings.CutPrefix(source, at.dir+"/")
			}
			within = within && belongs(files, source)
		}
		if within {
			kind, key := labelled(source)
			gaps = append(gaps, Gap{Key: key, Kind: kind, Source: source, Reason: problem.Reason})
		}
	}
	return gaps
}

// belongs reports whether a file is one of a snapshot's, or lies where all are.
func belongs(files []string, name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return slices.Contains(files, name) || searched(files, first) || first != name && searched(files, archives.Stem(first))
}

// packed reads a compressed file, whose head is in the window, that was taken for a text by its name. It reports whether the
// file is one.
func (r *reader) packed(source *Source, alone bool, gap func(reason string)) bool {
	w := r.window
	w.ahead(4)
	if source.packed || !archives.IsPacked(w.buf[w.pos:w.end]) {
		return false
	}
	if r.memory == nil {
		r.memory = archives.NewMemory()
	}
	inside, single, err := archives.NewTree(source.fsys, r.memory).Enter(source.path)
	if err != nil {
		gap(underlying(err).Error())
		return true
	}
	entries, err := inside.ReadDir(".")
	if !single || err != nil || len(entries) != 1 || entries[0].IsDir() {
		gap("an archive that is called like a document")
		return true
	}
	r.read(&Source{Name: source.Name, fsys: inside, path: entries[0].Name(), packed: true}, alone)
	for _, problem := range inside.Problems() {
		gap(problem.Reason)
	}
	return true
}
