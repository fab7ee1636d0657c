package snapshots

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// A draft is a document whose kind is not settled yet: keys come in any order.
type draft struct {
	*Document
	oddities []Oddity
	gaps     []string
	missing  int    // all that is missing, also beyond the first gaps
	broken   string // why it could not be read to its end
	fields   object
	seen     map[string]bool

	nodes      *Nodes
	partitions *Partitions
	ends       []value // the key ranges' ends
	registry   *Registry
	listAt     int64 // where the list of logs starts; -1 without one
	stopped    bool  // reading ended at the list of logs: all before it was read, and nothing is likely to follow
}

func newDraft(source *Source, offset int64) *draft {
	d := &draft{Document: &Document{Source: source, Offset: offset, Complete: true}, listAt: -1, seen: make(map[string]bool)}
	d.fields.what = "document"
	d.fields.text = &text{document: d.Document, oddities: &d.oddities, offset: offset}
	return d
}

// document reads the object at pos. It returns nil when it is no metadata, and whether reading can go on behind it.
func (r *reader) document(source *Source, promised bool) (*Document, bool) {
	d := newDraft(source, r.window.offset())
	err := r.members(d)
	if err != nil {
		d.broken = err.Error()
		d.gap(d.broken)
	}
	kind := d.kind()
	if kind == "" {
		if err != nil && promised {
			likely, key := source.labelled()
			reason := err.Error()
			if syntax := (*syntaxError)(nil); len(d.seen) == 0 && errors.As(err, &syntax) {
				reason = notJSON // it only begins with a brace
			}
			r.snapshot.Gaps = append(r.snapshot.Gaps, Gap{Key: key, Kind: likely, Source: source.Name, Reason: reason})
		}
		return nil, err == nil
	}
	d.Kind = kind
	r.finish(d)
	return d.Document, err == nil && !d.stopped
}

// members reads the fields of the object at pos. Before a large list of logs it stops when all that matters was read.
func (r *reader) members(d *draft) error {
	w := r.window
	w.pos++ // the brace
	if c, ok := w.peek(); ok && c == '}' {
		w.pos++
		return nil
	}
	for fields := 0; ; fields++ {
		if fields == maxElements {
			return errTooMany
		}
		raw, keyAt, err := w.value()
		if err != nil {
			return err
		}
		key, err := w.name(raw, keyAt)
		if err != nil {
			return err
		}
		duplicate := d.seen[key]
		if duplicate {
			d.fields.add(Oddity{Kind: DuplicateKey, At: d.At(keyAt, "/"+escapePointer(key)), Value: strconv.Quote(key)})
		} else if len(d.seen) < 1000 {
			d.seen[key] = true
		}
		c := w.buf[w.pos]
		switch {
		case duplicate:
			err = w.skip()
		case key == "logs" && c == '[':
			d.listAt = w.offset()
			if d.seen["version"] && d.seen["config"] && !r.mayHoldMore(d.Source, d.listAt) {
				d.stopped = true
				return nil
			}
			err = w.skip()
		case key == "nodes" && c == '[':
			d.nodes = &Nodes{Document: d.Document}
			before := d.missing
			err = r.list(d, "/nodes/", "node", d.nodes.decodeNode)
			d.nodes.listed = err == nil && d.missing-before == d.nodes.unread
		case key == "partitions" && c == '[':
			d.partitions = &Partitions{Document: d.Document}
			err = r.list(d, "/partitions/", "partition", func(v value) bool { return d.partitions.decodePartition(v, &d.ends) })
		case key == "deployments_v2" && c == '[', key == "deployments" && c == '[', key == "subscriptions" && c == '[', key == "kafka_clusters" && c == '[',
			key == "services" && c == '{':
			err = r.registry(d, key)
		case scalarField(key):
			var raw []byte
			var at int64
			if raw, at, err = w.value(); err == nil {
				v, broken := parse(raw, at, "/"+escapePointer(key), key, d.Document, &d.oddities)
				if broken != nil {
					d.gap(fmt.Sprintf("%s (byte %d): %v", key, at, broken))
				} else {
					v.result.Index = int(at - d.Offset)
					d.fields.fields = append(d.fields.fields, field{key, v.result})
				}
			}
		default:
			var sound bool
			at := w.offset()
			if sound, err = w.skipSound(); !sound {
				d.gap(damagedField(key, at))
			}
		}
		if err != nil {
			return err
		}
		if more, err := w.next('}'); err != nil || !more {
			return err
		}
	}
}

// name returns the field name that was cut from the window, and moves on to the first byte of the field's value.
func (w *window) name(raw []byte, at int64) (string, error) {
	if raw[0] != '"' || !gjson.ValidBytes(raw) {
		return "", &syntaxError{at, "not a field name"}
	}
	name := gjson.ParseBytes(raw).Str
	if err := w.expect(':'); err != nil {
		return "", err
	}
	if _, ok := w.peek(); !ok {
		return "", w.failure()
	}
	return name, nil
}

func damagedField(name string, at int64) string {
	return fmt.Sprintf("%s (byte %d): %v", shorten(name), at, errNotJSON)
}

func shorten(name string) string {
	const longest = 80
	if len(name) > longest {
		return strings.ToValidUTF8(name[:longest], "") + "…"
	}
	return name
}

// skipSound passes over the next value. It reports false for one that is no JSON, unless it is too large to look at.
func (w *window) skipSound() (sound bool, err error) {
	w.ahead(checkedSize)
	held := window{buf: w.buf, pos: w.pos, end: w.end, err: io.EOF, anchor: -1}
	length, err := held.span(true)
	if end := w.pos + length; err != nil || end == w.end && w.err == nil {
		return true, w.skip()
	}
	raw := w.buf[w.pos : w.pos+length]
	w.pos += length
	if gjson.ValidBytes(raw) {
		return true, nil
	}
	clean, at := blankControls(raw)
	return at >= 0 && gjson.ValidBytes(clean), nil
}

// list reads the array at pos entry by entry, so that a damaged one does not hide the others.
func (r *reader) list(d *draft, pointer, what string, decode func(value) bool) error {
	w := r.window
	w.pos++ // the bracket
	if c, ok := w.peek(); ok && c == ']' {
		w.pos++
		return nil
	}
	for i := 0; ; i++ {
		if i == maxElements {
			return errTooMany
		}
		raw, at, err := w.value()
		if err != nil {
			return err
		}
		v, err := parse(raw, at, pointer+strconv.Itoa(i), what, d.Document, &d.oddities)
		if err != nil {
			d.gap(fmt.Sprintf("entry %d of %s (byte %d): %v", i, strings.Trim(pointer, "/"), at, err))
		} else if !decode(v) {
			d.gap(fmt.Sprintf("entry %d of %s (byte %d): not to be understood", i, strings.Trim(pointer, "/"), at))
		}
		if more, err := w.next(']'); err != nil || !more {
			return err
		}
	}
}

func (d *draft) gap(reason string) {
	d.Complete = false
	d.missing++
	if len(d.gaps) < maxGaps {
		d.gaps = append(d.gaps, reason)
	}
}

// lacks notes that a part is not there. Of a document that ends early that is said already.
func (d *draft) lacks(part string) {
	if d.broken == "" {
		d.gap("no " + part)
	}
}

// kind tells what a document is by its fields; empty when it is none that is known.
func (d *draft) kind() Kind {
	has := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(key string) bool { return d.seen[key] })
	}
	switch {
	case d.seen["cluster_name"] && d.seen["max_version"] && d.seen["current_version"] && d.nodes == nil:
		return ClusterMarker
	case has("snapshot_id") && has("min_applied_lsn"):
		return SnapshotRepository
	case d.nodes != nil || has("cluster_name") && has("version") && !has("snapshot_id", "node_name", "partition_id"):
		return NodesConfig
	case d.listAt >= 0 || has("config") && has("version"):
		return BifrostConfig
	case has("num_partitions"):
		return PartitionTable
	case d.partitions != nil && len(d.ends) > 0:
		return PartitionTable
	case d.partitions != nil: // its partitions have no key_range, but a partition_key_range
		return SchedulingPlan
	case has("deployments_v2", "deployments", "services", "subscriptions") && has("version"):
		return SchemaRegistry
	case has("leader_metadata", "current", "next") && has("version"):
		return EpochMetadata
	}
	return ""
}

// finish turns a draft into the document of its kind.
func (r *reader) finish(d *draft) {
	s := r.snapshot
	switch d.Kind {
	case ClusterMarker:
		r.marker(d)
		return
	case SnapshotRepository:
		r.finishRepository(d)
		return
	}
	version := d.fields.get("version", "version of the document")
	if n, ok := version.uint(math.MaxUint32); ok {
		d.Version = cluster.Version(n)
		if n == 0 {
			version.invalid("a version of 1 or more")
		}
	}
	switch d.Kind {
	case NodesConfig:
		if d.nodes == nil {
			d.nodes = &Nodes{Document: d.Document}
			d.lacks("list of nodes")
		}
		d.nodes.finish(d.fields)
		if r.keep(d, s.Document(d.Kind)) {
			s.Nodes = d.nodes
		}
	case BifrostConfig:
		logs := &Logs{Document: d.Document, snapshot: s, listAt: d.listAt, whole: !d.stopped, broken: d.broken, before: d.seen}
		if d.listAt < 0 {
			d.lacks("list of logs")
		}
		logs.decodeProvider(d.fields)
		if s.Logs != nil { // whichever is read to its end wins, so both have to be
			r.readThrough(s.Logs)
			r.readThrough(logs)
		}
		if r.keep(d, s.Document(d.Kind)) {
			s.Logs = logs
		}
	case PartitionTable:
		if d.partitions == nil {
			d.partitions = &Partitions{Document: d.Document} // Restate 1.0 listed none
		}
		d.partitions.finish(d.fields, d.ends)
		if r.keep(d, s.Document(d.Kind)) {
			s.Partitions = d.partitions
		}
	case EpochMetadata:
		epoch := &Epoch{Document: d.Document}
		if !r.identify(d, epoch) {
			d.gap("it does not say which partition it belongs to")
			break
		}
		epoch.finish(d.fields)
		i, again := r.epochs[epoch.Partition]
		var before *Document
		if again {
			before = s.Epochs[i].Document
		}
		switch newer := r.keep(d, before); {
		case newer && again:
			s.Epochs[i] = epoch
		case newer:
			r.epochs[epoch.Partition] = len(s.Epochs)
			s.Epochs = append(s.Epochs, epoch)
		}
	case SchemaRegistry:
		d.Source.Secret = true
		for i := range d.oddities {
			if o := &d.oddities[i]; o.Kind == InvalidValue || o.Kind == UnknownValue {
				o.Value = "a value that is not shown"
			}
		}
		if d.registry == nil {
			d.registry = &Registry{}
		}
		d.registry.finish(d)
		if r.keep(d, s.Document(d.Kind)) {
			s.Schema, s.Registry = d.Document, d.registry
		}
	default:
		d.oddities, d.gaps = nil, nil // nobody reads it
		r.keep(d, s.Document(d.Kind))
	}
	for _, reason := range d.gaps {
		s.Gaps = append(s.Gaps, Gap{Key: d.Key(), Kind: d.Kind, Source: d.Source.Name, Reason: reason})
	}
}

// identify finds the partition of an epoch. The document names it only once a leader was chosen; until then the
// source's name is all there is.
func (r *reader) identify(d *draft, epoch *Epoch) bool {
	keyed, isKey := epochKey(d.Source.stored)
	if isKey {
		epoch.Partition, d.Partition = keyed, keyed
	}
	if leader := d.fields.get("leader_metadata", "leader"); leader.result.IsObject() {
		id := leader.result.Get("partition_id")
		n, rounded, ok := parseUint(id)
		switch ok = ok && !rounded && n <= math.MaxUint16; {
		case isKey && (!ok || cluster.PartitionID(n) != keyed):
			leader.invalid(fmt.Sprintf("a leader of partition %d, whose epoch metadata this is", keyed))
			return true
		case ok:
			epoch.Partition = cluster.PartitionID(n)
			d.Partition = epoch.Partition
			return true
		}
		leader.invalid("a leader with a partition id of 0 to 65535")
	}
	if isKey {
		return true
	}
	if kind, key := labelled(d.Source.Name); kind == EpochMetadata {
		epoch.Partition, _ = epochKey(key)
		d.Partition = epoch.Partition
		return true
	}
	return false
}

// keep decides between a document and one of the same key that was read before: a complete one wins, then the newer.
func (r *reader) keep(d *draft, old *Document) bool {
	s := r.snapshot
	adopt := func() {
		s.Oddities = append(s.Oddities, d.oddities[:min(len(d.oddities), max(maxOddities-len(s.Oddities), 0))]...)
	}
	if old == nil {
		s.Documents = append(s.Documents, d.Document)
		adopt()
		return true
	}
	rank := func(d *Document) int { return map[bool]int{true: 1}[d.Complete] }
	newer := cmp.Or(cmp.Compare(rank(d.Document), rank(old)), cmp.Compare(d.Version, old.Version)) > 0
	rival := Rival{Kept: old, Other: d.Document}
	if d.Kind == NodesConfig {
		rival.ClusterNames = [2]string{s.Nodes.ClusterName, d.nodes.ClusterName}
	}
	if newer {
		rival.Kept, rival.Other = rival.Other, rival.Kept
		rival.ClusterNames[0], rival.ClusterNames[1] = rival.ClusterNames[1], rival.ClusterNames[0]
		s.Documents[slices.Index(s.Documents, old)] = d.Document
		s.Oddities = slices.DeleteFunc(s.Oddities, func(o Oddity) bool { return o.Document == old })
		adopt()
	}
	if len(s.Rivals) < maxElements {
		s.Rivals = append(s.Rivals, rival)
	}
	return newer
}

// decodeProvider reads the default provider of new segments.
func (l *Logs) decodeProvider(fields object) {
	config := fields.get("config", "configuration of the logs")
	if config.isNull() {
		return
	}
	o, ok := config.object()
	if !ok {
		return
	}
	v := o.get("default_provider", "default provider")
	if v.isNull() {
		return
	}
	provider := &Provider{At: v.at()}
	if v.result.Type == gjson.String {
		provider.Kind = parseKind(enum(v, kindSpellings[Replicated:SealMarker]))
	} else if o, ok := v.object(); ok {
		v = o.get("replicated", "replicated provider")
		if v.isNull() {
			v.invalid("a provider: \"local\" or {\"replicated\": …}")
			return
		}
		provider.Kind = Replicated
		if o, ok := v.object(); ok {
			if v := o.get("replication_property", "default log replication"); !v.isNull() {
				provider.Replication = v.replication()
				provider.At = v.at()
			}
			if v := o.get("target_nodeset_size", "target nodeset size"); !v.isNull() {
				size, ok := v.uint(math.MaxUint16)
				if ok && size > 128 {
					v.invalid("a nodeset size of 0 to 128")
				}
				provider.TargetNodesetSize = uint16(size)
			}
		}
	}
	l.DefaultProvider = provider
}
