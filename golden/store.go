package golden

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"restate-lint/internal/committed"
)

// A Store is a directory of goldens: one file for each snapshot, with the snapshot's name. Nothing outside of the
// directory is read or written, whatever a snapshot is called and whatever links the directory holds.
type Store struct {
	Dir string
	// Pending makes it a store of reports that wait to be accepted. They have the form of goldens and other file names, and
	// may lie beside them.
	Pending bool

	listed *listing // nil where the directory is looked through anew each time
}

// A listing has the names of the goldens that a store had when they were first asked for, by their last steps.
type listing struct {
	once       sync.Once
	byLastStep map[string][]string
}

// Listed returns the store for one who asks for the goldens of many snapshots: it looks only once for the similar names of
// which a MissingError tells.
func (s Store) Listed() Store {
	s.listed = &listing{}
	return s
}

// What the names of goldens, and of pending reports, end with.
const (
	Suffix        = ".golden.json"
	PendingSuffix = ".golden.new"
)

// most is the size in bytes beyond which a file is not read.
const most = 1 << 30

// A MissingError says that a snapshot has no golden.
type MissingError struct {
	Snapshot string
	// Dir is the directory of the store, and Path that of the golden that is missing.
	Dir, Path string
	// Similar are the names of goldens that the snapshot may have under another name: how a snapshot is called depends
	// on how it is found.
	Similar []string
}

func (e *MissingError) Error() string {
	text := fmt.Sprintf("%s: no golden %s", e.Snapshot, e.Path)
	if len(e.Similar) > 0 {
		text += fmt.Sprintf(", but there is one of %q: a snapshot must be named as it was when its report was accepted", e.Similar)
	}
	return text + fmt.Sprintf("; accept its report with: restate-lint golden accept --dir %s SNAPSHOT", e.Dir)
}

// Is makes a MissingError an fs.ErrNotExist.
func (e *MissingError) Is(target error) bool { return target == fs.ErrNotExist }

// Path is where the golden of a snapshot is. The steps of the name become folders.
func (s Store) Path(name string) string { return s.path(s.file(name)) }

func (s Store) path(file string) string { return filepath.Join(s.Dir, filepath.FromSlash(file)) }

// File is the path of a snapshot's golden in a store, with forward slashes. Different names have different paths. What
// would lead elsewhere, be hidden, or be refused by some file system is escaped as in a URL.
func File(name string) string { return Store{}.file(name) }

func (s Store) suffix() string {
	if s.Pending {
		return PendingSuffix
	}
	return Suffix
}

func (s Store) file(name string) string {
	steps := strings.Split(name, "/")
	for i, step := range steps {
		steps[i] = escapeStep(step)
	}
	return strings.Join(steps, "/") + s.suffix()
}

// escapeStep turns one step of a name into the name of a file or folder.
func escapeStep(step string) string {
	if step == "" {
		return "%2F" // no other step has a slash
	}
	var b strings.Builder
	reserved := device().MatchString(step)
	for i := 0; i < len(step); {
		r, size := utf8.DecodeRuneInString(step[i:])
		first, last := i == 0, i+size == len(step)
		if first && reserved || r == '.' && (first || last) || r == ' ' && last || strings.ContainsRune(`%"*:<>?\|`, r) || !strconv.IsPrint(r) || r == utf8.RuneError {
			for _, c := range []byte(step[i : i+size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(step[i : i+size])
		}
		i += size
	}
	return b.String()
}

// device matches what Windows takes for a device, whatever follows behind a dot: nul.golden.json would be written nowhere.
var device = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?i:con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)
})

// snapshotOf is the name that the method file made a path from.
func (s Store) snapshotOf(file string) (name string, ok bool) {
	steps := strings.Split(strings.TrimSuffix(file, s.suffix()), "/")
	for i, step := range steps {
		plain, err := url.PathUnescape(step)
		if err != nil {
			return "", false
		}
		steps[i] = strings.TrimPrefix(plain, "/")
	}
	name = strings.Join(steps, "/")
	return name, s.file(name) == file
}

// Read returns the golden of a snapshot; a *MissingError if there is none.
func (s Store) Read(name string) (*Golden, error) {
	g, err := s.load(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &MissingError{Snapshot: name, Dir: s.Dir, Path: s.Path(name), Similar: s.similar(name)}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", s.Path(name), err)
	}
	return g, nil
}

// load reads a golden. Its errors do not say where the store is.
func (s Store) load(name string) (*Golden, error) {
	text, err := s.read(s.file(name), most)
	if err != nil {
		return nil, err
	}
	g, err := Decode(text)
	if err == nil && s.Pending && g.Snapshot != name {
		// It came from elsewhere, and could otherwise replace the golden of another snapshot than it pretends to.
		return nil, fmt.Errorf("%w: it is the report on another snapshot, %q", ErrNotGolden, g.Snapshot)
	}
	return g, err
}

func (s Store) read(file string, most int64) ([]byte, error) {
	root, err := s.open()
	if err != nil {
		return nil, committed.Reason(err)
	}
	defer closeQuietly(root)
	text, err := committed.Read(root, file, most)
	return text, committed.Reason(err)
}

// open opens the directory: the one that the paths of the goldens name, also where .. follows a link.
func (s Store) open() (*os.Root, error) { return os.OpenRoot(filepath.Clean(s.Dir)) }

// closeQuietly closes what was only read from.
func closeQuietly(c io.Closer) { _ = c.Close() }

// similar returns the names of goldens that end like a name, or that it ends like.
func (s Store) similar(name string) []string {
	l := s.listed
	if l == nil {
		l = &listing{}
	}
	l.once.Do(func() {
		l.byLastStep = make(map[string][]string)
		names, err := s.List()
		if err != nil {
			return
		}
		for _, other := range names {
			l.byLastStep[path.Base(other)] = append(l.byLastStep[path.Base(other)], other)
		}
	})
	var similar []string
	for _, other := range l.byLastStep[path.Base(name)] {
		if endsLike(other, name) || endsLike(name, other) {
			similar = append(similar, other)
		}
	}
	return similar
}

// endsLike reports whether the last steps of a name are those of another one.
func endsLike(name, other string) bool {
	before, ok := strings.CutSuffix(name, other)
	return ok && (before == "" || strings.HasSuffix(before, "/"))
}

// List returns the names of all snapshots that have a golden, sorted. A store that does not exist has none.
func (s Store) List() ([]string, error) {
	var names []string
	err := s.walk(func(file string) {
		if name, ok := s.snapshotOf(file); ok && strings.HasSuffix(file, s.suffix()) {
			names = append(names, name)
		}
	})
	slices.SortFunc(names, natural)
	return names, err
}

// walk finds the files of the store.
func (s Store) walk(found func(file string)) error {
	root, err := s.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Dir, committed.Reason(err))
	}
	defer closeQuietly(root)
	return fs.WalkDir(root.FS(), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", s.path(file), committed.Reason(err))
		}
		if !entry.IsDir() {
			found(file)
		}
		return nil
	})
}

// Orphans returns the names of goldens that are of none of the given snapshots, sorted. Only who knows all snapshots of a
// store can conclude that these are no more.
func (s Store) Orphans(snapshots []string) ([]string, error) {
	names, err := s.List()
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(snapshots))
	for _, name := range snapshots {
		known[name] = true
	}
	return slices.DeleteFunc(names, func(name string) bool { return known[name] }), nil
}

// Write makes a golden the accepted one of its snapshot. It is there as a whole or not at all: on an error, the golden
// that was there before still is, and no other file is left behind.
func (s Store) Write(g *Golden) error {
	if err := s.write(s.file(g.Snapshot), g.Encode()); err != nil {
		return fmt.Errorf("%s: %w", s.Path(g.Snapshot), committed.Reason(err))
	}
	return nil
}

func (s Store) write(file string, text []byte) (err error) {
	if err := os.MkdirAll(filepath.Clean(s.Dir), 0o777); err != nil { //nolint:gosec // as the umask wants it; goldens are no secret
		return err
	}
	root, err := s.open()
	if err != nil {
		return err
	}
	defer closeQuietly(root)
	if err := root.MkdirAll(path.Dir(file), 0o777); err != nil {
		return err
	}
	return committed.Write(root, file, text)
}

// remove removes a file, and the folders that are empty then.
func (s Store) remove(file string) error {
	root, err := s.open()
	if err == nil {
		defer closeQuietly(root)
		err = root.Remove(file)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.path(file), committed.Reason(err))
	}
	for folder := path.Dir(file); folder != "." && root.Remove(folder) == nil; folder = path.Dir(folder) {
		continue // one that is not empty stays
	}
	return nil
}
