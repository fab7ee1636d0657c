package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&keyRangeHole)

var keyRangeHole = Rule{
	ID:       "key-range-hole",
	Severity: Error,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.PartitionTable},
	Summary:  "keys belong to no partition",
	Doc: Doc{
		Checks: "The key ranges of the partition table, which are inclusive and together cover 0 to 18446744073709551615: an **error** for each stretch of keys that no partition owns, and for each range that ends before it starts. " +
			"A **warning** if `num_partitions` is not the number of partitions that are listed. Tables without a list (Restate 1.0) are cut equally by definition. " +
			"Tables whose numbers were rounded on the way are not judged: `capture-lossy-numbers` says so.",
		Why:   "Requests for such keys cannot be routed. Servers accept the table: they check for overlaps, not for holes.",
		Legal: "Never.",
		Fix:   "Find out who edited the partition table. Capture it again; if the hole stays, have it repaired together with Restate's developers before any server is restarted.",
		Evidence: []string{
			"Restate 1.7, partition table: ranges are start_i = ceil(i·2^64/n) to ceil((i+1)·2^64/n) - 1; the builder rejects overlaps and accepts gaps",
			"Restate 1.1 to 1.7: `num_partitions` is not compared with the list",
		},
	},
	Run: func(pass *Pass) {
		flaws, ok := checkRanges(pass)
		if !ok {
			return
		}
		table := pass.Snapshot.Partitions
		reportFlaws(pass, flaws.holes, "hole", func(hole *keyFlaw) Finding {
			f := Finding{
				Title:    "the key space has a hole: " + hole.keys() + " belong to no partition",
				Observed: hole.keys(),
				Expected: "a partition for every key",
				Why:      "requests for these keys cannot be routed",
				At:       wholeDocument(table.Document),
				Remedy:   []string{"restatectl metadata get -k partition_table > partition_table.json"},
			}
			switch {
			case hole.behind != nil:
				f.Subject, f.At = subjectPartition(hole.behind.ID), hole.behind.At
				f.Title += fmt.Sprintf(", before partition %d", hole.behind.ID)
				if hole.before != nil {
					f.Related = []Related{{Message: fmt.Sprintf("partition %d ends at %d", hole.before.ID, hole.before.End), At: hole.before.At}}
				}
			case hole.before != nil:
				f.Subject, f.At = subjectPartition(hole.before.ID), hole.before.At
				f.Subject.Part = "behind"
				f.Title += fmt.Sprintf(", behind partition %d", hole.before.ID)
			default:
				f.Subject = Subject{Document: string(snapshots.PartitionTable)}
			}
			return f
		})
		for _, partition := range flaws.reversed {
			subject := subjectPartition(partition.ID)
			subject.Part = "reversed"
			pass.Report(Finding{
				Subject:  subject,
				Title:    fmt.Sprintf("partition %d owns no key: its range starts at %d and ends at %d", partition.ID, partition.Start, partition.End),
				Observed: "a range that ends before it starts",
				Expected: "a range of at least one key",
				Why:      "nothing is routed to the partition",
				At:       partition.At,
			})
		}
		if listed := uint64(table.Len()); table.Count != listed && table.Count != 0 {
			pass.Report(Finding{
				Severity: Warning,
				Subject:  Subject{Document: string(snapshots.PartitionTable), Part: "num_partitions"},
				Title:    fmt.Sprintf("the partition table states %d partitions and lists %d", table.Count, listed),
				Observed: fmt.Sprintf("num_partitions %d", table.Count),
				Expected: fmt.Sprintf("num_partitions %d", listed),
				Why:      "servers go by the list and do not compare; somebody edited the table",
				At:       wholeDocument(table.Document),
			})
		}
	},
}
