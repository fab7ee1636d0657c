package snapshots

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"restate-lint/snapshots/cluster"
	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/datadir"
	"restate-lint/snapshots/stores/rocksdb"
)

// databases reads the RocksDB directories among the files of a snapshot, and returns the other files. A directory counts
// as one if a file in it says so, or is called like a table: what that is, its end tells. Then everything in it that is
// called like a file of RocksDB belongs to it.
func (r *reader) databases(fsys fs.FS, files []string) (others []string) {
	chosen := &chosenFS{FS: fsys, files: make(map[string][]string)}
	for _, file := range files {
		if name := path.Base(file); rocksdb.IsTable(name) || rocksdb.IsFile(name) && isDatabase(file, headOf(fsys, file)) {
			chosen.files[path.Dir(file)] = nil
		}
	}
	if len(chosen.files) == 0 || len(files) == 1 && isIndex(files[0]) {
		return files
	}
	for _, file := range files {
		if _, ok := chosen.files[path.Dir(file)]; ok && rocksdb.IsFile(path.Base(file)) {
			chosen.files[path.Dir(file)] = append(chosen.files[path.Dir(file)], file)
		} else {
			others = append(others, file)
		}
	}
	r.readDatabases(chosen)
	return others
}

// isIndex reports whether a file of a database holds nothing by itself, but tells of the others.
func isIndex(file string) bool {
	name := path.Base(file)
	return name == databaseFile || strings.HasPrefix(name, databasePrefix)
}

// tableEnd is how every table of a RocksDB database ends.
var tableEnd = []byte{0xf7, 0xcf, 0xf4, 0x85, 0xb7, 0x41, 0xe2, 0x88}

// isTable reports whether a file is a table of a RocksDB database, of which little else may have been copied. One beside a
// metadata.json belongs to a partition snapshot.
func isTable(fsys fs.FS, file string, size int64) bool {
	if !rocksdb.IsTable(path.Base(file)) || size < int64(len(tableEnd)) {
		return false
	}
	if _, err := fs.Stat(fsys, path.Join(path.Dir(file), "metadata.json")); err == nil {
		return false
	}
	f, err := newSource(fsys, file).Open(size - int64(len(tableEnd)))
	if err != nil {
		return false
	}
	defer f.Close()
	end, err := io.ReadAll(io.LimitReader(f, int64(len(tableEnd))))
	return err == nil && bytes.Equal(end, tableEnd)
}

// headOf is the beginning of a file that may tell of a database; empty where it cannot be read.
func headOf(fsys fs.FS, file string) []byte {
	if info, err := fs.Stat(fsys, file); err != nil || !info.Mode().IsRegular() {
		return nil // opening it may take for ever
	}
	f, err := fsys.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 256))
	return head
}

func (r *reader) readDatabases(chosen *chosenFS) {
	s := r.snapshot
	var dirs []string
	for dir := range chosen.files {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	defer func() {
		if crash := recover(); crash != nil {
			s.Gaps = append(s.Gaps, Gap{Source: dirs[0], Reason: fmt.Sprintf("reading crashed: %v", crash)})
		}
	}()
	found, unread := datadir.Read(chosen, dirs...)
	for _, problem := range unread {
		s.Gaps = append(s.Gaps, s.storeGap(&stores.Store{Name: problem.Source}, problem))
	}
	s.Stores = append(s.Stores, found...)
}

// LogStore is the kind of what the database of a log server tells of its loglets. It is no metadata, and adds to what is
// live: it is what the disk of one node says, and nothing that a server said or several agreed upon.
const LogStore Kind = "log_store"

// storedLoglets reads what log servers have on their disks, unless running ones were asked: these know better.
func (r *reader) storedLoglets() {
	s := r.snapshot
	if s.Document(LiveLoglets) != nil {
		return
	}
	before := len(s.Documents)
	for _, store := range s.Stores {
		if store.LogServer != nil {
			r.loglets(store)
		}
	}
	for _, d := range s.Documents[before:] {
		d.Kind = LogStore
	}
}

// OnDisk reports whether this is what the node's disk says, and not what the node said itself.
func (w *LogletWorker) OnDisk() bool { return w.document.Kind == LogStore }

// Witness names who says it: "N1", or "the disk of N1".
func (w *LogletWorker) Witness() string {
	if w.OnDisk() {
		return "the disk of " + w.Node.ID.String()
	}
	return w.Node.ID.String()
}

// A chosenFS is a file system whose directories have nothing but the files that were chosen.
type chosenFS struct {
	fs.FS
	files map[string][]string // by directory
}

// ReadDir lists a directory.
func (c *chosenFS) ReadDir(name string) ([]fs.DirEntry, error) {
	var entries []fs.DirEntry
	for _, file := range c.files[name] {
		if info, err := fs.Stat(c.FS, file); err == nil {
			entries = append(entries, chosenEntry{fs.FileInfoToDirEntry(info), path.Base(file)})
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// A chosenEntry has the name of a file, whatever a link to it leads to.
type chosenEntry struct {
	fs.DirEntry
	name string
}

func (e chosenEntry) Name() string { return e.name }

// loglets reads what the directory of a log server tells of loglets as if the server had said it itself: it is what the
// table loglet_workers has of them.
func (r *reader) loglets(store *stores.Store) {
	s := r.snapshot
	name := s.StoreName(store) + storedSeparator + "loglet_workers"
	switch {
	case len(store.LogServer.Loglets) == 0:
	case store.LogServer.NodeID == 0:
		s.Gaps = append(s.Gaps, Gap{Key: string(LogStore), Kind: LogStore, Source: s.StoreName(store), Reason: "does not say which node it is of"})
	default:
		r.source(logletsFS{store, name}, name, false)
	}
}

// A logletsFS has a single file, whose text is made while it is read: the loglets of a log server, as
// `restatectl sql --json` prints them.
type logletsFS struct {
	store *stores.Store
	name  string
}

// Open opens the file.
func (l logletsFS) Open(name string) (fs.File, error) {
	if name != l.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	size, _ := io.Copy(io.Discard, &logletText{state: l.store.LogServer})
	return &storedFile{name: name, size: size, Reader: &logletText{state: l.store.LogServer}}, nil
}

// A logletText prints the loglets of a log server.
type logletText struct {
	state *stores.LogServerState
	next  int // in Loglets
	rest  bytes.Buffer
}

func (l *logletText) Read(b []byte) (int, error) {
	loglets := l.state.Loglets
	for l.rest.Len() < len(b) && l.next < len(loglets) {
		start := ",\n"
		if l.next == 0 {
			start = "["
		}
		l.rest.WriteString(start)
		l.row(&loglets[l.next])
		if l.next++; l.next == len(loglets) {
			l.rest.WriteString("]\n")
		}
	}
	return l.rest.Read(b)
}

func (l *logletText) row(loglet *stores.Loglet) {
	id := cluster.LogletID(loglet.ID)
	fmt.Fprintf(&l.rest, `{"plain_node_id":"%v","loglet_id":"%v","log_id":%d,"segment_index":%d,"local_tail":%d,"is_sealed":%t,"trim_point":%d`,
		cluster.NodeID(l.state.NodeID), id, id.Log(), id.Index(), min(loglet.LocalTail, math.MaxUint32), loglet.Sealed, loglet.TrimPoint)
	if loglet.KnownGlobalTail > 0 {
		l.rest.WriteString(`,"known_global_tail":` + strconv.FormatUint(uint64(loglet.KnownGlobalTail), 10))
	}
	if node := loglet.Sequencer; node.Node > 0 {
		fmt.Fprintf(&l.rest, `,"sequencer":"%v"`, cluster.GenerationalNodeID{ID: cluster.NodeID(node.Node), Generation: node.Generation})
	}
	l.rest.WriteByte('}')
}
