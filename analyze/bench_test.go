package analyze_test

import (
	"bytes"
	"flag"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"restate-lint/analyze"
	"restate-lint/internal/testcluster"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// large is a cluster whose log metadata is about 100 MB as restatectl prints it.
var large = testcluster.Cluster{Seed: 1, Nodes: 24, Zones: 3, Logs: 6400, Segments: 49, Members: 9, Nodesets: 200, SealedEvery: 100, Unknown: 1000}

// BenchmarkCheck measures a whole check with all rules over a large document on one core, as ratios to what is done to the
// same bytes in the same run: one pass of validation by gjson, reading the file in blocks, and one plain gjson walk over
// every nodeset. It fails when a check takes longer than 0.6 times the validation, or peaks above 24 MB.
func BenchmarkCheck(b *testing.B) {
	const mostTime, mostMemory = 0.6, 24 << 20
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	dir := b.TempDir()
	path := writeCapture(b, dir, large)
	document, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(document)))
	best := newBest()
	for b.Loop() {
		best.of("walk", func() { walk(document) })
		for round := 0; round < 100 && (round < 8 || best.ratio("check", "valid") > mostTime); round++ {
			best.of("check", func() {
				if n := len(check(b, dir).Findings); n < large.Unknown {
					b.Fatalf("%d findings, %d were planted", n, large.Unknown)
				}
			})
			best.of("valid", func() { gjson.ValidBytes(document) })
			best.of("read", func() { readInBlocks(b, path) })
		}
	}
	for _, other := range []string{"valid", "walk", "read"} {
		b.ReportMetric(best.ratio("check", other), "×"+other)
	}
	if ratio := best.ratio("check", "valid"); ratio > mostTime {
		b.Errorf("a check takes %.2f times as long as one pass of validation", ratio)
	}
	peak := peakOfCheck(b, dir)
	b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
	if peak > mostMemory {
		b.Errorf("the memory of a check peaks at %.1f MB", float64(peak)/(1<<20))
	}
}

// scale makes BenchmarkScale measure what takes longer than a test may.
var scale = flag.Bool("scale", false, "measure documents of up to 1 GB, and up to a million findings")

// BenchmarkScale measures checks of clusters of every size and shape on one core, as ratios to one pass of gjson.ValidBytes
// over the same document. It fails when a check takes longer than in proportion to the bytes, or to the findings, or when
// a shape costs much more for a byte than the usual one.
func BenchmarkScale(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	usual := testcluster.Cluster{Seed: 1, Nodes: 24, Zones: 3, Logs: 640, Segments: 49, Members: 9, Nodesets: 200, SealedEvery: 100} // 10 MB
	change := func(change func(*testcluster.Cluster)) testcluster.Cluster {
		c := usual
		change(&c)
		return c
	}
	logs := func(n int) testcluster.Cluster { return change(func(c *testcluster.Cluster) { c.Logs = n }) }
	segments := func(n int) testcluster.Cluster {
		return change(func(c *testcluster.Cluster) { c.Logs, c.Segments = 31_360/n, n })
	}
	nodesets := func(members, nodes int) testcluster.Cluster {
		return change(func(c *testcluster.Cluster) {
			c.Nodes, c.Members, c.Segments = nodes, members, 15_000/(292+3*members)
		})
	}
	unknown := func(logs, n int) testcluster.Cluster {
		return change(func(c *testcluster.Cluster) { c.Logs, c.Unknown = logs, n })
	}
	for _, test := range []struct {
		name string
		c    testcluster.Cluster
		most float64 // times the usual shape's, for each byte; findings: times those of 1,000, for each finding
		slow bool
	}{
		{"size=10MB", usual, 1.5, false},
		{"size=1MB", logs(64), 8, false},
		{"size=100MB", logs(6_400), 2, true},
		{"size=1000MB", logs(64_000), 2, true},
		{"segments=1", segments(1), 8, false},
		{"segments=10", segments(10), 2, false},
		{"segments=100", segments(100), 2, false},
		{"segments=1000", segments(1_000), 2, false},
		{"nodeset=3", nodesets(3, 3), 2, false},
		{"nodeset=32", nodesets(32, 40), 3, false},
		{"nodeset=128", nodesets(128, 160), 6, false},
		{"nodes=2000", change(func(c *testcluster.Cluster) { c.Nodes = 2_000 }), 16, false}, // a document of 1.5 MB, and findings about them
		{"sealed", change(func(c *testcluster.Cluster) { c.SealedEvery = 1 }), 3, false},
		{"compact", change(func(c *testcluster.Cluster) { c.Compact = true }), 2, false},
		{"findings=1000", unknown(640, 1_000), 2, false},
		{"findings=10000", unknown(640, 10_000), 3, false},
		{"findings=100000", unknown(6_400, 100_000), 3, true},
		{"findings=1000000", unknown(22_000, 1_000_000), 3, true},
	} {
		if test.slow && !*scale {
			continue
		}
		b.Run(test.name, func(b *testing.B) {
			if strings.HasPrefix(test.name, "findings=") {
				measure(b, test.c, usual, unknown(640, 1_000), test.most)
			} else {
				measure(b, test.c, usual, testcluster.Cluster{}, test.most)
			}
		})
	}
}

// measure compares a cluster with the usual one, taking turns: by the time for each byte or, where one with a thousand findings is
// given, with that one by the time for each finding, beyond what the bytes take.
func measure(b *testing.B, c, usual, thousand testcluster.Cluster, most float64) {
	dir, usualDir, thousandDir := b.TempDir(), b.TempDir(), b.TempDir()
	path := writeCapture(b, dir, c)
	document, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	usualSize := sizeOf(b, writeCapture(b, usualDir, usual))
	byFindings := thousand != testcluster.Cluster{}
	var thousandSize, found, thousandFound float64
	if byFindings {
		thousandSize = sizeOf(b, writeCapture(b, thousandDir, thousand))
	}
	size := float64(len(document))
	b.SetBytes(int64(size))
	best := newBest()
	cost := func() (ns, times float64) {
		usual := float64(best["usual"]) / usualSize
		if !byFindings {
			ns = float64(best["check"]) / size
			return ns, ns / usual
		}
		ns = (float64(best["check"]) - usual*size) / found
		return ns, ns / ((float64(best["thousand"]) - usual*thousandSize) / thousandFound)
	}
	for b.Loop() {
		for round, spent := 0, time.Duration(0); round < 40 && (round < 3 || spent < 300*time.Millisecond); round++ {
			begin := time.Now()
			best.of("check", func() { found = float64(len(check(b, dir).Findings)) })
			best.of("valid", func() { gjson.ValidBytes(document) })
			best.of("usual", func() { check(b, usualDir) })
			if byFindings {
				best.of("thousand", func() { thousandFound = float64(len(check(b, thousandDir).Findings)) })
			}
			if _, times := cost(); times <= most {
				spent += time.Since(begin) // what is too slow may be so because of others
			}
		}
	}
	ns, times := cost()
	b.ReportMetric(best.ratio("check", "valid"), "×valid")
	if byFindings {
		b.ReportMetric(ns, "ns/finding")
	} else {
		b.ReportMetric(times, "×usual/byte")
	}
	if *scale {
		document = nil
		runtime.GC()
		b.ReportMetric(float64(peakOfCheck(b, dir))/(1<<20), "peak-MB")
	}
	if times > most {
		b.Errorf("it takes %.2f times as long as in proportion", times)
	}
}

func sizeOf(b *testing.B, path string) float64 {
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return float64(info.Size())
}

// best are the times of the fastest runs by name: whatever else the machine does only ever adds to one.
type best map[string]time.Duration

func newBest() best { return make(best) }

func (t best) of(name string, f func()) {
	took := clock(f)
	if known, ok := t[name]; !ok || took < known {
		t[name] = took
	}
}

func (t best) ratio(a, b string) float64 { return float64(t[a]) / float64(t[b]) }

// readInBlocks is the least that anybody can do with a file.
func readInBlocks(tb testing.TB, path string) {
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 128<<10)
	for {
		if _, err := f.Read(block); err != nil {
			return
		}
	}
}

// founding are the rules that the tool began with.
var founding = []string{
	"nodeset-unknown-node", "nodeset-removed-node", "nodeset-disabled-node", "segment-under-replicated", "segment-no-readable-node",
	"tail-write-quorum-lost", "segment-unsealable", "tail-sequencer-gone", "sequencer-newer-than-config", "log-server-data-loss", "log-server-gone",
	"chain-corrupt", "chain-sealed", "metadata-values-invalid", "capture-inconsistent", "capture-lossy-numbers", "capture-malformed",
}

// BenchmarkCatalogue measures what the rest of the catalogue adds to a check with the founding rules. It fails when
// that is more than a fifth: a rule must neither pass over the input again nor compute anything for every segment.
func BenchmarkCatalogue(b *testing.B) {
	dir := b.TempDir()
	writeCapture(b, dir, large)
	var first []*rules.Rule
	for _, id := range founding {
		first = append(first, rules.Find(id))
	}
	open := func() *snapshots.Snapshot {
		snapshot, err := snapshots.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		return snapshot
	}
	// The fastest of many runs, taken in turn: whatever else the machine does only ever adds to one.
	some, all := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	ratio := math.Inf(1)
	for b.Loop() {
		for round := 0; round < 60 && (round < 12 || ratio > 1.2); round++ {
			some = min(some, clock(func() { analyze.Check(open(), first) }))
			all = min(all, clock(func() { analyze.Check(open(), rules.All()) }), clock(func() { analyze.Check(open(), rules.All()) }))
			some = min(some, clock(func() { analyze.Check(open(), first) }))
			ratio = float64(all) / float64(some)
		}
	}
	b.ReportMetric(ratio, "×founding")
	if ratio > 1.2 {
		b.Errorf("all rules take %.2f times as long as the founding ones", ratio)
	}
}

// clock measures after a collection, so that nobody pays for another's garbage.
func clock(f func()) time.Duration {
	runtime.GC()
	start := time.Now()
	f()
	return time.Since(start)
}

func writeCapture(tb testing.TB, dir string, c testcluster.Cluster) string {
	tb.Helper()
	if err := c.Write(dir); err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(dir, "bifrost_config.json")
}

func check(tb testing.TB, dir string) *analyze.Result {
	snapshot, err := snapshots.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return analyze.Check(snapshot, rules.All())
}

// walk is the obvious program: it visits every member of every nodeset by gjson.
func walk(document []byte) (members int) {
	gjson.GetBytes(document, "logs").ForEach(func(_, log gjson.Result) bool {
		log.Get("1.chain").ForEach(func(_, segment gjson.Result) bool {
			gjson.Get(segment.Get("1.params").Str, "nodeset").ForEach(func(_, _ gjson.Result) bool {
				members++
				return true
			})
			return true
		})
		return true
	})
	return members
}

// peakOfCheck runs a check in a process of its own and returns the most memory that it held, in bytes.
func peakOfCheck(b *testing.B, dir string) int64 {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^$")
	cmd.Env = append(os.Environ(), checkOnly+"="+dir, "GOMAXPROCS="+strconv.Itoa(runtime.GOMAXPROCS(0)))
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	peak, err := strconv.ParseInt(strings.TrimSpace(string(bytes.TrimPrefix(out, []byte("peak ")))), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return peak
}

// checkOnly names the capture that this test binary is to check, and to do nothing else.
const checkOnly = "RESTATE_LINT_CHECK_ONLY"

func TestMain(m *testing.M) {
	dir := os.Getenv(checkOnly)
	if dir == "" {
		os.Exit(m.Run())
	}
	snapshot, err := snapshots.Open(dir)
	if err != nil {
		os.Exit(1)
	}
	analyze.Check(snapshot, rules.All())
	_, _ = io.WriteString(os.Stdout, "peak "+strconv.FormatInt(peakMemory(), 10))
}

// peakMemory is what the operating system has counted for this process where it tells, and what the runtime has
// asked for where it does not.
func peakMemory() int64 {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for _, line := range strings.Split(string(status), "\n") {
			if kilobytes, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				if n, err := strconv.ParseInt(strings.Fields(kilobytes)[0], 10, 64); err == nil {
					return n << 10
				}
			}
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Sys)
}
