package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&replicaSetEmpty)

var replicaSetEmpty = Rule{
	ID:       "replica-set-empty",
	Severity: Error,
	Category: Partitions,
	Since:    cluster.Release{Major: 1, Minor: 4},
	Needs:    []snapshots.Kind{snapshots.EpochMetadata},
	Summary:  "a partition has no replica at all",
	Doc: Doc{
		Checks: "The current replica set of every partition: an **error** for the partitions whose set is empty, a **note** for those whose placement is frozen at the same time. " +
			"A configuration of version 0 is a placeholder and not looked at: `epoch-metadata-missing-or-clobbered` does.",
		Why:   "No node runs the partition: requests for its keys wait.",
		Legal: "With a frozen placement: that is how an operator stops the processors of a partition on purpose (Restate 1.7.3 and later).",
		Fix:   "`restatectl partitions placement set P --replicas N1,N2`, or `restatectl partitions placement unfreeze P` to let the controller choose.",
		Evidence: []string{
			"Restate 1.7.3 documentation: `restatectl partitions placement set P --freeze` with no replicas stops the processors",
		},
	},
	Run: func(pass *Pass) {
		empty, frozen := make(partitionGroups), make(partitionGroups)
		for _, epoch := range pass.Snapshot.Epochs {
			current := epoch.Current
			switch {
			case current == nil || current.Version == 0 || len(current.ReplicaSet) > 0:
			case epoch.PlacementFreeze != nil:
				frozen.add(epoch.PlacementFreeze.Reason, epoch.Partition, current.At)
			default:
				empty.add("", epoch.Partition, current.At)
			}
		}
		for _, group := range empty.all {
			pass.Report(Finding{
				Subject:  group.subject(""),
				Title:    fmt.Sprintf("%s: %s replica set is empty", group.title(), group.their()),
				Observed: "replica set []",
				Expected: "at least one worker",
				Why:      "nobody processes them",
				At:       group.at,
				Remedy:   placeReplicas(pass, group.ids[0]),
			})
		}
		for reason, group := range frozen.all {
			pass.Report(Finding{
				Severity: Note,
				Subject:  group.subject(""),
				Title:    fmt.Sprintf("%s: %s replica set is empty and frozen, for the reason %q", group.title(), group.their(), reason),
				Observed: "replica set [], placement frozen",
				Expected: "at least one worker, once it is over",
				Why:      "somebody stopped them on purpose, and they stay so until somebody lifts the freeze",
				At:       group.at,
				Related:  []Related{{Message: "the freeze", At: pass.Snapshot.Epoch(group.ids[0]).PlacementFreeze.At}},
				Remedy:   []string{"restatectl partitions placement unfreeze " + partitionArguments(group.ids)},
			})
		}
	},
}
