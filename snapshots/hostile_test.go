package snapshots

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"
)

// victim is the capture whose documents are damaged here: small, with logs in an order of their own.
const victim = "unknown-node-1.7.12/b-tail-segment"

// readAll reads a file as a snapshot of its own, logs included, and returns all gaps.
func readAll(name string, text []byte) (s *Snapshot, logs []flatLog, gaps []Gap, err error) {
	s, err = Read("test", fstest.MapFS{name: {Data: text}}, name)
	gaps = s.Gaps
	if s.Logs != nil {
		var more []Gap
		logs, more = collect(s.Logs, readingWay{layout: true})
		gaps = append(gaps, more...)
	}
	return s, logs, gaps, err
}

// clean makes the logs of two readings comparable: their documents are two.
func clean(logs []flatLog) []flatLog {
	for i := range logs {
		logs[i].Log.document = nil
		for k := range logs[i].Positions {
			logs[i].Positions[k].Source = nil
		}
	}
	return logs
}

// A document that ends early, wherever it does, gives all the logs before that place, and a gap.
func TestTruncationAtEveryByte(t *testing.T) {
	for _, name := range []string{"bifrost_config.json", "nodes_config.json", "partition_table.json", "pp_epoch_0.json", "schema_registry.json"} {
		document := captured(t, name)[victim]
		whole, logs, _, err := readAll(name, document)
		if err != nil || len(whole.Documents) != 1 {
			t.Fatal(name, err)
		}
		clean(logs)
		for end := range len(bytes.TrimSpace(document)) {
			_, some, gaps, _ := readAll(name, document[:end])
			told := false
			for _, gap := range gaps {
				told = told || gap.Source == name
			}
			if !told {
				t.Fatalf("%s cut at %d: no gap names it: %v", name, end, gaps)
			}
			if len(some) > len(logs) {
				t.Fatalf("%s cut at %d: %d logs", name, end, len(some))
			}
			for i, log := range clean(some) {
				if !reflect.DeepEqual(log, logs[i]) {
					t.Fatalf("%s cut at %d: log entry %d: %s", name, end, i, difference(log, logs[i]))
				}
			}
			for _, log := range logs[len(some):] {
				if last := log.Log.offset + int64(len(log.Raw)); last < int64(end) {
					t.Fatalf("%s cut at %d: the log that ends at %d is missing", name, end, last)
				}
			}
		}
	}
}

// One wrong bit never hides the logs before it.
func TestFlippedBits(t *testing.T) {
	name, random := "bifrost_config.json", rand.New(rand.NewPCG(4, 4))
	document := captured(t, name)[victim]
	whole, logs, _, _ := readAll(name, document)
	clean(logs)
	for i := int(whole.Logs.listAt); i < len(document); i++ {
		damaged := bytes.Clone(document)
		damaged[i] ^= 1 << random.IntN(8)
		_, some, _, _ := readAll(name, damaged)
		clean(some)
		for k, log := range logs {
			if log.Log.offset+int64(len(log.Raw)) > int64(i) {
				break
			}
			if k >= len(some) || !reflect.DeepEqual(some[k], log) {
				t.Fatalf("byte %d became %q: the log entry %d before it is missing or different", i, damaged[i], k)
			}
		}
	}
	for _, name := range []string{"nodes_config.json", "partition_table.json", "pp_epoch_0.json", "schema_registry.json"} {
		document := captured(t, name)[victim]
		for i := range document {
			damaged := bytes.Clone(document)
			damaged[i] ^= 1 << random.IntN(8)
			readAll(name, damaged) // must not panic
		}
	}
}

// Brackets that nest too deep are refused wherever they are, and what was before them is there.
func TestDeepNesting(t *testing.T) {
	const depth = 200_000
	quoted := strings.NewReplacer(`"`, `\"`)
	places := map[string]string{
		"the document":         `%s`,
		"a field":              `{"version":1,"cluster_name":"c","x":%s,"nodes":[]}`,
		"a field that is kept": `{"version":1,"cluster_name":%s,"nodes":[]}`,
		"a list of nodes":      `{"version":1,"cluster_name":"c","nodes":[%s]}`,
		"a node":               `{"version":1,"cluster_name":"c","nodes":[[1,{"Node":{"name":"a","roles":%s}}]]}`,
		"a partition":          `{"version":1,"num_partitions":1,"partitions":[[0,{"key_range":%s}]]}`,
		"an epoch":             `{"version":1,"leader_metadata":{"partition_id":0,"node_id":%s}}`,
		"a log":                `{"version":1,"logs":[[0,{"chain":[]}],%s]}`,
		"a segment":            `{"version":1,"logs":[[0,{"chain":[]}],[1,{"chain":[[1,%s]]}]]}`,
		"behind the logs":      `{"version":1,"logs":[[0,{"chain":[]}]],"x":%s}`,
		"parameters":           `{"version":1,"logs":[[0,{"chain":[[1,{"kind":"replicated","index":0,"params":"%q"}]]}]]}`,
		"a seal's context":     `{"version":1,"logs":[[0,{"chain":[[1,{"kind":"sealed","index":0,"params":"{\"context\":%q}"}]]}]]}`,
		"a nodeset":            `{"version":1,"logs":[[0,{"chain":[[1,{"kind":"replicated","index":0,"params":"{\"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[1]}"}],[2,{"kind":"replicated","index":0,"params":"{\"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":%q,\"nodeset\":[1]}"}]]}]]}`,
		"a query result":       `[{"plain_node_id":%s}]`,
		"a row":                `{"plain_node_id":"N1","state":%s}`,
	}
	for place, text := range places {
		for _, nested := range []string{strings.Repeat("[", depth), strings.Repeat("[", depth) + strings.Repeat("]", depth), strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)} {
			text := strings.NewReplacer("%s", nested, "%q", quoted.Replace(nested)).Replace(text)
			s, logs, gaps, err := readAll("b.json", []byte(text))
			defects := 0
			for _, log := range logs {
				defects += len(log.Log.Defects)
			}
			seal := false
			if s.Logs != nil {
				s.Logs.Each(func(log *Log) {
					for i := range log.Segments {
						_, ok := log.SealOf(i)
						seal = seal || ok && log.Segments[i].Kind == SealMarker
					}
				})
			}
			if err == nil && defects == 0 && !strings.Contains(fmt.Sprint(gaps), "nested") {
				t.Errorf("%s: nothing is wrong with %.20s…: %v", place, nested, gaps)
			}
			if seal {
				t.Errorf("%s: a seal of such depth was decoded", place)
			}
			if strings.Contains(text, `[0,{"chain":[]}]`) && (len(logs) == 0 || logs[0].Log.ID != 0) {
				t.Errorf("%s: the log before it is missing", place)
			}
		}
	}
}

// An endless file is one text that is repeated for a very long time.
type endless struct {
	head, unit, tail string
	size             int64
}

func (e endless) Open(string) (fs.File, error) {
	unit := strings.Repeat(e.unit, 1+(64<<10)/len(e.unit))
	middle := (e.size - int64(len(e.head)+len(e.tail))) / int64(len(unit)) * int64(len(unit))
	return &endlessFile{endless: e, unit: unit, middle: middle}, nil
}

type endlessFile struct {
	endless
	unit       string
	at, middle int64
}

func (f *endlessFile) Read(p []byte) (int, error) {
	total := 0
	for len(p) > 0 {
		text, from := f.head, f.at
		if from -= int64(len(f.head)); from >= 0 {
			text = f.unit
			if from >= f.middle {
				text, from = f.tail, from-f.middle
			} else {
				from %= int64(len(f.unit))
			}
		} else {
			from = f.at
		}
		n := copy(p, text[min(from, int64(len(text))):])
		if n == 0 {
			break
		}
		p, total, f.at = p[n:], total+n, f.at+int64(n)
	}
	if total == 0 {
		return 0, io.EOF
	}
	return total, nil
}

func (f *endlessFile) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return 0, errors.ErrUnsupported
	}
	f.at = offset
	return offset, nil
}

func (f *endlessFile) Close() error               { return nil }
func (f *endlessFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *endlessFile) Name() string               { return "b.json" }
func (f *endlessFile) Size() int64                { return f.middle + int64(len(f.head)+len(f.tail)) }
func (f *endlessFile) Mode() fs.FileMode          { return 0o444 }
func (f *endlessFile) ModTime() time.Time         { return time.Time{} }
func (f *endlessFile) IsDir() bool                { return false }
func (f *endlessFile) Sys() any                   { return nil }

// However large a file is, and whatever is in it, memory stays within bounds and reading ends.
func TestHugeFiles(t *testing.T) {
	defer func(bound int) { maxValue = bound }(maxValue)
	maxValue = 4 << 20
	const segment = `[1,{"index":0,"kind":"replicated","params":"{\"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[1]}"}],`
	// What a reader may allocate in all, in MB: for a file of which it keeps nothing, for its lists at their longest,
	// and for one value of the largest size.
	const little, lists, value = 8, 700, 100
	// The sizes of files: as long as it takes, just within the largest value, and just beyond it.
	long, longer, within, beyond := int64(3<<20), int64(20<<20), int64(maxValue/10*9), int64(maxValue/10*11)
	tests := []struct {
		name             string
		head, unit, tail string
		most             int
		sizes            []int64
	}{
		{"one line of garbage", "", "x", "", little, []int64{longer}},
		{"lines of garbage", "", "x\n", "", little, []int64{long}},
		{"white space", "", " ", "", little, []int64{longer}},
		{"nulls", "", "null\n", "", little, []int64{long}},
		{"empty objects", "", "{}", "", lists, []int64{long}},
		{"empty arrays", "", "[]", "", little, []int64{long}},
		{"an array", "[", "1,", "1]", little, []int64{long}},
		{"a string", `{"version":1,"x":"`, "a", `"}`, little, []int64{longer}},
		{"a string that is kept", `{"version":1,"cluster_name":"`, "a", `"}`, value, []int64{within, beyond, longer}},
		{"a name of a field", `{"`, "a", `":1}`, value, []int64{within, beyond}},
		{"fields", `{`, `"a":1,`, `"b":1}`, lists, []int64{long}},
		{"escapes", `{"version":1,"x":"`, `\\`, `"}`, little, []int64{long}},
		{"numbers", `{"version":`, `1`, `}`, value, []int64{beyond}},
		{"no nodes", `{"version":1,"cluster_name":"c","nodes":[`, "1,", "1]}", lists, []int64{long}},
		{"nodes", `{"version":1,"cluster_name":"c","nodes":[`, `[1,"Tombstone"],`, "1]}", lists, []int64{long}},
		{"a node", `{"version":1,"cluster_name":"c","nodes":[[1,{"Node":{"roles":[`, `7,`, "1]}}]]}", value, []int64{within, beyond}},
		{"names", `{"version":1,"cluster_name":"c","name_lookup":{`, `"a":1,`, `"b":1},"nodes":[]}`, value, []int64{within / 4, beyond}},
		{"partitions", `{"version":1,"num_partitions":1,"partitions":[`, `[0,{}],`, "1]}", lists, []int64{long}},
		{"a replica set", `{"version":1,"leader_metadata":null,"current":{"version":1,"replica_set":[`, `1,`, "1]}}", value, []int64{within, beyond}},
		{"no logs", `{"version":1,"config":null,"logs":[`, "1,", "1]}", lists, []int64{long}},
		{"logs", `{"version":1,"config":null,"logs":[`, `[1,{"chain":[]}],`, "1]}", lists, []int64{long}},
		{"a log", `{"version":1,"config":null,"logs":[[0,{"chain":[`, segment, `[2,{}]]}]]}`, value, []int64{within, beyond, longer}},
		{"a log of nothing", `{"version":1,"config":null,"logs":[[0,{"chain":[`, `1,`, `1]}]]}`, lists, []int64{within, beyond}},
		{"a log without end", `{"version":1,"config":null,"logs":[[0,{"chain":[]}],[1,{"chain":[[`, ` `, ``, value, []int64{beyond}},
		{"parameters", `{"version":1,"config":null,"logs":[[0,{"chain":[[1,{"kind":"replicated","params":"`, `[`, `"}]]}]]}`, value, []int64{within, beyond}},
		{"documents", "", `{"version":1,"num_partitions":0}`, "", lists, []int64{long}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, size := range test.sizes {
				fsys := endless{test.head, test.unit, test.tail, size}
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				start := time.Now()
				s, err := Read("huge", fsys, "b.json")
				var gaps []Gap
				logs := 0
				if s.Logs != nil {
					gaps = s.Logs.Each(func(*Log) { logs++ })
				}
				took := time.Since(start)
				runtime.ReadMemStats(&after)
				allocated := int(after.TotalAlloc-before.TotalAlloc) >> 20
				t.Logf("%v, %d MB, %d logs, %.300v %.200v", took.Round(time.Millisecond), allocated, logs, err, gaps)
				if allocated > test.most {
					t.Errorf("%d MB were allocated", allocated)
				}
			}
		})
	}
}

// wrapped passes every file's reads through a function.
type wrapped struct {
	fs.FS
	wrap func(io.Reader) io.Reader
}

func (w wrapped) Open(name string) (fs.File, error) {
	f, err := w.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &wrappedFile{f, w.wrap(f)}, nil
}

type wrappedFile struct {
	fs.File // has no Seek: positions are reached by reading
	r       io.Reader
}

func (f *wrappedFile) Read(p []byte) (int, error) { return f.r.Read(p) }

// How many bytes a read returns makes no difference.
func TestReadsOfAnySize(t *testing.T) {
	readers := map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "the end with the last bytes": iotest.DataErrReader,
	}
	captures, err := Find("testdata/captures/...")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range captures[:5] {
		s, err := c.Read()
		want := dump(t, s, err)
		for name, wrap := range readers {
			c.FS = wrapped{c.FS, wrap}
			s, err := c.Read()
			if got := dump(t, s, err); got != want {
				t.Errorf("%s, %s: got\n%s\nwant\n%s", c.Name, name, got, want)
			}
		}
	}
}

// A reader that fails in the middle gives a gap, and what came before.
func TestReadsThatFail(t *testing.T) {
	broken := errors.New("the disk is gone")
	document := captured(t, "bifrost_config.json")[victim]
	for _, at := range []int{0, 1, 100, 1000, len(document) - 2} {
		fsys := wrapped{fstest.MapFS{"bifrost_config.json": {Data: document}}, func(r io.Reader) io.Reader {
			return io.MultiReader(io.LimitReader(r, int64(at)), iotest.ErrReader(broken))
		}}
		s, _ := Read("test", fsys, "bifrost_config.json")
		gaps := s.Gaps
		if s.Logs != nil {
			gaps = append(gaps, s.Logs.Each(func(*Log) {})...)
		}
		if !strings.Contains(fmt.Sprint(gaps), broken.Error()) {
			t.Errorf("failing at %d: gaps %v", at, gaps)
		}
	}
	// The second reading fails, not the first: only the logs are missing.
	failing := false
	fsys := wrapped{fstest.MapFS{"bifrost_config.json": {Data: document}}, func(r io.Reader) io.Reader {
		if failing {
			return io.MultiReader(io.LimitReader(r, 2000), iotest.ErrReader(broken))
		}
		return r
	}}
	s, err := Read("test", fsys, "bifrost_config.json")
	if err != nil {
		t.Fatal(err)
	}
	failing = true
	logs := 0
	gaps := s.Logs.Each(func(*Log) { logs++ })
	if logs == 0 || len(gaps) != 1 || !strings.HasSuffix(gaps[0].Reason, broken.Error()) {
		t.Errorf("got %d logs, gaps %v", logs, gaps)
	}
}

// A file that is gone or is none gives a gap, never an open of something else.
func TestFilesThatAreNone(t *testing.T) {
	fsys := fstest.MapFS{"n.json": {Data: []byte(smallNodes)}, "pipe.json": {Mode: fs.ModeNamedPipe}, "dir/x": {}}
	s, err := Read("test", fsys, "n.json", "pipe.json", "dir", "gone.json")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, gap := range s.Gaps {
		if gap.Source != "" {
			got = append(got, gap.String())
		}
	}
	want := []string{"pipe.json: not a regular file", "dir: not a regular file", "gone.json: file does not exist"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
