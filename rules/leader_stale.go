package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&leaderStale)

var leaderStale = Rule{
	ID:       "leader-stale",
	Severity: Note,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.EpochMetadata},
	Summary:  "the last leader of partitions has left or was restarted since",
	Doc: Doc{
		Checks: "The node that claimed leadership of each partition last: a **note** for each node that was removed, or that runs in a newer generation than the one that claimed. " +
			"Unknown leaders are reported by `capture-inconsistent`, those from the future by `sequencer-newer-than-config`, frozen leaderships by `policy-dangling`.",
		Why:   "It tells who led last, and that nobody has claimed leadership since: the partitions may be without a leader. The field changes only when somebody claims.",
		Legal: "Right after a restart or a removal, until another leader is elected. The field is not proof of who leads.",
		Fix:   "Look at `restatectl partitions list`: each partition needs a leader. If one has none, look for `replica-set-dead-members` and for segments that cannot be sealed.",
		Evidence: []string{
			"Restate 1.0 to 1.7, epoch metadata: leader_metadata is written by a claim of leadership and by nothing else",
		},
	},
	Run: func(pass *Pass) {
		nodes := pass.Snapshot.Nodes
		type stale struct {
			partitionGroup
			claimed cluster.GenerationalNodeID
		}
		byNode := make(map[cluster.NodeID]*stale)
		for _, epoch := range pass.Snapshot.Epochs {
			if epoch.Leader == nil || epoch.LeadershipFreeze != nil {
				continue
			}
			claimed := epoch.Leader.Node
			node := nodes.Get(claimed.ID)
			if node == nil || !node.Removed && node.Generation.Generation <= claimed.Generation {
				continue
			}
			if byNode[claimed.ID] == nil {
				byNode[claimed.ID] = &stale{partitionGroup{at: epoch.Leader.At}, claimed}
			}
			byNode[claimed.ID].ids = append(byNode[claimed.ID].ids, epoch.Partition)
		}
		for node := range nodes.All() {
			s := byNode[node.ID]
			if s == nil {
				continue
			}
			f := Finding{
				Subject:  Subject{Node: node.ID.String()},
				Title:    fmt.Sprintf("%s: led last by %v, which is %v now", s.title(), s.claimed, node.Generation),
				Observed: fmt.Sprintf("%v claimed leadership last", s.claimed),
				Expected: "a leader that runs",
				Why:      "nobody has claimed leadership since the node was restarted",
				At:       s.at,
				Related:  []Related{{Message: fmt.Sprintf("%v is registered as %v", node.ID, node.Generation), At: node.GenerationAt}},
				Remedy:   []string{"restatectl partitions list"},
				Cause:    node.ID.String(),
			}
			if node.Removed {
				f.Title = fmt.Sprintf("%s: led last by %v, which was removed from the cluster", s.title(), s.claimed)
				f.Why = "nobody has claimed leadership since"
				f.Related = []Related{{Message: node.ID.String() + " is a tombstone", At: node.At}}
			}
			pass.Report(f)
		}
	},
}
