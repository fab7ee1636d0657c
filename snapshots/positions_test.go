package snapshots

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// The founding case: the unknown node N9 in the tail of log 1 is found on its line, at its very digit.
func TestPositionOfAnUnknownNode(t *testing.T) {
	s, err := Open("testdata/captures/unknown-node-1.7.12/b-tail-segment")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	s.Logs.Each(func(log *Log) {
		tail := len(log.Segments) - 1
		if log.ID != 1 {
			return
		}
		for k, member := range log.Segments[tail].Placement.Nodeset {
			if member != 9 {
				continue
			}
			found = true
			at := log.MemberAt(tail, k)
			lines, err := at.Source.Lines([]int64{at.Offset})
			if err != nil {
				t.Fatal(err)
			}
			line := lines[0]
			if at.Source.Name != "metadata/bifrost_config.json" || line.Number != 40 || !bytes.HasPrefix(line.Text[line.Column-line.Start:], []byte("9]")) {
				t.Errorf("found at %s:%d:%d %s", at.Source.Name, line.Number, line.Column, line.Text[line.Column-line.Start:])
			}
			if want := fmt.Sprintf("/logs/%d/1/chain/%d/1/params", log.number, tail); at.Pointer != want {
				t.Errorf("pointer %s, want %s", at.Pointer, want)
			}
		}
	})
	if !found {
		t.Error("N9 is not there")
	}
}

// Every position within every capture's segments is where a search by line and regular expression finds it.
func TestPositionsInSegments(t *testing.T) {
	params := regexp.MustCompile(`^ *"params": (.*)$`)
	fields := map[string]*regexp.Regexp{
		"loglet id":   regexp.MustCompile(`\\"loglet_id\\":()`),
		"sequencer":   regexp.MustCompile(`\\"sequencer\\":()`),
		"replication": regexp.MustCompile(`\\"replication\\":()`),
	}
	nodeset := regexp.MustCompile(`\\"nodeset\\":\[([0-9,]*)\]`)
	for name, document := range captured(t, "bifrost_config.json") {
		s := readLogs(document, nil)
		if s.Logs == nil {
			t.Errorf("%s: no logs", name)
			continue
		}
		var decoded map[string]any
		if err := json.Unmarshal(document, &decoded); err != nil {
			t.Fatal(name, err)
		}
		lines := strings.Split(string(document), "\n")
		next := 0 // the first line behind the segment before
		check := func(what string, at Position, column int) {
			t.Helper()
			got, err := at.Source.Lines([]int64{at.Offset})
			if err != nil {
				t.Fatal(err)
			}
			if got[0].Number != int64(next+1) || got[0].Column != int64(column+1) {
				t.Errorf("%s: %s at %d:%d, want %d:%d", name, what, got[0].Number, got[0].Column, next+1, column+1)
			}
		}
		s.Logs.Each(func(log *Log) {
			for i, segment := range log.Segments {
				for !params.MatchString(lines[next]) {
					next++
				}
				line := lines[next]
				at := log.ParamsAt(i)
				check("parameters", at, params.FindStringSubmatchIndex(line)[2])
				var want any
				if err := json.Unmarshal([]byte(params.FindStringSubmatch(line)[1]), &want); err != nil {
					t.Fatal(name, err)
				}
				if got := resolve(t, decoded, at.Pointer); got != want {
					t.Errorf("%s: %s leads to %v, want %v", name, at.Pointer, got, want)
				}
				if segment.Placement != nil {
					for what, at := range map[string]Position{"loglet id": log.LogletAt(i), "sequencer": log.SequencerAt(i), "replication": log.ReplicationAt(i)} {
						check(what, at, fields[what].FindStringSubmatchIndex(line)[2])
					}
					column := nodeset.FindStringSubmatchIndex(line)[2]
					for k, member := range segment.Placement.Nodeset {
						check(fmt.Sprint(member), log.MemberAt(i, k), column)
						column += len(strconv.Itoa(int(member))) + 1
					}
				}
				next++
			}
		})
	}
}

// resolve follows a JSON pointer.
func resolve(t *testing.T, v any, pointer string) any {
	t.Helper()
	for _, step := range strings.Split(pointer, "/")[1:] {
		switch of := v.(type) {
		case map[string]any:
			v = of[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(of) {
				t.Fatalf("%s leads nowhere", pointer)
			}
			v = of[i]
		default:
			t.Fatalf("%s leads nowhere", pointer)
		}
	}
	return v
}

// Positions within parameters are right whatever is escaped before them, and when a field is not there they are those
// of the parameters.
func TestPositionsBehindEscapes(t *testing.T) {
	for _, params := range []string{
		`{\"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[9]}`,
		`{\u0022a\u0022:\"\u00e4\\n\\\"\\u00e4\",\"b\":\"ä€\",\n \"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[9]}`,
		`{\"\ud83d\ude00\":1,\"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[9]}`,
	} {
		document := `{"version":1,"logs":[[0,{"chain":["x",[1,{"kind":"replicated","index":0,"params":"` + params + `"}]]}]]}`
		s, _ := read(map[string]string{"b.json": document})
		s.Logs.Each(func(log *Log) {
			if len(log.Segments) != 2 || log.Segments[1].Placement == nil {
				t.Fatalf("%s: got %v, %v", params, log.Segments, log.Defects)
			}
			for name, at := range map[string]Position{"9]": log.MemberAt(1, 0), `\"N1:1`: log.SequencerAt(1), `{\"node`: log.ReplicationAt(1)} {
				if !strings.HasPrefix(document[at.Offset:], name) {
					t.Errorf("%s: %.20s stands where %s belongs", params, document[at.Offset:], name)
				}
			}
			if at := log.within(1, "missing", -1); at != log.ParamsAt(1) {
				t.Errorf("what is missing is at %v", at)
			}
			// The first element of the chain is no segment, and keeps its place.
			if at := log.SegmentAt(1); at.Pointer != "/logs/0/1/chain/1" || document[at.Offset] != '[' {
				t.Errorf("the segment is at %v", at)
			}
		})
	}
}

// naiveLine is what Lines must say about one offset.
func naiveLine(text []byte, offset int64) (number, column int64, line []byte) {
	start := bytes.LastIndexByte(text[:offset], '\n') + 1
	line = text[start:]
	if end := bytes.IndexByte(text[offset:], '\n'); end >= 0 {
		line = text[start : int(offset)+end]
	}
	return int64(bytes.Count(text[:offset], []byte{'\n'})) + 1, offset - int64(start) + 1, line
}

// checkLines finds lines in a source of which so many bytes were read before.
func checkLines(t *testing.T, text []byte, offsets []int64, before int64) {
	t.Helper()
	source := &Source{Name: "x", Size: int64(len(text)) * (before % 3), fsys: fstest.MapFS{"x": {Data: text}}, path: "x"} // or less, or more
	for _, from := range []int64{0, before / 2, before / 4} {                                                             // but for the middle, some twice
		r, err := source.Open(min(from, int64(len(text))))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, r, before/3); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	lines, err := source.Lines(offsets)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range lines {
		if offsets[i] < 0 || offsets[i] >= int64(len(text)) {
			if got.Number != 0 {
				t.Fatalf("offset %d beyond the end is on line %d", offsets[i], got.Number)
			}
			continue
		}
		number, column, line := naiveLine(text, offsets[i])
		if got.Number != number || got.Column != column {
			t.Fatalf("offset %d is at %d:%d, want %d:%d", offsets[i], got.Number, got.Column, number, column)
		}
		from := max(column-1-lineContext, 0)
		to := min(column-1+lineContext, int64(len(line)))
		want := bytes.TrimSuffix(line[from:to], []byte("\r"))
		if got.Start != from+1 || !bytes.Equal(got.Text, want) || got.Cut != (to < int64(len(line))) {
			t.Fatalf("offset %d has the text %q from %d, cut %t; want %q from %d of %d", offsets[i], got.Text, got.Start, got.Cut, want, from+1, len(line))
		}
	}
}

// Lines finds what counting finds, wherever blocks end.
func TestLines(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		blocks(t, 1+random.IntN(700), 100)
		text := make([]byte, random.IntN(3000))
		for i := range text {
			text[i] = "abc\n\r"[random.IntN(5)]
			if random.IntN(3) > 0 {
				text[i] = 'x'
			}
		}
		var offsets []int64
		for range random.IntN(20) {
			offsets = append(offsets, random.Int64N(int64(len(text))+10))
		}
		checkLines(t, text, offsets, random.Int64N(6000))
	}
}

// Lines reads nothing of a source that was read before but what is around the offsets.
func TestLinesReadsLittle(t *testing.T) {
	text := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 1<<16)
	fsys := &countedFS{FS: fstest.MapFS{"x": {Data: text}}}
	source := &Source{Name: "x", Size: int64(len(text)), fsys: fsys, path: "x"}
	if _, err := source.SHA256(); err != nil {
		t.Fatal(err)
	}
	fsys.read = 0
	lines, err := source.Lines([]int64{int64(len(text)) - 150, int64(len(text)) / 2})
	if err != nil {
		t.Fatal(err)
	}
	if lines[0].Number != 1<<16-1 || lines[0].Column != 51 || lines[1].Number != 1<<15+1 || len(lines[1].Text) != 99 {
		t.Errorf("found %+v", lines)
	}
	if most := 4 * countEvery; fsys.read > most {
		t.Errorf("%d bytes were read again, more than %d", fsys.read, most)
	}
}

// A countedFS counts the bytes that are read of its files, which seek.
type countedFS struct {
	fs.FS
	read int64
}

func (c *countedFS) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &countedFile{f, c}, nil
}

type countedFile struct {
	fs.File
	fsys *countedFS
}

func (f *countedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.fsys.read += int64(n)
	return n, err
}

func (f *countedFile) Seek(offset int64, whence int) (int64, error) {
	return f.File.(io.Seeker).Seek(offset, whence)
}

// FuzzLines compares Lines with counting.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\nthree"), uint16(5), uint16(12), uint32(3), uint32(9))
	f.Add(bytes.Repeat([]byte("long line, "), 200), uint16(1), uint16(1500), uint32(2000), uint32(0))
	f.Add([]byte{}, uint16(0), uint16(0), uint32(0), uint32(1))
	f.Fuzz(func(t *testing.T, text []byte, size, before uint16, a, b uint32) {
		blocks(t, 1+int(size), 100)
		checkLines(t, text, []int64{int64(a), int64(b), int64(len(text)), int64(len(text) / 2), 0}, int64(before))
	})
}

// FuzzRead reads any bytes as a file of any name: it must end, within bounds, and never panic.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"bifrost_config.json", "nodes_config.json", "partition_table.json", "pp_epoch_0.json", "schema_registry.json"} {
		document := captured(f, name)[victim]
		f.Add(document, name)
		f.Add(document[:len(document)/2], "x")
		f.Add(append(bytes.Clone(document), document...), "x.json")
	}
	f.Add([]byte(pointer), "snapshots/c/7/latest.json")
	f.Add([]byte("601\tc/7/latest.json\n602\tc/7/"+oneFolder+"/metadata.json\n"), "listing.txt")
	f.Add([]byte("\xef\xbb\xbf\x1b[0mINFO\nnull\n[]{}"), "nodes_config.json")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		if !fs.ValidPath(name) || name == "." {
			name = "b.json"
		}
		blocks(t, 1+len(text)%4096, 300)
		s, logs, gaps, err := readAll(name, text)
		if err == nil != (len(s.Documents) > 0) {
			t.Errorf("%d documents, error %v", len(s.Documents), err)
		}
		for _, gap := range gaps {
			if strings.Contains(gap.Reason, "crash") {
				t.Error(gap)
			}
		}
		for _, oddity := range s.Oddities {
			if oddity.Document == nil || oddity.At.Source == nil || oddity.At.Offset < 0 || oddity.At.Offset >= int64(len(text)) {
				t.Errorf("an oddity is nowhere: %+v", oddity)
			}
		}
		for _, log := range logs {
			for _, at := range log.Positions {
				if at.Offset < 0 || at.Offset >= int64(len(text)) {
					t.Errorf("a position is nowhere: %+v", at)
				}
			}
		}
	})
}
