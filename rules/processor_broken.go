package rules

import (
	"fmt"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(Rule{
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
			"If the log is right, move the partition store of the broken replica away and let it start from a snapshot.",
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
				pass.Report(brokenFinding(id, processors, running[id]))
			}
		}
	},
})

func brokenFinding(id cluster.PartitionID, processors []*snapshots.Processor, running bool) Finding {
	var nodes []cluster.NodeID
	var reasons []string
	f := Finding{
		Subject:  Subject{Partition: &id},
		Expected: "a running processor",
		Why:      "the partition is down: none of its processors runs",
		At:       processors[0].At(),
		Remedy:   []string{"restatectl partitions list", fmt.Sprintf("restatectl logs describe %d", id)},
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
		f.Why = "the partition has a replica less, which does not come back by itself"
	}
	return f
}
