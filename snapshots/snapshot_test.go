package snapshots

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"restate-lint/internal/testcluster"
	"restate-lint/snapshots/cluster"
)

// A kind is captured only if all of it was: a part that is missing must not be taken for something that is not there.
func TestCapturedMeansAllOfIt(t *testing.T) {
	const table = `{"version":1,"num_partitions":2,"partitions":[[0,{"key_range":{"start":0,"end":9}}],[1,{"key_range":{"start":10,"end":18446744073709551615}}]]}`
	epoch := func(id int) string {
		return fmt.Sprintf(`{"version":1,"leader_metadata":{"partition_id":%d,"node_id":[1,1]}}`, id)
	}
	tests := []struct {
		name  string
		files map[string]string
		kind  Kind
		want  bool
	}{
		{"a whole document", map[string]string{"n": smallNodes}, NodesConfig, true},
		{"a document that ends early", map[string]string{"n": smallNodes[:len(smallNodes)-3], "p": table}, NodesConfig, false},
		{"no document", map[string]string{"p": table}, NodesConfig, false},
		{"a null beside others", map[string]string{"p": table, "schema_registry.json": "null"}, SchemaRegistry, false},
		{"every epoch", map[string]string{"p": table, "a": epoch(0), "b": epoch(1)}, EpochMetadata, true},
		{"not every epoch", map[string]string{"p": table, "a": epoch(0)}, EpochMetadata, false},
		{"epochs without a table", map[string]string{"a": epoch(0)}, EpochMetadata, true},
		{"a damaged copy beside a whole one", map[string]string{"a": smallNodes, "b": smallNodes[:len(smallNodes)-3]}, NodesConfig, true},
	}
	for _, test := range tests {
		s, err := read(test.files)
		if err != nil {
			t.Fatal(test.name, err)
		}
		if got := s.Captured(test.kind); got != test.want {
			t.Errorf("%s: captured is %t; gaps %v", test.name, got, s.Gaps)
		}
	}
}

func TestNodesByID(t *testing.T) {
	text := `{"version":1,"cluster_name":"prod","name_lookup":{},"nodes":[[7,"Tombstone"],
		[2,{"Node":{"name":"b","current_generation":[2,1],"address":"a","roles":[],"binary_version":"1.7.12"}}],
		[9,{"Node":{"name":"c","current_generation":[9,1],"address":"a","roles":[],"binary_version":"1.6.2"}}]]}`
	s, err := read(map[string]string{"n": text})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[cluster.NodeID]cluster.Class{1: cluster.Unknown, 2: cluster.Active, 3: cluster.Unknown, 7: cluster.Removed, 9: cluster.Active, 10: cluster.Unknown} {
		if got := s.Nodes.Class(id); got != want {
			t.Errorf("%v is %v, want %v", id, got, want)
		}
		if node := s.Nodes.Get(id); (node != nil) != (want != cluster.Unknown) || node != nil && node.ID != id {
			t.Errorf("%v is found as %+v", id, node)
		}
	}
	if s.Nodes.Newest() != 9 || s.Nodes.Len() != 3 || s.ClusterName() != "prod" || s.Release().String() != "1.6.2" {
		t.Errorf("newest %v of %d, cluster %q, release %v", s.Nodes.Newest(), s.Nodes.Len(), s.ClusterName(), s.Release())
	}
	for node := range s.Nodes.All() {
		if node.ID != 2 {
			t.Errorf("the first is %v", node.ID)
		}
		break
	}
}

// The order of ids is that of numbers, not that of the document, and holes are no matter.
func TestPartitionsAndEpochsByID(t *testing.T) {
	files := map[string]string{"p": `{"version":1,"num_partitions":3,"partitions":[[5,{"key_range":{"start":1,"end":2},"log_id":8}],[0,{"key_range":{"start":0,"end":0}}],[2,{"key_range":{"start":3,"end":4}}]]}`}
	for _, id := range []int{5, 0, 2} {
		files[fmt.Sprintf("e%d", id)] = fmt.Sprintf(`{"version":%d,"leader_metadata":{"partition_id":%d,"node_id":[1,1]}}`, id+1, id)
	}
	s, err := read(files)
	if err != nil {
		t.Fatal(err)
	}
	var ids []cluster.PartitionID
	for partition := range s.Partitions.All() {
		ids = append(ids, partition.ID)
		if e := s.Epoch(partition.ID); e == nil || int(e.Document.Version) != int(partition.ID)+1 {
			t.Errorf("the epoch of %d is %+v", partition.ID, e)
		}
	}
	if !reflect.DeepEqual(ids, []cluster.PartitionID{0, 2, 5}) {
		t.Errorf("the order is %v", ids)
	}
	if p := s.Partitions.Get(5); p == nil || p.Log != 8 || s.Partitions.Get(1) != nil || s.Epoch(1) != nil {
		t.Errorf("partition 5 is %+v", p)
	}
	if d := s.Document(EpochMetadata); d == nil || d.Key() != "pp_epoch_0" {
		t.Errorf("the first epoch is %+v", d)
	}
}

func TestEndsOfAChain(t *testing.T) {
	s, err := read(map[string]string{"b": `{"version":1,"logs":[[0,{"chain":[]}],
		[1,{"chain":[[1,{"kind":"local","index":0,"params":"1"}],[5,{"kind":"local","index":1,"params":"2"}]]}],
		[2,{"chain":[[1,{"kind":"local","index":0,"params":"1"}],[5,{"kind":"sealed","index":0,"params":"{}"}]]}]]}`})
	if err != nil {
		t.Fatal(err)
	}
	s.Logs.Each(func(log *Log) {
		switch log.ID {
		case 0:
			if log.Head() != nil || log.Tail() != nil {
				t.Error("an empty chain has ends")
			}
		case 1:
			if log.Head().BaseLSN != 1 || log.Tail().BaseLSN != 5 || log.Open(0) || !log.Open(1) || log.Field(1, "params") != `"2"` || log.Field(1, "none") != "nothing" {
				t.Errorf("head %+v, tail %+v, open %t %t", log.Head(), log.Tail(), log.Open(0), log.Open(1))
			}
		case 2:
			if log.Tail().Kind != SealMarker || log.Open(1) || log.Open(0) {
				t.Errorf("tail %+v", log.Tail())
			}
		}
	})
}

// A panic of the visitor is its own affair; it is no gap of the document.
func TestPanicsOfVisitorsPass(t *testing.T) {
	s, _ := Open("testdata/captures/" + victim)
	defer func() {
		if recover() != "mine" {
			t.Error("the panic was lost")
		}
	}()
	s.Logs.Each(func(*Log) { panic("mine") })
}

// The logs can be read any number of times, and at the same time.
func TestLogsAreReadAgain(t *testing.T) {
	s, _ := Open("testdata/captures/" + victim)
	want := 0
	s.Logs.Each(func(log *Log) { want += len(log.Segments) })
	counts := make(chan int)
	for range 4 {
		go func() {
			n := 0
			s.Logs.Each(func(log *Log) { n += len(log.Segments) })
			counts <- n
		}()
	}
	for range 4 {
		if got := <-counts; got != want || got == 0 {
			t.Errorf("got %d segments, want %d", got, want)
		}
	}
}

func TestSourcesHash(t *testing.T) {
	text := strings.Repeat("some text\n", 1000)
	want := sha256.Sum256([]byte(text))
	for _, fsys := range []wrapped{{memory(map[string]string{"x": text}), func(r io.Reader) io.Reader { return r }}} {
		source := &Source{Name: "x", fsys: fsys, path: "x"}
		if got, err := source.SHA256(); err != nil || got != hex.EncodeToString(want[:]) {
			t.Errorf("got %s, %v", got, err)
		}
		r, err := source.Open(9990)
		if err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(r); err != nil || string(rest) != text[9990:] {
			t.Errorf("behind the offset stands %q, %v", rest, err)
		}
		if _, err := source.Open(20_000); err == nil {
			t.Error("an offset beyond the end can be opened")
		}
	}
	for _, open := range []func(s *Source) error{
		func(s *Source) error { _, err := s.SHA256(); return err },
		func(s *Source) error { _, err := s.Lines([]int64{1}); return err },
	} {
		if err := open(&Source{Name: "gone.json", fsys: fstest.MapFS{}, path: "below/gone.json"}); err == nil || err.Error() != "gone.json: file does not exist" {
			t.Errorf("a missing file gives %v", err)
		}
	}
}

func TestPlacesAreLinesWithoutText(t *testing.T) {
	source := &Source{Name: "x", fsys: memory(map[string]string{"x": "one\ntwo\nthree"}), path: "x"}
	offsets := []int64{9, 0, 5, 100}
	lines, err := source.Lines(offsets)
	if err != nil {
		t.Fatal(err)
	}
	places, err := source.Places(offsets)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		if lines[i].Number != places[i].Number || lines[i].Column != places[i].Column || places[i].Text != nil {
			t.Errorf("%d: %+v, %+v", offsets[i], lines[i], places[i])
		}
	}
}

// Same looks at what is said, not at how.
func TestSameDocuments(t *testing.T) {
	document := func(text string) *Document {
		s, err := read(map[string]string{"x": text})
		if err != nil {
			t.Fatal(err)
		}
		return s.Documents[0]
	}
	const text = `{"version":1,"cluster_name":"c","nodes":[[1,"Tombstone"],[2,"Tombstone"]],"name_lookup":{}}`
	base := document(text)
	for other, want := range map[string]bool{
		text: true,
		`{"nodes":[[2, "Tombstone"], [1, "Tombstone"]], "version": 1, "name_lookup":{ }, "cluster_name":"c"}`: true,
		strings.Replace(text, `"c"`, `"d"`, 1):                         false,
		strings.Replace(text, `[2,"Tombstone"]`, `[3,"Tombstone"]`, 1): false,
		strings.Replace(text, `[2,"Tombstone"]`, `[1,"Tombstone"]`, 1): false,
		strings.Replace(text, `,[2,"Tombstone"]`, ``, 1):               false,
		strings.Replace(text, `"version":1`, `"version":2`, 1):         false,
		strings.Replace(text, `"name_lookup":{}`, `"x":1`, 1):          false,
		text[:len(text)-5]: false,
		`{"version":1,"cluster_name":"c","nodes":[],"name_lookup":{}}`: false,
		`{"version":1,"num_partitions":4}`:                             false,
	} {
		if got := Same(base, document(other)); got != want {
			t.Errorf("same is %t for %s", got, other)
		}
	}
}

// Of a large document with logs only its beginning is read at first, unless another document seems to follow.
func TestDocumentsBehindLargeLogs(t *testing.T) {
	var logs bytes.Buffer
	if err := (testcluster.Cluster{Logs: 300, Segments: 60}).WriteLogs(&logs); err != nil {
		t.Fatal(err)
	}
	if logs.Len() < largeList {
		t.Fatalf("%d bytes are not large", logs.Len())
	}
	long := strings.Replace(smallNodes, `"c"`, `"`+strings.Repeat("c", largeList)+`"`, 1)
	tests := []struct {
		name, behind string
		nodes        bool
		gaps         int
	}{
		{"nothing", "", false, 0},
		{"white space", "\n \n", false, 0},
		{"a small document", smallNodes, true, 0},
		{"a document so large that nothing near the end gives it away", long, false, 1},
	}
	for _, test := range tests {
		s, err := read(map[string]string{"x": logs.String() + test.behind})
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		gaps := s.Logs.Each(func(*Log) { count++ })
		if (s.Nodes != nil) != test.nodes || len(gaps) != test.gaps || count != 300 {
			t.Errorf("%s: nodes %v, %d logs, gaps %v", test.name, s.Nodes != nil, count, gaps)
		}
	}
}

// Objects beyond the size that is looked through are searched for duplicates in another way.
func TestDuplicatesInLargeObjects(t *testing.T) {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf(`"node/%d~":%d`, i, i))
	}
	names = append(names, `"node/3~":7`, `"node/99~":8`)
	s, err := read(map[string]string{"n": `{"version":1,"cluster_name":"c","nodes":[],"name_lookup":{` + strings.Join(names, ",") + `}}`})
	if err != nil || len(s.Nodes.NameLookup) != 100 {
		t.Fatal(err, len(s.Nodes.NameLookup))
	}
	if len(s.Oddities) != 2 || s.Oddities[0].At.Pointer != "/name_lookup/node~13~0" || s.Oddities[1].Value != `"node/99~"` {
		t.Errorf("got %+v", s.Oddities)
	}
}

// The largest cluster has 65,536 partitions, each with a document of its own: eight times as many take about eight times as
// long, and not 64 times.
func TestMostPartitions(t *testing.T) {
	most := 65_536
	if testing.Short() {
		most = 8_192
	}
	took := func(partitions int) time.Duration {
		c := testcluster.Cluster{Logs: partitions}
		table := string(c.PartitionTable())
		var epochs bytes.Buffer
		for id := range c.Logs {
			epochs.Write(c.Epoch(id))
		}
		start := time.Now()
		s, err := read(map[string]string{"p": table, "e": epochs.String()})
		if err != nil || len(s.Epochs) != c.Logs || !s.Captured(EpochMetadata) || len(s.Rivals) > 0 {
			t.Errorf("%d epochs, %v", len(s.Epochs), err)
		}
		s, err = read(map[string]string{"p": table, "e": string(c.Epoch(7))})
		if err != nil || len(s.Gaps) < c.Logs-1 || s.Captured(EpochMetadata) {
			t.Errorf("%d gaps, %v", len(s.Gaps), err)
		}
		return time.Since(start)
	}
	few, many := took(most/8), took(most)
	for range 5 { // whatever else the machine does only ever adds to a time
		if many < 32*few {
			return
		}
		many = min(many, took(most))
	}
	t.Errorf("%d partitions take %v, and %d %v", most/8, few, most, many)
}
