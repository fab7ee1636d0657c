package commands

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"restate-lint/internal/testcluster"
)

// BenchmarkStart measures how long a check of a small capture takes from the start of the program to its end, as a ratio to
// what starting any program takes: that of true, in the same run. The program is built as for a release. It fails when
// something is read, compiled or made at the start that the command does not need.
func BenchmarkStart(b *testing.B) {
	nothing, err := exec.LookPath("true")
	if err != nil {
		b.Skip("there is no program true")
	}
	program := release(b)
	const small = "../../snapshots/testdata/captures/service-load-1.7.12/metadata/bifrost_config.json"
	if info, err := os.Stat(small); err != nil || info.Size() > 16<<10 {
		b.Fatal(err, "not a small capture")
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	start := func(name string, arguments ...string) time.Duration {
		begin := time.Now()
		process, err := os.StartProcess(name, append([]string{name}, arguments...), &os.ProcAttr{Files: []*os.File{null, null, null}})
		if err != nil {
			b.Fatal(err)
		}
		if state, err := process.Wait(); err != nil || !state.Success() {
			b.Fatal(err, state)
		}
		return time.Since(begin)
	}
	// The fastest of many runs, taken in turn: whatever else the machine does only ever adds to one.
	const limit = 5
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

// Every command first waits for what packages do before main: for what they read, compile and fill. Times differ from run
// to run, so what they allocate is counted. Nothing tells that they open files: the two libraries that are known to do so
// are named. One reads parts of the program, the other the time zone. Tests may use them.
func TestLittleIsDoneBeforeTheProgramStarts(t *testing.T) {
	packages, err := exec.Command("go", "list", "-deps", "restate-lint").Output()
	if err != nil || !strings.Contains(string(packages), "\nrestate-lint\n") {
		t.Fatal(err, string(packages))
	}
	for name := range strings.Lines(string(packages)) {
		if strings.HasPrefix(name, "google.golang.org/protobuf/") || strings.HasPrefix(name, "github.com/BurntSushi/toml") {
			t.Errorf("%s opens a file at every start", strings.TrimSpace(name))
		}
	}
	// The test is made of the same packages, and of its own two.
	program := exec.Command(os.Args[0], "-test.run=^$")
	program.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := program.CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	beginnings := regexp.MustCompile(`(?m)^init restate-lint/(\S+) @.*, (\d+) bytes, \d+ allocs$`).FindAllStringSubmatch(string(trace), -1)
	if len(beginnings) < 5 {
		t.Errorf("there are %d packages in the trace:\n%s", len(beginnings), trace)
	}
	for _, match := range beginnings {
		const limit = 4 << 10
		name := match[1]
		if bytes, err := strconv.Atoi(match[2]); !strings.HasPrefix(name, "internal/commands") && (err != nil || bytes > limit) {
			t.Errorf("%s allocates %d bytes at every start, and may %d: make what no command may need when it is asked for", name, bytes, limit)
		}
	}
}

// release builds the program as for a release, and copies it as whoever installs it does: the linker maps what it writes into
// memory, which leaves small pages in the system's cache, from which a program starts an eighth more slowly.
func release(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	program := filepath.Join(dir, "linked")
	build := exec.Command("go", "build", "-trimpath", "-tags", "urfave_cli_no_docs,noasm", "-ldflags", "-s -w", "-o", program, "restate-lint")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Skipf("the program cannot be built here: %v\n%s", err, out)
	}
	text, err := os.ReadFile(program)
	if err != nil {
		b.Fatal(err)
	}
	installed := filepath.Join(dir, "restate-lint")
	if err := os.WriteFile(installed, text, 0o755); err != nil { //nolint:gosec // a program is executable
		b.Fatal(err)
	}
	return installed
}

// BenchmarkProgram measures the program as a whole, on one core, over log metadata of 100 MB with a thousand faults: its time as a
// ratio to that of cat, in the same run, and the memory at which it peaks. It fails when that is above 24 MB, or when it
// takes more than six times as long as cat, which itself takes another share of the time on another machine: five times
// is what to aim for.
func BenchmarkProgram(b *testing.B) {
	const mostTime, mostMemory = 6, 24 << 20
	cat, err := exec.LookPath("cat")
	if err != nil {
		b.Skip("there is no program cat")
	}
	program, dir := release(b), b.TempDir()
	logs := filepath.Join(dir, "bifrost_config.json")
	large := testcluster.Cluster{Seed: 1, Nodes: 24, Zones: 3, Logs: 6400, Segments: 49, Members: 9, Nodesets: 200, SealedEvery: 100, Unknown: 1000}
	if err := large.Write(dir); err != nil {
		b.Fatal(err)
	}
	run := func(name string, arguments ...string) time.Duration {
		command := exec.Command(name, arguments...) // writes to nowhere
		command.Env = append(os.Environ(), "GOMAXPROCS=1")
		begin := time.Now()
		if err := command.Run(); err != nil && command.ProcessState.ExitCode() != int(found) {
			b.Fatal(err)
		}
		return time.Since(begin)
	}
	check, baseline, ratio := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64), math.Inf(1)
	for b.Loop() {
		for round := 0; round < 300 && (round < 15 || ratio > mostTime); round++ {
			check = min(check, run(program, "check", "--no-config", dir))
			baseline = min(baseline, run(cat, logs))
			ratio = float64(check) / float64(baseline)
		}
	}
	b.ReportMetric(ratio, "×cat")
	if ratio > mostTime {
		b.Errorf("a check takes %.1f times as long as cat", ratio)
	}
	if peak, err := peakMemory(program, "check", "--no-config", "--format", "json", dir); err != nil {
		b.Log("the memory is not known: ", err)
	} else if b.ReportMetric(float64(peak)/(1<<20), "peak-MB"); peak > mostMemory {
		b.Errorf("the memory peaks at %.1f MB", float64(peak)/(1<<20))
	}
}

// peakMemory runs a program with a long report on one core and returns the most memory that Linux has seen it hold, in bytes,
// before the last part of the report was read.
func peakMemory(name string, arguments ...string) (peak int64, err error) {
	command := exec.Command(name, arguments...)
	command.Env = append(os.Environ(), "GOMAXPROCS=1")
	report, err := command.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := command.Start(); err != nil {
		return 0, err
	}
	defer func() { _ = command.Wait() }() // its code says that there are findings
	part := make([]byte, 4<<10)
	for {
		if _, err := report.Read(part); err != nil {
			break
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", command.Process.Pid))
		if err != nil {
			return 0, err
		}
		if _, most, known := strings.Cut(string(status), "VmHWM:"); known { // not any more when it has ended
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.SplitN(most, "kB", 2)[0]), 10, 64)
			if err != nil {
				return 0, err
			}
			peak = kilobytes << 10
		}
	}
	_, err = io.Copy(io.Discard, report)
	return peak, err
}
