package snapshots

import (
	"bytes"
	"math"
	"runtime"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tidwall/gjson"

	"restate-lint/internal/testcluster"
)

// typical is a large cluster of the usual kind; its logs are a document of some 30 MB.
var typical = testcluster.Cluster{Nodes: 24, Zones: 3, Logs: 1000, Segments: 100, Members: 9, Nodesets: 200, Unknown: 100}

func large(t testing.TB, c testcluster.Cluster) (*Snapshot, []byte) {
	var logs bytes.Buffer
	if err := c.WriteLogs(&logs); err != nil {
		t.Fatal(err)
	}
	s, err := Read("test", fstest.MapFS{"b.json": {Data: logs.Bytes()}, "n.json": {Data: c.NodesConfig()}}, "b.json", "n.json")
	if err != nil {
		t.Fatal(err)
	}
	return s, logs.Bytes()
}

// BenchmarkReadLogs reads all logs, with verdicts, and compares the time with that of one pass of gjson.ValidBytes and
// one plain walk with gjson over the same bytes in the same run: these ratios carry over from machine to machine.
func BenchmarkReadLogs(b *testing.B) {
	few := typical
	few.Logs, few.Segments = 10_000, 10
	many := typical
	many.Logs, many.Segments = 100, 1000
	nodes := typical
	nodes.Nodes = 2000
	wide := typical
	wide.Nodes, wide.Members, wide.Nodesets, wide.Segments = 200, 128, 1000, 50
	distinct := typical
	distinct.Nodesets = 100_000
	sealed := typical
	sealed.Logs, sealed.Segments, sealed.SealedEvery = 10_000, 10, 1
	small := typical
	small.Logs, small.Segments = 10, 3
	compact := typical
	compact.Compact = true
	for _, bench := range []struct {
		name    string
		cluster testcluster.Cluster
	}{
		{"typical", typical}, {"10 segments a log", few}, {"1000 segments a log", many}, {"2000 nodes", nodes}, {"128 members", wide},
		{"all nodesets differ", distinct}, {"all logs sealed", sealed}, {"compact", compact}, {"small", small},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s, document := large(b, bench.cluster)
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			segments := 0
			read := func() { s.Logs.Each(func(log *Log) { segments += len(log.Segments) }) }
			for b.Loop() {
				read()
			}
			best := fastest(read, func() { gjson.ValidBytes(document) }, func() { segments += plainWalk(document) })
			b.ReportMetric(best[0]/best[1], "×valid")
			b.ReportMetric(best[0]/best[2], "×gjson-walk")
		})
	}
}

// fastest runs the functions in turns for a while and returns for each the time of its fastest run, which others on the
// machine have disturbed the least.
func fastest(functions ...func()) []float64 {
	best := slices.Repeat([]float64{math.Inf(1)}, len(functions))
	for start := time.Now(); time.Since(start) < 2*time.Second; {
		for i, f := range functions {
			begin := time.Now()
			f()
			best[i] = min(best[i], time.Since(begin).Seconds())
		}
	}
	return best
}

// plainWalk is how one would look at every member with gjson.
func plainWalk(document []byte) (members int) {
	gjson.GetBytes(document, "logs").ForEach(func(_, log gjson.Result) bool {
		log.Get("1.chain").ForEach(func(_, segment gjson.Result) bool {
			gjson.Get(segment.Get("1.params").Str, "nodeset").ForEach(func(_, member gjson.Result) bool {
				members += int(member.Int())
				return true
			})
			return true
		})
		return true
	})
	return members
}

// Memory does not grow with the document, and documents as Restate writes them are read by their layout: any other way
// takes dozens of allocations for a segment.
func TestReadingLogsKeepsNothing(t *testing.T) {
	c := typical
	c.Logs, c.Unknown = 100, 0
	more, sealed, compact := c, c, c
	more.Logs = 4 * c.Logs
	sealed.SealedEvery = 1
	compact.Compact = true
	dated := func(logs []byte) []byte { // every tenth segment knows when it was created, as if a newer Restate had made it
		pieces := bytes.SplitAfter(logs, []byte(`"created_at": `))
		for i := range pieces {
			if i%10 == 1 {
				pieces[i] = append([]byte("647611954860392449"), bytes.TrimPrefix(pieces[i], []byte("null"))...)
			}
		}
		return bytes.Join(pieces, nil)
	}
	for name, test := range map[string]struct {
		cluster testcluster.Cluster
		change  func(logs []byte) []byte
		most    int // allocations
	}{
		"usual":       {c, nil, 10_000},
		"longer":      {more, nil, 10_000},
		"sealed":      {sealed, nil, 10_000 + 30*c.Logs},
		"compact":     {compact, nil, 10_000},
		"mixed dates": {c, dated, 10_000},
	} {
		var logs bytes.Buffer
		if err := test.cluster.WriteLogs(&logs); err != nil {
			t.Fatal(err)
		}
		document := logs.Bytes()
		if test.change != nil {
			document = test.change(document)
		}
		s, err := Read("test", fstest.MapFS{"b.json": {Data: document}, "n.json": {Data: c.NodesConfig()}}, "b.json", "n.json")
		if err != nil {
			t.Fatal(err)
		}
		segments := 0
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s.Logs.Each(func(log *Log) { segments += len(log.Segments) })
		runtime.ReadMemStats(&after)
		// Longer documents take no more, so that the largest of them leaves much room for what differs between builds.
		if got := after.TotalAlloc - before.TotalAlloc; got > 6<<20 {
			t.Errorf("%s: %d bytes are allocated for a document of %d", name, got, len(document))
		}
		if got := int(after.Mallocs - before.Mallocs); got > test.most {
			t.Errorf("%s: %d allocations for %d segments", name, got, segments)
		}
	}
}
