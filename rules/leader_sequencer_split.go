package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&leaderSequencerSplit)

var leaderSequencerSplit = Rule{
	ID:       "leader-sequencer-split",
	Severity: Note,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.BifrostConfig, snapshots.EpochMetadata},
	Summary:  "the leaders of partitions and the sequencers of their logs are on different nodes",
	Doc: Doc{
		Checks: "The node that claimed leadership of a partition last against the sequencer of the open tail of its log: one **note** for all partitions for which they are different nodes. Leaders that are not registered are left to other rules.",
		Why:    "Every record that the leader appends then takes one more way over the network. Leaders move the sequencer to themselves when they next improve their log.",
		Legal:  "Always: it costs time, no data. Right after a change of leaders it is usual.",
		Fix:    "`restatectl logs reconfigure --log-id L`, or wait.",
		Evidence: []string{
			"Restate 1.7: a tail counts as improvable if its sequencer is not the preferred node; `restatectl partitions list` colours it",
		},
	},
	Run: func(pass *Pass) {
		partitions := make(map[cluster.LogID]*snapshots.Epoch, len(pass.Snapshot.Epochs))
		for _, epoch := range pass.Snapshot.Epochs {
			log := cluster.LogID(epoch.Partition)
			if table := pass.Snapshot.Partitions; table != nil {
				if partition := table.Get(epoch.Partition); partition != nil {
					log = partition.Log
				}
			}
			if epoch.Leader != nil && (pass.Snapshot.Nodes == nil || pass.Snapshot.Nodes.Class(epoch.Leader.Node.ID) == cluster.Active) {
				partitions[log] = epoch
			}
		}
		var split tails
		var lowest *snapshots.Epoch
		var sequencer cluster.NodeID
		pass.Logs(func(log *snapshots.Log) {
			i, epoch := usableTail(pass, log), partitions[log.ID]
			if i < 0 || epoch == nil || log.Segments[i].Sequencer.ID == epoch.Leader.Node.ID {
				return
			}
			if split.add(log, i, log.SequencerAt); split.lowest == log.ID {
				lowest, sequencer = epoch, log.Segments[i].Sequencer.ID
			}
		})
		pass.Finally(func() {
			if lowest == nil {
				return
			}
			pass.Report(Finding{
				Subject:  Subject{Document: string(snapshots.BifrostConfig), Part: "sequencers"},
				Title:    fmt.Sprintf("%s another node than the leader of the partition for a sequencer", have(split.count(), "open tail")),
				Observed: fmt.Sprintf("%v; log %d is sequenced by %v, and %v leads partition %d", &split, split.lowest, sequencer, lowest.Leader.Node.ID, lowest.Partition),
				Expected: "the sequencer on the node of the leader",
				Why:      "each append takes one more way over the network",
				At:       split.at,
				Related:  []Related{{Message: fmt.Sprintf("%v claimed leadership of partition %d", lowest.Leader.Node, lowest.Partition), At: lowest.Leader.At}},
				Remedy:   []string{reconfigureAll(split.openLogs)},
			})
		})
	},
}
