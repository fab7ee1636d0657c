package snapshots

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

	"restate-lint/snapshots/archives"
	"restate-lint/snapshots/cluster"
	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/objects"
)

// A reader finds the documents in sources and decodes all but the logs.
type reader struct {
	snapshot *Snapshot
	window   *window                     // reused from source to source
	epochs   map[cluster.PartitionID]int // the places in the snapshot's Epochs
	memory   *archives.Memory            // of packed files; nil until there is one
}

// scalarField reports whether a field is kept whole. The lists of nodes, partitions and logs are read entry by entry.
func scalarField(name string) bool {
	switch name {
	case "version", "cluster_name", "cluster_fingerprint", "modified_at", "features", "name_lookup",
		"config", "num_partitions", "replication",
		"leader_metadata", "epoch", "current", "next", "leadership_policy", "placement_policy",
		"max_version", "current_version", "min_forward_compatible_version", "use_multi_db_layout",
		"snapshot_id", "min_applied_lsn", "path", "partition_id", "log_id", "node_name",
		"created_at", "retained_snapshots", "key_range":
		return true
	}
	return false
}

// notJSON is what is wrong with a file that does not even begin like a document.
const notJSON = "not JSON"

// emptyReason is what is wrong with a file that has no content.
const emptyReason = "empty"

// meant reports whether a file's name says that it holds a document of the metadata store.
func meant(file string) bool {
	kind, _ := labelled(file)
	return kind != "" && kind != SnapshotRepository
}

// promised reports whether a file's name says that it holds a document, or at least JSON.
func promised(file string) bool { return meant(file) || path.Ext(file) == ".json" }

// source reads every document of one file. What is no document is a gap where the file was asked for by name or its
// name promises JSON, and is passed over otherwise: exports hold much that is not metadata.
func (r *reader) source(fsys fs.FS, file string, alone bool) { r.read(newSource(fsys, file), alone) }

func (r *reader) read(source *Source, alone bool) {
	s, file := r.snapshot, source.Name
	promised := alone || promised(file) || source.stored != ""
	gap := func(reason string) {
		kind, key := source.labelled()
		s.Gaps = append(s.Gaps, Gap{Key: key, Kind: kind, Source: source.Name, Reason: reason})
	}
	if info, err := fs.Stat(source.fsys, source.path); err != nil {
		gap(underlying(err).Error())
		return
	} else if source.Size = info.Size(); !info.Mode().IsRegular() {
		gap("not a regular file")
		return
	}
	f, err := source.Open(0)
	if err != nil {
		gap(underlying(err).Error())
		return
	}
	defer f.Close()
	defer func() {
		if crash := recover(); crash != nil {
			gap(fmt.Sprintf("reading crashed: %v", crash))
		}
	}()
	if r.window == nil {
		r.window = newWindow(nil, 0, 32<<10)
	}
	w := r.window
	*w = window{r: f, buf: w.buf, anchor: -1}
	if source.stored == "" && (r.packed(source, alone, gap) || r.store(source, f, gap)) {
		return
	}
	taken := r.companion(source) // a listing may tell of data directories and of a repository
	if r.listing(source) || taken {
		return
	}
	found, nulls, foreign, other := 0, 0, int64(-1), 0
	count := func(d *Document) {
		if d == nil {
			other++
			return
		}
		found++
		if foreign >= 0 {
			s.Oddities = append(s.Oddities, Oddity{Kind: ForeignText, Document: d, At: d.At(foreign, ""), What: "the text before " + d.Key()})
			foreign = -1
		}
	}
	results := &resultReader{reader: r, source: source, promised: promised}
	defer results.close()
	for {
		c, ok := w.peek()
		if !ok {
			break
		}
		if found+other > maxElements {
			gap(fmt.Sprintf("more than %d documents in one file", maxElements))
			return
		}
		switch {
		case c == '{':
			if row, another, ok := results.line(); ok {
				if another {
					count(row)
				}
				break
			}
			d, whole := r.document(source, promised)
			count(d)
			if !whole {
				return
			}
		case c == '[':
			d, err := results.array()
			count(d)
			if err != nil {
				if promised && d == nil {
					gap(err.Error())
				}
				return
			}
		case w.nullNext():
			if nulls++; nulls == 1 {
				gap(nullReason)
				s.Gaps[len(s.Gaps)-1].Null = true
			}
		default:
			if !promised && !w.has(byteOrderMark) {
				return
			}
			if foreign < 0 {
				foreign = w.offset()
			}
			w.skipLine()
		}
	}
	switch {
	case w.err != nil && !errors.Is(w.err, io.EOF):
		gap(underlying(w.err).Error())
	case source.Size == 0 && promised:
		gap(emptyReason)
	case found+nulls+other == 0 && objects.Key(file) == path.Base(file) && source.stored == "":
		gap("neither JSON nor a value as Restate keeps it: it starts with " + startOf(source))
	case found+nulls+other == 0 && alone && isIndex(file):
		gap("one file of a RocksDB database: name the directory that all of its files are in")
	case found+nulls+other == 0 && promised:
		gap(notADocument(source))
	case found+nulls == 0 && other > 0 && (alone || meant(file) || source.stored != ""):
		gap("not a document of Restate's metadata")
	}
}

// startOf is how a source starts, as people read bytes.
func startOf(source *Source) string {
	f, err := source.Open(0)
	if err != nil {
		return "what cannot be read"
	}
	defer f.Close()
	start, _ := io.ReadAll(io.LimitReader(f, 8))
	return fmt.Sprintf("% x", start)
}

// sniffSize is how much of a file is looked at to tell whether it holds a document.
const sniffSize = 64 << 10

// sniff reports whether the head of a file looks like a document, by the same steps as source.
func (r *reader) sniff(fsys fs.FS, file string) bool {
	source := newSource(fsys, file)
	info, err := fs.Stat(fsys, file)
	if err != nil || !info.Mode().IsRegular() {
		return false // opening it may take for ever
	}
	f, err := source.Open(0)
	if err != nil {
		return false
	}
	defer f.Close()
	w := r.window
	*w = window{r: io.LimitReader(f, sniffSize), buf: w.buf, anchor: -1}
	if w.ahead(storeHead); isStore(file, w.buf[w.pos:w.end], info.Size()) || isTable(fsys, file, info.Size()) {
		return true
	}
	for {
		c, ok := w.peek()
		switch {
		case !ok:
			return false
		case c == '{':
			d := newDraft(source, w.offset())
			err := r.members(d)
			// Neither a repository nor a data directory alone is a snapshot of a cluster.
			if kind := d.kind(); kind != "" && kind != SnapshotRepository && kind != ClusterMarker {
				return true
			}
			if err != nil {
				return false
			}
		case c == '[':
			if w.skip() != nil {
				return false
			}
		case w.nullNext():
		case promised(file) || w.has(byteOrderMark):
			w.skipLine()
		default:
			return false
		}
	}
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// has reports whether the given text stands at pos.
func (w *window) has(text []byte) bool {
	w.ahead(len(text))
	return hasPrefixAt(w.buf[:w.end], w.pos, text)
}

// nullNext consumes a literal null that stands at pos.
func (w *window) nullNext() bool {
	w.ahead(len(null) + 1)
	if !w.has(null) || w.pos+len(null) < w.end && byteClass[w.buf[w.pos+len(null)]] != classBetween {
		return false
	}
	w.pos += len(null)
	return true
}

// skipLine moves behind the line at pos and all that follow it until one starts with '{', or to the end.
func (w *window) skipLine() {
	if w.has(byteOrderMark) { // is no line
		w.pos += len(byteOrderMark)
		return
	}
	for newLine := false; ; {
		if w.pos == w.end {
			if _, more := w.fill(); !more {
				return
			}
		}
		if newLine && w.buf[w.pos] == '{' {
			return
		}
		if i := bytes.IndexByte(w.buf[w.pos:w.end], '\n'); i >= 0 {
			w.pos += i + 1
			newLine = true
		} else {
			w.pos = w.end
			newLine = false
		}
	}
}

// newSource returns the source that a file is.
func newSource(fsys fs.FS, file string) *Source {
	source := &Source{Name: file, fsys: fsys, path: file}
	if values, ok := fsys.(storedFS); ok {
		source.stored = cmp.Or(values[file].key, storedSeparator)
	}
	return source
}

// labelled is the key that a store keeps the source under, or that its name was meant for.
func (s *Source) labelled() (Kind, string) {
	if stores.Known(s.stored) {
		return kindOf(s.stored), s.stored
	}
	return labelled(s.Name)
}

// labelled guesses from a file's name which key it was meant for. It only ever names what could not be read.
func labelled(name string) (Kind, string) {
	key := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if slices.Contains(expectedKinds, Kind(key)) {
		return Kind(key), key
	}
	if id, ok := strings.CutPrefix(key, "pp_epoch_"); ok {
		if _, err := strconv.ParseUint(id, 10, 16); err == nil {
			return EpochMetadata, key
		}
	}
	if key == "rule_book" {
		return "", key
	}
	if path.Base(name) == markerFile {
		return ClusterMarker, string(ClusterMarker)
	}
	if _, ok := repositoryPath(name); ok {
		return SnapshotRepository, string(SnapshotRepository)
	}
	return "", ""
}

// checkedSize is the largest value whose syntax is checked although nobody reads it.
const checkedSize = 1 << 20

// largeList is the size from which it pays not to read through a list of logs twice. Tests make it small.
var largeList = 4 << 20

// mayHoldMore reports whether a source may go on behind a document with a list of logs: another document would start
// on a line of its own somewhere near the end.
func (r *reader) mayHoldMore(source *Source, listAt int64) bool {
	if source.Size-listAt < int64(largeList) {
		return true
	}
	end := make([]byte, largeList/8)
	f, err := source.Open(source.Size - int64(len(end)))
	if err != nil {
		return true
	}
	defer f.Close()
	if _, err := io.ReadFull(f, end); err != nil {
		return true
	}
	return bytes.Contains(end, []byte("\n{")) || bytes.Contains(end, []byte("}{"))
}

// readThrough makes up for having stopped at a list of logs.
func (r *reader) readThrough(logs *Logs) {
	if logs.whole || logs.through {
		return
	}
	logs.through = true
	d := logs.Document
	gaps := 0
	gap := func(reason string) {
		d.Complete = false
		if gaps++; gaps > maxGaps {
			return
		}
		r.snapshot.Gaps = append(r.snapshot.Gaps, Gap{Key: d.Key(), Kind: d.Kind, Source: d.Source.Name, Reason: reason})
	}
	f, err := d.Source.Open(logs.listAt)
	if err != nil {
		gap(underlying(err).Error())
		return
	}
	defer f.Close()
	w := newWindow(f, logs.listAt, d.Source.Size-logs.listAt)
	if err = w.skip(); err == nil {
		err = logs.behind(w, gap)
	}
	if err != nil {
		logs.broken = err.Error()
		gap(logs.broken)
	}
}

// behind reads what follows the list of logs in its document, of which nothing is used.
func (l *Logs) behind(w *window, gap func(reason string)) error {
	seen := make(map[string]bool, len(l.before))
	maps.Copy(seen, l.before)
	for fields := 0; ; fields++ {
		more, err := w.next('}')
		if err != nil || !more {
			return err
		}
		if fields == maxElements {
			return errTooMany
		}
		raw, at, err := w.value()
		if err != nil {
			return err
		}
		key, err := w.name(raw, at)
		if err != nil {
			return err
		}
		if seen[key] {
			gap(fmt.Sprintf("the key %q stands twice, the second time behind the list of logs (byte %d)", shorten(key), at))
		} else if len(seen) < 1000 {
			seen[key] = true
		}
		at = w.offset()
		sound, err := w.skipSound()
		if err != nil {
			return err
		}
		if !sound {
			gap(damagedField(key, at))
		}
	}
}
