package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&snapshotForeign)

var snapshotForeign = Rule{
	ID:       "snapshot-foreign",
	Severity: Error,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.SnapshotRepository},
	Summary:  "a snapshot in the repository is not one of this partition of this cluster",
	Doc: Doc{
		Checks: "Every captured `latest.json` and `metadata.json`: an **error** for each partition whose files name another cluster, another fingerprint (where both are known), another partition than the folder that they lie in, " +
			"another log or another key range than the partition table, or an LSN at or beyond the tail of a sealed log. One finding for each partition, with the first difference. " +
			"Prefixes that never name this cluster are left out if another prefix does.",
		Why: "Two clusters share a prefix, or the cluster was provisioned anew over an old repository. Restate refuses to import such a snapshot, or imports the state of another history: " +
			"a store that is ahead of its log is parked as broken (1.7.3 and later).",
		Legal: "If the files were captured from the wrong prefix.",
		Fix:   "Give each cluster a prefix of its own (`worker.snapshots.destination`), and make new snapshots: `restatectl snapshots create`.",
		Evidence: []string{
			"Restate 1.4 to 1.7: on import the cluster name must be equal, and the fingerprints where both have one",
			"restatedev/restate #5112: stores ahead of the log are parked",
		},
	},
	Run: func(pass *Pass) {
		repository := pass.Snapshot.Repository
		seen := make(map[cluster.PartitionID]bool)
		report := func(id cluster.PartitionID, f Finding) {
			if seen[id] {
				return
			}
			seen[id] = true
			f.Subject = subjectPartition(id)
			f.Why = "a replica cannot start from it, or starts with the state of something else"
			f.Remedy = []string{"check worker.snapshots.destination: each cluster needs a prefix of its own", fmt.Sprintf("restatectl snapshots create %d", id)}
			pass.Report(f)
		}
		vague := make(map[*snapshots.Document]bool)
		for _, oddity := range pass.Snapshot.Oddities {
			vague[oddity.Document] = vague[oddity.Document] || isInexact(oddity)
		}
		nodes, table := pass.Snapshot.Nodes, pass.Snapshot.Partitions
		if nodes == nil {
			pass.Lacks(snapshots.NodesConfig)
		}
		if table == nil {
			pass.Lacks(snapshots.PartitionTable)
		}
		// One cause may touch all partitions: then the first one stands for all.
		clusters := make(partitionGroups)
		first := make(map[string]Finding)
		check := func(o *snapshots.Origin) {
			if seen[o.Partition] {
				return
			}
			switch {
			case nodes != nil && nodes.ClusterName != "" && o.ClusterName != "" && o.ClusterName != nodes.ClusterName:
				key := "name " + o.ClusterName
				seen[o.Partition] = true
				if clusters.add(key, o.Partition, o.ClusterAt); first[key].Title == "" {
					first[key] = Finding{
						Title:    fmt.Sprintf("the snapshots are those of cluster %q, not of %q", o.ClusterName, nodes.ClusterName),
						Observed: fmt.Sprintf("cluster name %q", o.ClusterName),
						Expected: fmt.Sprintf("cluster name %q", nodes.ClusterName),
					}
				}
			case nodes != nil && nodes.Fingerprint != 0 && o.Fingerprint != 0 && o.Fingerprint != nodes.Fingerprint && !vague[nodes.Document]:
				key := "fingerprint " + o.Fingerprint.String()
				seen[o.Partition] = true
				if clusters.add(key, o.Partition, o.FingerprintAt); first[key].Title == "" {
					first[key] = Finding{
						Title:    fmt.Sprintf("the snapshots are those of another cluster %q, with the fingerprint %v", o.ClusterName, o.Fingerprint),
						Observed: fmt.Sprintf("fingerprint %v", o.Fingerprint),
						Expected: fmt.Sprintf("fingerprint %v", nodes.Fingerprint),
						Related:  []Related{{Message: fmt.Sprintf("the cluster has the fingerprint %v", nodes.Fingerprint), At: nodes.FingerprintAt}},
					}
				}
			case o.Under && o.Labelled != o.Partition:
				report(o.Labelled, Finding{
					Title:    fmt.Sprintf("partition %d: its folder in the repository has a snapshot of partition %d", o.Labelled, o.Partition),
					Observed: fmt.Sprintf("partition %d", o.Partition),
					Expected: fmt.Sprintf("partition %d", o.Labelled),
					At:       wholeDocument(o.Document),
				})
			case table != nil && table.Len() > 0 && o.HasLog && table.Get(o.Partition) != nil && table.Get(o.Partition).Log != o.Log:
				report(o.Partition, Finding{
					Title:    fmt.Sprintf("partition %d: its snapshot continues with log %d, and the partition has log %d", o.Partition, o.Log, table.Get(o.Partition).Log),
					Observed: fmt.Sprintf("log %d", o.Log),
					Expected: fmt.Sprintf("log %d", table.Get(o.Partition).Log),
					At:       o.LogAt,
					Related:  []Related{{Message: "the partition in the table", At: table.Get(o.Partition).At}},
				})
			}
		}
		for _, latest := range repository.Latest {
			check(&latest.Origin)
		}
		lossy := table != nil && vague[table.Document]
		for _, stored := range repository.Stored {
			check(&stored.Origin)
			if table == nil || lossy || !stored.HasRange || vague[stored.Document] {
				continue
			}
			if partition := table.Get(stored.Partition); partition != nil && (partition.Start != stored.Start || partition.End != stored.End) {
				report(stored.Partition, Finding{
					Title:    fmt.Sprintf("partition %d: its snapshot holds the keys %d to %d, and the partition owns %d to %d", stored.Partition, stored.Start, stored.End, partition.Start, partition.End),
					Observed: fmt.Sprintf("keys %d to %d", stored.Start, stored.End),
					Expected: fmt.Sprintf("keys %d to %d", partition.Start, partition.End),
					At:       stored.RangeAt,
					Related:  []Related{{Message: "the partition in the table", At: partition.At}},
				})
			}
		}
		for key, group := range clusters.all {
			f := first[key]
			f.Subject = group.subject("")
			f.Title = group.title() + ": " + f.Title
			f.At = group.at
			f.Why = "a replica cannot start from them"
			f.Remedy = []string{"check worker.snapshots.destination: each cluster needs a prefix of its own", "restatectl snapshots create"}
			pass.Report(f)
		}
		if pass.Snapshot.Logs == nil {
			pass.Lacks(snapshots.BifrostConfig)
			return
		}
		eachTrimmedLog(pass, func(id cluster.PartitionID, t *trimmedLog) {
			latest := repository.Get(id)
			if latest == nil || t.tail == 0 || latest.MinAppliedLSN < t.tail {
				return
			}
			report(id, Finding{
				Title:    fmt.Sprintf("partition %d: its snapshot goes up to LSN %d, and its log ends before LSN %d", id, latest.MinAppliedLSN, t.tail),
				Observed: fmt.Sprintf("min_applied_lsn %d", latest.MinAppliedLSN),
				Expected: fmt.Sprintf("an LSN below %d", t.tail),
				At:       latest.At,
				Related:  []Related{{Message: fmt.Sprintf("log %d is sealed at LSN %d", t.log, t.tail), At: t.tailAt}},
			})
		})
	},
}
