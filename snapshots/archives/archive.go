package archives

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// An archive is the file system of what one archive holds.
type archive struct {
	fsys   fs.FS
	path   string // where it lies in fsys
	format format
	size   int64 // packed
	counts *allowance
	memory *Memory

	nodes map[string]*node // by name
	files []*node          // in the order of a tar

	holding  []*node // what the memory holds; guarded by it
	released bool    // it let go of that; guarded by it

	mu       sync.Mutex
	problems []Problem
}

// A node is a directory of an archive, or a member.
type node struct {
	name     string // the whole one
	mode     fs.FileMode
	children map[string]*node // of a directory
	target   *node            // of a hard link

	measured sync.Once
	known    atomic.Bool // whether size is
	size     int64       // what can be read, in bytes, once it was measured
	data     int64       // where it starts in what a tar unpacks to
	sparse   bool        // the member of a tar has holes; data is where its header starts
	zipped   zipped      // how a zip holds it
	head     []byte      // its first bytes, if it is too large to be held

	held   []byte // guarded by the memory
	isHeld bool
}

// file is the node that has the content.
func (n *node) file() *node {
	if n.target != nil {
		return n.target
	}
	return n
}

// openArchive reads what an archive holds. It never fails: an archive of which nothing can be read is empty, and says why.
func openArchive(fsys fs.FS, name string, f format, counts *allowance, memory *Memory) *archive {
	a := &archive{fsys: fsys, path: name, format: f, counts: counts, memory: memory, nodes: make(map[string]*node)}
	a.nodes["."] = &node{name: ".", mode: fs.ModeDir, children: make(map[string]*node)}
	if info, err := fs.Stat(fsys, name); err == nil {
		a.size = info.Size()
	}
	var err error
	switch f.container {
	case tarContainer:
		err = a.indexTar()
	case zipContainer:
		err = a.indexZip()
	default:
		_, _, err = a.add(unpackedName(path.Base(name)), new(node))
	}
	if err != nil {
		a.problem(".", reasonOf(err))
	}
	return a
}

// readAll reads to the end, for which there is room of so many bytes. The size is what there should be, or -1.
func readAll(r io.Reader, room, size int64) ([]byte, error) {
	if size < 0 {
		return io.ReadAll(r)
	}
	content := make([]byte, min(room, size))
	n, err := io.ReadFull(r, content)
	if n == len(content) {
		return content, nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return bytes.Clone(content[:n]), err
}

// problem notes what is wrong with a member, or with the archive, whose name is ".".
func (a *archive) problem(name, reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.problems) < maxProblems {
		a.problems = append(a.problems, Problem{name, reason})
	}
}

// add takes up a member under a name of its archive. Where it is left out ok is false; an error ends the reading.
func (a *archive) add(label string, n *node) (name string, ok bool, err error) {
	name, reason := clean(label)
	switch {
	case reason != "":
		a.problem(".", fmt.Sprintf("a member %s, and is left out: %q", reason, shorten(label)))
		return name, false, nil
	case n.mode.IsDir():
		_, err = a.directory(name)
		return name, err == nil, err
	case name == ".":
		a.problem(".", fmt.Sprintf("a member has no name, and is left out: %q", shorten(label)))
		return name, false, nil
	}
	parent, err := a.directory(path.Dir(name))
	if err != nil {
		return name, false, err
	}
	if a.format.container != tarContainer { // its headers are counted
		if err := a.counts.member(); err != nil {
			return name, false, err
		}
	}
	before := a.nodes[name]
	switch {
	case before == nil:
	case before.mode.IsDir():
		a.problem(name, "it is a file and a directory: the file is left out")
		return name, false, nil
	default:
		a.problem(name, "it stands in the archive more than once: the last one counts")
	}
	n.name = name
	a.nodes[name], parent.children[path.Base(name)] = n, n
	return name, true, nil
}

// directory returns a directory, which need not have been mentioned.
func (a *archive) directory(name string) (*node, error) {
	n := a.nodes[name]
	if n != nil && n.mode.IsDir() {
		return n, nil
	}
	parent, err := a.directory(path.Dir(name))
	if err != nil {
		return nil, err
	}
	if n != nil {
		a.problem(name, "it is a file and a directory: the file is left out")
	} else if err := a.counts.member(); err != nil {
		return nil, err
	}
	n = &node{name: name, mode: fs.ModeDir, children: make(map[string]*node)}
	a.nodes[name], parent.children[path.Base(name)] = n, n
	return n, nil
}

// clean makes a path within the archive of whatever a member is called.
func clean(label string) (name, reason string) {
	if len(label) > maxName {
		return ".", fmt.Sprintf("has a name of more than %d bytes", maxName)
	}
	name = strings.ReplaceAll(strings.ToValidUTF8(label, "\uFFFD"), `\`, "/")
	name = cmp.Or(strings.TrimPrefix(path.Clean("/"+name), "/"), ".")
	if strings.Count(name, "/") > maxSteps {
		return ".", fmt.Sprintf("lies in more than %d directories", maxSteps)
	}
	return name, ""
}

func shorten(label string) string {
	if len(label) > 80 {
		return label[:80] + "…"
	}
	return label
}

// find returns a node for an operation of the file system.
func (a *archive) find(operation, name string) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: operation, Path: name, Err: fs.ErrInvalid}
	}
	n := a.nodes[name]
	if n == nil {
		return nil, &fs.PathError{Op: operation, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

var errNotFollowed = errors.New("a symbolic link, which is not followed in an archive")

// Open opens a member, or a directory.
func (a *archive) Open(name string) (fs.File, error) {
	n, err := a.find("open", name)
	switch {
	case err != nil:
		return nil, err
	case n.mode.IsDir():
		return listing{info{a, n}}, nil
	case n.mode&fs.ModeSymlink != 0:
		err = errNotFollowed
	case !n.mode.IsRegular():
		err = errors.New("not a regular file")
	default:
		return a.openFile(n)
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: err}
}

// Stat describes a member, or a directory. Links are not followed.
func (a *archive) Stat(name string) (fs.FileInfo, error) {
	n, err := a.find("stat", name)
	if err != nil {
		return nil, err
	}
	return info{a, n}, nil
}

// ReadDir lists a directory.
func (a *archive) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := a.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	entries := make([]fs.DirEntry, 0, len(n.children))
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		entries = append(entries, info{a, n.children[name]})
	}
	return entries, nil
}

// An info describes a node. The size of one that was not read yet is found by reading it.
type info struct {
	a *archive
	n *node
}

func (i info) Mode() fs.FileMode          { return i.n.mode | 0o444 }
func (i info) Type() fs.FileMode          { return i.n.mode }
func (i info) IsDir() bool                { return i.n.mode.IsDir() }
func (i info) ModTime() time.Time         { return time.Time{} }
func (i info) Sys() any                   { return nil }
func (i info) Info() (fs.FileInfo, error) { return i, nil }

// Name is that of the archive itself for what it holds at the top.
func (i info) Name() string {
	if i.n.name == "." {
		return path.Base(i.a.path)
	}
	return path.Base(i.n.name)
}

// Size is 0 for what is no file.
func (i info) Size() int64 {
	if !i.n.mode.IsRegular() {
		return 0
	}
	return i.a.measure(i.n.file())
}

// A listing is an open directory.
type listing struct{ info }

func (l listing) Stat() (fs.FileInfo, error) { return l.info, nil }
func (l listing) Close() error               { return nil }

func (l listing) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: l.n.name, Err: errors.New("is a directory")}
}

// open opens the packed file and what it unpacks to.
func (a *archive) open(first bool) (*stream, error) {
	f, err := a.fsys.Open(a.path)
	if err != nil {
		return nil, err
	}
	return newStream(a.format.compression, f, a.size, f, a.counts, first)
}

// unpack returns what the archive unpacks to from a place on.
func (a *archive) unpack(from int64) (*stream, error) {
	s := a.memory.pick(a)
	if s != nil && s.pos > from {
		_ = s.Close() // it was only read
		s = nil
	}
	if s == nil {
		var err error
		if s, err = a.open(false); err != nil {
			return nil, err
		}
	}
	if err := s.skipTo(from); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// park keeps a stream that is not at its end for the next one who reads further on.
func (a *archive) park(s *stream) {
	if s.err != nil || s.seeker != nil || s.whole {
		_ = s.Close()
		return
	}
	s.first = false
	for _, old := range a.memory.park(a, s) {
		_ = old.Close()
	}
}

// measure returns how much of a file can be read. Those of a tar are known already; others are read for it, once.
func (a *archive) measure(n *node) int64 {
	if a.format.container == tarContainer {
		return n.size
	}
	n.measured.Do(func() {
		defer n.known.Store(true)
		r, err := a.openContent(n, 0, true)
		if err != nil {
			a.problem(n.name, reasonOf(err))
			return
		}
		defer a.done(r)
		check := n.zipped.check(r)
		n.size, err = a.take(n, check, -1)
		if err == nil {
			err = check.verify()
		}
		if err != nil {
			a.problem(n.name, reasonOf(err))
		}
	})
	return n.size
}

// take reads a file, size bytes or to its end, and holds it or its head. It returns how many bytes there were.
func (a *archive) take(n *node, r io.Reader, size int64) (got int64, err error) {
	wanted := maxMember
	if size >= 0 {
		r = io.LimitReader(r, size)
		if wanted = size; size > maxMember {
			wanted = headSize
		}
	}
	room := a.counts.hold(wanted)
	content, err := readAll(io.LimitReader(r, room), room, size)
	got = int64(len(content))
	switch {
	case err == nil && got == room && got != size: // there is more
		n.head = bytes.Clone(content[:min(got, headSize)])
		var more int64
		more, err = io.Copy(io.Discard, r)
		got += more
		if room == wanted { // otherwise it took all that was left, and would again
			a.counts.release(room - int64(len(n.head)))
		}
	default: // with an error it is held as far as it goes
		if a.memory.hold(a, n, content) {
			room -= got
		}
		a.counts.release(room)
	}
	if err == nil && got < size {
		err = io.ErrUnexpectedEOF
	}
	return got, err
}
