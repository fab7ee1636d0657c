package snapshots

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

var updateLive = flag.Bool("update-live", false, "write what is read into the files of testdata/live")

// dumpLive renders all that was understood of the query results of a snapshot, a line for each thing. Without places
// it does not depend on how the results are laid out.
func dumpLive(t testing.TB, s *Snapshot, places bool) string {
	d := dumper{t: t}
	at := func(r *row) string {
		if !places {
			return ""
		}
		return fmt.Sprintf(", at %s %s", d.place(r.At()), r.At().Pointer)
	}
	kinds := make(map[Kind]bool)
	for _, document := range s.Documents {
		if document.Kind.Live() && places {
			d.line("%s, complete %t, %s", document.Key(), document.Complete, d.place(document.At(document.Offset, "")))
		}
		kinds[document.Kind] = true
	}
	if l := s.Live; l != nil {
		for _, kind := range []Kind{NodesConfig, BifrostConfig, PartitionTable} {
			if view := l.View(kind); view != nil {
				d.line("view of %s: %v%s", kind, view.Version, at(&view.row))
			}
		}
		for _, n := range l.Nodes {
			d.line("%v, generation %d, %q%s", n.ID, n.Generation, n.State, at(&n.row))
		}
		for _, p := range l.Processors {
			d.line("processor of %d on %v: target %q, effective %q, replay %q, broken %q, %v of %v, applied %d, durable %d, archived %d, target tail %d%s", p.Partition,
				p.Node, p.Target, p.Effective, p.ReplayStatus, p.Broken, p.LeaderEpoch, p.Leader, p.Applied, p.Durable, p.Archived, p.TargetTail, at(&p.row))
		}
		for _, r := range l.Replicas {
			d.line("replica of %d on %v: next %t, %v, alive %t, leader %t, durable %d%s", r.Partition, r.Node, r.Next, r.Version, r.Alive, r.Leader, r.Durable, at(&r.row))
		}
		for _, w := range l.Loglets {
			d.line("loglet %v on %v: local tail %d, global tail %d, trim point %d, sealed %t%s", w.Loglet, w.Node, w.LocalTail, w.GlobalTail, w.TrimPoint, w.Sealed, at(&w.row))
		}
		if s.Logs != nil {
			s.Logs.Each(func(log *Log) {
				if point, ok := l.TrimPoint(log); ok {
					d.line("log %d is trimmed up to %d, says %v of %v", log.ID, point.LSN, point.Worker.Node, point.Worker.Loglet)
				}
			})
		}
	}
	for _, oddity := range s.Oddities {
		if oddity.Document.Kind.Live() && places {
			d.line("odd: %s", d.oddity(oddity))
		}
	}
	for _, gap := range s.Gaps {
		if gap.Source != "" && places {
			d.line("gap: %s", gap)
		}
	}
	return d.String()
}

// Every archive of testdata/live is one capture of query results, with a comment on what is special about it. Its file
// "want" is all that must be understood of the others.
func TestQueryResults(t *testing.T) {
	archives, err := filepath.Glob("testdata/live/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(archive.Comment)) == 0 {
				t.Error("the archive does not say what it is about")
			}
			files, want := make(map[string]string), ""
			for _, file := range archive.Files {
				if file.Name == "want" {
					want = string(file.Data)
				} else {
					files[file.Name] = string(file.Data)
				}
			}
			s, _ := read(files)
			got := dumpLive(t, s, true)
			if got == want {
				return
			}
			if !*updateLive {
				t.Fatalf("got\n%s\nwant\n%s", got, want)
			}
			if os.Getenv("CI") != "" {
				t.Fatal("expectations are not updated in CI")
			}
			archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
			archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
			if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// capturedResults are the query results among the captures of testdata, by path.
func capturedResults(t testing.TB) map[string][]byte {
	results := make(map[string][]byte)
	err := filepath.WalkDir("testdata/captures", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasPrefix(entry.Name(), "sql-") {
			return err
		}
		results[path], err = os.ReadFile(path)
		return err
	})
	if err != nil || len(results) == 0 {
		t.Fatal("no query results among the captures", err)
	}
	return results
}

// asLines turns what --json prints into what --jsonl prints. ok is false when it is no array of objects.
func asLines(array []byte) (lines []byte, ok bool) {
	var rows []json.RawMessage
	if json.Unmarshal(array, &rows) != nil {
		return nil, false
	}
	var out bytes.Buffer
	for _, row := range rows {
		if len(row) == 0 || row[0] != '{' || json.Compact(&out, row) != nil {
			return nil, false
		}
		out.WriteByte('\n')
	}
	return out.Bytes(), true
}

func TestBothFormsOfARealResultAreReadAlike(t *testing.T) {
	for path, data := range capturedResults(t) {
		lines, ok := asLines(data)
		if !ok {
			t.Fatalf("%s is no array of objects", path)
		}
		array, err := read(map[string]string{"a.json": string(data)})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		byLine, err := read(map[string]string{"a.jsonl": string(lines)})
		if err != nil {
			t.Errorf("%s, one row on a line: %v", path, err)
			continue
		}
		got, want := dumpLive(t, byLine, false), dumpLive(t, array, false)
		if got != want || want == "" {
			t.Errorf("%s\ngot\n%s\nwant\n%s", path, got, want)
		}
		if array.Documents[0].Kind != byLine.Documents[0].Kind || !array.Documents[0].Complete || !byLine.Documents[0].Complete {
			t.Errorf("%s: %+v, %+v", path, array.Documents[0], byLine.Documents[0])
		}
	}
}

func TestRealResultsAreRecognisedByTheirColumns(t *testing.T) {
	for path, data := range capturedResults(t) {
		table := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "sql-"), ".json")
		if table == "logs_tail_segments" {
			table = "logs"
		}
		s, err := read(map[string]string{"anything.txt": string(data)})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, ok := s.Documents[0].Kind.Table(); len(s.Documents) != 1 || !ok || got != table {
			t.Errorf("%s was taken for %q", path, got)
		}
	}
}

// The nodes of a capture are those of its nodes configuration, and capture.json says which of them ran.
func TestRealCapturesSayWhichNodesRan(t *testing.T) {
	captures, err := Find("testdata/captures/...")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, capture := range captures {
		s, err := capture.Read()
		if err != nil {
			t.Fatal(err)
		}
		if s.Live == nil || len(s.Live.Nodes) == 0 {
			continue
		}
		asked++
		var about struct {
			NodesRunning []string `json:"nodes_running"`
		}
		data, err := fs.ReadFile(capture.FS, "capture.json")
		if err != nil || json.Unmarshal(data, &about) != nil {
			t.Fatal(capture.Name, err)
		}
		var running []string
		for node := range s.Nodes.All() {
			said := s.Live.Node(node.ID)
			switch {
			case node.Removed && said == nil:
			case said == nil || said.Generation != node.Generation.Generation:
				t.Errorf("%s: of %v, %v, it was said %+v", capture.Name, node.ID, node.Generation, said)
			case said.State == Alive:
				running = append(running, node.Name)
			}
		}
		slices.Sort(running)
		if !slices.Equal(running, about.NodesRunning) {
			t.Errorf("%s: %q ran, want %q", capture.Name, running, about.NodesRunning)
		}
	}
	if asked == 0 {
		t.Error("no capture holds the nodes of a query")
	}
}

func TestQueryResultsThatAreNotThereAreNotMissing(t *testing.T) {
	s, err := read(map[string]string{"nodes_config.json": `{"version":1,"cluster_name":"c","name_lookup":{},"nodes":[]}`})
	if err != nil || s.Live != nil {
		t.Fatal(err, s.Live)
	}
	for _, gap := range s.Gaps {
		if gap.Kind.Live() {
			t.Errorf("gap: %v", gap)
		}
	}
	if s.Captured(LiveNodes) || s.Live.Node(1) != nil || s.Live.View(NodesConfig) != nil {
		t.Error("something is known of a table that was not captured")
	}
	if _, ok := s.Live.TrimPoint(&Log{}); ok {
		t.Error("a trim point is known without a log server")
	}
}

func TestTheOrderOfTheFilesDoesNotMatter(t *testing.T) {
	fsys := fstest.MapFS{}
	var names []string
	for name, text := range map[string]string{
		"a.json":  `[{"plain_node_id":"N1","gen_node_id":"N1:2","state":"alive","has_worker_role":true,"nodes_configuration_version":9}]`,
		"b.json":  `[{"plain_node_id":"N1","gen_node_id":"N1:3","state":"dead","has_worker_role":true,"nodes_configuration_version":9}]`,
		"c.json":  `[{"plain_node_id":"N1","gen_node_id":"N1:3","state":"dead","has_worker_role":true,"nodes_configuration_version":9}]`,
		"d.jsonl": `{"plain_node_id":"N1","loglet_id":"0_0","trim_point":3,"local_tail":9,"known_global_tail":9,"is_sealed":false}`,
		"e.jsonl": `{"plain_node_id":"N1","loglet_id":"0_0","trim_point":7,"local_tail":8,"known_global_tail":8,"is_sealed":true}`,
		"f.json":  `[{"log_id":0,"segment_index":0,"base_lsn":1,"logs_metadata_version":4},{"log_id":1,"base_lsn":1,"logs_metadata_version":4}]`,
		"g.json":  `[{"log_id":0,"segment_index":0,"base_lsn":1,"logs_metadata_version":4}]`,
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
		names = append(names, name)
	}
	slices.Sort(names)
	forwards, err := Read("", fsys, names...)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(names)
	backwards, err := Read("", fsys, names...)
	if err != nil {
		t.Fatal(err)
	}
	got, want := dumpLive(t, backwards, true), dumpLive(t, forwards, true)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, line := range []string{
		"N1, generation 3, \"dead\", at b.json:1:2 /0",
		"loglet 0_0 on N1:0: local tail 9, global tail 9, trim point 7, sealed true",
		"view of bifrost_config: v4, at f.json:1:2 /0",
	} {
		if !strings.Contains(want, line) {
			t.Errorf("no %q in\n%s", line, want)
		}
	}
}

func TestALargeResultIsNotHeld(t *testing.T) {
	row := `{"log_id":%d,"segment_index":0,"base_lsn":1,"kind":"replicated","loglet_id":"%[1]d_0","sequencer":"N1:1","replication":"{node: 2}","nodeset":"[N1, N2, N3]","logs_metadata_version":7}`
	var text bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&text, "%c"+row, ",["[truth(i == 0)], i)
	}
	text.WriteByte(']')
	s := &Snapshot{}
	r := &reader{snapshot: s}
	r.source(fstest.MapFS{"logs.json": {Data: text.Bytes()}}, "logs.json", true)
	s.settle()
	if view := s.Live.View(BifrostConfig); view == nil || view.Version != 7 || !s.Captured(LiveLogs) {
		t.Errorf("%+v", s.Live)
	}
	if held := len(r.window.buf); held > 2*blockSize {
		t.Errorf("%d bytes of %d are held at once", held, text.Len())
	}
}

func FuzzReadLive(f *testing.F) {
	for _, data := range capturedResults(f) {
		if lines, ok := asLines(data); ok {
			f.Add(lines[:min(len(lines), 3000)])
		}
		f.Add(data[:min(len(data), 2000)])
	}
	archives, _ := filepath.Glob("testdata/live/*.txtar")
	for _, name := range archives {
		if archive, err := txtar.ParseFile(name); err == nil {
			for _, file := range archive.Files {
				f.Add(file.Data[:min(len(file.Data), 4000)])
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, _ := read(map[string]string{"a.json": string(data)})
		if again, _ := read(map[string]string{"a.json": string(data)}); dumpLive(t, s, true) != dumpLive(t, again, true) {
			t.Error("read twice, it is not the same")
		}
		if s.Live == nil {
			return
		}
		var rows []*row
		for i := range s.Live.Nodes {
			rows = append(rows, &s.Live.Nodes[i].row)
		}
		for i := range s.Live.Processors {
			rows = append(rows, &s.Live.Processors[i].row)
		}
		for i := range s.Live.Replicas {
			rows = append(rows, &s.Live.Replicas[i].row)
		}
		for i := range s.Live.Loglets {
			rows = append(rows, &s.Live.Loglets[i].row)
		}
		for _, r := range rows {
			if at := r.At(); at.Offset < 0 || at.Offset >= int64(len(data)) || data[at.Offset] != '{' {
				t.Errorf("a row is at %d, which is none", at.Offset)
			}
		}
		increasing(t, s.Live.Nodes, func(a, b LiveNode) bool { return a.ID < b.ID })
		increasing(t, s.Live.Processors, func(a, b Processor) bool {
			return a.Partition < b.Partition || a.Partition == b.Partition && a.Node.ID < b.Node.ID
		})
		increasing(t, s.Live.Loglets, func(a, b LogletWorker) bool {
			return a.Loglet < b.Loglet || a.Loglet == b.Loglet && a.Node.ID < b.Node.ID
		})
		for _, d := range s.Documents {
			damaged := slices.ContainsFunc(s.Gaps, func(g Gap) bool { return g.Kind == d.Kind && g.Source != "" })
			if d.Kind.Live() && d.Complete == damaged {
				t.Errorf("%s: complete %t, with the gaps %v", d.Key(), d.Complete, s.Gaps)
			}
		}
	})
}

func increasing[T any](t *testing.T, list []T, less func(a, b T) bool) {
	for i := 1; i < len(list); i++ {
		if !less(list[i-1], list[i]) {
			t.Errorf("%+v comes before %+v", list[i-1], list[i])
		}
	}
}
