package commands

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkStart measures how long a check of a small capture takes from the start of the program to its end, as a ratio to
// what starting any program takes: that of true, in the same run. The program is built as for a release. It fails when
// something is read, compiled or made at the start that the command does not need.
func BenchmarkStart(b *testing.B) {
	nothing, err := exec.LookPath("true")
	if err != nil {
		b.Skip("there is no program true")
	}
	program := filepath.Join(b.TempDir(), "restate-lint")
	build := exec.Command("go", "build", "-trimpath", "-tags", "urfave_cli_no_docs", "-ldflags", "-s -w", "-o", program, "restate-lint")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Skipf("the program cannot be built here: %v\n%s", err, out)
	}
	const small = "../../snapshots/testdata/captures/service-load-1.7.12/metadata/bifrost_config.json"
	if info, err := os.Stat(small); err != nil || info.Size() > 16<<10 {
		b.Fatal(err, "not a small capture")
	}
	start := func(name string, arguments ...string) time.Duration {
		command := exec.Command(name, arguments...)
		begin := time.Now()
		if err := command.Run(); err != nil {
			b.Fatal(err)
		}
		return time.Since(begin)
	}
	// The fastest of many runs, taken in turn: whatever else the machine does only ever adds to one.
	const limit = 7
	check, baseline, ratio := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64), math.Inf(1)
	for b.Loop() {
		for round := 0; round < 300 && (round < 30 || ratio > limit); round++ {
			check = min(check, start(program, "check", "--no-config", small))
			baseline = min(baseline, start(nothing))
			ratio = float64(check) / float64(baseline)
		}
	}
	b.ReportMetric(ratio, "×true")
	if ratio > limit {
		b.Errorf("a check of a small capture takes %.1f times as long as starting a program that does nothing", ratio)
	}
}
