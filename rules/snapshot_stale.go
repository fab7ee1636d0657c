package rules

import (
	"fmt"
	"slices"
	"time"

	"restate-lint/snapshots"
)

var _ = register(&snapshotStale)

var snapshotStale = Rule{
	ID:       "snapshot-stale",
	Severity: Note,
	Category: Partitions,
	Needs:    []snapshots.Kind{snapshots.SnapshotRepository},
	Summary:  "the latest snapshot of a partition is far older than those of the others",
	Doc: Doc{
		Checks: "The age of every latest snapshot against the median of all of them: one **note** for the partitions whose snapshot is more than 7 days older. " +
			"Partitions whose processors were captured and have applied nothing beyond the snapshot are left out: there was nothing to make a new one of.",
		Why:   "The log is trimmed up to the snapshot only: it grows, and a new replica has to read all of it. Snapshots of such a partition probably fail.",
		Legal: "For a partition without traffic, whose snapshot cannot be newer than its last record.",
		Fix:   "`restatectl snapshots create P`, and a look at the log of its leader if that fails.",
		Evidence: []string{
			"Restate 1.7: partitions make snapshots by themselves after a number of records, or an interval; restatedev/restate #3930, #4892",
		},
	},
	Options: []Option{{
		Name: "max-days", Default: 7, Min: 1, Max: 3650,
		Doc: "The snapshot of a partition may be so many days older than the usual one.",
	}},
	Run: func(pass *Pass) {
		staleAfter := time.Duration(pass.Option("max-days")) * 24 * time.Hour
		repository := pass.Snapshot.Repository
		var times []time.Time
		for _, latest := range repository.Latest {
			if !latest.CreatedAt.IsZero() {
				times = append(times, latest.CreatedAt)
			}
		}
		if len(times) < 2 {
			return
		}
		slices.SortFunc(times, time.Time.Compare)
		usual := times[len(times)/2]
		stale := &partitionGroup{}
		var oldest *snapshots.LatestSnapshot
		for _, latest := range repository.Latest {
			if latest.CreatedAt.IsZero() || usual.Sub(latest.CreatedAt) <= staleAfter || idle(pass, latest) {
				continue
			}
			if stale.ids = append(stale.ids, latest.Partition); oldest == nil || latest.CreatedAt.Before(oldest.CreatedAt) {
				oldest = latest
			}
		}
		if oldest == nil {
			return
		}
		days := int(usual.Sub(oldest.CreatedAt).Hours() / 24)
		stale.at = oldest.At
		pass.Report(Finding{
			Subject:  stale.subject(""),
			Title:    fmt.Sprintf("%s: the latest snapshot is up to %s older than usual", stale.title(), plural(days, "day")),
			Observed: fmt.Sprintf("partition %d: %s", oldest.Partition, oldest.CreatedAt.UTC().Format(time.RFC3339)),
			Expected: "about " + usual.UTC().Format(time.RFC3339),
			Why:      "the logs are trimmed up to the snapshots only, and a new replica has much to read",
			At:       stale.at,
			Remedy:   []string{fmt.Sprintf("restatectl snapshots create %d", stale.ids[0])},
		})
	},
}

// idle reports whether captured processors show that nothing was applied beyond a snapshot.
func idle(pass *Pass, latest *snapshots.LatestSnapshot) bool {
	nodes, said := holders(pass, latest.Partition, latest.MinAppliedLSN+2) // the LSN is a lower bound
	return said && len(nodes) == 0
}
