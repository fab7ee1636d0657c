package rules

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A keyFlaw is a stretch of keys that not exactly one partition owns.
type keyFlaw struct {
	// first and last are the keys, both inclusive.
	first, last uint64
	// before and behind are the partitions on either side of a hole, or the two that overlap; nil at the ends of the key space.
	before, behind *snapshots.Partition
}

// keys says which keys it is about, and how many. 2^64 of them do not fit 64 bits, but one less always does.
func (f *keyFlaw) keys() string {
	switch count := f.last - f.first; count {
	case 0:
		return fmt.Sprintf("key %d", f.first)
	case math.MaxUint64:
		return "every key"
	default:
		return fmt.Sprintf("%d keys (%d to %d)", count+1, f.first, f.last)
	}
}

// keyRanges are the flaws of a partition table.
type keyRanges struct {
	holes, overlaps []keyFlaw
	// reversed are partitions whose range ends before it starts, twins those whose id another one has.
	reversed, twins []*snapshots.Partition
}

// checkRanges sweeps over the ranges once, in exact 64-bit arithmetic. ok is false for a table that lists no ranges
// (Restate 1.0 computes them), whose integers were rounded, or that has values that cannot be read.
func checkRanges(pass *Pass) (flaws keyRanges, ok bool) {
	table := pass.Snapshot.Partitions
	if table.Len() == 0 {
		return flaws, false
	}
	if inexact(pass, table.Document) {
		pass.Lacks(snapshots.PartitionTable)
		return flaws, false
	}
	var ranges []*snapshots.Partition
	var last *snapshots.Partition
	for partition := range table.All() {
		switch {
		case last != nil && last.ID == partition.ID:
			flaws.twins = append(flaws.twins, partition)
			continue
		case partition.Start > partition.End:
			flaws.reversed = append(flaws.reversed, partition)
		default:
			ranges = append(ranges, partition)
		}
		last = partition
	}
	slices.SortFunc(ranges, func(a, b *snapshots.Partition) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.ID, b.ID))
	})
	var furthest *snapshots.Partition // the one that reaches furthest so far
	for _, partition := range ranges {
		switch {
		case furthest == nil && partition.Start > 0:
			flaws.holes = append(flaws.holes, keyFlaw{first: 0, last: partition.Start - 1, behind: partition})
		case furthest != nil && partition.Start <= furthest.End:
			flaws.overlaps = append(flaws.overlaps, keyFlaw{partition.Start, min(partition.End, furthest.End), furthest, partition})
		case furthest != nil && partition.Start-furthest.End > 1:
			flaws.holes = append(flaws.holes, keyFlaw{furthest.End + 1, partition.Start - 1, furthest, partition})
		}
		if furthest == nil || partition.End > furthest.End {
			furthest = partition
		}
	}
	switch {
	case furthest == nil:
		flaws.holes = append(flaws.holes, keyFlaw{first: 0, last: math.MaxUint64})
	case furthest.End < math.MaxUint64:
		flaws.holes = append(flaws.holes, keyFlaw{first: furthest.End + 1, last: math.MaxUint64, before: furthest})
	}
	return flaws, true
}

// flawsShown bounds the findings about one table: an edit may shift thousands of ranges.
const flawsShown = 8

// reportFlaws reports each flaw by itself, or the first one for all when there are many.
func reportFlaws(pass *Pass, flaws []keyFlaw, noun string, finding func(*keyFlaw) Finding) {
	for i := range flaws {
		f := finding(&flaws[i])
		if len(flaws) > flawsShown {
			f.Title += fmt.Sprintf("; there are %d more such %ss", len(flaws)-1, noun)
			f.Subject = Subject{Document: string(snapshots.PartitionTable), Part: "many"}
		}
		pass.Report(f)
		if len(flaws) > flawsShown {
			return
		}
	}
}

func subjectPartition(id cluster.PartitionID) Subject { return Subject{Partition: &id} }
