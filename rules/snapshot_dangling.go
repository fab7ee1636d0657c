package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&snapshotDangling)

var snapshotDangling = Rule{
	ID:       "snapshot-dangling",
	Severity: Error,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.SnapshotRepository},
	Summary:  "latest.json names a snapshot that is not in the repository",
	Doc: Doc{
		Checks: "The folder that every `latest.json` names must hold a `metadata.json`: an **error** for the partitions whose latest snapshot does not, a **warning** for those where another retained snapshot does not. " +
			"It takes a listing of the bucket, or a copy that has some `metadata.json`; if nothing but `latest.json` was captured, the rule is undecided.",
		Why: "A replica without data starts from the latest snapshot and from no other: if it is not there, no new replica can be built from the repository once the log is trimmed. " +
			"`metadata.json` is written last of a snapshot's files, so a folder without one is an upload that was broken off, or was cleaned up by somebody else.",
		Legal: "If the repository was copied while a snapshot was being replaced.",
		Fix:   "`restatectl snapshots create P` writes a new snapshot and a new `latest.json`. Look for lifecycle rules on the bucket that delete objects by age.",
		Evidence: []string{
			"Restate 1.2 to 1.7: SST files are uploaded first, then metadata.json, then latest.json; restatedev/restate #3930, #4892",
			"restatedev/restate #4917: there is no fallback to an older snapshot",
		},
	},
	Run: func(pass *Pass) {
		repository := pass.Snapshot.Repository
		whole := pass.Snapshot.Captured(snapshots.SnapshotRepository)
		missing := make(partitionGroups)
		first := make(map[string]*snapshots.PartitionSnapshot)
		for _, latest := range repository.Latest {
			named := append([]snapshots.PartitionSnapshot{latest.PartitionSnapshot}, latest.Retained...)
			for i := range named {
				s := &named[i]
				if s.Path == "" || i > 0 && s.Path == latest.Path {
					continue
				}
				folder, known := repository.Folder(latest, s.Path)
				if !known {
					pass.Lacks(snapshots.SnapshotRepository)
				}
				if !known || folder.Metadata || !whole {
					continue
				}
				which := "latest"
				if i > 0 {
					which = "retained"
				}
				group := missing[which]
				if group != nil && group.ids[len(group.ids)-1] == latest.Partition {
					continue // it has lost several retained ones
				}
				if missing.add(which, latest.Partition, s.At); first[which] == nil {
					first[which] = s
				}
			}
		}
		for which, group := range missing.all {
			s := first[which]
			f := Finding{
				Subject:  group.subject(which),
				Title:    fmt.Sprintf("%s: a %s snapshot is not in the repository (%s)", group.title(), which, s.ID),
				Observed: fmt.Sprintf("partition %d: no %s/metadata.json", group.ids[0], s.Path),
				Expected: "the folder of the snapshot, with its metadata.json",
				Why:      "no replica can start from the repository: older snapshots are not tried",
				At:       group.at,
				Remedy:   createSnapshot(group.ids[0]),
			}
			if which == "retained" {
				f.Severity = Warning
				f.Why = "it holds back the trimming of the log, and cannot be gone back to"
			} else if len(group.ids) == 1 {
				f.Title = fmt.Sprintf("%s: the latest snapshot %s is not in the repository", group.title(), s.ID)
			}
			pass.Report(f)
		}
	},
}
