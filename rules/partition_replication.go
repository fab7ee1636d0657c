package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&partitionReplication)

var partitionReplication = Rule{
	ID:       "partition-replication",
	Severity: Warning,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.PartitionTable, snapshots.NodesConfig},
	Summary:  "the partition replication is not what Restate recommends",
	Doc: Doc{
		Checks: "The configured partition replication. A **warning** for a single copy in a cluster of two or more active workers, and for `everywhere`; a **note** for more than two copies. " +
			"Whether there are enough workers is checked by `replication-unsatisfiable`, whether partitions follow it by `replication-drift`.",
		Why: "With one copy there is no warm standby: when a worker fails, its partitions wait until another one has downloaded a snapshot and read the log. With three or more every record is applied that many times, " +
			"for little: the log is what keeps the data. `everywhere` puts a replica on every worker, cannot be chosen since 1.3, and `restatectl nodes set-worker-state` refuses to work with it.",
		Legal: "A single copy, where a pause of some minutes after a failure does not matter; three copies, where failover must survive two failures at once.",
		Fix:   "`restatectl config set --partition-replication 2`.",
		Evidence: []string{
			"Restate documentation, replication: at most two partition replicas are recommended",
			"Restate release notes 1.3.0: `everywhere` is deprecated; restatectl 1.4 to 1.7: worker states cannot be set with it",
		},
	},
	Run: func(pass *Pass) {
		table := pass.Snapshot.Partitions
		workers := registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool {
			return hasRole(node, cluster.RoleWorker) && node.Worker != cluster.WorkerDisabled && node.Worker != cluster.WorkerDraining
		})
		f := Finding{
			Subject:  Subject{Document: string(snapshots.PartitionTable), Part: "replication"},
			Observed: fmt.Sprintf("partition replication %v, %s", table.Replication, plural(len(workers), "worker")),
			Expected: "two copies",
			At:       table.ReplicationAt,
			Remedy:   []string{"restatectl config set --partition-replication 2"},
		}
		copies := table.Replication.Copies()
		switch {
		case table.Everywhere:
			f.Title = "the partition replication is everywhere"
			f.Observed = fmt.Sprintf("everywhere, %s", plural(len(workers), "worker"))
			f.Why = "every worker holds every partition, and worker states cannot be set"
		case copies == 1 && len(workers) >= 2:
			f.Title = fmt.Sprintf("partitions have a single copy although there are %d workers", len(workers))
			f.Why = "no replica stands by: after a failure partitions wait until another worker has caught up from a snapshot"
		case copies > 2:
			f.Severity = Note
			f.Title = fmt.Sprintf("partitions have %d copies; at most two are recommended", copies)
			f.Why = "each copy applies every record, and the data is safe in the log"
		default:
			return
		}
		pass.Report(f)
	},
}
