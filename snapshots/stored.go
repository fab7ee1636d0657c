package snapshots

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"restate-lint/snapshots/cluster"
	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/etcd"
	"restate-lint/snapshots/stores/objects"
	"restate-lint/snapshots/stores/restatectl"
	"restate-lint/snapshots/stores/rocksdb"
)

// RuleBook is the kind of the rule book (Restate 1.7), which `restatectl metadata get` cannot print: it is only ever read
// from a store, and its text is in a form of our own. Nothing of it is checked.
const RuleBook Kind = restatectl.RuleBookKey

// storedSeparator stands between the name of a store and a key in the name of a source.
const storedSeparator = "#"

// storeHead is how much of a file's head tells whether it is a store.
const storeHead = max(etcd.SniffSize, objects.SniffSize)

// maxInMemory bounds a database that can only be read from its beginning to its end, as a member of an archive.
const maxInMemory = 1 << 30

// isStore reports whether a file with this head is a store of metadata, or a part of one.
func isStore(file string, head []byte, size int64) bool {
	return isDatabase(file, head) || etcd.IsDatabase(head) || etcd.IsRange(head) || objects.FormOf(file, head, size) != objects.NoForm || isDynamo(head)
}

// dynamoHead is how items of a DynamoDB table start, as an export to S3 and `aws dynamodb scan` have them.
var dynamoHead = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\A\s*\{\s*"Items?"\s*:[\s\[]*\{\s*"(?:pk|version|data)"\s*:\s*\{\s*"[SNB]"\s*:`)
})

// isDynamo reports whether a file with this head has items of a DynamoDB table.
func isDynamo(head []byte) bool {
	return bytes.Contains(head[:min(len(head), 64)], []byte(`"Item`)) && dynamoHead().Match(head)
}

var errDynamo = errors.New("items of a DynamoDB table, which are not read: take what `restatectl metadata get` prints while a server runs")

// The file of a RocksDB database that names the one which lists all others, and how that one is called.
const (
	databaseFile   = "CURRENT"
	databasePrefix = "MANIFEST-"
)

// How the write-ahead logs of Restate's databases start, behind a checksum: with a record of 4 bytes, of the kind that says
// how the others are packed, and it says Zstandard. All that a young server has may be in there.
const (
	logHeadAt = 4
	logHead   = "\x04\x00\x09\x07\x00\x00\x00"
)

// isDatabase reports whether a file tells that its directory is a RocksDB database.
func isDatabase(file string, head []byte) bool {
	name := path.Base(file)
	return name == databaseFile && bytes.HasPrefix(head, []byte(databasePrefix)) ||
		path.Ext(name) == ".log" && rocksdb.IsFile(name) && len(head) > logHeadAt && bytes.HasPrefix(head[logHeadAt:], []byte(logHead)) ||
		strings.HasPrefix(name, databasePrefix) && bytes.Contains(head[:min(len(head), 128)], []byte("leveldb.BytewiseComparator"))
}

// store reads a file that is a store of metadata, whose head is in the window, and reports whether it is one.
func (r *reader) store(source *Source, f io.Reader, gap func(reason string)) bool {
	w := r.window
	w.ahead(storeHead)
	head := w.buf[w.pos:w.end]
	form := objects.FormOf(source.Name, head, source.Size)
	var read *stores.Store
	var err error
	switch {
	case etcd.IsDatabase(head):
		var file io.ReaderAt
		if file, err = randomAccess(f, head, source.Size); err == nil {
			read, err = etcd.ReadDatabase(source.Name, file, source.Size)
		}
		if err == nil {
			etcd.CompareLog(read, source.fsys, logOf(source.path))
		}
	case etcd.IsRange(head):
		read, err = etcd.ReadRange(source.Name, io.MultiReader(bytes.NewReader(bytes.Clone(head)), f), source.Size)
	case isDynamo(head):
		err = errDynamo
	case form != objects.NoForm:
		r.object(source, form, io.MultiReader(bytes.NewReader(head), f))
	default:
		return false
	}
	switch {
	case err != nil:
		gap(underlying(err).Error())
	case read != nil:
		r.snapshot.Stores = append(r.snapshot.Stores, read)
	}
	return true
}

// logOf is the directory of the write-ahead log of the member of etcd whose database a file is; empty if it does not lie
// where one has it.
func logOf(file string) string {
	if member, ok := strings.CutSuffix(file, path.Base(path.Dir(etcdFile))+"/"+path.Base(etcdFile)); ok {
		return path.Join(member, "wal")
	}
	return ""
}

// randomAccess returns a file for reading at any place; held in memory if there is no other way. Its head was read already.
func randomAccess(f io.Reader, head []byte, size int64) (io.ReaderAt, error) {
	if file, ok := f.(io.ReaderAt); ok {
		return file, nil
	}
	if size > maxInMemory {
		return nil, fmt.Errorf("the database is larger than %d MiB, and can only be read from its beginning on: unpack it first", maxInMemory>>20)
	}
	held := bytes.NewBuffer(bytes.Clone(head))
	if _, err := io.Copy(held, io.LimitReader(f, maxInMemory)); err != nil {
		return nil, err
	}
	return bytes.NewReader(held.Bytes()), nil
}

// object reads a file that holds one value. All of one directory are one store.
func (r *reader) object(source *Source, form objects.Form, body io.Reader) {
	dir := path.Dir(source.Name)
	bare := form == objects.Bare
	i := slices.IndexFunc(r.snapshot.Stores, func(s *stores.Store) bool {
		return s.Name == dir && s.Kind == stores.ObjectStore && (s.Format == bareFormat) == bare
	})
	if i < 0 {
		i = len(r.snapshot.Stores)
		s := &stores.Store{Kind: stores.ObjectStore, Name: dir}
		if bare {
			s.Format = bareFormat
		}
		r.snapshot.Stores = append(r.snapshot.Stores, s)
	}
	s, key := r.snapshot.Stores[i], objects.Key(source.Name)
	s.Size += source.Size
	if !bare && !strings.Contains(s.Format, form.String()) {
		s.Format = strings.TrimPrefix(s.Format+" and "+form.String(), " and ")
	}
	value, err := objects.Read(form, body)
	value.Key = key
	switch {
	case err != nil:
		s.Problems = append(s.Problems, stores.Problem{Key: key, Source: source.Name, Reason: underlying(err).Error()})
	case form == objects.Deleted:
		s.History = append(s.History, value)
	case key == "": // its content tells
		value.Key = storedSeparator + source.Name
		s.Values = append(s.Values, value)
	default:
		s.Values = append(s.Values, value)
	}
}

const bareFormat = "bare values"

// A stored is a text that is made of what is in a store, such as a value as `restatectl metadata get` prints it.
type stored struct {
	store *stores.Store
	key   string
	size  int64
	open  func() io.Reader
}

func printedValue(store *stores.Store, key string, value *restatectl.Value) stored {
	return stored{store, key, value.Size, value.Open}
}

// A storedFS is the values of stores as files, which are printed while they are read.
type storedFS map[string]stored

// Open opens the text of a value.
func (s storedFS) Open(name string) (fs.File, error) {
	text, ok := s[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &storedFile{name: name, size: text.size, Reader: text.open()}, nil
}

type storedFile struct {
	io.Reader
	name string
	size int64
}

func (f *storedFile) Close() error               { return nil }
func (f *storedFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *storedFile) Name() string               { return path.Base(f.name) }
func (f *storedFile) Size() int64                { return f.size }
func (f *storedFile) Mode() fs.FileMode          { return 0o444 }
func (f *storedFile) ModTime() time.Time         { return time.Time{} }
func (f *storedFile) IsDir() bool                { return false }
func (f *storedFile) Sys() any                   { return nil }

// storedDocuments makes documents of the values of all stores, after everything else was read. What is wrong with a store
// becomes gaps.
func (r *reader) storedDocuments() {
	s := r.snapshot
	for _, store := range s.Stores {
		store.Settle()
		for _, value := range store.Values {
			r.storedDocument(store, value)
		}
		for _, problem := range store.Problems {
			s.Gaps = append(s.Gaps, s.storeGap(store, problem))
		}
	}
	s.storedAbsence()
	r.storedLoglets()
}

// storeGap is what a problem of a store is to people.
func (s *Snapshot) storeGap(store *stores.Store, problem stores.Problem) Gap {
	source := problem.Source
	if source == "" || source == store.Name {
		source = s.StoreName(store)
	}
	reason := problem.Reason
	if problem.Offset > 0 {
		reason = fmt.Sprintf("byte %d: %s", problem.Offset, reason)
	}
	return Gap{Key: problem.Key, Kind: kindOf(problem.Key), Source: source, Reason: reason}
}

// storedAbsence notes the keys that are not in a store which was read as a whole: restatectl prints null for them.
func (s *Snapshot) storedAbsence() {
	i := slices.IndexFunc(s.Stores, func(store *stores.Store) bool {
		has := func(key Kind) bool {
			return slices.ContainsFunc(store.Values, func(v stores.Value) bool { return v.Key == string(key) })
		}
		// Of a bucket, and of what etcdctl printed, there may be a part only. Whoever has these three has them all.
		return store.Kind != stores.ObjectStore && len(store.Problems) == 0 && !store.Unsure && has(NodesConfig) && has(BifrostConfig) && has(PartitionTable)
	})
	if i < 0 {
		return
	}
	noted := make(map[string]bool)
	for _, gap := range s.Gaps {
		noted[gap.Key] = true
	}
	for _, d := range s.Documents {
		noted[d.Key()] = true
	}
	absent := func(key string) {
		if !noted[key] {
			s.Gaps = append(s.Gaps, Gap{Key: key, Kind: kindOf(key), Source: s.StoreName(s.Stores[i]), Reason: nullReason, Null: true})
		}
	}
	absent(string(SchemaRegistry))
	if s.Partitions != nil {
		for id := range s.Partitions.ids() {
			absent(epochPrefix + strconv.FormatUint(uint64(id), 10))
		}
	}
}

// nullReason is the reason of a gap whose key the metadata store does not have.
const nullReason = "null: the key does not exist in the metadata store"

// StoreName is how a store is called: like its file or directory, relative to the snapshot. The snapshot's own directory is
// called like the snapshot.
func (s *Snapshot) StoreName(store *stores.Store) string {
	if store.Name == "." {
		return path.Base(s.Name)
	}
	return store.Name
}

// ProblemAt is where a problem of a store is: at the document of its key, or at a file of the store, which has no lines and
// no text to be shown.
func (s *Snapshot) ProblemAt(store *stores.Store, problem stores.Problem) Position {
	if d := s.DocumentOf(problem.Key); d != nil {
		return d.At(d.Offset, "")
	}
	name := cmp.Or(problem.Source, store.Name)
	if name == store.Name {
		name = s.StoreName(store)
	}
	nothing := stored{store: store, size: 1, open: func() io.Reader { return strings.NewReader("\n") }}
	return Position{Source: &Source{Name: name, Size: 1, Secret: true, fsys: storedFS{name: nothing}, path: name, stored: storedSeparator}}
}

// storedName is the name of the source of a value.
func (s *Snapshot) storedName(store *stores.Store, key string) string {
	if file, ok := strings.CutPrefix(key, storedSeparator); ok { // of a file that is not called like a key
		return file
	}
	return s.StoreName(store) + storedSeparator + key
}

func (r *reader) storedDocument(store *stores.Store, value stores.Value) {
	s := r.snapshot
	name := s.storedName(store, value.Key)
	key, _ := strings.CutPrefix(value.Key, storedSeparator)
	if strings.HasPrefix(value.Key, storedSeparator) {
		key = ""
	}
	gap := func(reason string) {
		s.Gaps = append(s.Gaps, Gap{Key: key, Kind: kindOf(key), Source: name, Reason: reason})
	}
	text, err := restatectl.New(key, value.Payload)
	if err != nil {
		gap(err.Error())
		return
	}
	fsys := storedFS{name: printedValue(store, key, text)}
	if key == restatectl.RuleBookKey {
		r.ruleBook(&Source{Name: name, Size: text.Size, fsys: fsys, path: name, stored: key}, text, value.Version)
		return
	}
	r.source(fsys, name, false)
	i := slices.IndexFunc(s.Documents, func(d *Document) bool { return d.Source.Name == name })
	if i < 0 {
		return // it is a gap, or another document is newer
	}
	d := s.Documents[i]
	if key != "" && d.Key() != key {
		gap("the value is a " + d.Key())
	}
	if value.Version != 0 && text.Version != value.Version && len(s.Oddities) < maxOddities {
		at := d.At(d.Offset, "")
		if text.Version != 0 {
			at = d.At(d.Offset+int64(len("{\n  \"version\": ")), "/version")
		}
		s.Oddities = append(s.Oddities, Oddity{
			Kind: InvalidValue, Document: d, At: at, What: "version that the store keeps beside the value",
			Value: strconv.FormatUint(uint64(value.Version), 10), Want: fmt.Sprintf("%d, which is the version in the value", text.Version),
		})
	}
}

// ruleBook keeps the rule book as a document, without anything of it.
func (r *reader) ruleBook(source *Source, text *restatectl.Value, version uint32) {
	d := newDraft(source, 0)
	d.Kind, d.Version = RuleBook, cluster.Version(text.Version)
	if version != 0 && version != text.Version {
		d.gap(fmt.Sprintf("the store says that it is version %d, and the value says %d", version, text.Version))
	}
	r.keep(d, r.snapshot.Document(RuleBook))
	for _, reason := range d.gaps {
		r.snapshot.Gaps = append(r.snapshot.Gaps, Gap{Key: d.Key(), Kind: RuleBook, Source: source.Name, Reason: reason})
	}
}

// StoreOf returns the store that a source is a value of; nil for a file.
func (s *Snapshot) StoreOf(source *Source) *stores.Store {
	switch fsys := source.fsys.(type) {
	case storedFS:
		return fsys[source.path].store
	case logletsFS:
		return fsys.store
	}
	return nil
}

// kindOf is the kind of document that a metadata key has; empty for a key that is not known.
func kindOf(key string) Kind {
	switch {
	case !stores.Known(key):
		return ""
	case strings.HasPrefix(key, epochPrefix):
		return EpochMetadata
	}
	return Kind(key)
}

// epochPrefix is what the keys of epoch metadata start with; the partition follows.
const epochPrefix = "pp_epoch_"

// epochKey takes the key of epoch metadata apart.
func epochKey(key string) (id cluster.PartitionID, ok bool) {
	digits, ok := strings.CutPrefix(key, epochPrefix)
	n, err := strconv.ParseUint(digits, 10, 16)
	return cluster.PartitionID(n), ok && err == nil && n <= math.MaxUint16
}

// A Revision is one version of a metadata key that a store holds or held.
type Revision struct {
	Key   string
	Store *stores.Store
	// Version is the one that the store keeps beside the value; 0 where it keeps none.
	Version cluster.Version
	// Number orders the writes of one store, and tells nothing about two; 0 where the store does not number them.
	Number uint64
	// Current is true for the version that is not superseded in its store. Nothing says that it is the newest one of all.
	Current bool
	// Deleted is true where the key was deleted: there is no value then.
	Deleted bool

	name    string
	payload []byte
}

// History returns the versions of a metadata key that the stores of the snapshot hold: store after store, and in the order
// of their writes within each. The last one of a store is current, unless the key was deleted. Documents that were captured
// as text are not among them. Versions that a store was told to forget are not either, so that the numbers may have holes.
//
// A value is held as the store had it, which is small. Its text is made when it is read.
func (s *Snapshot) History(key string) []Revision {
	var revisions []Revision
	for _, store := range s.Stores {
		add := func(values []stores.Value, current bool) {
			for _, v := range values {
				if v.Key != key {
					continue
				}
				name := s.storedName(store, key)
				if !current {
					name += "@" + strconv.FormatUint(v.Revision, 10)
				}
				revisions = append(revisions, Revision{
					Key: key, Store: store, Version: cluster.Version(v.Version), Number: v.Revision,
					Current: current, Deleted: v.Payload == nil, name: name, payload: v.Payload,
				})
			}
		}
		add(store.History, false)
		add(store.Values, true)
	}
	return revisions
}

// Source returns the text of the value, as `restatectl metadata get` prints it; an error for one that was deleted or cannot
// be printed as a whole. What is read from it is a document like any other: see Read.
func (r *Revision) Source() (*Source, error) {
	if r.Deleted {
		return nil, fmt.Errorf("%s: the key was deleted", r.name)
	}
	text, err := restatectl.New(r.Key, r.payload)
	if err == nil {
		err = text.Err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return &Source{
		Name: r.name, Size: text.Size, Secret: r.Key == string(SchemaRegistry),
		fsys: storedFS{r.name: printedValue(r.Store, r.Key, text)}, path: r.name, stored: r.Key,
	}, nil
}
