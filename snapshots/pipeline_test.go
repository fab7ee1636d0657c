package snapshots

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"restate-lint/internal/testcluster"
)

// A pipeline that is left early, as its visitor panics, leaves nothing running, and the panic reaches the caller.
func TestPipelineEndsWithItsVisitor(t *testing.T) {
	blocks(t, 2000, 300)
	s, _ := large(t, testcluster.Cluster{Logs: 200, Segments: 5})
	before := runtime.NumGoroutine()
	for panicAt := range 200 {
		visited := 0
		func() {
			defer func() {
				if crash := recover(); crash != "seen enough" {
					t.Errorf("the visitor's panic became %v", crash)
				}
			}()
			s.Logs.each(func(*Log) {
				if visited++; visited > panicAt {
					panic("seen enough")
				}
			}, readingWay{layout: true, pipelined: true})
		}()
		if visited != panicAt+1 {
			t.Errorf("%d logs were visited after a panic at the first behind %d", visited, panicAt)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines became %d", before, after)
	}
}

// A source that fails while it is read gives the same gaps in a pipeline.
func TestPipelineReadsFailingSources(t *testing.T) {
	var logs bytes.Buffer
	if err := (testcluster.Cluster{Logs: 50, Segments: 5}).WriteLogs(&logs); err != nil {
		t.Fatal(err)
	}
	document := logs.Bytes()
	for _, size := range []int{40, 700, 4000} {
		blocks(t, size, 300)
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"one byte at a time":      iotest.OneByteReader,
			"an error with the bytes": iotest.DataErrReader,
			"an error in the middle": func(r io.Reader) io.Reader {
				return io.MultiReader(io.LimitReader(r, int64(len(document)/2)), iotest.ErrReader(io.ErrClosedPipe))
			},
			"no progress": func(r io.Reader) io.Reader {
				return io.MultiReader(io.LimitReader(r, int64(len(document)/2)), stalled{})
			},
		} {
			s, err := Read("test", fstest.MapFS{"b.json": {Data: document}}, "b.json")
			if err != nil {
				t.Fatal(err)
			}
			s.Logs.Document.Source.fsys = wrapped{s.Logs.Document.Source.fsys, wrap}
			t.Run(name, func(t *testing.T) { compare(t, s) })
		}
	}
}

type stalled struct{}

func (stalled) Read([]byte) (int, error) { return 0, nil }

// A chain that is longer than any block, and one that is too long to hold.
func TestPipelineReadsLongChains(t *testing.T) {
	defer func(bound int) { maxValue = bound }(maxValue)
	const segment = `[%,{"index":%,"kind":"replicated","params":"{\"loglet_id\":%,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[1]}"}]`
	chain := func(segments int) string {
		list := make([]string, segments)
		for i := range list {
			list[i] = strings.ReplaceAll(segment, "%", strings.Repeat("1", 1+i%9))
		}
		return strings.Join(list, ",")
	}
	document := []byte(`{"version":1,"config":null,"logs":[[1,{"chain":[` + chain(3) + `]}],[2,{"chain":[` + chain(100) + `]}],[3,{"chain":[` + chain(2) + `]}]]}`)
	for _, most := range []int{64 << 20, 20_000, 10_000, 3_000} {
		for size := 100; size < 3000; size += 97 {
			blocks(t, size, 200)
			maxValue = most
			compare(t, readLogs(document, nil))
		}
	}
}
