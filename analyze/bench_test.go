package analyze_test

import (
	"bufio"
	"bytes"
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

// BenchmarkCheck measures a whole check with all rules over a large document, as a ratio to what gjson needs for the
// same bytes in the same run: one walk over every nodeset, and one pass of validation. It fails when a check takes
// longer than the walk, or when its memory peaks above a quarter of the file.
func BenchmarkCheck(b *testing.B) {
	dir := b.TempDir()
	path := writeCapture(b, dir, large)
	document, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(document)))
	var checking, walking, validating time.Duration
	for b.Loop() {
		checking += clock(func() {
			if n := len(check(b, dir).Findings); n < large.Unknown {
				b.Fatalf("%d findings, %d were planted", n, large.Unknown)
			}
		})
		b.StopTimer()
		walking += clock(func() { walk(document) })
		validating += clock(func() { gjson.ValidBytes(document) })
		b.StartTimer()
	}
	b.ReportMetric(float64(checking)/float64(walking), "×walk")
	b.ReportMetric(float64(checking)/float64(validating), "×valid")
	if checking > walking {
		b.Errorf("a check takes %.2f times a plain gjson walk over the same bytes", float64(checking)/float64(walking))
	}

	document = nil
	peak := peakOfCheck(b, dir)
	size, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(peak)/float64(size.Size()), "peak/size")
	if peak > size.Size()/4 {
		b.Errorf("the memory of a check peaks at %d MB for a document of %d MB", peak>>20, size.Size()>>20)
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
	if err := os.WriteFile(filepath.Join(dir, "nodes_config.json"), c.NodesConfig(), 0o600); err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(dir, "bifrost_config.json")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriter(f)
	if err := c.WriteLogs(w); err != nil {
		tb.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
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
	cmd.Env = append(os.Environ(), checkOnly+"="+dir)
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
