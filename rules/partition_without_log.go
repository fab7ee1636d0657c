package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&partitionWithoutLog)

var partitionWithoutLog = Rule{
	ID:       "partition-without-log",
	Severity: Error,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.PartitionTable, snapshots.BifrostConfig},
	Summary:  "a partition has no log of its own",
	Doc: Doc{
		Checks: "The log of every partition (the one of the same number unless `log_id` says otherwise): one **error** for the partitions whose log does not exist, one for each log that several partitions share. " +
			"A **note** if there is no log at all: the cluster was provisioned and no worker has started yet.",
		Why:   "The processor of such a partition cannot start: the partition is down. When the controller creates the log anew, it begins at 1, and processors that had applied more are parked as ahead of the log.",
		Legal: "For the moment between provisioning and the first start of a worker, and when the logs were captured long before the partition table.",
		Fix:   "Capture `bifrost_config` again. If the log is gone, stop the workers before they store anything against a log that begins anew, and find out who edited the metadata.",
		Evidence: []string{
			"Restate 1.7.12: a log that was deleted from the metadata is created anew under a loglet id that was used before; both processors of its partition report ahead_of_log",
			"Restate 1.7, partition processor: it asks for the log of its partition and fails without",
		},
	},
	Run: func(pass *Pass) {
		table := pass.Snapshot.Partitions
		var exists logIDs
		pass.Logs(func(log *snapshots.Log) { exists.add(log.ID) })
		pass.Finally(func() {
			var without *partitionGroup
			owners := make(map[cluster.LogID]*partitionGroup, table.Len())
			for partition := range table.All() {
				owner := owners[partition.Log]
				if owner == nil {
					owner = &partitionGroup{}
					owners[partition.Log] = owner
				}
				owner.ids = append(owner.ids, partition.ID)
				if owner.at = partition.At; exists.has(partition.Log) {
					continue
				}
				if without == nil {
					without = &partitionGroup{at: partition.At}
				}
				without.ids = append(without.ids, partition.ID)
			}
			if !pass.Whole(snapshots.BifrostConfig) {
				without = nil // one that could not be read may be the one
			}
			if without != nil {
				f := Finding{
					Subject:  without.subject(""),
					Title:    fmt.Sprintf("%s: %s log does not exist", without.title(), without.their()),
					Observed: fmt.Sprintf("%s, %s", plural(exists.len, "log"), plural(table.Len(), "partition")),
					Expected: "a log for every partition",
					Why:      "nothing can process them",
					At:       without.at,
					Remedy:   []string{"restatectl metadata get -k bifrost_config > bifrost_config.json"},
				}
				if exists.len == 0 {
					f.Severity = Note
					f.Subject = Subject{Document: string(snapshots.BifrostConfig)}
					f.Title = fmt.Sprintf("there is no log yet for any of %s", plural(table.Len(), "partition"))
					f.Why = "the cluster was provisioned, and logs are created when a worker starts"
					f.Remedy = nil
				}
				pass.Report(f)
			}
			for partition := range table.All() {
				owner := owners[partition.Log]
				if len(owner.ids) < 2 || owner.ids[0] != partition.ID {
					continue
				}
				pass.Report(Finding{
					Subject:  owner.subject("shared"),
					Title:    fmt.Sprintf("%s have one log: log %d", partitionList(owner.ids), partition.Log),
					Observed: fmt.Sprintf("log %d in %d entries", partition.Log, len(owner.ids)),
					Expected: "a log for every partition",
					Why:      "each of them would process the records of the others",
					At:       owner.at,
				})
			}
		})
	},
}
