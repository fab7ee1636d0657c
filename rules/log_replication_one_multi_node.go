package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&logReplicationOneMultiNode)

var logReplicationOneMultiNode = Rule{
	ID:       "log-replication-one-multi-node",
	Severity: Error,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "logs are kept in a single copy although the cluster has several log servers",
	Doc: Doc{
		Checks: "The default replication and that of every open tail, where at least two log servers are `read-write`. One finding for the cluster if either asks for one copy only: " +
			"an **error** if the nodesets of such tails name two nodes or more, a **warning** otherwise.",
		Why: "It is the trap of growing from one node. With one copy, *all* nodes of a nodeset must answer before it can be sealed, and Restate picks two nodes for it: " +
			"the loss of any one node stops all logs that name it, and what was written only there is lost with its disk. More nodes make the cluster less available, not more.",
		Legal: "In a cluster for development. On a single log server it is all there can be, and nothing is reported.",
		Fix: "`restatectl config set --log-replication 2 --partition-replication 2`, then watch `restatectl logs list` until all tails have moved; " +
			"`restatectl logs reconfigure --log-id L` for those that do not. From Restate 1.2 on; partition replication as an option from 1.3.",
		Evidence: []string{
			"restatedev/restate-operator #195: replication is applied when a cluster is provisioned and never again, so the first signal is a stall when a node is lost",
			"Restate documentation: growing clusters, step 3; sizing clusters",
			"Restate 1.2 to 1.7 pick two nodes for replication {node: 1} when there are two",
		},
	},
	Run: func(pass *Pass) {
		writers := registered(pass.Snapshot.Nodes, takesSegments)
		if len(writers) < 2 {
			return
		}
		var single tails
		holders := make(map[cluster.NodeID]bool)
		onlyCopy := perPlacement[bool]{make: func(placement *snapshots.Placement) bool {
			if placement.Replication.Copies() != 1 {
				return false
			}
			for _, member := range placement.Verdict.Members {
				holders[member.Node] = true
			}
			return true
		}}
		pass.Logs(func(log *snapshots.Log) {
			if i := usableTail(pass, log); i >= 0 && onlyCopy.of(log.Segments[i].Placement) {
				single.add(log, i, log.ReplicationAt)
			}
		})
		pass.Finally(func() {
			replication, replicated := defaultReplication(pass.Snapshot.Logs)
			byDefault := replicated && replication.Copies() == 1
			if !byDefault && single.count() == 0 {
				return
			}
			f := Finding{
				Subject:  Subject{Document: string(snapshots.BifrostConfig)},
				Title:    fmt.Sprintf("logs are kept in a single copy on a cluster of %s", plural(len(writers), "log server")),
				Observed: "replication {node: 1} of " + single.in(pass),
				Expected: "at least two copies",
				Why:      "every node of a nodeset must answer before it can be sealed: losing any one of them stops its logs",
				At:       single.at,
				Related:  relatedNode(pass, writers[1].ID),
				Remedy:   []string{"restatectl config set --log-replication 2 --partition-replication 2", "restatectl logs list"},
			}
			if byDefault {
				f.Observed = fmt.Sprintf("default replication %v; replication {node: 1} of %s", replication, single.in(pass))
				f.At = pass.Snapshot.Logs.DefaultProvider.At
				if single.count() == 0 && pass.Whole(snapshots.BifrostConfig) {
					f.Observed = fmt.Sprintf("default replication %v; no open tail has it yet", replication)
				} else if single.count() > 0 {
					f.Related = append(f.Related, Related{Message: "an open tail with one copy", At: single.at})
				}
			}
			if len(holders) < 2 {
				f.Severity = Warning
				f.Why = "the next segments are spread over two nodes, of which none may then be lost"
			}
			pass.Report(f)
		})
	},
}
