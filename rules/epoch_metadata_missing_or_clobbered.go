package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&epochMetadataMissingOrClobbered)

var epochMetadataMissingOrClobbered = Rule{
	ID:       "epoch-metadata-missing-or-clobbered",
	Severity: Warning,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.PartitionTable},
	Summary:  "a partition has no epoch metadata, or an old release rewrote it",
	Doc: Doc{
		Checks: "The epoch metadata of every partition of the table. One **warning** for the partitions whose key the metadata store does not have (a captured `null`), one for those whose epoch metadata has lost its current configuration " +
			"(none, or version 0) in a cluster that runs 1.4 or later or where other partitions have one, and one for those whose epoch is above the version of their document. " +
			"Epoch metadata that was not captured leaves the rule undecided; epoch metadata of partitions that do not exist is reported by `capture-inconsistent`. " +
			"In clusters up to 1.3 there are no configurations: nothing is wrong with that.",
		Why: "Without a configuration nobody knows which nodes replicate the partition: the controller has to choose anew, and replicas that held data may be dropped. " +
			"A binary of 1.3 or older that joins a newer cluster rewrites epoch metadata and drops what it does not know.",
		Legal: "For a moment after provisioning: the documents are created when the controller and the first leaders get to work.",
		Fix:   "Run one release of 1.4 or later on all nodes; the controller then chooses a configuration by itself. Look at `restatectl partitions list` afterwards.",
		Evidence: []string{
			"restatedev/restate #3386: rolling upgrade and downgrade with 1.3.2",
			"Restate 1.4 to 1.7: a configuration of version 0 means that the controller has to choose; every claim of leadership raises epoch and version by 1, so that the epoch is never above the version",
		},
	},
	Run: func(pass *Pass) {
		s := pass.Snapshot
		null := make(map[string]*snapshots.Gap)
		for i := range s.Gaps {
			if gap := &s.Gaps[i]; gap.Kind == snapshots.EpochMetadata && gap.Null {
				null[gap.Key] = gap
			}
		}
		missing := &partitionGroup{at: wholeDocument(s.Partitions.Document)}
		for partition := range s.Partitions.All() {
			if s.Epoch(partition.ID) != nil {
				continue
			}
			if null[fmt.Sprintf("pp_epoch_%d", partition.ID)] == nil {
				pass.Lacks(snapshots.EpochMetadata)
				continue
			}
			if len(missing.ids) == 0 {
				missing.at = partition.At
			}
			missing.ids = append(missing.ids, partition.ID)
		}
		if len(s.Epochs) == 0 && !s.Captured(snapshots.EpochMetadata) && len(missing.ids) == 0 {
			pass.Lacks(snapshots.EpochMetadata)
		}
		if len(missing.ids) > 0 {
			pass.Report(Finding{
				Subject:  missing.subject("missing"),
				Title:    fmt.Sprintf("%s: the metadata store has no epoch metadata", missing.title()),
				Observed: "null",
				Expected: "a document for every partition",
				Why:      "no node was ever given these partitions, or the documents were deleted",
				At:       missing.at,
				Remedy:   []string{"restatectl partitions list"},
			})
		}
		configured := 0
		for _, epoch := range s.Epochs {
			if epoch.Current != nil && epoch.Current.Version > 0 {
				configured++
			}
		}
		modern := configured > 0 || s.Release().AtLeast(1, 4, 0)
		clobbered, ahead := &partitionGroup{}, &partitionGroup{}
		for _, epoch := range s.Epochs {
			if modern && (epoch.Current == nil || epoch.Current.Version == 0) {
				if len(clobbered.ids) == 0 {
					clobbered.at = wholeDocument(epoch.Document)
				}
				clobbered.ids = append(clobbered.ids, epoch.Partition)
			}
			if epoch.Document.Version > 0 && epoch.Epoch > cluster.LeaderEpoch(epoch.Document.Version) {
				if len(ahead.ids) == 0 {
					ahead.at = wholeDocument(epoch.Document)
				}
				ahead.ids = append(ahead.ids, epoch.Partition)
			}
		}
		if len(clobbered.ids) > 0 {
			pass.Report(Finding{
				Subject:  clobbered.subject("configuration"),
				Title:    fmt.Sprintf("%s: the epoch metadata has no valid configuration", clobbered.title()),
				Observed: fmt.Sprintf("%d of %d documents have one", configured, len(s.Epochs)),
				Expected: "a current configuration of version 1 or more",
				Why:      "nobody knows which nodes replicate them; a binary of 1.3 or older may have rewritten the documents",
				At:       clobbered.at,
				Remedy:   []string{"restatectl partitions list"},
			})
		}
		if len(ahead.ids) > 0 {
			epoch := s.Epoch(ahead.ids[0])
			pass.Report(Finding{
				Subject:  ahead.subject("epoch"),
				Title:    fmt.Sprintf("%s: epoch %v is above the version of the document, %v", ahead.title(), epoch.Epoch, epoch.Document.Version),
				Observed: fmt.Sprintf("epoch %v, version %v", epoch.Epoch, epoch.Document.Version),
				Expected: "an epoch of at most the version",
				Why:      "every new epoch is a new version: somebody edited the document or set it back",
				At:       ahead.at,
			})
		}
	},
}
