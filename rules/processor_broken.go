package rules

import (
	"fmt"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&processorBroken)

var processorBroken = Rule{
	ID:       "processor-broken",
	Severity: Error,
	Category: Partitions,
	Since:    cluster.Release{Major: 1, Minor: 7, Patch: 3},
	Needs:    []snapshots.Kind{snapshots.LiveProcessors},
	Summary:  "a node has parked the processor of a partition as broken",
	Doc: Doc{
		Checks: "Partition processors that report a broken reason, such as `ahead_of_log`: one finding for each partition. It is an **error** if no other node's processor of the partition was running, a **warning** if one was.",
		Why: "A parked processor does nothing until somebody repairs it. With none left, the partition is down: no invocation of its keys makes progress. " +
			"`ahead_of_log` says that the partition store has applied more records than the log holds: the log lost records, or the store belongs to another history of the log.",
		Legal: "Never.",
		Fix: "Find out which of the two is right before anything is deleted: `restatectl logs describe L` and `restatectl partitions list`. " +
			"For `ahead_of_log` there are two cases. If the log is right, because it was created anew on purpose, the store belongs to the log before: move the partition store of the broken replica away and let it start from a snapshot. " +
			"If the log lost records, the store is the only place that still has their effects: leave it alone, and bring back the log servers that held them. Settle that before a sealed log is extended: `chain-sealed`.",
		Evidence: []string{
			"Restate 1.7.3 parks processors whose applied LSN is at or beyond the tail of the log (restatedev/restate #5112)",
			"Restate 1.7.12: after a log was deleted from the metadata and created anew with the same loglet id, all its processors report ahead_of_log",
		},
	},
	Run: func(pass *Pass) {
		broken := make(map[cluster.PartitionID][]*snapshots.Processor)
		running := make(map[cluster.PartitionID]bool)
		for i := range pass.Snapshot.Live.Processors {
			processor := &pass.Snapshot.Live.Processors[i]
			if id := processor.Partition; processor.Broken == "" {
				running[id] = running[id] || processor.ReplayStatus != ""
			} else {
				broken[id] = append(broken[id], processor)
			}
		}
		for i := range pass.Snapshot.Live.Processors {
			id := pass.Snapshot.Live.Processors[i].Partition
			if processors := broken[id]; processors != nil {
				delete(broken, id)
				pass.Report(brokenFinding(pass, id, processors, running[id]))
			}
		}
	},
}

// aheadOfLog is the reason of a processor that has applied records which its log does not hold.
const aheadOfLog = "ahead_of_log"

// logOf is the log of a partition. By default both have the same number.
func logOf(pass *Pass, id cluster.PartitionID) cluster.LogID {
	if table := pass.Snapshot.Partitions; table != nil {
		if partition := table.Get(id); partition != nil {
			return partition.Log
		}
	}
	return cluster.LogID(id)
}

func brokenFinding(pass *Pass, id cluster.PartitionID, processors []*snapshots.Processor, running bool) Finding {
	var nodes []cluster.NodeID
	var reasons []string
	why := "the partition is down: none of its processors runs"
	f := Finding{
		Subject:  Subject{Partition: &id},
		Expected: "a running processor",
		At:       processors[0].At(),
		Remedy:   []string{"restatectl partitions list", fmt.Sprintf("restatectl logs describe %d", logOf(pass, id))},
	}
	for _, processor := range processors {
		nodes = append(nodes, processor.Node.ID)
		if !slices.Contains(reasons, processor.Broken) {
			reasons = append(reasons, processor.Broken)
		}
		if len(nodes) > 1 {
			f.Related = append(f.Related, Related{Message: "and on " + processor.Node.ID.String(), At: processor.At()})
		}
	}
	f.Title = fmt.Sprintf("partition %d: the processor on %s is broken: %s", id, idList(nodes), strings.Join(reasons, ", "))
	if len(nodes) > 1 {
		f.Title = fmt.Sprintf("partition %d: the processors on %s are broken: %s", id, idList(nodes), strings.Join(reasons, ", "))
	}
	f.Observed = fmt.Sprintf("%s parked, none running", plural(len(nodes), "processor"))
	f.Cause = strings.Join(reasons, ", ")
	if running {
		f.Severity = Warning
		f.Observed = fmt.Sprintf("%s parked while others run", plural(len(nodes), "processor"))
		why = "the partition has a replica less, which does not come back by itself"
	}
	f.Why = why
	if slices.Contains(reasons, aheadOfLog) {
		f.Why += "; either its log lost records that the processor had applied, or the log was created anew and the partition store belongs to the one before"
		f.Remedy = append(f.Remedy, alternatives(
			way{"the log lost records", []string{"leave stores and log alone, and bring the lost log servers back"}},
			way{"the log is right, having been created anew on purpose", []string{"move the partition store of the broken replica away: it then starts from a snapshot"}},
		)...)
	}
	return f
}
