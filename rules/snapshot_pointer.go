package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&snapshotPointer)

var snapshotPointer = Rule{
	ID:       "snapshot-pointer",
	Severity: Warning,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.SnapshotRepository},
	Summary:  "a latest.json contradicts itself, or is of an old format",
	Doc: Doc{
		Checks: "Every `latest.json`: a **warning** if its retained snapshots are not in descending order of LSNs, or do not begin with the latest one. A **note** for all partitions whose `latest.json` is of format V1 " +
			"in a cluster that runs 1.7 or later, or is to be upgraded to it. Folders that are missing are reported by `snapshot-dangling`.",
		Why: "Restate reads the first entry as the latest snapshot and the lowest LSN as what may be trimmed. Somebody edited the file, or two clusters write it. " +
			"V1 is rewritten as V2 with the next snapshot, which releases before 1.6 cannot read.",
		Legal: "V1, until the next snapshot of the partition.",
		Fix:   "`restatectl snapshots create P` writes the file anew.",
		Evidence: []string{
			"Restate 1.6 to 1.7, latest.json V2: retained snapshots are listed newest first, and the first one repeats the latest",
			"Restate release notes 1.7.0; restatedev/restate #3930, #4892, #4917",
		},
	},
	Run: func(pass *Pass) {
		effective := pass.Target
		if effective.IsZero() {
			effective = pass.Snapshot.Release()
		}
		old := &partitionGroup{}
		for _, latest := range pass.Snapshot.Repository.Latest {
			if latest.Format == "V1" && effective.AtLeast(1, 7, 0) {
				if len(old.ids) == 0 {
					old.at = latest.FormatAt
				}
				old.ids = append(old.ids, latest.Partition)
			}
			f := Finding{
				Subject:  subjectPartition(latest.Partition),
				Expected: "the latest snapshot first, and then older ones",
				Why:      "somebody edited the file, or two clusters write it",
				Remedy:   []string{fmt.Sprintf("restatectl snapshots create %d", latest.Partition)},
			}
			for i, s := range latest.Retained {
				switch {
				case i == 0 && s.ID != latest.ID:
					f.Title = fmt.Sprintf("partition %d: latest.json names %s as the latest snapshot and %s first among the retained ones", latest.Partition, latest.ID, s.ID)
				case i > 0 && s.MinAppliedLSN > latest.Retained[i-1].MinAppliedLSN:
					f.Title = fmt.Sprintf("partition %d: the retained snapshots are not listed newest first: LSN %d before LSN %d", latest.Partition, latest.Retained[i-1].MinAppliedLSN, s.MinAppliedLSN)
				default:
					continue
				}
				f.Observed = fmt.Sprintf("retained snapshot %s, up to LSN %d", s.ID, s.MinAppliedLSN)
				f.At = s.At
				pass.Report(f)
				break
			}
		}
		if len(old.ids) > 0 {
			pass.Report(Finding{
				Severity: Note,
				Subject:  old.subject("format"),
				Title:    old.title() + ": latest.json is of format V1",
				Observed: "V1",
				Expected: "V2, since Restate 1.6",
				Why:      "the next snapshot rewrites it as V2, which releases before 1.6 cannot read",
				At:       old.at,
			})
		}
	},
}
