package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A trimmedLog is how far the log of a partition is known to be trimmed.
type trimmedLog struct {
	log cluster.LogID
	// lsn is the last position that is gone for certain; 0 when nothing is.
	lsn cluster.LSN
	// head is the first LSN of the chain and at its first segment.
	head cluster.LSN
	at   snapshots.Position
	// worker is the log server that said more than the chain does, if one did.
	worker *snapshots.LogletWorker
	// tail is the LSN behind which nothing was written, where the chain is sealed; 0 otherwise.
	tail   cluster.LSN
	tailAt snapshots.Position
}

// eachTrimmedLog calls visit for the log of every partition while the logs are read. Partitions that a table does not
// list have the log of the same number.
func eachTrimmedLog(pass *Pass, visit func(cluster.PartitionID, *trimmedLog)) {
	owners := make(map[cluster.LogID][]cluster.PartitionID)
	if table := pass.Snapshot.Partitions; table != nil {
		for partition := range table.All() {
			owners[partition.Log] = append(owners[partition.Log], partition.ID)
		}
	}
	pass.Logs(func(log *snapshots.Log) {
		ids := owners[log.ID]
		if table := pass.Snapshot.Partitions; len(ids) == 0 && (table == nil || table.Len() == 0) && log.ID <= 1<<16-1 {
			ids = []cluster.PartitionID{cluster.PartitionID(log.ID)}
		}
		if len(ids) == 0 || len(log.Segments) == 0 {
			return
		}
		t := &trimmedLog{log: log.ID, head: log.Segments[0].BaseLSN, at: log.SegmentAt(0)}
		if t.head > cluster.OldestLSN {
			t.lsn = t.head - 1
		}
		if point, ok := pass.Snapshot.Live.TrimPoint(log); ok && point.LSN > t.lsn {
			t.lsn, t.worker = point.LSN, point.Worker
		}
		if last := len(log.Segments) - 1; log.Segments[last].Kind == snapshots.SealMarker {
			t.tail, t.tailAt = log.Segments[last].BaseLSN, log.SegmentAt(last)
		}
		for _, id := range ids {
			visit(id, t)
		}
	})
}

// evidence is where the trim point is known from.
func (t *trimmedLog) evidence() Related {
	if t.worker != nil {
		return Related{Message: fmt.Sprintf("log %d is trimmed up to LSN %d, says %s (%v)", t.log, t.lsn, t.worker.Witness(), t.worker.Loglet), At: t.worker.At()}
	}
	return Related{Message: fmt.Sprintf("the chain of log %d starts at LSN %d", t.log, t.head), At: t.at}
}

// holders names the nodes whose processors had applied enough of a log to go on without a snapshot. said is false when
// no processor of the partition was captured.
func holders(pass *Pass, id cluster.PartitionID, trimmed cluster.LSN) (nodes []cluster.NodeID, said bool) {
	if pass.Snapshot.Live == nil {
		return nil, false
	}
	processors := pass.Snapshot.Live.Processors
	i, _ := slices.BinarySearchFunc(processors, id, func(p snapshots.Processor, id cluster.PartitionID) int { return int(p.Partition) - int(id) })
	for ; i < len(processors) && processors[i].Partition == id; i++ {
		if said = true; processors[i].Applied >= trimmed && processors[i].Broken == "" {
			nodes = append(nodes, processors[i].Node.ID)
		}
	}
	return nodes, said
}

// whoHolds is what a finding about missing records says of the nodes that still have them.
func whoHolds(pass *Pass, id cluster.PartitionID, trimmed cluster.LSN) string {
	nodes, said := holders(pass, id, trimmed)
	switch {
	case len(nodes) > 0:
		return fmt.Sprintf("only %s can go on, with the data on their own disks", idList(nodes))
	case said:
		return "no processor that was captured has applied as much: the partition cannot be started anywhere"
	}
	return "only a node that still has the partition on its own disk can go on"
}

// createSnapshot are the steps to get a snapshot from a node that still has the data.
func createSnapshot(id cluster.PartitionID) []string {
	return []string{fmt.Sprintf("restatectl snapshots create %d   # while a node that holds the partition runs", id), "restatectl partitions list"}
}
