package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&keyRangeOverlap)

var keyRangeOverlap = Rule{
	ID:       "key-range-overlap",
	Severity: Error,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.PartitionTable},
	Summary:  "keys belong to more than one partition",
	Doc: Doc{
		Checks: "The key ranges of the partition table: an **error** for each partition whose range starts within that of another one, and for each id that is listed twice. " +
			"Tables whose numbers were rounded on the way are not judged: `capture-lossy-numbers` says so.",
		Why: "No server can decode such a table. Running servers go on with the version that they remember, and `restatectl` shows that older version as if nothing had happened; " +
			"a server that restarts has none to go on with.",
		Legal: "Never.",
		Fix:   "Restart no server. Find out who edited the partition table, and have it repaired together with Restate's developers.",
		Evidence: []string{
			"Restate 1.7.12: after partition 1 had been made to start 1,000 keys too early, all servers refused the table (\"the new partition overlaps with partition 0\") and went on with the older one from memory",
			"Restate 1.1 to 1.7, partition table: overlaps and duplicate ids are rejected while decoding",
		},
	},
	Run: func(pass *Pass) {
		flaws, ok := checkRanges(pass)
		if !ok {
			return
		}
		finish := func(f Finding) Finding {
			f.Expected = "one partition for every key"
			f.Why = "no server can decode this table: all go on with the version they remember, and one that restarts has none to go on with"
			f.Remedy = []string{"restart no server before the partition table in the store is repaired together with Restate's developers"}
			return f
		}
		reportFlaws(pass, flaws.overlaps, "overlap", func(overlap *keyFlaw) Finding {
			a, b := overlap.before, overlap.behind
			return finish(Finding{
				Subject:  subjectPartition(b.ID),
				Title:    fmt.Sprintf("partitions %d and %d overlap: both own %s", a.ID, b.ID, overlap.keys()),
				Observed: fmt.Sprintf("partition %d from %d to %d, partition %d from %d to %d", a.ID, a.Start, a.End, b.ID, b.Start, b.End),
				At:       b.At,
				Related:  []Related{{Message: fmt.Sprintf("partition %d ends at %d", a.ID, a.End), At: a.At}},
			})
		})
		for _, twin := range flaws.twins {
			subject := subjectPartition(twin.ID)
			subject.Part = "twice"
			pass.Report(finish(Finding{
				Subject:  subject,
				Title:    fmt.Sprintf("partition %d is listed twice", twin.ID),
				Observed: "two entries of one id",
				At:       twin.At,
			}))
		}
	},
}
