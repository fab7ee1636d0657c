package golden_test

import (
	"io/fs"
	"testing"
	"time"

	"restate-lint/analyze"
	"restate-lint/golden"
	"restate-lint/internal/testcluster"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// many is a cluster of which rules report about 100,000 findings.
var many = testcluster.Cluster{Seed: 1, Nodes: 24, Zones: 3, Logs: 2000, Segments: 100, Members: 9, Nodesets: 200, SealedEvery: 100, Unknown: 100_000}

// BenchmarkGoldenCheck measures what holding a report with 100,000 findings against its golden adds to the check that
// makes it. It fails when the two take more than twice as long as the check alone, whether the report is as accepted or not.
func BenchmarkGoldenCheck(b *testing.B) {
	fsys := many.FS()
	files, err := fs.Glob(fsys, "metadata/*")
	if err != nil {
		b.Fatal(err)
	}
	check := func() *analyze.Result {
		snapshot, err := snapshots.Read("many", fsys, files...)
		if err != nil {
			b.Fatal(err)
		}
		return analyze.Check(snapshot, rules.All())
	}
	result := check()
	store, other := golden.Store{Dir: b.TempDir()}, golden.Store{Dir: b.TempDir()}
	accepted := golden.Of(result)
	if err := store.Write(accepted); err != nil {
		b.Fatal(err)
	}
	different := *accepted
	different.Findings = different.Findings[:len(different.Findings)/2]
	if err := other.Write(&different); err != nil {
		b.Fatal(err)
	}
	fastest := func(run func()) time.Duration {
		best := time.Hour
		for range 3 {
			start := time.Now()
			run()
			best = min(best, time.Since(start))
		}
		return best
	}
	for b.Loop() {
		alone := fastest(func() { check() })
		for name, store := range map[string]golden.Store{"accepted": store, "different": other} {
			both := fastest(func() {
				if verdict := store.Judge(golden.Of(check())); verdict.State == golden.Missing {
					b.Fatal(verdict.Err)
				}
			})
			ratio := float64(both) / float64(alone)
			b.ReportMetric(ratio, "×check/"+name)
			if ratio > 2 {
				b.Errorf("%s: a check against a golden takes %.1f times a check", name, ratio)
			}
		}
	}
	b.ReportMetric(float64(len(accepted.Findings)), "findings")
	b.ReportMetric(float64(len(accepted.Encode()))/float64(len(accepted.Findings)), "bytes/finding")
}
