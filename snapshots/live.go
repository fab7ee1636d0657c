package snapshots

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"restate-lint/snapshots/cluster"
)

// The kinds of live documents: results of `restatectl sql --json` or `--jsonl`, named after the table that was asked.
// They are optional. None is missing from a capture that does not have it, but rules may need them.
const (
	// LiveNodes is the table nodes; the table node_state of Restate 1.3 adds to it.
	LiveNodes Kind = "sql/nodes"
	// LiveLogs is the table logs, or its view logs_tail_segments.
	LiveLogs        Kind = "sql/logs"
	LivePartitions  Kind = "sql/partitions"
	LiveProcessors  Kind = "sql/partition_state"
	LiveReplicaSets Kind = "sql/partition_replica_set"
	// LiveLoglets is the table loglet_workers (Restate 1.7).
	LiveLoglets Kind = "sql/loglet_workers"
	// LiveConfig is the table config (Restate 1.7), of which next to nothing is kept: it may hold secrets.
	LiveConfig Kind = "sql/config"
)

// livePrefix sets the live kinds apart from the keys of metadata.
const livePrefix = "sql/"

// Live reports whether documents of the kind hold what running servers said, and not what the metadata store holds.
func (k Kind) Live() bool { return strings.HasPrefix(string(k), livePrefix) }

// Table is the name of the table that a live document is the result of; ok is false for metadata.
func (k Kind) Table() (name string, ok bool) { return strings.CutPrefix(string(k), livePrefix) }

// Live is what the servers of the cluster said when the capture was made. Every list may be empty: its table was not
// captured then, or had no rows. Nothing in it comes from a node that did not answer.
//
// One node answers a query. What it says of the metadata and of other nodes' liveness is its own view.
//
// Every list has at most 524,288 elements, the first ones in its order; more are a gap of the document. Rows that are about
// the same thing count as one.
type Live struct {
	// Nodes are in ascending order of ids.
	Nodes []LiveNode
	// Processors are in ascending order of partitions, then nodes.
	Processors []Processor
	// Replicas are in ascending order of partitions, then nodes, the current replica set before the next one.
	Replicas []Replica
	// Loglets are in ascending order of loglets, then nodes.
	Loglets []LogletWorker
	// SnapshotSettings are in ascending order of nodes.
	SnapshotSettings []SnapshotSetting
	// At is about when the servers were asked: the newest report of a processor. It is the zero time where none says.
	At time.Time

	updatedAt string // the newest one, as it stands there: RFC 3339 in UTC
	views     map[Kind]*View
	due       map[Kind]int // how many rows a list may have before it is merged
	trimmed   bool         // some log server reported a trim point
}

// A row is where something was read: one row of a query's result.
type row struct {
	document *Document
	offset   int64
	number   int
}

// At is the position of the row. Its pointer counts the rows from 0, in results that are no JSON array as well.
func (r *row) At() Position { return r.document.At(r.offset, "/"+itoa(r.number)) }

// before orders rows by where they stand.
func (r *row) before(other *row) int {
	return cmp.Or(cmp.Compare(r.document.Source.Name, other.document.Source.Name), cmp.Compare(r.offset, other.offset))
}

// Liveness is what a node thinks of another, or of itself.
type Liveness string

// The values of liveness. A spelling that is not among them is kept; it is empty where nothing was said.
const (
	Alive Liveness = "alive"
	// Dead is also what a server says of all others until it has heard of them, shortly after its start.
	Dead Liveness = "dead"
	// FailingOver means that the node is shutting down; it still answers.
	FailingOver Liveness = "failing-over"
)

// A LiveNode is what the answering node said of a node (Restate 1.3 and later).
type LiveNode struct {
	row
	ID cluster.NodeID
	// Generation is that of the answering node's configuration, to which State belongs; 0 where it was not said.
	Generation uint32
	State      Liveness

	version cluster.Version
	said    uint32 // the generation that the row itself states
}

// A Processor is one node's processor of one partition, as that node reports it.
type Processor struct {
	row
	Partition cluster.PartitionID
	Node      cluster.GenerationalNodeID
	// Target and Effective are modes such as "leader" and "follower", always in lower case. Releases from 1.7.3 know more
	// of them, and what they mean is up to the release.
	Target, Effective string
	// ReplayStatus is "starting", "active" or "catching_up"; empty for a processor that does not run.
	ReplayStatus string
	// Broken says why the processor was parked, such as "ahead_of_log" (Restate 1.7.3); empty when it was not.
	Broken string
	// LeaderEpoch and Leader are the last ones that the processor heard of; zero if it heard of none.
	LeaderEpoch cluster.LeaderEpoch
	Leader      cluster.GenerationalNodeID
	// Applied is the last record that was applied, Durable what is on disk, Archived what a snapshot holds, TargetTail
	// where the log ended when the processor started to catch up. InvalidLSN stands for what was not said.
	Applied, Durable, Archived, TargetTail cluster.LSN
}

// A Replica is a member of a partition's replica set, as the answering node heard of it (Restate 1.4).
type Replica struct {
	row
	Partition cluster.PartitionID
	Node      cluster.NodeID
	// Next is true for a member of the replica set that a pending reconfiguration leads to.
	Next bool
	// Version is that of the replica set.
	Version cluster.Version
	// Alive and Leader are what the answering node believed.
	Alive, Leader bool
	// Durable is InvalidLSN where it was not heard of.
	Durable cluster.LSN
}

// A LogletOffset is the position of a record within its loglet, starting at 1; 0 is before every record.
type LogletOffset uint32

// LSN is the offset's position in the log, for a segment that starts at the given LSN.
func (o LogletOffset) LSN(base cluster.LSN) cluster.LSN { return base + cluster.LSN(o) - 1 }

// A LogletWorker is what one log server holds of one loglet, as that server reports it (Restate 1.7). Log servers also
// report loglets that left their chain.
type LogletWorker struct {
	row
	Loglet cluster.LogletID
	Node   cluster.GenerationalNodeID
	// LocalTail is the first offset that the node does not hold, GlobalTail the first that, as far as the node knows,
	// the loglet does not.
	LocalTail, GlobalTail LogletOffset
	// TrimPoint is the last trimmed offset; 0 when nothing was trimmed.
	TrimPoint LogletOffset
	Sealed    bool

	said uint32 // the generation that the row itself states
}

// A SnapshotSetting says whether a node is configured to keep snapshots, and whether two nodes keep them in one place.
type SnapshotSetting struct {
	row
	Node cluster.NodeID
	// Set is false for a node without a destination. Destination is a hash of it: the text may hold a secret.
	Set         bool
	Destination uint64
}

// A View is the version of a metadata document that the answering node worked with.
type View struct {
	row
	Version cluster.Version
}

// Node returns what was said of a node, or nil. It may be called on nil.
func (l *Live) Node(id cluster.NodeID) *LiveNode {
	if l == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(l.Nodes, id, func(n LiveNode, id cluster.NodeID) int { return cmp.Compare(n.ID, id) })
	if !ok {
		return nil
	}
	return &l.Nodes[i]
}

// View returns the newest version of a metadata document that an answering node worked with: of NodesConfig, BifrostConfig
// or PartitionTable. It is nil where no live document says it, and may be called on nil.
func (l *Live) View(kind Kind) *View {
	if l == nil {
		return nil
	}
	return l.views[kind]
}

// A TrimPoint is up to where a log was trimmed.
type TrimPoint struct {
	// LSN is the last trimmed position.
	LSN cluster.LSN
	// Worker is the log server that says so.
	Worker *LogletWorker
}

// TrimPoint returns the highest trim point of a log that a log server reported. It may be called on nil; ok is false when
// no log server reported one.
//
// One log server is enough: Restate takes the highest trim point of all (1.2 to 1.7), and trims the segments of a log in
// their order, so that a trim point in one segment means that all before it were trimmed.
func (l *Live) TrimPoint(log *Log) (point TrimPoint, ok bool) {
	if l == nil || !l.trimmed {
		return point, false
	}
	for i := len(log.Segments) - 1; i >= 0 && !ok; i-- {
		segment := &log.Segments[i]
		if segment.Kind != Replicated || segment.Placement == nil {
			continue
		}
		for worker := range l.workers(segment.Loglet) {
			lsn := worker.TrimPoint.LSN(segment.BaseLSN)
			if i+1 < len(log.Segments) && log.Segments[i+1].BaseLSN >= segment.BaseLSN {
				lsn = min(lsn, log.Segments[i+1].BaseLSN-1) // a loglet may have records behind its segment's end
			}
			if worker.TrimPoint > 0 && lsn > point.LSN {
				point, ok = TrimPoint{LSN: lsn, Worker: worker}, true
			}
		}
	}
	return point, ok
}

// workers yields the log servers that reported a loglet.
func (l *Live) workers(loglet cluster.LogletID) func(func(*LogletWorker) bool) {
	return func(yield func(*LogletWorker) bool) {
		i, _ := slices.BinarySearchFunc(l.Loglets, loglet, func(w LogletWorker, id cluster.LogletID) int { return cmp.Compare(w.Loglet, id) })
		for ; i < len(l.Loglets) && l.Loglets[i].Loglet == loglet; i++ {
			if !yield(&l.Loglets[i]) {
				return
			}
		}
	}
}

// A merging says how rows about the same thing become one. It must not matter in which order they come: mostly things only
// ever grow, and the later answer is the greater.
type merging[T any] struct {
	identity, better func(a, b *T) int
	// join tells the better one what the other says; nil if nothing. It must leave alone what better compares.
	join func(kept, other *T)
}

var mergeNodes = merging[LiveNode]{
	identity: func(a, b *LiveNode) int { return cmp.Compare(a.ID, b.ID) },
	better: func(a, b *LiveNode) int {
		return cmp.Or(cmp.Compare(truth(a.State != ""), truth(b.State != "")), cmp.Compare(a.said, b.said),
			cmp.Compare(a.version, b.version), cmp.Compare(a.State, b.State), b.before(&a.row))
	},
	join: func(kept, other *LiveNode) { kept.Generation = max(kept.Generation, other.Generation) },
}

var mergeProcessors = merging[Processor]{
	identity: func(a, b *Processor) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Node.ID, b.Node.ID))
	},
	better: func(a, b *Processor) int {
		return cmp.Or(cmp.Compare(a.Node.Generation, b.Node.Generation), cmp.Compare(a.LeaderEpoch, b.LeaderEpoch), cmp.Compare(a.Applied, b.Applied), b.before(&a.row))
	},
}

var mergeReplicas = merging[Replica]{
	identity: func(a, b *Replica) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(truth(a.Next), truth(b.Next)), cmp.Compare(a.Node, b.Node))
	},
	better: func(a, b *Replica) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.Durable, b.Durable), b.before(&a.row))
	},
}

var mergeLoglets = merging[LogletWorker]{
	identity: func(a, b *LogletWorker) int {
		return cmp.Or(cmp.Compare(a.Loglet, b.Loglet), cmp.Compare(a.Node.ID, b.Node.ID))
	},
	better: func(a, b *LogletWorker) int {
		return cmp.Or(cmp.Compare(a.TrimPoint, b.TrimPoint), cmp.Compare(a.said, b.said), b.before(&a.row))
	},
	join: func(kept, other *LogletWorker) {
		kept.LocalTail, kept.GlobalTail = max(kept.LocalTail, other.LocalTail), max(kept.GlobalTail, other.GlobalTail)
		kept.Sealed = kept.Sealed || other.Sealed
		kept.Node.Generation = max(kept.Node.Generation, other.Node.Generation)
	},
}

// merge sorts rows by identity and keeps one of each.
func (m merging[T]) merge(rows []T) []T {
	slices.SortFunc(rows, func(a, b T) int { return cmp.Or(m.identity(&a, &b), -m.better(&a, &b)) })
	kept := rows[:0]
	for i := range rows {
		if len(kept) > 0 && m.identity(&kept[len(kept)-1], &rows[i]) == 0 {
			if m.join != nil {
				m.join(&kept[len(kept)-1], &rows[i])
			}
			continue
		}
		kept = append(kept, rows[i])
	}
	clear(rows[len(kept):])
	return kept
}

// maxRows bounds what is kept of a table: Restate has at most 65,536 partitions and as many logs. Tests make it small.
var maxRows = 1 << 19

// bound merges rows and drops those beyond maxRows. It reports how many may follow before it has to be done again, so that
// the list never is much longer than what it is about.
func (m merging[T]) bound(rows []T) (kept []T, due int, dropped bool) {
	const often = 1 << 12
	rows = m.merge(rows)
	if dropped = len(rows) > maxRows; dropped {
		clear(rows[maxRows:])
		rows = rows[:maxRows]
	}
	return rows, len(rows) + max(len(rows), often), dropped
}

// bound keeps the list of a kind from growing with its rows, once it has more than a number of them. It reports whether
// there were too many.
func (l *Live) bound(kind Kind, most int) (dropped bool) {
	var due int
	switch {
	case kind == LiveNodes && len(l.Nodes) > most:
		l.Nodes, due, dropped = mergeNodes.bound(l.Nodes)
	case kind == LiveProcessors && len(l.Processors) > most:
		l.Processors, due, dropped = mergeProcessors.bound(l.Processors)
	case kind == LiveReplicaSets && len(l.Replicas) > most:
		l.Replicas, due, dropped = mergeReplicas.bound(l.Replicas)
	case kind == LiveLoglets && len(l.Loglets) > most:
		l.Loglets, due, dropped = mergeLoglets.bound(l.Loglets)
	case kind == LiveConfig && len(l.SnapshotSettings) > most:
		l.SnapshotSettings, due, dropped = mergeSettings.bound(l.SnapshotSettings)
	default:
		return false
	}
	l.due[kind] = due
	return dropped
}

var mergeSettings = merging[SnapshotSetting]{
	identity: func(a, b *SnapshotSetting) int { return cmp.Compare(a.Node, b.Node) },
	better: func(a, b *SnapshotSetting) int {
		return cmp.Or(cmp.Compare(truth(a.Set), truth(b.Set)), cmp.Compare(a.Destination, b.Destination), b.before(&a.row))
	},
}

// settle brings the lists into their order. What was captured twice is merged.
func (l *Live) settle() {
	l.Nodes = slices.Clip(mergeNodes.merge(l.Nodes))
	l.Processors = slices.Clip(mergeProcessors.merge(l.Processors))
	l.Replicas = slices.Clip(mergeReplicas.merge(l.Replicas))
	l.Loglets = slices.Clip(mergeLoglets.merge(l.Loglets))
	l.SnapshotSettings = slices.Clip(mergeSettings.merge(l.SnapshotSettings))
	l.At, _ = time.Parse(time.RFC3339Nano, l.updatedAt)
	l.trimmed = slices.ContainsFunc(l.Loglets, func(w LogletWorker) bool { return w.TrimPoint > 0 })
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
