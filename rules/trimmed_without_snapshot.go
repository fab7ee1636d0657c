package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&trimmedWithoutSnapshot)

var trimmedWithoutSnapshot = Rule{
	ID:       "trimmed-without-snapshot",
	Severity: Error,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.SnapshotRepository, snapshots.BifrostConfig, snapshots.PartitionTable},
	Summary:  "the log of a partition was trimmed, and there is no snapshot of the partition",
	Doc: Doc{
		Checks: "Partitions of which the captured repository holds nothing, although their log was trimmed (the chain starts above LSN 1, or a log server reported a trim point): an **error** each. " +
			"If no repository was captured the rule is undecided, and so it is if a file of it could not be read.",
		Why: "The log cannot build the partition from the start any more, and there is no snapshot to start from: no new replica can ever be made. Only the nodes that hold the partition on their disks can serve it. " +
			"When they are lost, so is the data.",
		Legal: "If only a part of the repository was captured, or that of another prefix. In a cluster of one node without a repository, whose logs are trimmed by what it has on disk.",
		Fix:   "`restatectl snapshots create P` while a node that holds the partition runs.",
		Evidence: []string{
			"Restate 1.7: in a cluster logs are trimmed up to what was archived; `restatectl logs trim` does not look at snapshots",
			"restatedev/restate #2808, #2814, #4302, #4824",
		},
	},
	Run: func(pass *Pass) {
		repository := pass.Snapshot.Repository
		whole := pass.Snapshot.Captured(snapshots.SnapshotRepository)
		eachTrimmedLog(pass, func(id cluster.PartitionID, t *trimmedLog) {
			if t.lsn == 0 || repository.Holds(id) || !whole {
				return
			}
			pass.Report(Finding{
				Subject:  subjectPartition(id),
				Title:    fmt.Sprintf("partition %d: log %d is trimmed up to LSN %d, and there is no snapshot of the partition", id, t.log, t.lsn),
				Observed: fmt.Sprintf("no snapshot of partition %d in the repository", id),
				Expected: fmt.Sprintf("a snapshot up to LSN %d or more", t.lsn),
				Why:      "a new replica cannot be built; " + whoHolds(pass, id, t.lsn),
				At:       t.evidence().At,
				Remedy:   createSnapshot(id),
				Cause:    "no snapshot",
			})
		})
	},
}
