package snapshots

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"restate-lint/snapshots/cluster"
)

// A flatLog is all that a visitor can learn of a log, free of shared memory.
type flatLog struct {
	Log        Log
	Raw        string
	Placements []Placement
	Positions  []Position
}

// collect reads all logs in one of the ways.
func collect(logs *Logs, way readingWay) (all []flatLog, gaps []Gap) {
	gaps = logs.each(func(log *Log) {
		flat := flatLog{Log: *log, Raw: string(log.raw), Positions: []Position{log.At()}}
		flat.Log.raw = nil
		if flat.Log.Runs = nil; !divided(log) {
			panic(fmt.Sprintf("log %d: %v are not the runs of its segments", log.ID, log.Runs))
		}
		flat.Log.Segments = append([]Segment(nil), log.Segments...) // nil if empty
		flat.Log.Oddities, flat.Log.Defects = slices.Clone(log.Oddities), slices.Clone(log.Defects)
		for i := range log.Segments {
			flat.Positions = append(flat.Positions, log.SegmentAt(i), log.ParamsAt(i), log.LogletAt(i), log.SequencerAt(i), log.ReplicationAt(i))
			placement := Placement{}
			if p := log.Segments[i].Placement; p != nil {
				placement = *p
				placement.Number = 0                       // a text that stands there in two ways makes two of it
				if last := len(p.Nodeset) - 1; last >= 0 { // finding one takes as long as the nodeset is
					flat.Positions = append(flat.Positions, log.MemberAt(i, 0), log.MemberAt(i, last/2), log.MemberAt(i, last))
				}
			}
			flat.Placements = append(flat.Placements, placement)
			flat.Log.Segments[i].Placement, flat.Log.Segments[i].plain = nil, false
		}
		all = append(all, flat)
	}, way)
	return all, gaps
}

// divided reports whether the runs of a log are as long as they can be, and cover all of its segments.
func divided(log *Log) bool {
	equal := func(a, b *Segment) bool {
		return a.Kind == b.Kind && a.Sequencer == b.Sequencer && a.Placement == b.Placement
	}
	end := 0
	for _, run := range log.Runs {
		if run.First != end || run.End <= run.First || run.First > 0 && equal(&log.Segments[run.First-1], &log.Segments[run.First]) {
			return false
		}
		for i := run.First + 1; i < run.End; i++ {
			if !equal(&log.Segments[run.First], &log.Segments[i]) {
				return false
			}
		}
		end = run.End
	}
	return end == len(log.Segments)
}

// A tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Cleanup(func())
	Errorf(format string, values ...any)
	Fatalf(format string, values ...any)
}

// compare fails the test unless all ways to read the logs of a document find the same.
func compare(t tester, s *Snapshot) {
	t.Helper()
	if s.Logs == nil {
		return
	}
	want, wantGaps := collect(s.Logs, readingWay{})
	for _, way := range []readingWay{{layout: true}, {layout: true, pipelined: true}, {pipelined: true}} {
		readUpTo(t, s.Logs.Document.Source, s.Logs.listAt)
		got, gotGaps := collect(s.Logs, way)
		checkCounts(t, s.Logs.Document.Source)
		if !reflect.DeepEqual(gotGaps, wantGaps) {
			t.Errorf("%+v gives the gaps\n%v\nnot\n%v", way, gotGaps, wantGaps)
		}
		for i := range min(len(got), len(want)) {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("%+v, log entry %d: %s", way, i, difference(got[i], want[i]))
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%+v gives %d logs, not %d", way, len(got), len(want))
		}
	}
}

// readUpTo makes a source as if it had been read up to an offset, and no further.
func readUpTo(t tester, source *Source, offset int64) {
	t.Helper()
	source.lines.end, source.lines.counts, source.lines.halved = lineCount{}, nil, 0
	r, err := source.Open(0)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, err := io.CopyN(io.Discard, r, max(offset, 0)); err != nil {
		t.Fatalf("%v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatalf("%v", err)
	}
}

// checkCounts fails the test unless the lines that were counted are those that there are.
func checkCounts(t tester, source *Source) {
	t.Helper()
	r, err := source.open(0)
	if err != nil {
		t.Fatalf("%v", err)
	}
	r.silent = true
	var text []byte
	for idle := 0; err == nil && idle < 100; idle++ { // some sources never get on
		var piece [512]byte
		var n int
		if n, err = r.Read(piece[:]); n > 0 {
			text, idle = append(text, piece[:n]...), 0
		}
	}
	if !errors.Is(err, io.EOF) {
		return // the source ends early
	}
	if len(source.lines.counts) > mostCounts {
		t.Fatalf("%d places are remembered", len(source.lines.counts))
	}
	var want lineCount
	for _, counted := range append(slices.Clone(source.lines.counts), source.lines.end) {
		for ; want.offset < counted.offset; want.offset++ {
			if text[want.offset] == '\n' {
				want.newlines, want.lineStart = want.newlines+1, want.offset+1
			}
		}
		if counted != want {
			t.Fatalf("counted %+v, not %+v", counted, want)
		}
	}
}

// difference describes the first difference between two logs.
func difference(got, want flatLog) string {
	a, b := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range a.NumField() {
		x, y := fmt.Sprintf("%+v", a.Field(i)), fmt.Sprintf("%+v", b.Field(i))
		if x != y {
			k := 0
			for k < min(len(x), len(y)) && x[k] == y[k] {
				k++
			}
			k = max(k-100, 0)
			return fmt.Sprintf("%s is …%.300s, not …%.300s", a.Type().Field(i).Name, x[k:], y[k:])
		}
	}
	return fmt.Sprintf("%.1000s", fmt.Sprint(got))
}

// blocks makes the blocks that are read small until the test ends, and what must be seen at once of a segment.
func blocks(t tester, size, seen int) {
	oldSize, oldSeen, oldEvery, oldCounts := blockSize, lookahead, countEvery, mostCounts
	blockSize, lookahead, countEvery, mostCounts = size, seen, int64(max(size/2, 1)), 16
	t.Cleanup(func() { blockSize, lookahead, countEvery, mostCounts = oldSize, oldSeen, oldEvery, oldCounts })
}

// A choppy file system returns a few bytes with every read, another number each time.
type choppy struct {
	fs.FS
	most int
}

func (c choppy) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &choppyFile{File: f, most: c.most, random: rand.New(rand.NewPCG(1, uint64(c.most)))}, nil
}

type choppyFile struct {
	fs.File
	most   int
	random *rand.Rand
}

func (f *choppyFile) Read(p []byte) (int, error) {
	return f.File.Read(p[:min(len(p), 1+f.random.IntN(f.most))])
}

func (f *choppyFile) Seek(offset int64, whence int) (int64, error) {
	return f.File.(io.Seeker).Seek(offset, whence)
}

// nodesForLogs is what the nodesets of tests are judged by.
const nodesForLogs = `{"version":3,"cluster_name":"c","name_lookup":{"a":1},"nodes":[[1,{"Node":{"name":"a","current_generation":[1,1],"address":"http://a/","roles":["log-server"],"log_server_config":{"storage_state":"read-write"}}}],[4,"Tombstone"]]}`

func readLogs(logs []byte, wrap func(fs.FS) fs.FS) *Snapshot {
	fsys := fs.FS(fstest.MapFS{"b.json": {Data: logs}, "n.json": {Data: []byte(nodesForLogs)}})
	if wrap != nil {
		fsys = wrap(fsys)
	}
	s, _ := Read("test", fsys, "b.json", "n.json")
	return s
}

// The two ways to read logs agree on every real capture, wherever a block ends.
func TestLayoutEqualsPlainOnCaptures(t *testing.T) {
	for name, document := range captured(t, "bifrost_config.json") {
		t.Run(name, func(t *testing.T) {
			compare(t, readLogs(document, nil))
			for _, seen := range []int{32, 250, 500, 4 << 10} {
				for _, size := range []int{1, 17, 200, 1000} {
					blocks(t, size, seen)
					compare(t, readLogs(document, func(fsys fs.FS) fs.FS { return choppy{fsys, size} }))
				}
			}
		})
	}
}

// captured returns a document of every capture in testdata, by the name of the capture.
func captured(t testing.TB, document string) map[string][]byte {
	captures, err := Find("testdata/captures/...")
	if err != nil {
		t.Fatal(err)
	}
	documents := make(map[string][]byte)
	for _, c := range captures {
		text, err := fs.ReadFile(c.FS, "metadata/"+document)
		if err != nil {
			t.Fatal(err)
		}
		documents[c.Name] = text
	}
	return documents
}

// The two ways agree on documents of every shape that Restate has written, and some that it has not.
func TestLayoutEqualsPlainOnShapes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		document := drawLogs(r)
		size := rapid.SampledFrom([]int{1, 100, 1 << 10, 256 << 10}).Draw(r, "size of blocks")
		blocks(t, size, rapid.SampledFrom([]int{16, 300, 1 << 10, 4 << 10}).Draw(r, "bytes seen"))
		compare(r, readLogs(document, nil))
		compare(r, readLogs(mutate(document, rand.New(rand.NewPCG(1, rapid.Uint64().Draw(r, "mutation")))), nil))
	})
}

// What is expected of the next segment ends where a number gets longer, does not fit or goes back.
func TestLayoutEqualsPlainWhereNumbersEnd(t *testing.T) {
	for _, numbers := range [][]string{ // pairs of an index and a loglet id
		{"8", "8", "9", "9", "10", "10", "11", "11"},
		{"4294967294", "1", "4294967295", "2", "4294967296", "3", "4294967297", "4", "4294967298", "5"},
		{"4294967290", "11", "4294967291", "12", "4294967299", "20", "4294967300", "21"},
		{"5", "9999999999999999998", "6", "9999999999999999999", "7", "10000000000000000000", "8", "10000000000000000001"},
		{"5", "97", "6", "98", "9", "101", "9", "01"},
		{"5", "97", "6", "98", "9", "101", "9", "1"},
		{"10", "90", "11", "91", "18", "98", "31", "111", "31", "11", "31", "12"},
		{"20", "100", "21", "101", "12", "092", "12", "92", "13", "093"},
		{"1", "1", "2", "2", "2", "2", "2", "2"},
	} {
		var chain []string
		for i := 0; i < len(numbers); i += 2 {
			chain = append(chain, fmt.Sprintf(`[%d,{"index":%s,"kind":"replicated","params":"{\"loglet_id\":%s,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[1]}"}]`,
				i+1, numbers[i], numbers[i+1]))
		}
		last := len(chain) - 1 // begins another log
		document := []byte(`{"version":1,"logs":[[0,{"chain":[` + strings.Join(chain[:last], ",") + `]}],[1,{"chain":[` + chain[last] + `,` + chain[last] + `]}]]}`)
		compare(t, readLogs(document, nil))
	}
}

// drawLogs draws a document of logs. What one log is like holds for most of its neighbours, as in real documents.
func drawLogs(r *rapid.T) []byte {
	native := rapid.Bool().Draw(r, "native order")
	createdAt := rapid.SampledFrom([]string{"", "null", "647611954860392449", "mixed"}).Draw(r, "created_at")
	odd := rapid.SampledFrom([]int{0, 0, 5, 50}).Draw(r, "percentage of odd segments")
	length := rapid.SampledFrom([]int{1, 3, 30, 150}).Draw(r, "most segments")
	members := rapid.SampledFrom([]int{1, 3, 9, 128}).Draw(r, "most members")
	random := rand.New(rand.NewPCG(2, rapid.Uint64().Draw(r, "seed")))
	percent := func(p int) bool { return random.IntN(100) < p }

	alike := rapid.SampledFrom([]int{0, 50, 95}).Draw(r, "percentage of segments like the one before")
	holes := rapid.SampledFrom([]int{0, 0, 30}).Draw(r, "percentage of holes in the indexes")

	extra := rapid.SampledFrom([]string{"", "", "", `"note":"{\"nodeset\":[7,8]}"`, `"note":"{\"sequencer\":7}"`,
		`"zone":"{\"loglet_id\":1,\"sequencer\":\"N1:1\",\"replication\":{},\"nodeset\":[3]}"`, `"index":7`}).Draw(r, "extra field")

	nodeset, generation, replication := []int{1}, 1, `{"node":1}`
	segment := func(log, i, lsn int, last bool) string {
		kind, params := "replicated", ""
		if !percent(alike) {
			nodeset, generation = random.Perm(members)[:1+random.IntN(members)], 1+random.IntN(4)
			replication = fmt.Sprintf(`{"node":%d}`, 1+random.IntN(3))
		}
		replication := replication
		if percent(odd) {
			replication = []string{`{"node":3,"zone":2}`, `{}`, `{"node":0}`, `{ "node": 2 }`, `7`, `{"node":2,"node":3}`, `{"region":1}`, `{"n\u006fde":2}`,
				`{"nodeset":57}`, `{"node":2,"nodeset":57}`, `{"node":2,"sequencer":1,"loglet_id":2,"replication":3}`}[random.IntN(11)]
		}
		list := strings.ReplaceAll(fmt.Sprint(nodeset), " ", ",")
		if percent(odd) {
			list = []string{`[]`, `["N1","N2"]`, `[1, 2]`, `[01]`, `[4294967296]`, `[1,-2]`, `{}`, `[[1]]`, `[1,1]`, `["]"]`}[random.IntN(10)]
		}
		params = fmt.Sprintf(`{"loglet_id":%d,"sequencer":"N%d:%d","replication":%s,"nodeset":%s}`, log<<32|i, nodeset[0], generation, replication, list)
		if percent(odd) {
			switch random.IntN(9) {
			case 0:
				params = strings.ReplaceAll(params, ",", ", ")
			case 1:
				params = fmt.Sprintf(`{"nodeset":%s,"loglet_id":1,"replication":%s,"sequencer":"N1:1"}`, list, replication)
			case 2:
				params = params[:random.IntN(len(params))]
			case 3:
				params = strings.Replace(params, "}", `,"more":"\"]"}`, 1)
			case 4:
				params = strings.Replace(params, `"N`, `"`, 1)
			case 5:
				kind, params = "local", fmt.Sprint(random.Uint64())
			case 6:
				kind, params = "in-memory", "x"
			case 7:
				params = strings.Replace(params, `"loglet_id":`, `"loglet_id":18446744073709551615`, 1)
			case 8:
				params = strings.Replace(params, `"replication":`, `"replication": `, 1)
			}
		}
		if last && percent(odd) {
			kind, params = "sealed", `{"sealed_at":1,"context":{"reason":"ä \"quoted\" \u0041"},"tail_ts":null}`
		}
		quoted, _ := json.Marshal(params)
		if percent(odd) {
			quoted = bytes.ReplaceAll(quoted, []byte(`{`), []byte(`\u007b`))
		}
		created := createdAt
		if created == "mixed" {
			created = []string{"", "null", "5", `"x"`, "1e3", "-1"}[random.IntN(6)]
		}
		fields := []string{"", fmt.Sprintf(`"index":%d`, i), fmt.Sprintf(`"kind":%q`, kind), fmt.Sprintf(`"params":%s`, quoted)}
		if created != "" {
			fields[0] = `"created_at":` + created
		}
		if native {
			fields[0], fields[1], fields[2], fields[3] = fields[2], fields[3], fields[1], fields[0]
		}
		if fields = append(fields, extra); percent(50) {
			slices.Reverse(fields[len(fields)-2:]) // on either side of the last one
		}
		fields = slices.DeleteFunc(fields, func(f string) bool { return f == "" })
		if percent(odd) {
			random.Shuffle(len(fields), func(i, k int) { fields[i], fields[k] = fields[k], fields[i] })
		}
		return fmt.Sprintf(`[%d,{%s}]`, lsn, strings.Join(fields, ","))
	}

	var logs []string
	for log := range rapid.IntRange(0, 8).Draw(r, "logs") {
		var chain []string
		index := []int{0, 0, 90, 4294967200, 4294967295 - length}[random.IntN(5)]
		for i, n := 0, 1+random.IntN(length); i < n; i++ {
			chain = append(chain, segment(log, index, 1+10*i, i == n-1))
			switch {
			case percent(holes):
				index += random.IntN(200) // or none
			case percent(odd):
				index = random.IntN(1000)
			default:
				index++
			}
		}
		state := ""
		if percent(odd) {
			state = []string{`,"state":"Open"`, `,"chain":[]`, `,"state":{"Sealed":{"tail_lsn":5}}`}[random.IntN(3)]
		}
		text := fmt.Sprintf(`[%d,{"chain":[%s]%s}]`, log, strings.Join(chain, ","), state)
		if percent(odd / 2) {
			text = []string{`7`, `[]`, `["1",{"chain":[]}]`, fmt.Sprintf(`[%d,{"chain":[]}]`, log), `[1,{}]`, `null`}[random.IntN(6)]
		}
		logs = append(logs, text)
	}
	random.Shuffle(len(logs), func(i, k int) { logs[i], logs[k] = logs[k], logs[i] })
	document := []byte(fmt.Sprintf(`{"version":7,"config":null,"logs":[%s],"modified_at":null}`, strings.Join(logs, ",")))
	switch indent := rapid.SampledFrom([]string{"none", "  ", "\t", " ", "\r"}).Draw(r, "indent"); indent {
	case "none":
	default:
		var pretty bytes.Buffer
		if json.Indent(&pretty, document, "", indent) == nil {
			document = pretty.Bytes()
		}
	}
	return document
}

var (
	integer    = regexp.MustCompile(`[0-9]+`)
	boundaries = strings.Fields("0 00 01 -1 1e3 1.0 255 256 4294967295 4294967296 9223372036854775808 9999999999999999999 18446744073709551615 18446744073709551616 18446744073709552000")
)

// mutate changes a text in a few places, in ways that keep most of it what it was.
func mutate(document []byte, random *rand.Rand) []byte {
	const alphabet = "0123456789\"\\,:[]{}N un\n\x00\x1f\xff-.e"
	document = bytes.Clone(document)
	for range 1 + random.IntN(3) {
		if len(document) < 2 {
			break
		}
		i, c := random.IntN(len(document)), alphabet[random.IntN(len(alphabet))]
		k := min(i+random.IntN(40), len(document))
		switch random.IntN(11) {
		case 9, 10:
			numbers := integer.FindAllIndex(document, -1)
			if len(numbers) > 0 {
				at := numbers[random.IntN(len(numbers))]
				document = slices.Replace(document, at[0], at[1], []byte(boundaries[random.IntN(len(boundaries))])...)
			}
		case 0, 1, 2:
			document[i] = c
		case 3:
			document = slices.Insert(document, i, c)
		case 4:
			document = slices.Delete(document, i, i+1)
		case 5:
			document = slices.Delete(document, i, k)
		case 6:
			document = slices.Insert(document, i, document[i:k]...)
		case 7:
			lines := bytes.SplitAfter(document, []byte("\n"))
			a, b := random.IntN(len(lines)), random.IntN(len(lines))
			lines[a], lines[b] = lines[b], lines[a]
			document = bytes.Join(lines, nil)
		case 8:
			document[i] ^= 1 << random.IntN(8)
		}
	}
	return document
}

// The two ways agree on damaged captures. Damage hits what a layout takes for granted: literals, digits, quotes.
func TestLayoutEqualsPlainOnDamagedCaptures(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 20
	}
	for name, document := range captured(t, "bifrost_config.json") {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(3, uint64(len(document))))
			var damaged []byte
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the damaged document:\n%s", damaged)
				}
			})
			for range rounds {
				blocks(t, 1+random.IntN(2000), 1+random.IntN(1000))
				damaged = mutate(document, random)
				compare(t, readLogs(damaged, nil))
			}
		})
	}
}

// A text that the table of placements knows from parameters without escapes does not stand for escaped ones.
func TestLayoutEqualsPlainWhereQuotesAreNotEscaped(t *testing.T) {
	const (
		entry  = `[%d,{"chain":[[1,{"index":0,"kind":"replicated","params":"%s"}]]}]`
		usual  = `{\"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[1,2]}`
		spaced = `{ \"loglet_id\":0,\"sequencer\":\"N1:1\",\"replication\":{\"node\":1},\"nodeset\":[1,2]}`
	)
	for _, raw := range []string{`{"node":1}`, `{"node":1}` + "\x00[1,2]", `{"node":1},"nodeset":[1,2]`} {
		damaged := strings.Replace(usual, `{\"node\":1},\"nodeset\":[1,2]`, raw, 1)
		logs := fmt.Sprintf(entry+","+entry+","+entry, 0, usual, 1, spaced, 2, damaged)
		compare(t, readLogs([]byte(`{"version":1,"logs":[`+logs+`]}`), nil))
	}
}

// FuzzLayoutEqualsPlain looks for a document that the two ways to read logs understand differently.
func FuzzLayoutEqualsPlain(f *testing.F) {
	for _, document := range captured(f, "bifrost_config.json") {
		f.Add(document, uint16(100), uint16(300))
		f.Add(document[:len(document)/2], uint16(4000), uint16(4000))
	}
	shapes, _ := filepath.Glob("testdata/shapes/*.txtar")
	for _, name := range shapes {
		for file, text := range archived(f, name) {
			if strings.Contains(file, "b") {
				f.Add([]byte(text), uint16(1), uint16(1000))
			}
		}
	}
	f.Fuzz(func(t *testing.T, document []byte, size, seen uint16) {
		blocks(t, 1+int(size), 1+int(seen))
		compare(t, readLogs(document, nil))
	})
}

// Segments are written over those of earlier logs, of which nothing may be left.
func TestASuccessorIsWrittenWhole(t *testing.T) {
	left := Segment{
		BaseLSN: 1, Loglet: 2, Placement: &Placement{}, Sequencer: cluster.GenerationalNodeID{ID: 3, Generation: 4}, Index: 5, Kind: SealMarker,
		plain: true, at: 6, number: 7,
	}
	for i, fields := 0, reflect.ValueOf(left); i < fields.NumField(); i++ {
		if fields.Field(i).IsZero() {
			t.Fatalf("%s has to be something here, so that it is seen to be overwritten", fields.Type().Field(i).Name)
		}
	}
	const text = `,"index":8,"params":"1"},[`
	s := successor{segment: Segment{Loglet: 1, Index: 8, Kind: Replicated}, text: []byte(text), lsnDigits: 2}
	s.at.index, s.at.indexDigits = strings.Index(text, ",\"params"), 1
	s.at.loglet, s.at.params = strings.Index(text, "\"}"), strings.Index(text, "\"}")
	over := make([]Segment, 3)
	over[1] = left
	segments, length := s.match([]byte(`45,"index":9,"params":"2"},[`+strings.Repeat(" ", longest)), over[:1], 100, &parameters{}, nil)
	want := Segment{BaseLSN: 45, Loglet: 2, Index: 9, Kind: Replicated, at: 100, number: 1}
	if len(segments) != 2 || segments[1] != want || length != len(text)+2 {
		t.Errorf("over another segment there is\n%+v\nand should be\n%+v", segments[1:], want)
	}
}
