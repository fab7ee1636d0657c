package snapshots

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// A table is one that `restatectl sql` prints and a Live keeps something of. Columns came and went over the releases, and
// a column that is null is left out of its row, so a table is told by any of a few columns that no other table has.
type table struct {
	kind Kind
	// keys must all be in a row, and one of the marks, but none of without.
	keys, marks, without []string
	// version says that only a version is kept of the table.
	version bool
	// add takes over a row. It reports whether the row says what it is about.
	add func(*Live, *cells) bool
}

var tables = []table{
	{
		kind:    LiveNodes,
		keys:    []string{"plain_node_id"},
		marks:   []string{"has_worker_role", "has_log_server_role", "has_admin_role", "nodes_configuration_version", "state", "status"},
		without: []string{"log_id", "loglet_id", "partition_id"},
		add:     (*Live).addNode,
	},
	{
		kind:  LiveProcessors,
		keys:  []string{"partition_id", "plain_node_id"},
		marks: []string{"effective_mode", "replay_status", "applied_log_lsn", "broken_reason"},
		add:   (*Live).addProcessor,
	},
	{
		kind:  LiveReplicaSets,
		keys:  []string{"partition_id", "plain_node_id"},
		marks: []string{"membership", "membership_version"},
		add:   (*Live).addReplica,
	},
	{
		kind:  LiveLoglets,
		keys:  []string{"plain_node_id", "loglet_id"},
		marks: []string{"trim_point", "local_tail", "known_global_tail"},
		add:   (*Live).addLogletWorker,
	},
	{
		kind:  LiveConfig,
		keys:  []string{"plain_node_id", "key", "value"},
		marks: []string{"gen_node_id"},
		add:   (*Live).addSetting,
	},
	{
		kind:    LiveLogs,
		version: true,
		keys:    []string{"log_id"},
		marks:   []string{"logs_metadata_version", "base_lsn"},
		add: func(l *Live, c *cells) bool {
			return l.addView(BifrostConfig, c, "logs_metadata_version", "metadata_ver")
		},
	},
	{
		kind:    LivePartitions,
		version: true,
		keys:    []string{"partition_id"},
		marks:   []string{"partition_table_version", "start_key"},
		add: func(l *Live, c *cells) bool {
			return l.addView(PartitionTable, c, "partition_table_version", "metadata_ver")
		},
	},
}

// rowColumns are the columns that may come first in a row, but for "replication": see rowNext. No document of metadata
// starts with one of them.
var rowColumns = func() map[string]bool {
	columns := make(map[string]bool)
	for _, column := range strings.Fields(`
		address alive_gen_node_id applied_log_lsn applied_rule_book_version applied_schema_version archived_log_lsn
		accepting_writes base_lsn binary_version broken_reason cf_name ctrl_address current_replica_set db_name durable_log_lsn
		durable_lsn effective_mode enabled_features enabled_storage_features end_key gen_node_id has_admin_role
		has_ingress_role has_log_server_role has_metadata_server_role has_worker_role is_active is_leader is_sealed
		key kind known_global_tail last_attempt_at last_record_applied_at last_request_at last_seen_at leader leader_epoch
		leader_gen_node_id leader_plain_node_id local_tail location log_id loglet_id logs_metadata_version membership
		membership_version metadata_server_state metadata_ver name next_replica_set nodes_configuration_version nodeset
		partition_id partition_table_version pending_repair_stores pending_seals pending_stores pending_tail_waiters
		pending_trims persisted_log_lsn plain_node_id replay_status seal_enqueued segment_index sequencer
		skipped_records staging_local_tail start_key state status storage_state storage_version target_mode target_tail_lsn
		trim_point updated_at uptime v_current v_next worker_state`) {
		columns[column] = true
	}
	return columns
}()

// tableOf tells which table a row is of; nil when it is none that is kept.
func tableOf(o object) *table {
	has := func(column string) bool { _, ok := o.find(column); return ok }
	for i := range tables {
		if t := &tables[i]; !slices.ContainsFunc(t.without, has) && slices.ContainsFunc(t.marks, has) &&
			!slices.ContainsFunc(t.keys, func(key string) bool { return !has(key) }) {
			return t
		}
	}
	return nil
}

// A resultReader reads the query results of one source, row by row.
type resultReader struct {
	*reader
	source   *Source
	promised bool // the source should hold JSON
	results  []*result
	last     *result // that of the row before, when rows stand one on a line
	other    bool    // rows of a table that is not kept were passed over
	early    int     // damaged rows that stand by themselves before the first sound one
}

// A result is what a source holds of one table.
type result struct {
	*Document
	table   *table
	rows    int
	damaged int
	odd     int    // how many oddities were kept
	dropped bool   // there are more rows than are kept
	ending  []byte // of the row before, from its last column on
}

// repeats reports whether a row says no more than the one before. Of the largest tables only a version is kept, which
// stands in the last column and is the same in all rows of a result.
func (of *result) repeats(raw []byte) bool {
	return of != nil && len(of.ending) > 0 && bytes.HasSuffix(raw, of.ending)
}

func (of *result) remember(raw []byte) {
	if !of.table.version {
		return
	}
	ending := raw[bytes.LastIndexByte(raw, ',')+1:]
	if of.ending = of.ending[:0]; bytes.Contains(ending, []byte(`version":`)) {
		of.ending = append(of.ending, ending...)
	}
}

// damagedShown bounds how many damaged rows of a result are named one by one, maxRowOddities how many oddities are kept of
// it: they must not crowd out those of the metadata.
const (
	damagedShown   = 10
	maxRowOddities = 1_000
)

func (r *resultReader) result(t *table, offset int64) *result {
	for _, known := range r.results {
		if known.table == t {
			return known
		}
	}
	s := r.snapshot
	if s.Live == nil {
		s.Live = &Live{views: make(map[Kind]*View), due: make(map[Kind]int)}
	}
	d := &Document{Kind: t.kind, Source: r.source, Offset: offset, Complete: true}
	s.Documents = append(s.Documents, d)
	found := &result{Document: d, table: t}
	r.results = append(r.results, found)
	return found
}

// damage notes that a part of a result cannot be used.
func (r *resultReader) damage(of *result, reason string) {
	of.Complete = false
	if of.damaged++; of.damaged <= damagedShown {
		r.gap(of, reason)
	}
}

func (r *resultReader) gap(of *result, reason string) {
	r.snapshot.Gaps = append(r.snapshot.Gaps, Gap{Key: of.Key(), Kind: of.Kind, Source: r.source.Name, Reason: reason})
}

// bound drops rows beyond what is kept of a table.
func (r *resultReader) bound(of *result, most int) {
	if r.snapshot.Live.bound(of.Kind, most) && !of.dropped {
		of.dropped, of.Complete = true, false
		r.gap(of, fmt.Sprintf("it is about more than %d things, of which the others were left out", maxRows))
	}
}

// close sums up what was not said of each damaged row.
func (r *resultReader) close() {
	for _, of := range r.results {
		r.bound(of, maxRows)
		if more := of.damaged - damagedShown; more > 0 {
			r.gap(of, fmt.Sprintf("%d more places of its rows cannot be used", more))
		}
	}
}

// rowNext reports whether the object at pos may be a row, by its first field. It does not have to read all of it.
func (w *window) rowNext() bool {
	const longest = 64
	w.ahead(longest)
	text := w.buf[w.pos:min(w.end, w.pos+4*longest)]
	if len(text) == 0 || text[0] != '{' {
		return false
	}
	text = bytes.TrimLeft(text[1:], " \t\r\n")
	if len(text) == 0 || text[0] != '"' {
		return false
	}
	name, behind, ok := bytes.Cut(text[1:], []byte{'"'})
	if ok && string(name) == "replication" {
		// The one field of a document that is a column as well; in the document it holds an object.
		behind = bytes.TrimLeft(behind, " \t\r\n:")
		return len(behind) > 0 && behind[0] == '"'
	}
	return ok && rowColumns[string(name)]
}

// array reads the array at pos, which is a result if its first sound element is a row. It returns its document, nil
// when it is none. After an error nothing behind the array can be read.
func (r *resultReader) array() (*Document, error) {
	w := r.window
	start := w.offset()
	w.pos++ // the bracket
	if c, ok := w.peek(); ok && c == ']' {
		w.pos++
		return nil, nil
	}
	var of *result
	var early []string // what is wrong with rows before the first sound one
	other := false
	for n := 0; ; n++ {
		if _, ok := w.peek(); !ok {
			return r.broken(of, n, w.failure())
		}
		if other || of == nil && !w.rowNext() {
			other = true
			if err := w.skip(); err != nil {
				return nil, err
			}
		} else {
			raw, at, err := w.value()
			if err != nil {
				return r.broken(of, n, err)
			}
			if of.repeats(raw) {
				of.rows = n + 1
			} else if of, other = r.element(of, n, raw, at, start, &early); other {
				early = nil
			}
		}
		if more, err := w.next(']'); err != nil {
			return r.broken(of, n+1, err)
		} else if !more {
			break
		}
	}
	if of == nil {
		if len(early) > 0 && r.promised {
			r.snapshot.Gaps = append(r.snapshot.Gaps, Gap{Source: r.source.Name, Reason: early[0]})
		}
		return nil, nil
	}
	return of.Document, nil
}

// element reads one element of an array: of is what the array is the result of, nil as long as no sound row told. other is
// true when this one told that it is none.
func (r *resultReader) element(of *result, n int, raw []byte, at, start int64, early *[]string) (now *result, other bool) {
	o, oddities, err := r.parse(of, n, raw, at)
	switch {
	case err != nil && of != nil:
		r.damage(of, damagedRow(n, at, err.Error()))
		return of, false
	case err != nil:
		if len(*early) < damagedShown {
			*early = append(*early, damagedRow(n, at, err.Error()))
		}
		return nil, false
	case of == nil:
		t := tableOf(o)
		if t == nil {
			return nil, true
		}
		of = r.result(t, start)
		for _, reason := range *early {
			r.damage(of, reason)
		}
	}
	r.add(of, n, o, oddities)
	of.remember(raw)
	return of, false
}

// broken ends a result in the middle.
func (r *resultReader) broken(of *result, n int, err error) (*Document, error) {
	if of == nil {
		return nil, err
	}
	r.damage(of, fmt.Sprintf("unreadable from row %d on: %v", n, err))
	return of.Document, err
}

func damagedRow(n int, at int64, reason string) string {
	return fmt.Sprintf("row %d (byte %d): %s", n, at, reason)
}

// line reads the object at pos if it is a row that stands by itself, as --jsonl prints them. ok is false when it is
// something else; nothing was consumed then. The document is nil for a row of a table that is not kept; another says
// that the row before was not of the same. A damaged row ends with its line.
func (r *resultReader) line() (d *Document, another, ok bool) {
	w := r.window
	if !w.rowNext() {
		return nil, false, false
	}
	w.anchor = w.pos
	raw, at, err := w.value()
	start := w.anchor
	w.anchor = -1
	if err == nil && r.last.repeats(raw) {
		r.last.rows++
		return r.last.Document, false, true
	}
	before, n := r.last, 0
	if before != nil {
		n = before.rows
	}
	var o object
	var oddities *[]Oddity
	if err == nil {
		o, oddities, err = r.parse(before, n, raw, at)
	}
	if err != nil {
		at = w.base + int64(start)
		w.pos = start
		if before == nil && !r.promised {
			return nil, false, false
		}
		w.skipRow()
		if before == nil {
			if r.early++; r.early <= damagedShown {
				r.snapshot.Gaps = append(r.snapshot.Gaps, Gap{Source: r.source.Name, Reason: damagedRow(n, at, err.Error())})
			}
			return nil, true, true
		}
		before.rows++
		r.damage(before, damagedRow(n, at, err.Error()))
		return before.Document, false, true
	}
	t := tableOf(o)
	if t == nil {
		if _, versioned := o.find("version"); versioned {
			w.pos = start
			return nil, false, false // no table has it, and every document
		}
		another = !r.other
		r.other = true
		return nil, another, true
	}
	r.last = r.result(t, at)
	r.add(r.last, r.last.rows, o, oddities)
	r.last.remember(raw)
	return r.last.Document, r.last != before, true
}

// skipRow moves behind the line at pos.
func (w *window) skipRow() {
	for {
		if i := bytes.IndexByte(w.buf[w.pos:w.end], '\n'); i >= 0 {
			w.pos += i + 1
			return
		}
		w.pos = w.end
		if _, more := w.fill(); !more {
			return
		}
	}
}

// parse decodes one row. The document of its oddities is filled in later if it is not known yet.
func (r *resultReader) parse(of *result, n int, raw []byte, at int64) (object, *[]Oddity, error) {
	d := &Document{Source: r.source}
	if of != nil {
		d = of.Document
	}
	oddities := new([]Oddity)
	v, err := parse(raw, at, "/"+itoa(n), "row", d, oddities)
	if err != nil {
		return object{}, nil, err
	}
	if !v.result.IsObject() {
		return object{}, nil, fmt.Errorf("%s is not an object", v.shown())
	}
	o, _ := v.object()
	return o, oddities, nil
}

// add takes over a sound row. A value that cannot be used is a gap; what is wrong with the text is an oddity.
func (r *resultReader) add(of *result, n int, o object, oddities *[]Oddity) {
	of.rows = n + 1
	o.document = of.Document
	c := &cells{object: o, row: row{document: of.Document, offset: o.at().Offset, number: n}}
	if !of.table.add(r.snapshot.Live, c) {
		r.damage(of, damagedRow(n, c.offset, "it does not say what it is about"))
	}
	for _, oddity := range *oddities {
		switch oddity.Kind {
		case InvalidValue, UnknownValue, RoundedNumber:
			r.damage(of, damagedRow(n, c.offset, fmt.Sprintf("%s is %s", oddity.What, oddity.Value)))
		default:
			if of.odd < maxRowOddities && len(r.snapshot.Oddities) < maxOddities {
				of.odd++
				oddity.Document = of.Document
				r.snapshot.Oddities = append(r.snapshot.Oddities, oddity)
			}
		}
	}
	if !of.table.version {
		r.bound(of, max(r.snapshot.Live.due[of.Kind], 1<<13))
	}
}

// cells are the values of one row. Asking for a column that is not there gives the zero value.
type cells struct {
	object
	row row
}

func (c *cells) has(column string) bool {
	result, ok := c.find(column)
	return ok && result.Type != gjson.Null
}

func (c *cells) cell(column string) value {
	result, _ := c.find(column)
	return value{text: c.text, result: result, pointer: c.pointer, what: column}
}

func (c *cells) uint(column string, most uint64) uint64 {
	if !c.has(column) {
		return 0
	}
	n, _ := c.required(column, most)
	return n
}

func (c *cells) lsn(column string) cluster.LSN { return cluster.LSN(c.uint(column, math.MaxUint64)) }

func (c *cells) offsetOf(column string) LogletOffset {
	return LogletOffset(c.uint(column, math.MaxUint32))
}

func (c *cells) version(column string) cluster.Version {
	return cluster.Version(c.uint(column, math.MaxUint32))
}

func (c *cells) bool(column string) bool {
	if !c.has(column) {
		return false
	}
	v := c.cell(column)
	if !v.result.IsBool() {
		v.invalid("true or false")
	}
	return v.result.Bool()
}

// wordLength bounds the words that are kept of a row.
const wordLength = 64

// word is a short text in lower case, such as a state. It does not keep the row alive.
func (c *cells) word(column string) string {
	if !c.has(column) {
		return ""
	}
	s, _ := c.cell(column).string()
	if len(s) > wordLength {
		s = strings.ToValidUTF8(s[:wordLength], "") + "…"
	}
	switch s { // most words are one of these, and need no memory of their own
	case "leader", "Leader":
		return "leader"
	case "follower", "Follower":
		return "follower"
	case "active":
		return "active"
	}
	return strings.Clone(strings.ToLower(s))
}

// node is the node that a row is about. The id with the generation says more, and is left out of some rows.
func (c *cells) node() (node cluster.GenerationalNodeID, ok bool) {
	if c.has("gen_node_id") {
		if node, ok = c.generational("gen_node_id"); ok {
			return node, true
		}
	}
	v := c.cell("plain_node_id")
	s, ok := v.string()
	if !ok {
		return node, false
	}
	id, err := cluster.ParseNodeID(s)
	if err != nil {
		v.invalid("a node id such as N1")
		return node, false
	}
	return cluster.GenerationalNodeID{ID: id}, true
}

func (c *cells) generational(column string) (id cluster.GenerationalNodeID, ok bool) {
	if !c.has(column) {
		return id, false
	}
	v := c.cell(column)
	s, ok := v.string()
	if !ok {
		return id, false
	}
	id, err := cluster.ParseGenerationalNodeID(s)
	if err != nil {
		v.invalid("a generational node id such as N1:2")
	}
	return id, err == nil
}

// required is an integer without which the row is about nothing.
func (c *cells) required(column string, most uint64) (uint64, bool) {
	v := c.cell(column)
	if _, rounded, _ := parseUint(v.result); rounded { // no row is worth a guess
		v.invalid("an exact integer")
		return 0, false
	}
	return v.uint(most)
}

func (l *Live) addNode(c *cells) bool {
	node, ok := c.node()
	if !ok {
		return false
	}
	state := c.word("state")
	if state == "" {
		state = c.word("status") // node_state of Restate 1.3
	}
	if c.has("nodes_configuration_version") || c.has("metadata_ver") {
		l.addView(NodesConfig, c, "nodes_configuration_version", "metadata_ver")
	}
	l.Nodes = append(l.Nodes, LiveNode{
		row: c.row, ID: node.ID, Generation: node.Generation, said: node.Generation, State: Liveness(state),
		version: max(c.version("nodes_configuration_version"), c.version("metadata_ver")),
	})
	return true
}

func (l *Live) addProcessor(c *cells) bool {
	node, isNode := c.node()
	partition, isPartition := c.required("partition_id", math.MaxUint16)
	if !isNode || !isPartition {
		return false
	}
	leader, _ := c.generational("leader")
	if at := c.cell("updated_at").result; at.Type == gjson.String && len(at.Str) <= wordLength && at.Str > l.updatedAt {
		l.updatedAt = strings.Clone(at.Str)
	}
	l.Processors = append(l.Processors, Processor{
		row:          c.row,
		Partition:    cluster.PartitionID(partition),
		Node:         node,
		Target:       c.word("target_mode"),
		Effective:    c.word("effective_mode"),
		ReplayStatus: c.word("replay_status"),
		Broken:       c.word("broken_reason"),
		LeaderEpoch:  c.epoch("leader_epoch"),
		Leader:       leader,
		Applied:      c.lsn("applied_log_lsn"),
		Durable:      max(c.lsn("durable_log_lsn"), c.lsn("persisted_log_lsn")), // the name up to Restate 1.3
		Archived:     c.lsn("archived_log_lsn"),
		TargetTail:   c.lsn("target_tail_lsn"),
	})
	return true
}

// epoch reads a number, or a text such as "e2": tables differ.
func (c *cells) epoch(column string) cluster.LeaderEpoch {
	if v := c.cell(column); v.result.Type == gjson.String {
		n, err := strconv.ParseUint(strings.TrimPrefix(v.result.Str, "e"), 10, 64)
		if err != nil {
			v.invalid("a leader epoch such as e2")
		}
		return cluster.LeaderEpoch(n)
	}
	return cluster.LeaderEpoch(c.uint(column, math.MaxUint64))
}

func (l *Live) addReplica(c *cells) bool {
	plain := c.cell("plain_node_id")
	id, err := cluster.ParseNodeID(plain.result.Str)
	partition, isPartition := c.required("partition_id", math.MaxUint16)
	if err != nil || !isPartition {
		return false
	}
	l.Replicas = append(l.Replicas, Replica{
		row:       c.row,
		Partition: cluster.PartitionID(partition),
		Node:      id,
		Next:      c.word("membership") == "next",
		Version:   c.version("membership_version"),
		Alive:     c.has("alive_gen_node_id"),
		Leader:    c.bool("is_leader"),
		Durable:   c.lsn("durable_lsn"),
	})
	return true
}

func (l *Live) addLogletWorker(c *cells) bool {
	node, isNode := c.node()
	id, err := cluster.ParseLogletID(c.cell("loglet_id").result.Str)
	if !isNode || err != nil {
		return false
	}
	l.Loglets = append(l.Loglets, LogletWorker{
		row:        c.row,
		Loglet:     id,
		Node:       node,
		LocalTail:  c.offsetOf("local_tail"),
		GlobalTail: c.offsetOf("known_global_tail"),
		TrimPoint:  c.offsetOf("trim_point"),
		Sealed:     c.bool("is_sealed"),
		said:       node.Generation,
	})
	return true
}

func (l *Live) addSetting(c *cells) bool {
	c.row.document.Source.Secret = true
	if key := c.cell("key").result; key.Str != "worker.snapshots.destination" {
		return true
	}
	node, ok := c.node()
	if !ok {
		return false
	}
	value := c.cell("value").result.Str
	setting := SnapshotSetting{row: c.row, Node: node.ID, Set: value != "" && value != "null"}
	if setting.Set {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(value)) // which never fails
		setting.Destination = hash.Sum64()
	}
	l.SnapshotSettings = append(l.SnapshotSettings, setting)
	return true
}

// addView takes over the version of a metadata document from the first of the columns that a row has. A result may have
// millions of rows that all say the same.
func (l *Live) addView(kind Kind, c *cells, columns ...string) bool {
	for _, column := range columns {
		if !c.has(column) {
			continue
		}
		view := View{row: c.row, Version: c.version(column)}
		if known := l.views[kind]; view.Version > 0 && (known == nil || view.Version > known.Version ||
			view.Version == known.Version && view.before(&known.row) < 0) {
			l.views[kind] = &view
		}
		break
	}
	return true
}

func itoa(n int) string { return strconv.Itoa(n) }
