package archives

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

// A Tree is a file system in which archives look like directories of the same name, and compressed files like files that
// are called without what their compression adds to a name: "a.json" for "a.json.gz", unless there is one. Archives are
// opened when they are asked for.
//
// Its files implement io.ReaderAt where those of the file system beneath do.
type Tree struct {
	base   fs.FS
	depth  int        // in how many archives it lies
	counts *allowance // of the outermost of them; nil if it lies in none
	memory *Memory

	mu       sync.Mutex
	mounts   map[string]*mount // by the names of the archives; nil for files that are none
	archives []*mount          // those that are not nil
	plain    map[string]place  // compressed files, by the names without it
	problems []Problem
}

// A mount is an archive of a tree.
type mount struct {
	name   string
	format format
	once   sync.Once
	inside *Tree
}

// A place is a file in an archive.
type place struct {
	mount *mount
	name  string
}

// NewTree returns the tree of a file system.
func NewTree(base fs.FS, memory *Memory) *Tree {
	return &Tree{base: base, memory: memory, mounts: make(map[string]*mount), plain: make(map[string]place)}
}

// open opens an archive, the first time that somebody wants what is in it.
func (t *Tree) open(m *mount) *Tree {
	m.once.Do(func() {
		counts := t.counts
		if counts == nil {
			size := int64(0)
			if info, err := fs.Stat(t.base, m.name); err == nil {
				size = info.Size()
			}
			counts = newAllowance(size)
		}
		inside := NewTree(openArchive(t.base, m.name, m.format, counts, t.memory), t.memory)
		inside.depth, inside.counts = t.depth+1, counts
		t.mu.Lock()
		m.inside = inside
		t.mu.Unlock()
	})
	return m.inside
}

// look finds out whether a file of the base is an archive; nil if it is none, or none that is opened.
func (t *Tree) look(name string) *mount {
	t.mu.Lock()
	m, known := t.mounts[name]
	t.mu.Unlock()
	if known {
		return m
	}
	f, err := formatOf(t.base, name)
	if err == nil && !f.none() && f.foreign == "" {
		if t.depth < maxDepth {
			m = &mount{name: name, format: f}
		} else {
			t.problem(name, errDepth.Error())
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if earlier, known := t.mounts[name]; known {
		return earlier
	}
	t.mounts[name] = m
	if m != nil {
		t.archives = append(t.archives, m)
	}
	return m
}

func (t *Tree) problem(name, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.problems) < maxProblems {
		t.problems = append(t.problems, Problem{name, reason})
	}
}

// IsArchive reports whether a directory is an archive.
func (t *Tree) IsArchive(name string) bool {
	if inner, rest, ok := t.inside(name, false); ok {
		return rest == "." || inner.IsArchive(rest)
	}
	return false
}

// inside finds the archive that a name leads into, and what the name is there. Archives that nobody saw in a directory are
// looked for if wanted.
func (t *Tree) inside(name string, wanted bool) (*Tree, string, bool) {
	t.mu.Lock()
	none := len(t.archives) == 0
	t.mu.Unlock()
	if none && !wanted {
		return nil, "", false
	}
	for end := 0; end < len(name); end++ {
		i := strings.IndexByte(name[end:], '/')
		if end += i; i < 0 {
			end = len(name)
		}
		prefix, rest := name[:end], cmp.Or(strings.TrimPrefix(name[end:], "/"), ".")
		t.mu.Lock()
		m, p := t.mounts[prefix], t.plain[prefix]
		t.mu.Unlock()
		if m == nil && p.mount == nil && wanted {
			info, err := fs.Stat(t.base, prefix)
			switch {
			case err == nil && info.Mode().IsRegular():
				m = t.look(prefix)
			case err != nil && prefix != ".": // it may go without its extension
				_, _ = t.ReadDir(path.Dir(prefix))
				t.mu.Lock()
				p = t.plain[prefix]
				t.mu.Unlock()
			}
		}
		switch {
		case p.mount != nil:
			return t.open(p.mount), path.Join(p.name, rest), true
		case m != nil && m.format.folder():
			return t.open(m), rest, true
		}
	}
	return nil, "", false
}

// Open opens a file or a directory.
func (t *Tree) Open(name string) (fs.File, error) {
	f, err := in(t, name, func(fsys fs.FS, name string) (fs.File, error) { return fsys.Open(name) })
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return &directory{File: f, list: func() ([]fs.DirEntry, error) { return t.ReadDir(name) }}, nil
	}
	return f, nil
}

// A directory is an open one. It reads what is listed, not what lies in the file beneath.
type directory struct {
	fs.File
	list func() ([]fs.DirEntry, error)
	read int
}

// ReadDir returns the next entries, as fs.ReadDirFile wants it.
func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	entries, err := d.list()
	entries = entries[min(d.read, len(entries)):]
	if n > 0 && err == nil {
		if len(entries) == 0 {
			return nil, io.EOF
		}
		entries = entries[:min(n, len(entries))]
	}
	d.read += len(entries)
	return entries, err
}

// Stat describes a file or a directory. The size of a compressed file is found by unpacking it, when it is asked for.
func (t *Tree) Stat(name string) (fs.FileInfo, error) { return in(t, name, fs.Stat) }

// in does something where a name leads to.
func in[T any](t *Tree, name string, do func(fsys fs.FS, name string) (T, error)) (T, error) {
	if !fs.ValidPath(name) {
		var nothing T
		return nothing, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if inner, rest, ok := t.inside(name, false); ok {
		return do(inner, rest)
	}
	result, err := do(t.base, name)
	if err != nil {
		if inner, rest, ok := t.inside(name, true); ok {
			return do(inner, rest)
		}
	}
	return result, err
}

// ReadDir lists a directory or an archive. It looks into every regular file of it that is not called like a text.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	if inner, rest, ok := t.inside(name, false); ok {
		return inner.ReadDir(rest)
	}
	entries, err := fs.ReadDir(t.base, name)
	if err != nil && len(entries) == 0 {
		if inner, rest, ok := t.inside(name, true); ok {
			return inner.ReadDir(rest)
		}
		return nil, err
	}
	listed := make([]fs.DirEntry, 0, len(entries))
	taken := make(map[string]bool, len(entries))
	for _, e := range entries {
		taken[e.Name()] = true
	}
	for _, e := range entries {
		whole := path.Join(name, e.Name())
		if !isText(e.Name()) && t.regular(e, whole) {
			switch m := t.look(whole); {
			case m == nil:
			case m.format.folder():
				e = entry{t, name, e.Name(), fs.ModeDir}
			default:
				e = t.unpacked(m, e, name, taken)
			}
		}
		listed = append(listed, e)
	}
	slices.SortFunc(listed, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return listed, err
}

// textExtensions are those of files that are not looked into: there are many of them, and looking costs more than all else
// that it takes to find a snapshot. Whoever reads one can tell from its head that it is packed nevertheless: see IsPacked.
var textExtensions = []string{".json", ".jsonl", ".toml", ".txt", ".md", ".stderr", ".yaml", ".yml", ".sst", ".log"}

func isText(name string) bool { return slices.Contains(textExtensions, path.Ext(name)) }

// IsPacked reports whether a file that starts like this is compressed.
func IsPacked(head []byte) bool { return compressionOf(head) != notCompressed }

// regular reports whether an entry is a regular file, or a link to one.
func (t *Tree) regular(e fs.DirEntry, name string) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Type().IsRegular()
	}
	info, err := fs.Stat(t.base, name)
	return err == nil && info.Mode().IsRegular()
}

// unpacked is the entry of a directory that a compressed file stands for.
func (t *Tree) unpacked(m *mount, packed fs.DirEntry, dir string, taken map[string]bool) fs.DirEntry {
	inner, err := t.open(m).ReadDir(".")
	if err != nil || len(inner) != 1 {
		return packed
	}
	name := inner[0].Name()
	if name != packed.Name() && taken[name] {
		name = packed.Name()
	}
	taken[name] = true
	t.mu.Lock()
	t.plain[path.Join(dir, name)] = place{m, inner[0].Name()}
	t.mu.Unlock()
	return entry{t, dir, name, inner[0].Type()}
}

// An entry of a directory that is another one in the file system beneath.
type entry struct {
	t         *Tree
	dir, name string
	mode      fs.FileMode
}

func (e entry) Name() string               { return e.name }
func (e entry) Type() fs.FileMode          { return e.mode }
func (e entry) IsDir() bool                { return e.mode.IsDir() }
func (e entry) Info() (fs.FileInfo, error) { return e.t.Stat(path.Join(e.dir, e.name)) }

// Problems are those of the archives that were opened so far, sorted by path, and of what was read of them.
func (t *Tree) Problems() []Problem {
	t.mu.Lock()
	problems := slices.Clone(t.problems)
	opened, names := make(map[*mount]*Tree), make(map[*mount]string)
	for _, m := range t.archives {
		if m.inside != nil {
			opened[m], names[m] = m.inside, m.name
		}
	}
	for name, p := range t.plain {
		names[p.mount] = name
	}
	t.mu.Unlock()
	for m, inside := range opened {
		for _, p := range inside.Problems() {
			within := p.Path
			if !m.format.folder() { // it is its only file
				_, within, _ = strings.Cut(within, "/")
			}
			problems = append(problems, Problem{path.Join(names[m], within), p.Reason})
		}
	}
	if a, ok := t.base.(*archive); ok {
		a.mu.Lock()
		problems = append(problems, a.problems...)
		a.mu.Unlock()
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Path, b.Path) })
	return problems
}

// Enter returns the tree of what an archive holds, which may be a compressed file: it holds one file, and single is true.
// The error of what is no archive is ErrNotArchive; others say why it cannot be opened.
func (t *Tree) Enter(name string) (inside *Tree, single bool, err error) {
	f, err := formatOf(t.base, name)
	switch {
	case err != nil:
		return nil, false, err
	case f.foreign != "":
		return nil, false, fmt.Errorf("packed with %s, which is not read: unpack it first", f.foreign)
	case f.none():
		return nil, false, ErrNotArchive
	}
	m := t.look(name)
	if m == nil {
		return nil, false, errDepth
	}
	return t.open(m), !f.folder(), nil
}

// ErrNotArchive says that a file is no archive.
var ErrNotArchive = errors.New("not an archive")
