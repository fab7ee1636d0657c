package rocksdb

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
	"strconv"
	"strings"
)

// A Family names a column family.
type Family struct {
	ID   uint32
	Name string
}

// A DB is a directory with a database. It holds no file open between calls, and is not for concurrent use.
type DB struct {
	fsys fs.FS
	dir  string

	size     int64 // of all files
	whole    bool  // a sound manifest tells which files count
	families map[uint32]*family
	minLog   uint64
	logs     []uint64          // the numbers of the write-ahead logs that count, ascending
	names    map[uint64]string // of the files of tables that are there
	tables   map[uint64]*table // that were opened before; nil for those that cannot be
	formats  map[uint32]bool   // of these
	problems []Problem
	told     map[Problem]bool
}

// A naming is what files of one kind are called: a number of at most 19 digits, between the two.
type naming struct{ before, behind string }

var (
	manifestNames = []naming{{"MANIFEST-", ""}}
	tableNames    = []naming{{"", ".sst"}, {"", ".ldb"}}
	logNames      = []naming{{"", ".log"}}
	// otherNames are what else RocksDB keeps in a directory, and nothing is read of.
	otherNames      = []naming{{"LOG.old.", ""}, {"OPTIONS-", ""}, {"OPTIONS-", ".dbtmp"}, {"", ".dbtmp"}}
	unnumberedNames = []string{"CURRENT", "IDENTITY", "LOCK", "LOG"}
)

// IsFile reports whether RocksDB calls a file of a database like that.
func IsFile(name string) bool {
	if slices.Contains(unnumberedNames, name) {
		return true
	}
	_, ok := numbered(name, tableNames, manifestNames, logNames, otherNames)
	return ok
}

// IsTable reports whether RocksDB calls a table like that.
func IsTable(name string) bool {
	_, ok := numbered(name, tableNames)
	return ok
}

// ErrNone says that a directory has none of the files of a database.
var ErrNone = errors.New("no RocksDB database: neither a manifest, nor a table, nor a write-ahead log")

// Open reads CURRENT and the manifest of a directory. What is wrong with them is among the problems; without a manifest,
// every table and write-ahead log of the directory counts. Assumed are the families that the database is known to have,
// for where neither the manifest nor a table says so.
func Open(fsys fs.FS, dir string, assumed ...Family) (*DB, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil && len(entries) == 0 {
		return nil, err
	}
	db := &DB{
		fsys: fsys, dir: dir,
		families: make(map[uint32]*family),
		names:    make(map[uint64]string), tables: make(map[uint64]*table), formats: make(map[uint32]bool),
		told: make(map[Problem]bool),
	}
	var manifests []uint64
	files := make(map[string]bool)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			db.size += info.Size()
		}
		name := entry.Name()
		files[name] = true
		if n, ok := numbered(name, manifestNames); ok {
			manifests = append(manifests, n)
		} else if n, ok := numbered(name, tableNames); ok {
			db.names[n] = name
		} else if n, ok := numbered(name, logNames); ok {
			db.logs = append(db.logs, n)
		}
	}
	if len(manifests)+len(db.names)+len(db.logs) == 0 {
		return nil, ErrNone
	}
	slices.Sort(db.logs)
	db.logs = slices.Compact(db.logs) // a number may be written with zeros and without
	db.readManifests(files, manifests)
	for _, a := range assumed {
		named := slices.ContainsFunc(slices.Collect(maps.Values(db.families)), func(f *family) bool { return f.name == a.Name })
		if f := db.families[a.ID]; !named && (f == nil || f.name == "") {
			db.family(a.ID).name = a.Name
		}
	}
	db.checkLogs()
	return db, nil
}

func numbered(name string, kinds ...[]naming) (uint64, bool) {
	for _, kind := range kinds {
		for _, is := range kind {
			rest, begins := strings.CutPrefix(name, is.before)
			number, ends := strings.CutSuffix(rest, is.behind)
			if !begins || !ends || len(number) > 19 || strings.Trim(number, "0123456789") != "" {
				continue
			}
			if n, err := strconv.ParseUint(number, 10, 64); err == nil {
				return n, true
			}
		}
	}
	return 0, false
}

// readManifests reads the manifest that counts, and makes do without one.
func (db *DB) readManifests(files map[string]bool, manifests []uint64) {
	name := db.current(files, manifests)
	if name == "" {
		db.problem(Problem{Reason: "no manifest: every table that is there is read, and what was deleted may seem to be back"})
		db.addUnlisted(0)
		return
	}
	f, err := openRegular(db.fsys, path.Join(db.dir, name))
	if err != nil {
		db.fileProblem(name, err)
		db.addUnlisted(0)
		return
	}
	defer f.Close()
	m, err := readManifest(f)
	db.families, db.minLog, db.whole = m.families, m.minLog, err == nil
	for _, id := range slices.Sorted(maps.Keys(m.families)) {
		f := m.families[id]
		if f.comparator != "" && f.comparator != bytewise {
			db.problem(Problem{File: name, Reason: fmt.Sprintf("the keys of family %q are in an order that is not known, %q", shorten([]byte(f.name)), shorten([]byte(f.comparator)))})
			clear(f.tables)
		}
	}
	if err != nil {
		db.fileProblem(name, err)
		db.addUnlisted(0) // what the manifest does not say any more
		return
	}
	// The manifest of a partial copy may end earlier than the tables do.
	for _, table := range db.addUnlisted(m.nextFile) {
		db.problem(Problem{File: table, Reason: "is newer than the manifest, which does not name it: it is read all the same"})
	}
}

// current returns the name of the manifest that counts, or nothing.
func (db *DB) current(files map[string]bool, manifests []uint64) string {
	newest := ""
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if n, ok := numbered(name, manifestNames); ok && n == slices.Max(manifests) {
			newest = name
		}
	}
	if !files["CURRENT"] {
		if newest != "" {
			db.problem(Problem{File: "CURRENT", Reason: "is missing: " + newest + " is taken as the manifest"})
		}
		return newest
	}
	f, err := openRegular(db.fsys, path.Join(db.dir, "CURRENT"))
	if err != nil {
		db.fileProblem("CURRENT", err)
		return newest
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		db.fileProblem("CURRENT", err)
		return newest
	}
	name := strings.TrimSuffix(string(text), "\n")
	switch _, ok := numbered(name, manifestNames); {
	case !ok:
		db.problem(Problem{File: "CURRENT", Reason: "does not name a manifest"})
		return newest
	case !files[name] && newest == "":
		db.problem(Problem{File: name, Reason: "is missing"})
		return ""
	case !files[name]:
		db.problem(Problem{File: name, Reason: "is missing: " + newest + " is taken as the manifest"})
		return newest
	}
	return name
}

// addUnlisted adds the tables from a number on that the manifest does not list, to the families that they state. It
// returns their names.
func (db *DB) addUnlisted(from uint64) (added []string) {
	listed := make(map[uint64]bool)
	for _, f := range db.families {
		for n := range f.tables {
			listed[n] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(db.names)) {
		if n < from || listed[n] {
			continue
		}
		if t := db.table(n, nil); t != nil {
			f := db.family(t.family)
			f.tables[n] = &tableFile{number: n}
			if f.name == "" {
				f.name = t.familyName
			}
			added = append(added, t.name)
		}
	}
	return added
}

func (db *DB) family(id uint32) *family {
	f := db.families[id]
	if f == nil {
		f = &family{id: id, tables: make(map[uint64]*tableFile)}
		db.families[id] = f
	}
	return f
}

// checkLogs leaves the write-ahead logs that still count.
func (db *DB) checkLogs() {
	if !db.whole {
		if len(db.logs) == 0 {
			db.problem(Problem{Reason: "no write-ahead log: the newest writes may be missing"})
		}
		return
	}
	first, current := ^uint64(0), uint64(0)
	for _, f := range db.families {
		first, current = min(first, f.logNumber), max(current, f.logNumber)
	}
	first = max(first, db.minLog)
	for len(db.logs) > 0 && db.logs[0] < first {
		db.logs = db.logs[1:]
	}
	if n := len(db.logs); n == 0 || db.logs[n-1] < current {
		db.problem(Problem{Reason: fmt.Sprintf("no write-ahead log from number %d on: the newest writes are missing", current)})
	}
}

func logFile(number uint64) string { return fmt.Sprintf("%06d.log", number) }

// Families returns the names of the column families, sorted. Those that have none are left out.
func (db *DB) Families() []string {
	var names []string
	for _, f := range db.families {
		if f.name != "" {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Listed reports whether a sound manifest says which families and tables there are.
func (db *DB) Listed() bool { return db.whole }

// Size is that of all files in the directory, in bytes.
func (db *DB) Size() int64 { return db.size }

// Formats are the format versions of the tables that were read so far, ascending.
func (db *DB) Formats() []uint32 { return slices.Sorted(maps.Keys(db.formats)) }

// Problems are what came to light so far, each once.
func (db *DB) Problems() []Problem { return db.problems }

func (db *DB) problem(p Problem) {
	if !db.told[p] && len(db.problems) < maxProblems {
		db.told[p] = true
		db.problems = append(db.problems, p)
	}
}

// maxProblems bounds what is said about one database.
const maxProblems = 1000

// fileProblem adds what is wrong with a file.
func (db *DB) fileProblem(name string, err error) {
	var d *damage
	var p *fs.PathError
	switch {
	case errors.As(err, &d):
		db.problem(Problem{File: name, Offset: d.offset, Reason: d.reason})
	case errors.As(err, &p): // which repeats the name
		db.problem(Problem{File: name, Reason: p.Err.Error()})
	default:
		db.problem(Problem{File: name, Reason: err.Error()})
	}
}

// table returns a table, or nil where it cannot be read; listed is what the manifest says of it. It must be opened to read
// its data.
func (db *DB) table(number uint64, listed *tableFile) *table {
	if t, ok := db.tables[number]; ok {
		return t
	}
	db.tables[number] = nil
	name, ok := db.names[number]
	if !ok {
		db.problem(Problem{File: fmt.Sprintf("%06d.sst", number), Reason: "is missing, though the manifest names it: what it holds is not known"})
		return nil
	}
	f, size, err := openAt(db.fsys, path.Join(db.dir, name))
	if err != nil {
		db.fileProblem(name, err)
		return nil
	}
	defer f.Close()
	if listed != nil && listed.size != uint64(size) {
		db.problem(Problem{File: name, Reason: fmt.Sprintf("has %d bytes, and the manifest says %d", size, listed.size)})
	}
	t, err := openTable(name, f, size)
	if err != nil {
		db.fileProblem(name, err)
		return nil
	}
	if t.unverified {
		db.problem(Problem{File: name, Reason: fmt.Sprintf("its checksums are of an unknown kind (%d) and were not verified", t.checksum)})
	}
	if t.external && t.sequence == 0 && listed != nil {
		t.sequence = listed.sequence
	}
	db.formats[t.format] = true
	db.tables[number] = t
	return t
}

// openTables opens the tables of a family, until the returned function is called.
func (db *DB) openTables(f *family) (open []*tableIterator, closeAll func()) {
	var files []fs.File
	for _, n := range slices.Sorted(maps.Keys(f.tables)) {
		t := db.table(n, f.tables[n])
		if t == nil {
			continue
		}
		if t.family != f.id && t.stated {
			db.problem(Problem{File: t.name, Reason: fmt.Sprintf("is of column family %d, and the manifest says %d", t.family, f.id)})
			continue
		}
		file, _, err := openAt(db.fsys, path.Join(db.dir, t.name))
		if err != nil {
			db.fileProblem(t.name, err)
			continue
		}
		files = append(files, file)
		t.file = file
		open = append(open, newTableIterator(t, func(err error) { db.fileProblem(t.name, err) }))
	}
	return open, func() {
		for _, f := range files {
			_ = f.Close() // nothing was written
		}
	}
}

// find returns the family of a name, or nil.
func (db *DB) find(name string) *family {
	var found *family
	for _, f := range db.families {
		if f.name == name && (found == nil || f.id < found.id) {
			found = f
		}
	}
	return found
}

// eachWrite calls each for what the write-ahead logs hold, oldest first. As RocksDB does, it stops where a log is damaged,
// unless the next one begins with what is missing there.
func (db *DB) eachWrite(each func(log uint64, w write) bool) {
	stopped := false
	var expected uint64 // the sequence number of the next write
	for i, number := range db.logs {
		name := logFile(number)
		f, err := openRegular(db.fsys, path.Join(db.dir, name))
		if err != nil {
			db.fileProblem(name, err)
			stopped = true
			continue
		}
		ok := func() bool {
			defer f.Close()
			records := newLogReader(f, number)
			for first := true; ; first = false {
				record, offset, err := records.next()
				if errors.Is(err, io.EOF) {
					return true
				}
				if err == nil && first && stopped {
					if sequence := firstSequence(record); sequence != expected {
						db.problem(Problem{File: name, Reason: "is not read, as it does not continue what could be read of the logs before"})
						return false
					}
					stopped = false
				}
				more := true
				if err == nil {
					expected, err = batch(record, func(w write) { more = more && each(number, w) })
				}
				if err != nil {
					stopped = true
					db.logProblem(name, offset, err, i == len(db.logs)-1)
					return true
				}
				if !more {
					return false
				}
			}
		}()
		if !ok {
			return
		}
	}
}

func (db *DB) logProblem(name string, offset int64, err error, newest bool) {
	p := Problem{File: name, Offset: offset, Reason: err.Error()}
	var d *damage
	if errors.As(err, &d) {
		p.Offset, p.Reason, p.Torn = d.offset, d.reason, d.torn && newest
	}
	p.Reason += ": nothing is read from here on"
	db.problem(p)
}

// A version is what was done to a key at one time.
type version struct {
	key      []byte
	sequence uint64
	op       operation
	value    []byte
}

// compareVersions orders by key, and the versions of a key from the newest to the oldest.
func compareVersions(a, b *version) int {
	return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(b.sequence, a.sequence), cmp.Compare(b.op, a.op))
}
