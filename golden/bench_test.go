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
// makes it. It fails when the two take more than three times as long as the check alone, whether the report is as accepted
// or not.
func BenchmarkGoldenCheck(b *testing.B) {
	const most = 3
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
	judge := func(store golden.Store) func() {
		return func() {
			if verdict := store.Judge(golden.Of(check())); verdict.State == golden.Missing {
				b.Fatal(verdict.Err)
			}
		}
	}
	// The fastest of several runs, taken in turn: whatever else the machine does only ever adds to one.
	alone, same, changed := time.Hour, time.Hour, time.Hour
	fastest := func(best *time.Duration, run func()) {
		start := time.Now()
		run()
		*best = min(*best, time.Since(start))
	}
	ratio := func(both time.Duration) float64 { return float64(both) / float64(alone) }
	for b.Loop() {
		for round := 0; round < 20 && (round < 3 || max(ratio(same), ratio(changed)) > most); round++ {
			fastest(&alone, func() { check() })
			fastest(&same, judge(store))
			fastest(&changed, judge(other))
		}
	}
	b.ReportMetric(ratio(same), "×check/accepted")
	b.ReportMetric(ratio(changed), "×check/different")
	if worst := max(ratio(same), ratio(changed)); worst > most {
		b.Errorf("a check against a golden takes %.1f times a check", worst)
	}
	b.ReportMetric(float64(len(accepted.Findings)), "findings")
	b.ReportMetric(float64(len(accepted.Encode()))/float64(len(accepted.Findings)), "bytes/finding")
}
