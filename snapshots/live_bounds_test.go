package snapshots

import (
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/snapshots/cluster"
)

// However many rows a result has, memory grows with what they are about.
func TestRowsOfAResultAreBounded(t *testing.T) {
	defer func(bound int) { maxValue = bound }(maxValue)
	maxValue = 2 << 20
	for name, row := range map[string]string{
		"nodes":      `{"plain_node_id":"N1","gen_node_id":"N1:2","state":"alive","has_worker_role":true}`,
		"processors": `{"partition_id":1,"plain_node_id":"N1","effective_mode":"leader"}`,
		"replicas":   `{"partition_id":1,"plain_node_id":"N1","membership":"current"}`,
		"loglets":    `{"plain_node_id":"N1","loglet_id":"0_0","trim_point":3,"local_tail":9}`,
		"odd rows":   `{"plain_node_id":"N1","loglet_id":"0_0","trim_point":3,"trim_point":4}`,
	} {
		t.Run(name, func(t *testing.T) {
			rows := strings.Repeat(row+",", 1000)
			s, held := held(endless{"[", rows, row + "]", 2 << 20})
			if n := len(s.Live.Nodes) + len(s.Live.Processors) + len(s.Live.Replicas) + len(s.Live.Loglets); n != 1 || !s.Documents[0].Complete {
				t.Errorf("%d rows are left, complete %t", n, s.Documents[0].Complete)
			}
			if held > 4<<20 {
				t.Errorf("%d bytes are held", held)
			}
			if len(s.Oddities) > maxRowOddities || name == "odd rows" && len(s.Oddities) == 0 {
				t.Errorf("%d oddities", len(s.Oddities))
			}
		})
	}
}

// held reads a file and returns how much memory that takes in the end.
func held(fsys fs.FS) (*Snapshot, int64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, _ := Read("rows", fsys, "b.json")
	runtime.GC()
	runtime.ReadMemStats(&after)
	return s, int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// Too many different things in a table are a gap, and the same ones stay in every order of the rows and files.
func TestRowsBeyondTheBoundAreAGap(t *testing.T) {
	defer func(bound int) { maxRows = bound }(maxRows)
	maxRows = 100
	const things = 30_000
	rows := make([]string, 0, things)
	for i := range things {
		rows = append(rows, fmt.Sprintf(`{"partition_id":%d,"plain_node_id":"N%d","effective_mode":"leader"}`, i/2, 1+i%2))
	}
	for range 2 {
		slices.Reverse(rows)
		fsys := fstest.MapFS{"a.json": {Data: []byte("[" + strings.Join(rows[:things/2], ",") + "]")}, "b.jsonl": {Data: []byte(strings.Join(rows[things/2:], "\n"))}}
		s, err := Read("", fsys, "a.json", "b.jsonl")
		if err != nil || s.Captured(LiveProcessors) || len(s.Live.Processors) != maxRows {
			t.Fatal(err, len(s.Live.Processors))
		}
		if first, last := s.Live.Processors[0], s.Live.Processors[maxRows-1]; first.Partition != 0 || last.Partition != 49 || last.Node.ID != 2 {
			t.Errorf("kept from %+v to %+v", first, last)
		}
		if !slices.ContainsFunc(s.Gaps, func(g Gap) bool {
			return g.Kind == LiveProcessors && strings.Contains(g.Reason, "more than 100 things")
		}) {
			t.Errorf("gaps: %v", s.Gaps)
		}
	}
}

// Damaged rows before the first sound one are not all told of.
func TestDamagedLinesAreBounded(t *testing.T) {
	s, _ := read(map[string]string{"a.jsonl": strings.Repeat(`{"plain_node_id":"N1","state":x}`+"\n", 1000)})
	if gaps := slices.DeleteFunc(s.Gaps, func(g Gap) bool { return g.Source == "" }); len(gaps) == 0 || len(gaps) > 2*damagedShown {
		t.Errorf("%d gaps", len(gaps))
	}
}

// Rows are merged while they are read: in which portions must not matter.
func TestMergingInPortionsMakesNoDifference(t *testing.T) {
	d := &Document{Source: &Source{}}
	at := func(i int) row { return row{document: d, offset: int64(i)} }
	nodes := []LiveNode{{row: at(0), State: Alive, said: 1, Generation: 1}, {row: at(1), said: 9, Generation: 9}, {row: at(2), State: Dead, said: 2, Generation: 2}}
	loglet := func(i int, generation uint32, tail LogletOffset) LogletWorker {
		return LogletWorker{row: at(i), Node: cluster.GenerationalNodeID{ID: 1, Generation: generation}, said: generation, TrimPoint: 5, LocalTail: tail}
	}
	loglets := []LogletWorker{loglet(0, 1, 3), loglet(1, 9, 1), loglet(2, 2, 7)}
	loglets[1].TrimPoint = 4
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var n []LiveNode
		var l []LogletWorker
		for _, i := range order {
			n, l = mergeNodes.merge(append(n, nodes[i])), mergeLoglets.merge(append(l, loglets[i]))
		}
		if len(n) != 1 || n[0].State != Dead || n[0].Generation != 9 || n[0].offset != 2 {
			t.Errorf("%v: the node is %+v", order, n)
		}
		if len(l) != 1 || l[0].Node.Generation != 9 || l[0].LocalTail != 7 || l[0].TrimPoint != 5 || l[0].offset != 2 {
			t.Errorf("%v: the loglet is %+v", order, l)
		}
	}
}

// A log server may trim behind the end of its segment. What it says of one loglet says nothing of the next one.
func TestATrimPointStaysWithinItsSegment(t *testing.T) {
	segment := func(base, index int) string {
		return fmt.Sprintf(`[%d,{"index":%d,"kind":"replicated","params":"{\"loglet_id\":%[2]d,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[1]}"}]`, base, index)
	}
	for _, test := range []struct {
		loglet string
		offset uint32
		want   cluster.LSN
	}{{"0_0", 4294967295, 99}, {"0_0", 7, 16}, {"0_0", 90, 99}, {"0_1", 4294967295, 100 + 4294967295 - 1}} {
		s, err := read(map[string]string{
			"b.json": `{"version":1,"config":null,"logs":[[0,{"chain":[` + segment(10, 0) + "," + segment(100, 1) + `]}]]}`,
			"l.json": fmt.Sprintf(`[{"plain_node_id":"N1","loglet_id":%q,"trim_point":%d}]`, test.loglet, test.offset),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Logs.Each(func(log *Log) {
			if point, ok := s.Live.TrimPoint(log); !ok || point.LSN != test.want {
				t.Errorf("%s, %d: trimmed up to %d, want %d", test.loglet, test.offset, point.LSN, test.want)
			}
		})
	}
}
