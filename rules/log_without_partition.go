package rules

import (
	"fmt"
	"slices"
	"strconv"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&logWithoutPartition)

var logWithoutPartition = Rule{
	ID:       "log-without-partition",
	Severity: Warning,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.PartitionTable, snapshots.BifrostConfig},
	Summary:  "a log belongs to no partition",
	Doc: Doc{
		Checks: "Every log against the partition table: one **warning** for all logs that are not the log of any partition. Tables without a list (Restate 1.0) have the partitions 0 to `num_partitions` - 1.",
		Why:    "Nobody reads or trims such a log. Its segments stay, and so do the nodes that they name: `restatectl nodes remove` refuses them. If the partition table is older than the logs, the capture does not fit together.",
		Legal:  "Never in a cluster at rest: the number of partitions cannot be changed.",
		Fix:    "Capture `partition_table` again. If the log stays, find out whether the metadata of two clusters was mixed.",
		Evidence: []string{
			"Restate 1.2 to 1.7: the controller creates one log for each partition and refuses to change a number of partitions that is not 0",
		},
	},
	Run: func(pass *Pass) {
		table := pass.Snapshot.Partitions
		owned := make(map[cluster.LogID]bool, table.Len())
		for partition := range table.All() {
			owned[partition.Log] = true
		}
		var orphans []cluster.LogID
		var lowest cluster.LogID
		var at snapshots.Position
		pass.Logs(func(log *snapshots.Log) {
			if owned[log.ID] || table.Len() == 0 && uint64(log.ID) < table.Count || len(log.Segments) == 0 {
				return
			}
			if len(orphans) == 0 || log.ID < lowest {
				lowest, at = log.ID, log.SegmentAt(0)
			}
			orphans = append(orphans, log.ID)
		})
		pass.Finally(func() {
			if len(orphans) == 0 {
				return
			}
			slices.Sort(orphans)
			words := make([]string, len(orphans))
			for i, id := range orphans {
				words[i] = strconv.FormatUint(uint64(id), 10)
			}
			pass.Report(Finding{
				Subject:  Subject{Document: string(snapshots.PartitionTable)},
				Title:    fmt.Sprintf("%s no partition: %s", belongs(len(orphans)), shorten(words)),
				Observed: fmt.Sprintf("%s in the partition table", plural(max(table.Len(), int(min(table.Count, 1<<16))), "partition")),
				Expected: "a partition for every log",
				Why:      "nobody reads or trims them, and the nodes that they name cannot be removed",
				At:       at,
				Remedy:   []string{"restatectl metadata get -k partition_table > partition_table.json"},
			})
		})
	},
}

func belongs(n int) string {
	if n == 1 {
		return "1 log belongs to"
	}
	return plural(n, "log") + " belong to"
}
