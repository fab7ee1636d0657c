package snapshots

import (
	"bytes"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"restate-lint/snapshots/cluster"
)

func uitoa(n uint64) string { return strconv.FormatUint(n, 10) }

// A repositoryFile is a file of a repository by its path, which is only a label for what it holds.
type repositoryFile struct {
	// root is the path of the repository and folder that of the snapshot, empty for a latest.json.
	root, folder string
	partition    cluster.PartitionID
	// name is that of the file.
	name string
}

// repositoryPath takes the path of a file of a repository apart; ok is false when it is none.
func repositoryPath(name string) (file repositoryFile, ok bool) {
	steps := strings.Split(strings.TrimSuffix(name, "/"), "/")
	n := len(steps)
	isFolder := strings.HasSuffix(name, "/")
	switch {
	case n >= 2 && !isFolder && steps[n-1] == "latest.json":
		file.name, steps = steps[n-1], steps[:n-1]
	case n >= 3 && !isFolder && snapshotFolder(steps[n-2]):
		file.name, file.folder, steps = steps[n-1], steps[n-2], steps[:n-2]
	case n >= 2 && snapshotFolder(steps[n-1]):
		file.folder, steps = steps[n-1], steps[:n-1]
	default:
		return file, false
	}
	id, err := strconv.ParseUint(steps[len(steps)-1], 10, 16)
	if err != nil {
		return file, false
	}
	file.partition = cluster.PartitionID(id)
	file.root = join(steps[:len(steps)-1]...)
	return file, true
}

// snapshotFolder reports whether a name is that of a snapshot's folder: lsn_00000000000000000921-snap_134PD57Pr1wIREDZAvU3LpL.
func snapshotFolder(name string) bool {
	lsn, ok := strings.CutPrefix(name, "lsn_")
	if !ok {
		return false
	}
	lsn, id, ok := strings.Cut(lsn, "-")
	_, err := strconv.ParseUint(lsn, 10, 64)
	return ok && err == nil && strings.HasPrefix(id, "snap_")
}

// listing reads the source at its start as a listing of a repository, such as `aws s3 ls --recursive` and find print it:
// one path on a line, behind or before other columns. It reports whether it is one: at least half of the lines of its head
// name files of a repository, which those of a server's log do not. Nothing was consumed if not.
func (r *reader) listing(source *Source) bool {
	w := r.window
	w.ahead(sniffSize)
	head := w.buf[w.pos:min(w.end, w.pos+sniffSize)]
	if trimmed := bytes.TrimLeft(head, " \t\r\n"); len(trimmed) == 0 || trimmed[0] == '{' || trimmed[0] == '[' || bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	named, others := 0, 0
	for line := range bytes.Lines(head) {
		if _, ok := listedFile(line); ok {
			named++
		} else if len(bytes.TrimSpace(line)) > 0 {
			others++
		}
	}
	if named == 0 || named < others || path.Ext(source.Name) == ".json" {
		return false
	}
	d := &Document{Kind: SnapshotRepository, Source: source, Complete: true}
	r.snapshot.Documents = append(r.snapshot.Documents, d)
	repository := r.repository()
	var line []byte
	for lines := 0; ; {
		if w.pos == w.end {
			if _, more := w.fill(); !more {
				break
			}
		}
		rest := w.buf[w.pos:w.end]
		end := bytes.IndexByte(rest, '\n')
		if end >= 0 {
			rest = rest[:end+1]
		}
		w.pos += len(rest)
		if len(line) < 1<<12 { // no path is as long
			line = append(line, rest...)
		}
		if end < 0 {
			continue
		}
		repository.addListed(line)
		line = line[:0]
		if lines++; lines == 64*maxElements {
			d.Complete = false
			r.snapshot.Gaps = append(r.snapshot.Gaps, Gap{Key: d.Key(), Kind: d.Kind, Source: source.Name, Reason: "more lines than a repository has files"})
			break
		}
	}
	repository.addListed(line)
	return true
}

// listedFile finds the path of a file of a repository in a line of a listing.
func listedFile(line []byte) (repositoryFile, bool) {
	if !bytes.Contains(line, []byte("lsn_")) && !bytes.Contains(line, []byte("latest.json")) {
		return repositoryFile{}, false
	}
	for field := range strings.FieldsSeq(string(line)) {
		field = strings.TrimPrefix(strings.Trim(field, `"',`), "./")
		if scheme := strings.Index(field, "://"); scheme >= 0 {
			field = field[scheme+len("://"):]
		}
		if file, ok := repositoryPath(field); ok {
			return file, true
		}
	}
	return repositoryFile{}, false
}

func (repository *Repository) addListed(line []byte) {
	file, ok := listedFile(line)
	if !ok {
		return
	}
	if repository.hold(file.partition); file.folder == "" {
		return
	}
	repository.Listed = true
	folder := repository.folder(listedPath(file))
	switch file.name {
	case "metadata.json":
		folder.Metadata = true
	case "":
	default:
		folder.Files++
	}
}

// listedPath is the path by which a folder is known. The names of sources and the lines of listings start at different
// places, so that only the part from the partition on is the same in both.
func listedPath(file repositoryFile) string {
	return join(uitoa(uint64(file.partition)), file.folder)
}

func (r *reader) repository() *Repository {
	if r.snapshot.Repository == nil {
		r.snapshot.Repository = &Repository{}
	}
	return r.snapshot.Repository
}

// finishRepository takes over a latest.json or a metadata.json.
func (r *reader) finishRepository(d *draft) {
	s, repository := r.snapshot, r.repository()
	origin, ok := decodeOrigin(d)
	if !ok {
		d.gap("it does not say which partition it belongs to")
	}
	if ok {
		repository.hold(origin.Partition)
	}
	named := decodeSnapshot(d.fields, d.fields.get("min_applied_lsn", "LSN of the snapshot").at())
	switch {
	case !ok:
	case d.seen["path"] || d.seen["retained_snapshots"]:
		latest := &LatestSnapshot{Origin: origin, PartitionSnapshot: named}
		format := d.fields.get("version", "format of latest.json")
		latest.Format, _ = format.string()
		latest.Format, latest.FormatAt = strings.Clone(latest.Format), format.at()
		if v := d.fields.get("retained_snapshots", "retained snapshots"); !v.isNull() {
			for _, entry := range v.elements(maxElements) {
				if fields, ok := entry.object(); ok {
					latest.Retained = append(latest.Retained, decodeSnapshot(fields, entry.at()))
				}
			}
		}
		repository.Latest = append(repository.Latest, latest)
	default:
		stored := &StoredSnapshot{Origin: origin, PartitionSnapshot: named}
		v := d.fields.get("key_range", "key range of the snapshot")
		stored.RangeAt = v.at()
		if !v.isNull() {
			if fields, ok := v.object(); ok {
				start, end := fields.get("start", "first key of the snapshot"), fields.get("end", "last key of the snapshot")
				var okStart, okEnd bool
				stored.Start, okStart = start.uint(math.MaxUint64)
				stored.End, okEnd = end.uint(math.MaxUint64)
				_, roundedStart, _ := parseUint(start.result)
				_, roundedEnd, _ := parseUint(end.result)
				stored.HasRange = okStart && okEnd && !roundedStart && !roundedEnd
			}
		}
		if file, ok := repositoryPath(d.Source.Name); ok && file.folder != "" {
			stored.Path = file.folder
			repository.folder(listedPath(file)).Metadata = true
		}
		repository.Stored = append(repository.Stored, stored)
	}
	s.Documents = append(s.Documents, d.Document)
	s.Oddities = append(s.Oddities, d.oddities[:min(len(d.oddities), max(maxOddities-len(s.Oddities), 0))]...)
	for _, reason := range d.gaps {
		s.Gaps = append(s.Gaps, Gap{Key: d.Key(), Kind: d.Kind, Source: d.Source.Name, Reason: reason})
	}
}

func decodeOrigin(d *draft) (o Origin, ok bool) {
	o.Document = d.Document
	if file, under := repositoryPath(d.Source.Name); under {
		o.Labelled, o.Under, o.root = file.partition, true, file.root
	}
	partition := d.fields.get("partition_id", "partition of the snapshot")
	if partition.isNull() {
		return o, false
	}
	id, ok := partition.uint(math.MaxUint16)
	if !ok {
		return o, false
	}
	o.Partition = cluster.PartitionID(id)
	name := d.fields.get("cluster_name", "cluster name of the snapshot")
	o.ClusterName, _ = name.string()
	o.ClusterName, o.ClusterAt = strings.Clone(o.ClusterName), name.at()
	v := d.fields.get("cluster_fingerprint", "cluster fingerprint of the snapshot")
	if o.FingerprintAt = v.at(); !v.isNull() {
		if n, rounded, ok := parseUint(v.result); ok && !rounded && !looksRounded(n) {
			o.Fingerprint = cluster.Fingerprint(n)
		}
	}
	v = d.fields.get("log_id", "log of the snapshot")
	if o.LogAt = v.at(); !v.isNull() {
		var log uint64
		log, o.HasLog = v.uint(math.MaxUint32)
		o.Log = cluster.LogID(log)
	}
	return o, true
}

// decodeSnapshot reads what every mention of a snapshot has.
func decodeSnapshot(fields object, at Position) PartitionSnapshot {
	text := func(name string) string {
		v := fields.get(name, name)
		if v.isNull() {
			return ""
		}
		s, _ := v.string()
		return strings.Clone(s)
	}
	s := PartitionSnapshot{ID: text("snapshot_id"), Path: strings.Trim(text("path"), "/"), At: at}
	lsn, _ := fields.get("min_applied_lsn", "LSN of the snapshot").uint(math.MaxUint64)
	s.MinAppliedLSN = cluster.LSN(lsn)
	s.CreatedAt, _ = time.Parse(time.RFC3339Nano, text("created_at"))
	return s
}
