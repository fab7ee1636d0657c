package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&trimGap)

var trimGap = Rule{
	ID:       "trim-gap",
	Severity: Error,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.SnapshotRepository, snapshots.BifrostConfig},
	Summary:  "records were trimmed that no snapshot of the partition holds",
	Doc: Doc{
		Checks: "The latest snapshot of every partition (`latest.json`) against the trim point of its log: an **error** if its `min_applied_lsn` is below the last trimmed LSN. " +
			"The trim point is that of the log servers where they were captured (`sql/loglet_workers`); otherwise only its lower bound is known, which is one below the first LSN of the chain. " +
			"Older snapshots that are retained do not help: Restate tries the latest one only.",
		Why: "A replica without data of its own starts from the snapshot and then reads the log, which does not have the records in between any more: it fails again and again with a trim gap. " +
			"If no node has the partition on its disk, the records are lost.",
		Legal: "If the repository was captured before a snapshot was made, and the log after it was trimmed.",
		Fix:   "On a node that still holds the partition, now: `restatectl snapshots create P`. Do not restart or drain such a node before. Otherwise see \"Handling missing snapshots\" in Restate's documentation.",
		Evidence: []string{
			"Restate 1.7.12: `restatectl logs trim` beyond the newest snapshot gives no warning; a new replica of the partition cannot start",
			"Restate 1.7, partition store manager: a snapshot will do if min_applied_lsn is at or above the trim point; restatedev/restate #2744, #2456, #4824, #4867",
			"restatedev/restate #4917: older snapshots are not tried",
		},
	},
	Run: func(pass *Pass) {
		repository := pass.Snapshot.Repository
		eachTrimmedLog(pass, func(id cluster.PartitionID, t *trimmedLog) {
			latest := repository.Get(id)
			if latest == nil || latest.MinAppliedLSN >= t.lsn {
				if latest == nil && t.lsn > 0 && repository.Holds(id) {
					pass.Lacks(snapshots.SnapshotRepository) // listed, but not captured
				}
				return
			}
			missing := t.lsn - latest.MinAppliedLSN
			pass.Report(Finding{
				Subject:  subjectPartition(id),
				Title:    fmt.Sprintf("partition %d: %s trimmed that the latest snapshot does not hold (LSN %d to %d)", id, was(int(min(missing, 1<<40)), "record"), latest.MinAppliedLSN+1, t.lsn),
				Observed: fmt.Sprintf("snapshot up to LSN %d, log %d trimmed up to LSN %d", latest.MinAppliedLSN, t.log, t.lsn),
				Expected: fmt.Sprintf("a snapshot up to LSN %d or more", t.lsn),
				Why:      "a new replica cannot be built; " + whoHolds(pass, id, t.lsn),
				At:       latest.At,
				Related:  []Related{t.evidence()},
				Remedy:   createSnapshot(id),
				Cause:    "trim gap",
			})
		})
	},
}
