package snapshots

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	multierror "github.com/hashicorp/go-multierror"

	"restate-lint/snapshots/archives"
)

// A Capture is a place that holds one snapshot, which has not been read yet.
type Capture struct {
	// Name tells the capture from the others that were found with it. It never is an absolute path.
	Name string
	// Files make up the snapshot, in the order in which they are read. Their names, relative to FS and with forward
	// slashes, become those of the sources.
	Files []string
	FS    fs.FS
	// Path is the absolute path of the file or directory that was found, or of the archive that it lies in. It is empty for
	// what has no place of its own, as standard input. It is no part of any report.
	Path string

	alone bool         // it is a file that was named by itself
	gaps  func() []Gap // what could not be read of archives, once the rest was read; nil if it lies in none
}

// Read reads the snapshot; see the function Read.
func (c Capture) Read() (*Snapshot, error) { return readWith(c.Name, c.FS, c.Files, c.gaps) }

// IsFile reports whether the snapshot is a file that was named by itself.
func (c Capture) IsFile() bool { return c.alone }

// Open reads the one snapshot that a path names: a file, a directory or an archive, as for Find.
func Open(path string) (*Snapshot, error) {
	captures, err := Find(path)
	switch {
	case err != nil:
		return nil, err
	case len(captures) != 1:
		return nil, fmt.Errorf("%s: holds %d snapshots where one is wanted", path, len(captures))
	}
	s, err := captures[0].Read()
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// A PathError says why a path could not be used, or one below it that was searched.
type PathError struct {
	// Path is as it was given, or how it is called from there.
	Path string
	Err  error
	// Hint says what to give instead; empty where nobody knows. It has paths as they were given: it is for who gave them, and
	// no part of any report.
	Hint string
}

func (e *PathError) Error() string {
	text := e.Path + ": " + e.Err.Error()
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

// Unwrap returns the reason.
func (e *PathError) Unwrap() error { return e.Err }

// Find finds the snapshots that paths name, and reads no more than the heads of some files to do so. A path is
//
//   - a file: one snapshot with one source, whatever it holds;
//   - a directory: one snapshot, if a file in it or below its folder metadata holds a document of Restate's metadata
//     or, by its name, was meant to. The files below the other folders that exports use (config, restatectl,
//     snapshots, sql) then belong to the snapshot as well. So do stores: files in the directory itself, below its folders
//     etcd, bucket and object-store, the databases of nodes and of etcd whose data directories it is or holds. A directory
//     that has nothing but one store somewhere below is a snapshot, too;
//   - an archive (tar, zip, gzip, Zstandard: see the package archives): what it holds by the rules for a directory, or
//     the only snapshot that is anywhere in it. A path may go on in an archive as in a directory;
//   - DIR/...: every such directory from DIR down, and every snapshot in an archive. Links to directories are not followed;
//     hidden directories and the export folders of a snapshot are not searched.
//
// Archives that lie in a directory look like directories of the same name; compressed files look like files, which are
// called without what their compression adds to a name.
//
// The captures are sorted by name, every place once. A name is that of the file or directory, or its path below the
// DIR of DIR/..., and has as many parent directories more as it takes to tell captures apart. The error is a
// *multierror.Error with a *PathError for every path that could not be used, and lists them one on a line; the captures of
// the others are returned with it.
func Find(paths ...string) ([]Capture, error) { return FindWith(nil, paths...) }

// FindWith is Find with a standard input, which the path "-" means: a file without a place, called "stdin". If it is no
// file of the operating system, up to 1 GiB of it is held in memory. It can be used only once.
func FindWith(stdin io.Reader, paths ...string) ([]Capture, error) {
	f := &finder{
		stdin: stdin, memory: archives.NewMemory(),
		places: make(map[string]*place), said: make(map[string]bool), reader: reader{window: newWindow(nil, 0, 32<<10)},
	}
	for _, given := range paths {
		if err := f.find(given); err != nil {
			f.problem(given, err)
		}
	}
	if f.problems != nil {
		f.problems.ErrorFormat = lineErrors
	}
	return f.captures(), f.problems.ErrorOrNil()
}

func lineErrors(problems []error) string {
	lines := make([]string, len(problems))
	for i, problem := range problems {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// metadataFolder is the sub-folder whose documents make a directory a snapshot; exportFolders are all those that
// belong to one.
const metadataFolder = "metadata"

var exportFolders = []string{metadataFolder, "config", "restatectl", "snapshots", "sql"}

var errNoDocument = errors.New("holds no document of Restate's metadata")

// A finder gathers captures, and what went wrong.
type finder struct {
	stdin    io.Reader // nil if there is none, or it was used
	memory   *archives.Memory
	reader   reader
	places   map[string]*place // by absolute path
	problems *multierror.Error
	said     map[string]bool // their texts
	locked   int             // how many of them are that something may not be read
}

// A place is where a capture is.
type place struct {
	capture Capture
	steps   []string // of the absolute path
	named   int      // how many of the last steps make the name
}

// A hintedError is a reason with a hint apart.
type hintedError struct{ reason, hint string }

func (e *hintedError) Error() string { return e.reason }

// problem says what is wrong with a path, once.
func (f *finder) problem(path string, err error) {
	of := &PathError{Path: path, Err: underlying(err)}
	if hinted := (*hintedError)(nil); errors.As(err, &hinted) {
		of.Hint = hinted.hint
	}
	err = of
	if text := err.Error(); !f.said[text] {
		f.said[text] = true
		f.problems = multierror.Append(f.problems, err)
		if errors.Is(err, fs.ErrPermission) {
			f.locked++
		}
	}
}

// find adds what one path names.
func (f *finder) find(given string) error {
	dir, everyBelow := cutEllipsis(given)
	if rest, ok := strings.CutPrefix(filepath.ToSlash(dir)+"/", standardInput+"/"); ok && f.stdin != nil {
		in, err := readStdin(f.stdin)
		if err != nil {
			return err
		}
		f.stdin = nil
		return f.findFile(in, folder{absolute: stdinName, label: stdinName, dir: ".", shown: standardInput}, cmp.Or(path.Clean(rest), "."), everyBelow)
	}
	info, err := os.Stat(dir)
	rest := "."
	if err != nil {
		file, inside, ok := splitArchive(dir)
		if !ok {
			return err
		}
		dir, rest = file, inside
		if info, err = os.Stat(dir); err != nil {
			return err
		}
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	at := folder{fsys: archives.NewTree(os.DirFS(dir), f.memory), dir: ".", absolute: filepath.ToSlash(absolute), shown: dir}
	at.label = at.absolute
	found, locked := 0, f.locked
	nothing := func() error {
		if f.locked > locked {
			return nil // where nobody was let in was said, and may hold some
		}
		return errNoDocument
	}
	add := func(at folder, files []string, depth int) bool {
		found++
		f.add(at, captureOf(at, files), max(depth, 1))
		return true
	}
	switch {
	case info.Mode().IsRegular():
		return f.findFile(fileOf(absolute), at, rest, everyBelow)
	case everyBelow && !info.IsDir():
		return errNoFolder
	case everyBelow:
		f.walk(at, 0, add)
		if found == 0 {
			return nothing()
		}
	case info.IsDir():
		files, _ := f.list(at)
		if len(files) == 0 {
			files = f.onlyStores(at)
		}
		if len(files) > 0 {
			add(at, files, 0)
			break
		}
		if !f.walk(at, 0, func(folder, []string, int) bool { return false }) {
			return &hintedError{"is no snapshot itself, but there are some below it", "try " + ellipsis(dir)}
		}
		return nothing()
	default:
		return errors.New("not a regular file")
	}
	return nil
}

// ellipsis is what finds every snapshot below a directory.
func ellipsis(dir string) string {
	if dir = filepath.Clean(dir); dir == "." {
		return "." + string(filepath.Separator) + "..."
	}
	return filepath.Join(dir, "...")
}

// cutEllipsis takes DIR/... apart.
func cutEllipsis(given string) (dir string, ok bool) {
	dir, ok = strings.CutSuffix(filepath.ToSlash(given), "/...")
	switch {
	case given == "...":
		return ".", true
	case ok:
		return filepath.FromSlash(cmp.Or(dir, "/")), true
	}
	return given, false
}

// add keeps a capture, once, under the longer one of its names.
func (f *finder) add(at folder, capture Capture, named int) {
	steps := strings.FieldsFunc(strings.TrimPrefix(at.label, filepath.ToSlash(filepath.VolumeName(at.label))),
		func(r rune) bool { return r == '/' })
	if capture.Path = filepath.FromSlash(cmp.Or(at.file, at.absolute)); at.absolute == stdinName || at.file == stdinName {
		capture.Path = ""
	}
	p := f.places[at.absolute]
	if p == nil || len(p.steps) < len(steps) {
		p = &place{capture: capture, steps: steps}
		f.places[at.absolute] = p
	} else if len(p.steps) > len(steps) {
		return
	}
	p.named = min(max(p.named, named), len(p.steps))
}

// captures names and sorts what was found.
func (f *finder) captures() []Capture {
	for again := true; again; {
		again = false
		taken := make(map[string][]*place)
		for _, p := range f.places {
			p.capture.Name = cmp.Or(strings.Join(p.steps[len(p.steps)-p.named:], "/"), ".")
			taken[p.capture.Name] = append(taken[p.capture.Name], p)
		}
		for _, rivals := range taken {
			for _, p := range rivals {
				if len(rivals) > 1 && p.named < len(p.steps) {
					p.named++
					again = true
				}
			}
		}
	}
	captures := make([]Capture, 0, len(f.places))
	for _, p := range f.places {
		captures = append(captures, p.capture)
	}
	slices.SortFunc(captures, func(a, b Capture) int { return cmp.Compare(a.Name, b.Name) })
	return captures
}

// A folder is a directory of a file system that is searched.
type folder struct {
	fsys     fs.FS
	dir      string // within fsys
	absolute string // tells it from all others; with forward slashes
	label    string // what a snapshot in it is named after, which mostly is the same
	root     string // how fsys is called, if it is an archive
	file     string // the absolute path of the archive that it lies in; empty if it lies in none
	shown    string // how it is called where something is wrong with it
}

// sub is a folder of the folder.
func (at folder) sub(name string) folder {
	at.dir, at.absolute, at.label = path.Join(at.dir, name), path.Join(at.absolute, name), path.Join(at.label, name)
	at.shown = filepath.Join(at.shown, name)
	return at
}

// within is what a file system has below a directory. Unlike fs.Sub it never opens what it is asked to tell about, which may
// be a pipe.
func within(fsys fs.FS, dir string) fs.FS {
	if dir == "." {
		return fsys
	}
	return below{fsys, dir}
}

type below struct {
	fsys fs.FS
	dir  string
}

func (b below) Open(name string) (fs.File, error)     { return b.fsys.Open(path.Join(b.dir, name)) }
func (b below) Stat(name string) (fs.FileInfo, error) { return fs.Stat(b.fsys, path.Join(b.dir, name)) }
func (b below) ReadDir(name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(b.fsys, path.Join(b.dir, name))
}

// walk calls found for every snapshot from a directory down until it returns false, and reports whether it never did.
func (f *finder) walk(at folder, depth int, found func(at folder, files []string, depth int) bool) bool {
	files, folders := f.list(at)
	if len(files) > 0 && !found(at, files, depth) {
		return false
	}
	for _, name := range folders {
		if len(files) > 0 && searched(files, name) {
			continue
		}
		if sub := at.sub(name); isArchive(sub) {
			if !f.walkArchive(sub, depth+1, found) {
				return false
			}
		} else if !f.walk(sub, depth+1, found) {
			return false
		}
	}
	return true
}

// list returns the files of the snapshot that a directory holds, none if it holds none, and its sub-folders.
func (f *finder) list(at folder) (files, folders []string) {
	files, folders = f.entries(at)
	gather := func(folder string) {
		for _, name := range folders {
			if name == folder || archives.Stem(name) == folder && isArchive(at.sub(name)) {
				files = append(files, f.below(at.sub(name), name)...)
			}
		}
	}
	gather(metadataFolder)
	files = append(files, f.storeFiles(at, folders)...)
	if !f.holdsDocument(within(at.fsys, at.dir), files) {
		return nil, folders
	}
	for _, name := range exportFolders {
		if name != metadataFolder {
			gather(name)
		}
	}
	slices.Sort(files)
	return files, folders
}

// below returns all files from a folder down, with the given prefix.
func (f *finder) below(at folder, prefix string) []string {
	files, folders := f.entries(at)
	for i, file := range files {
		files[i] = path.Join(prefix, file)
	}
	for _, name := range folders {
		files = append(files, f.below(at.sub(name), path.Join(prefix, name))...)
	}
	return files
}

// entries returns the regular files of a directory, links to such included, and its folders; neither hidden ones, but for
// the marker of a data directory. What is no regular file is returned if its name is that of a document, so that reading
// it gives a gap; it is never opened.
func (f *finder) entries(at folder) (files, folders []string) {
	entries, err := fs.ReadDir(at.fsys, at.dir)
	if err != nil {
		f.problem(at.shown, err)
	}
	for _, entry := range entries {
		mode := entry.Type()
		switch {
		case strings.HasPrefix(entry.Name(), ".") && entry.Name() != markerFile:
		case mode.IsDir():
			folders = append(folders, entry.Name())
		case mode&fs.ModeSymlink != 0:
			info, err := fs.Stat(at.fsys, path.Join(at.dir, entry.Name()))
			if err == nil && info.Mode().IsRegular() || meant(entry.Name()) && (err != nil || !info.IsDir()) {
				files = append(files, entry.Name())
			}
		case mode.IsRegular() || meant(entry.Name()):
			files = append(files, entry.Name())
		}
	}
	return files, folders
}

// holdsDocument reports whether a file is a document, or was meant to be one.
func (f *finder) holdsDocument(fsys fs.FS, files []string) bool {
	return slices.ContainsFunc(files, func(file string) bool { return meant(file) && (path.Ext(file) == ".json" || path.Ext(file) == "") }) ||
		slices.ContainsFunc(files, func(file string) bool { return f.reader.sniff(fsys, file) })
}
