package rules_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"restate-lint/analyze"
	"restate-lint/internal/testcluster"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// A key space of 16 blocks is small enough to look at every one of them.
const blocks = 16

func blockStart(i int) uint64 { return uint64(i) << 60 }
func blockEnd(i int) uint64   { return uint64(i)<<60 + 1<<60 - 1 }

// The two rules find a hole or an overlap exactly where counting the owners of every block finds one.
func TestKeyRangesAgreeWithCountingOwners(t *testing.T) {
	selected := []*rules.Rule{rules.Find("key-range-hole"), rules.Find("key-range-overlap")}
	rapid.Check(t, func(t *rapid.T) {
		var owners [blocks]int
		var entries []string
		count := rapid.IntRange(1, 5).Draw(t, "partitions")
		for id := range count {
			first := rapid.IntRange(0, blocks-1).Draw(t, "first")
			last := rapid.IntRange(first, min(blocks-1, first+6)).Draw(t, "last")
			for i := first; i <= last; i++ {
				owners[i]++
			}
			entries = append(entries, fmt.Sprintf(`[%d,{"key_range":{"start":%d,"end":%d}}]`, id, blockStart(first), blockEnd(last)))
		}
		table := fmt.Sprintf(`{"version":1,"num_partitions":%d,"partitions":[%s]}`, count, strings.Join(entries, ","))
		s, err := snapshots.Read("case", fstest.MapFS{"t.json": {Data: []byte(table)}}, "t.json")
		if err != nil {
			t.Fatal(err)
		}
		var hole, overlap bool
		for _, f := range analyze.Check(s, selected).Findings {
			hole = hole || f.Rule == "key-range-hole"
			overlap = overlap || f.Rule == "key-range-overlap"
		}
		if want := slices.Contains(owners[:], 0); hole != want {
			t.Fatalf("hole %t, want %t: %s", hole, want, table)
		}
		if want := slices.ContainsFunc(owners[:], func(n int) bool { return n > 1 }); overlap != want {
			t.Fatalf("overlap %t, want %t: %s", overlap, want, table)
		}
	})
}

// Equal partitions of any number have neither, by the formula that Restate cuts the key space with.
func TestEqualPartitionsHaveNoFlaw(t *testing.T) {
	selected := []*rules.Rule{rules.Find("key-range-hole"), rules.Find("key-range-overlap")}
	for _, n := range []uint64{1, 2, 3, 7, 24, 100, 1000, 4097, 65535, 65536} {
		var entries []string
		boundary := func(i uint64) uint64 { // ceil(i * 2^64 / n), 0 for 2^64
			if i == n {
				return 0
			}
			quotient, rest := bits.Div64(i, 0, n)
			if rest > 0 {
				quotient++
			}
			return quotient
		}
		for i := range n {
			entries = append(entries, fmt.Sprintf(`[%d,{"key_range":{"start":%d,"end":%d}}]`, i, boundary(i), boundary(i+1)-1))
		}
		table := fmt.Sprintf(`{"version":1,"num_partitions":%d,"partitions":[%s]}`, n, strings.Join(entries, ","))
		s, err := snapshots.Read("case", fstest.MapFS{"t.json": {Data: []byte(table)}}, "t.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range analyze.Check(s, selected).Outcomes {
			if o.State != analyze.Passed {
				t.Errorf("%d partitions: %s %s", n, o.Rule, o.State)
			}
		}
	}
}

// 65,536 partitions and epochs are checked in far less time than it takes to read them, and so are as many faults.
func TestAllPartitionsAreCheckedInNoTime(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 65,536 documents")
	}
	c := testcluster.Cluster{Logs: 1 << 16, Segments: 1, Compact: true}
	files := fstest.MapFS{"nodes_config.json": {Data: c.NodesConfig()}, "partition_table.json": {Data: c.PartitionTable()}}
	var all strings.Builder
	for partition := range c.Logs {
		all.Write(c.Epoch(partition))
	}
	files["epochs.json"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(all.String(), `"replica_set":[`, `"replica_set":[99,`))}
	start := time.Now()
	s, err := snapshots.Read("case", files, fileNames(files)...)
	if err != nil {
		t.Fatal(err)
	}
	reading := time.Since(start)
	if len(s.Epochs) != c.Logs {
		t.Fatalf("%d epochs", len(s.Epochs))
	}
	var selected []*rules.Rule
	for _, rule := range rules.All() {
		if rule.Category == rules.Partitions || rule.Category == rules.Services {
			selected = append(selected, rule)
		}
	}
	start = time.Now()
	result := analyze.Check(s, selected)
	if checking := time.Since(start); checking > reading+time.Second {
		t.Errorf("reading takes %v, checking %v", reading, checking)
	}
	if len(result.Findings) > 20 {
		t.Errorf("%d findings with few causes", len(result.Findings))
	}
}
