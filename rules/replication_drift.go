package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&replicationDrift)

var replicationDrift = Rule{
	ID:       "replication-drift",
	Severity: Warning,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "logs or partitions are replicated otherwise than the cluster is configured to",
	Doc: Doc{
		Checks: "The replication of every open replicated tail against the default, and that of every partition's current replica set against the partition table. Those that differ in the same way make one finding: " +
			"a **warning** if they promise less at some scope (fewer copies, or copies in fewer zones or regions), a **note** if they promise as much or more. " +
			"It is a **note** as well where the cluster cannot meet the configured replication: `replication-unsatisfiable` names the cause. " +
			"Single copies on several log servers are left to `log-replication-one-multi-node`, and partitions whose reconfiguration to the configured replication is pending are passed over.",
		Why: "The configured replication is what somebody relies on; the old one is what protects the data. A difference that stays is a reconfiguration that did not happen: for lack of a quorum or of candidates, " +
			"because a placement is frozen, or because a log was reconfigured by hand.",
		Legal: "For some minutes after `restatectl config set`: leaders move their logs one by one. A frozen placement keeps what its operator chose. The metadata does not tell when the configuration was changed.",
		Fix: "`restatectl logs reconfigure --log-id L`; the command may have to be repeated. For frozen partitions `restatectl partitions placement unfreeze P` (Restate 1.7.3 and later); " +
			"for others `restatectl partitions reconfigure --id P` (1.4 to 1.7.2). If nothing moves, look for `tail-write-quorum-lost`, `segment-unsealable` and `replication-unsatisfiable`.",
		Evidence: []string{
			"restatedev/restate-operator #195: replication that was changed in the operator's resource was never applied",
			"Restate documentation, growing clusters: the command may have to be run a few times",
			"Restate 1.7.12: `logs reconfigure --replication` gives one log a replication of its own; `partitions placement set --replicas` gives a partition as many copies as there are replicas",
		},
	},
	Run: func(pass *Pass) {
		if pass.Snapshot.Logs == nil {
			pass.Lacks(snapshots.BifrostConfig)
		} else {
			checkLogDrift(pass)
		}
		checkPartitionDrift(pass)
	},
}

func checkLogDrift(pass *Pass) {
	configured, ok := defaultReplication(pass.Snapshot.Logs)
	if !ok {
		return
	}
	several := len(registered(pass.Snapshot.Nodes, takesSegments)) > 1
	selection, _ := selectDefault(pass)
	drifted := make(map[cluster.Replication]*tails)
	pass.Logs(func(log *snapshots.Log) {
		i := usableTail(pass, log)
		if i < 0 {
			return
		}
		replication := log.Segments[i].Placement.Replication
		if replication == configured || several && replication.Copies() == 1 {
			return
		}
		if drifted[replication] == nil {
			drifted[replication] = &tails{}
		}
		drifted[replication].add(log, i, log.ReplicationAt)
	})
	pass.Finally(func() {
		provider := pass.Snapshot.Logs.DefaultProvider
		for _, replication := range sortedReplications(drifted) {
			t := drifted[replication]
			f := Finding{
				Subject:  Subject{Document: string(snapshots.BifrostConfig), Part: partName(replication.String())},
				Title:    fmt.Sprintf("%s replicated by %v, not by the default %v", are(t.count(), "open tail"), replication, configured),
				Observed: t.in(pass),
				Expected: fmt.Sprintf("replication %v", configured),
				Why:      "records have fewer copies, or copies in fewer places, than the cluster is configured for",
				At:       t.at,
				Cause:    replication.String(),
				Related:  []Related{{Message: fmt.Sprintf("the default log replication is %v", configured), At: provider.At}},
				Remedy:   []string{reconfigureAll(t.openLogs)},
			}
			switch {
			case len(selection.Missing) > 0:
				f.Severity = Note
				f.Why = "the cluster cannot meet the default, so the logs stay as they are"
				f.Remedy = nil
			case !replication.Weaker(configured):
				f.Severity = Note
				f.Why = "no less is promised than by the default; the next reconfiguration changes it"
			}
			pass.Report(f)
		}
	})
}

func sortedReplications[V any](m map[cluster.Replication]V) []cluster.Replication {
	return slices.SortedFunc(maps.Keys(m), func(a, b cluster.Replication) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Node, b.Node))
	})
}

// are is "1 log is" or "4 logs are".
func are(n int, noun string) string {
	if n == 1 {
		return plural(n, noun) + " is"
	}
	return plural(n, noun) + " are"
}

func checkPartitionDrift(pass *Pass) {
	table := pass.Snapshot.Partitions
	if table == nil {
		pass.Lacks(snapshots.PartitionTable)
		return
	}
	if !pass.Snapshot.Captured(snapshots.EpochMetadata) {
		pass.Lacks(snapshots.EpochMetadata)
	}
	configured := table.Replication
	if configured.Copies() == 0 {
		return // everywhere, or not stated
	}
	workers := registered(pass.Snapshot.Nodes, mayTakePartitions)
	unsatisfiable := len(workers) > 0 && !cluster.SelectReplicas(asMembers(workers), configured).Possible()
	drifted := make(map[string][]*snapshots.Epoch) // by the part of the subject
	for _, epoch := range pass.Snapshot.Epochs {
		current := epoch.Current
		if current == nil || current.Version == 0 || current.Replication.Copies() == 0 || current.Replication == configured ||
			epoch.Next != nil && epoch.Next.Replication == configured {
			continue
		}
		part := partName(current.Replication.String())
		if epoch.PlacementFreeze != nil {
			part += "-frozen"
		}
		drifted[part] = append(drifted[part], epoch)
	}
	for _, part := range slices.Sorted(maps.Keys(drifted)) {
		epochs := drifted[part]
		ids := make([]cluster.PartitionID, len(epochs))
		for i, epoch := range epochs {
			ids[i] = epoch.Partition
		}
		first := epochs[0]
		replication := first.Current.Replication
		f := Finding{
			Subject:  Subject{Document: string(snapshots.PartitionTable), Part: part},
			Title:    fmt.Sprintf("%s replicated by %v, not by %v as the partition table says", are(len(ids), "partition"), replication, configured),
			Observed: partitionList(ids),
			Expected: fmt.Sprintf("replication %v", configured),
			Why:      "there are fewer replicas, or replicas in fewer places, than the cluster is configured for",
			At:       first.Current.ReplicationAt,
			Cause:    "partitions with " + replication.String(),
			Related:  []Related{{Message: fmt.Sprintf("the partition replication is %v", configured), At: table.ReplicationAt}},
			Remedy:   []string{fmt.Sprintf("restatectl partitions reconfigure --id %d   # 1.4 to 1.7.2; later releases do it by themselves", first.Partition)},
		}
		switch {
		case unsatisfiable:
			f.Severity = Note
			f.Why = "the cluster cannot meet the configured replication, so the replica sets stay as they are"
			f.Remedy = nil
		case !replication.Weaker(configured):
			f.Severity = Note
			f.Why = "nothing less is promised than what is configured"
		}
		if first.PlacementFreeze != nil {
			f.Title += ", with a frozen placement"
			f.Why += "; it stays so until somebody lifts the freeze"
			f.Related = append(f.Related, Related{Message: fmt.Sprintf("partition %d is frozen: %q", first.Partition, first.PlacementFreeze.Reason), At: first.PlacementFreeze.At})
			f.Remedy = []string{"restatectl partitions placement unfreeze " + partitionArguments(ids)}
		}
		pass.Report(f)
	}
}
