package datadir

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/encoding/protowire"

	"restate-lint/internal/testrocksdb"
	"restate-lint/snapshots/cluster"
	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/restatectl"
)

// captured are the databases that real servers left behind.
var captured = os.DirFS("../rocksdb/testdata")

// readOne reads directories that make one store.
func readOne(t testing.TB, fsys fs.FS, dirs ...string) *stores.Store {
	t.Helper()
	found, unread := Read(fsys, dirs...)
	if len(unread) > 0 || len(found) != 1 {
		t.Fatalf("%d stores: %v", len(found), unread)
	}
	return found[0]
}

// printed is a value as restatectl would print it.
func printed(t testing.TB, v stores.Value) string {
	t.Helper()
	value, err := restatectl.New(v.Key, v.Payload)
	if err != nil {
		t.Fatalf("%s: %v", v.Key, err)
	}
	text, err := io.ReadAll(value.Open())
	if err != nil {
		t.Fatalf("%s: %v", v.Key, err)
	}
	if value.Version != v.Version {
		t.Errorf("%s: version %d is stored as %d", v.Key, value.Version, v.Version)
	}
	return string(text)
}

// summary names values with their versions and revisions.
func summary(values []stores.Value) string {
	var parts []string
	for _, v := range values {
		deleted := ""
		if v.Payload == nil {
			deleted = " deleted"
		}
		parts = append(parts, fmt.Sprintf("%s v%d @%d%s", v.Key, v.Version, v.Revision, deleted))
	}
	return strings.Join(parts, ", ")
}

// A server that was killed leaves what `restatectl metadata get` had printed just before.
func TestKilledServer(t *testing.T) {
	s := readOne(t, captured, "raft-crash")
	const want = "bifrost_config v17 @52, nodes_config v9 @42, partition_table v1 @4, pp_epoch_0 v4 @44, pp_epoch_1 v4 @43, pp_epoch_2 v7 @51, pp_epoch_3 v4 @45, rule_book v1 @20, schema_registry v1 @19"
	if got := summary(s.Values); got != want {
		t.Errorf("values: %s", got)
	}
	for _, v := range s.Values {
		text, err := os.ReadFile("testdata/raft-crash/" + v.Key + ".json")
		if err == nil && string(text) != printed(t, v) {
			t.Errorf("%s differs:\n%s", v.Key, printed(t, v))
		}
	}
	if len(s.History) != 39 || len(s.Problems) != 0 {
		t.Errorf("%d older values, problems %v", len(s.History), s.Problems)
	}
	if !slices.IsSortedFunc(s.History, func(a, b stores.Value) int { return int(a.Revision) - int(b.Revision) }) {
		t.Error("the history is not sorted")
	}
	if s.Kind != stores.MetadataServer || s.Name != "raft-crash" || s.Format != "RocksDB, format version 6" || s.Size != 20685 {
		t.Errorf("%v %s %s %d", s.Kind, s.Name, s.Format, s.Size)
	}
	m := s.Raft.Members[0]
	if m.NodeName != "node-a" || m.NodeID != 1 || m.Term != 5 || m.Commit != 1 || m.Snapshot != (stores.Position{Index: 1, Term: 1}) || m.Last != (stores.Position{Index: 52, Term: 5}) {
		t.Errorf("%+v", m)
	}
	if s.Raft.Committed != 52 || !s.Raft.Settled { // a single voter agrees with itself
		t.Errorf("%+v", s.Raft)
	}
}

// A cluster of three: n3 was killed early, n2 was stopped while n1 went on, and then both were killed. What had been read
// from the cluster before is in the log, word for word, and one write of n1 never got to the others.
func TestThreeMembers(t *testing.T) {
	read := func(nodes ...string) *stores.Store {
		for i := range nodes {
			nodes[i] += "/replicated-metadata-server"
		}
		return readOne(t, os.DirFS("testdata/killed-cluster"), nodes...)
	}
	s := read("n3", "n1", "n2")
	if got := summary(s.Values); got != "bifrost_config v28 @83, nodes_config v31 @93, partition_table v10 @92, pp_epoch_0 v16 @78" {
		t.Errorf("values: %s", got)
	}
	if len(s.Problems) > 0 {
		t.Error(s.Problems)
	}
	r := s.Raft
	if r.Used != 0 || r.Committed != 92 || !r.Settled || r.Rejected != 1 || len(r.Conflicts) != 0 {
		t.Errorf("%+v", r)
	}
	var lasts []string
	for _, m := range r.Members {
		lasts = append(lasts, fmt.Sprintf("%s N%d %d@%d of %v", path.Dir(m.Directory), m.NodeID, m.Last.Index, m.Last.Term, m.Voters))
	}
	if got := strings.Join(lasts, ", "); got != "n1 N1 93@8 of [1 2 3], n2 N2 92@8 of [1 2 3], n3 N3 19@2 of [1 2 3]" {
		t.Error(got)
	}
	holds(t, append(s.History, s.Values...), "testdata/killed-cluster-before", 4)
	for dirs, want := range map[string]string{
		"n1":    "n1 92 false", // as far as it has written down; the others may have the last one too
		"n2 n3": "n2 92 true",
		"n1 n2": "n1 92 false", // n3 could have it
		"n3":    "n3 19 true",
	} {
		s := read(strings.Fields(dirs)...)
		if got := fmt.Sprintf("%s %d %t", path.Dir(s.Name), s.Raft.Committed, s.Raft.Settled); got != want {
			t.Errorf("%s: got %s, want %s", dirs, got, want)
		}
	}
}

// holds checks that every document of a folder is among some values, word for word.
func holds(t *testing.T, values []stores.Value, folder string, want int) {
	t.Helper()
	names, err := filepath.Glob(folder + "/*.json")
	if err != nil || len(names) != want {
		t.Fatalf("%s has %d documents: %v", folder, len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		key := strings.TrimSuffix(filepath.Base(name), ".json")
		if !slices.ContainsFunc(values, func(v stores.Value) bool { return v.Key == key && printed(t, v) == string(text) }) {
			t.Errorf("%s is not in the store", name)
		}
	}
}

// The log is an audit trail: what restatectl had printed at two times is in it, though the values have changed since.
func TestEarlierValuesAreReachable(t *testing.T) {
	s := readOne(t, os.DirFS("testdata"), "unknown-node")
	all := slices.Concat(s.History, s.Values)
	for _, capture := range []string{"a-sealed-segment", "b-tail-segment"} {
		holds(t, all, "../../testdata/captures/unknown-node-1.7.12/"+capture+"/metadata", 8)
	}
	if v := s.Values[0]; v.Key != "bifrost_config" || v.Version != 18 { // they have version 15
		t.Errorf("%s v%d", v.Key, v.Version)
	}
}

// Restate 1.6 writes the same, here with a log that was cut by snapshots of every ten entries.
func TestServerOfRestate16(t *testing.T) {
	s := readOne(t, os.DirFS("testdata/server-1.6.2"), "replicated-metadata-server")
	holds(t, s.Values, "testdata/server-1.6.2-before", 5)
	if m := s.Raft.Members[0]; m.First.Index != m.Snapshot.Index+1 || m.Snapshot.Index < 10 || len(s.Values) != 5 || len(s.Problems) > 0 {
		t.Errorf("%+v, %d values, %v", m, len(s.Values), s.Problems)
	}
}

// A log that ends within a record is replayed up to there.
func TestTornLog(t *testing.T) {
	files := fstest.MapFS{}
	entries, _ := fs.ReadDir(captured, "raft-crash")
	for _, entry := range entries {
		content, err := fs.ReadFile(captured, "raft-crash/"+entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		files["m/"+entry.Name()] = &fstest.MapFile{Data: content}
	}
	const name = "m/000032.log"
	whole := files[name].Data
	last := uint64(0)
	for cut := 0; cut <= len(whole); cut += 97 {
		files[name] = &fstest.MapFile{Data: whole[:cut]}
		s := readOne(t, files, "m")
		m := s.Raft.Members[0]
		if m.Last.Index < last || m.Last.Index < 40 || m.Last.Index > 52 {
			t.Errorf("cut at %d: the last entry is %d after %d", cut, m.Last.Index, last)
		}
		last = m.Last.Index
		if m.Torn == nil && cut > 0 || m.Torn != nil && (m.Torn.Source != name || m.Torn.Offset > int64(cut)) {
			t.Errorf("cut at %d: torn at %+v", cut, m.Torn)
		}
	}
}

// raftLog builds the directory of a metadata server.
type raftLog = testrocksdb.MetadataServer

func nested(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

func number(field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), n)
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

// content is that of values in which nothing but the version matters.
func content(version uint64) []byte { return []byte{2, byte(version)} }

func versionOf(version uint64) []byte { return testrocksdb.Versioned(version, content(version)) }

// write is a write of a version of a key that expects something: 0 for nothing, or a version, or -1 for no value at all.
func write(key string, version uint64, expected int) []byte {
	return testrocksdb.MetadataWrite(key, version, content(version), expected)
}

func TestWritesThatExpectSomethingElseHaveNoEffect(t *testing.T) {
	l := new(raftLog).Start(1, 1, 1, 0, 1).
		Entry(2, nil).
		Entry(2, write("bifrost_config", 1, -1)). // 3
		Entry(2, write("bifrost_config", 9, -1)). // exists
		Entry(2, write("bifrost_config", 2, 1)).  // 5
		Entry(2, write("bifrost_config", 7, 1)).  // is 2 by now
		Entry(2, write("pp_epoch_0", 4, 0)).      // 7
		Entry(2, write("pp_epoch_1", 4, 3)).      // does not exist
		Entry(2, write("pp_epoch_0", 0, 4)).      // 9: deleted
		Entry(2, write("pp_epoch_0", 1, -1)).     // 10
		Entry(2, write("nodes_config", 2, 1))     // 11
	s := readOne(t, l.Files("m"), "m")
	if got := summary(s.Values); got != "bifrost_config v2 @5, nodes_config v2 @11, pp_epoch_0 v1 @10" {
		t.Errorf("values: %s", got)
	}
	if got := summary(s.History); got != "nodes_config v1 @1, bifrost_config v1 @3, pp_epoch_0 v4 @7, pp_epoch_0 v0 @9 deleted" {
		t.Errorf("history: %s", got)
	}
	if s.Raft.Rejected != 3 || s.Raft.Committed != 11 || len(s.Problems) > 0 {
		t.Errorf("%+v, %v", s.Raft, s.Problems)
	}
}

// What follows behind something that cannot be read is not applied.
func TestReplayStopsAtAGap(t *testing.T) {
	l := new(raftLog).Start(1, 1, 1, 0, 1).Entry(2, write("a", 1, 0))
	l.Entries++ // is missing
	l.Entry(2, write("a", 2, 0)).Entry(2, write("a", 3, 0))
	s := readOne(t, l.Files("m"), "m")
	if got := summary(s.Values); got != "a v1 @2, nodes_config v1 @1" {
		t.Errorf("values: %s", got)
	}
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Reason, "entry 3 of the raft log is missing or cannot be read: the 2 entries from there on are not applied") {
		t.Error(s.Problems)
	}
	for name, data := range map[string][]byte{
		"a write that is cut off":          write("a", 1, 0)[:20],
		"a precondition of unknown kind":   join(number(2, writePut), nested(3, []byte("a")), nested(4, number(1, 77)), nested(7, versionOf(1))),
		"a kind that is not known":         join(number(2, 5), nested(3, []byte("a")), nested(4, number(1, 1))),
		"a put without a value":            join(number(2, writePut), nested(3, []byte("a")), nested(4, number(1, 1))),
		"a value that is no message":       join(number(2, writePut), nested(3, []byte("a")), nested(4, number(1, 1)), nested(7, []byte{0xff})),
		"no expectation, where one is due": join(number(2, writePut), nested(3, []byte("a")), nested(7, versionOf(1))),
	} {
		s := readOne(t, new(raftLog).Start(1, 1, 1, 0, 1).Entry(1, data).Entry(1, write("b", 1, 0)).Files("m"), "m")
		if got := summary(s.Values); got != "b v1 @3, nodes_config v1 @1" || len(s.Problems) != 1 {
			t.Errorf("%s: %s, %v", name, got, s.Problems)
		}
	}
}

func TestMembersThatDisagree(t *testing.T) {
	member := func(node uint64, commit uint64) *raftLog {
		return new(raftLog).Start(node, 1, 1, commit, 1, 2, 3).Entry(2, write("a", 1, 0)).Entry(2, write("a", 2, 0))
	}
	for _, test := range []struct {
		name    string
		members []*raftLog
		want    string
	}{
		{"all have all", []*raftLog{member(1, 1), member(2, 1), member(3, 1)}, "m1: committed 3 of 3, settled"},
		{"two of three have all", []*raftLog{member(1, 1), member(2, 1)}, "m1: committed 3 of 3, settled"},
		{"one alone", []*raftLog{member(1, 1)}, "m1: committed 1 of 3"},
		{"one alone that knows", []*raftLog{member(1, 3)}, "m1: committed 3 of 3, settled"},
		{"one is ahead", []*raftLog{member(1, 1), member(2, 1), member(3, 1).Entry(2, nil)}, "m3: committed 3 of 4, settled"},
		{"one is ahead, and one is not here", []*raftLog{member(1, 1), member(3, 1).Entry(2, nil)}, "m2: committed 3 of 4"},
		{
			"a tail that was overwritten",
			[]*raftLog{member(1, 2).Entry(2, write("a", 3, 0)).Entry(2, nil), member(2, 2).Entry(3, nil), member(3, 2).Entry(3, nil)},
			"m2: committed 4 of 4, settled, m1 differs at 4 (terms 3 and 2)",
		},
		{
			"two clusters",
			[]*raftLog{member(1, 3), new(raftLog).Start(2, 1, 1, 3, 1, 2, 3).Entry(2, write("b", 1, 0)).Entry(2, nil)},
			"m1: committed 3 of 3, settled, m2 differs at 2 (terms 2 and 2) though agreed",
		},
		{
			"another state after the same entries",
			[]*raftLog{member(1, 3), func() *raftLog {
				l := member(2, 3)
				l.Snapshot(1, 1, "x", 1, content(1))
				return l
			}()},
			"m1: committed 3 of 3, settled, m2 differs at 1 (terms 1 and 1) though agreed",
		},
		{"a member that has only a later snapshot", []*raftLog{member(1, 1), new(raftLog).Start(2, 9, 2, 9, 1, 2, 3)}, "m2: committed 9 of 9, settled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := fstest.MapFS{}
			var dirs []string
			for i, m := range test.members {
				dirs = append(dirs, fmt.Sprintf("m%d", i+1))
				maps.Copy(files, m.Files(dirs[i]))
			}
			s := readOne(t, files, dirs...)
			r := s.Raft
			got := fmt.Sprintf("%s: committed %d of %d", s.Name, r.Committed, r.Members[r.Used].Last.Index)
			if r.Settled {
				got += ", settled"
			}
			for _, c := range r.Conflicts {
				got += fmt.Sprintf(", %s differs at %d (terms %d and %d)", r.Members[c.Member].Directory, c.Index, c.Terms[0], c.Terms[1])
				if c.Agreed {
					got += " though agreed"
				}
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// A young server has all of its data in the write-ahead log, which tells the families apart where nothing else does.
func TestLogWithoutAManifest(t *testing.T) {
	files := os.DirFS("testdata")
	for _, dir := range []string{"killed-cluster/n3", "server-1.6.2"} {
		dir += "/replicated-metadata-server"
		whole := readOne(t, files, dir)
		text, err := fs.ReadFile(files, dir+"/000004.log")
		if err != nil {
			t.Fatal(err)
		}
		alone := readOne(t, fstest.MapFS{"m/000004.log": {Data: text}}, "m")
		if got, want := summary(alone.Values), summary(whole.Values); alone.Kind != stores.MetadataServer || got != want || want == "" {
			t.Errorf("%s: %v, %s, want %s", dir, alone.Kind, got, want)
		}
	}
}

// A directory of another cluster is told by its own nodes_config, even where no entry of the logs can be compared, and has
// no vote. The cluster that most directories are of counts, whatever the others have.
func TestMemberOfAnotherCluster(t *testing.T) {
	of := func(cluster string, node, index uint64) *raftLog {
		l := new(raftLog).Start(node, index, index, index, 1, 2, 3)
		l.Snapshot(index, index, "nodes_config", index, fmt.Appendf(nil, "\x05{\"version\":%d,%s}", index, cluster))
		return l.Entry(index, write("a", 1, 0))
	}
	const c, d, renamed, old = `"cluster_fingerprint":9,"cluster_name":"c"`, `"cluster_fingerprint":8,"cluster_name":"c"`, `"cluster_fingerprint":9,"cluster_name":"x"`, `"cluster_name":"old"`
	for name, test := range map[string]struct {
		members []*raftLog
		want    string
	}{
		"one cluster":           {[]*raftLog{of(c, 1, 5), of(c, 2, 5)}, "m1 of c 9, agreed on 6"},
		"fingerprints":          {[]*raftLog{of(c, 1, 5), of(c, 3, 5), of(d, 2, 900)}, "m1 of c 9, agreed on 6, m3 is foreign"},
		"the other is no vote":  {[]*raftLog{of(c, 1, 5), of(d, 2, 4)}, "m1 of c 9, agreed on 5, m2 is foreign"},
		"fingerprint over name": {[]*raftLog{of(c, 1, 5), of(renamed, 2, 5)}, "m1 of c 9, agreed on 6"},
		"names":                 {[]*raftLog{of(c, 1, 5), of(old, 2, 900)}, "m2 of old 0, agreed on 900, m1 is foreign"},
	} {
		files := fstest.MapFS{}
		var dirs []string
		for i, m := range test.members {
			dirs = append(dirs, fmt.Sprintf("m%d", i+1))
			maps.Copy(files, m.Files(dirs[i]))
		}
		r := readOne(t, files, dirs...).Raft
		used := r.Members[r.Used]
		got := fmt.Sprintf("%s of %s %d, agreed on %d", used.Directory, used.Cluster, used.Fingerprint, r.Committed)
		for _, c := range r.Conflicts {
			got += fmt.Sprintf(", %s is foreign", r.Members[c.Member].Directory)
			if !c.Foreign {
				got += " and is not"
			}
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// What a log server holds of loglets is what the server itself said just before it was killed.
func TestKilledLogServer(t *testing.T) {
	s := readOne(t, captured, "log-server-killed")
	var rows []struct {
		Loglet     string `json:"loglet_id"`
		LocalTail  uint64 `json:"local_tail"`
		Sealed     bool   `json:"is_sealed"`
		TrimPoint  uint32 `json:"trim_point"`
		GlobalTail uint32 `json:"known_global_tail"`
		Sequencer  string
	}
	text, err := os.ReadFile("testdata/log-server-killed.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 10 || len(s.LogServer.Loglets) != 11 || s.LogServer.NodeID != 1 || len(s.Problems) > 0 { // the server knows those that were used since its start
		t.Errorf("%d loglets of N%d, the server had %d: %v", len(s.LogServer.Loglets), s.LogServer.NodeID, len(rows), s.Problems)
	}
	for _, row := range rows {
		id, _ := cluster.ParseLogletID(row.Loglet)
		i := slices.IndexFunc(s.LogServer.Loglets, func(l stores.Loglet) bool { return l.ID == uint64(id) })
		if i < 0 {
			if row.LocalTail != 1 || row.Sealed || row.TrimPoint > 0 { // of a loglet that was only asked for, nothing is written
				t.Errorf("%s is missing", row.Loglet)
			}
			continue
		}
		l := s.LogServer.Loglets[i]
		sequencer := ""
		if l.Sequencer.Node > 0 {
			sequencer = fmt.Sprintf("N%d:%d", l.Sequencer.Node, l.Sequencer.Generation)
		}
		if l.LocalTail != row.LocalTail || l.Sealed != row.Sealed || l.TrimPoint != row.TrimPoint || sequencer != row.Sequencer ||
			l.KnownGlobalTail != row.GlobalTail && l.KnownGlobalTail != 0 { // of what is empty the server knows the tail without writing it down
			t.Errorf("%s: %+v, the server said %+v", row.Loglet, l, row)
		}
	}
}

func TestPartialCopyOfALogServer(t *testing.T) {
	s := readOne(t, captured, "log-store-clean")
	if got := fmt.Sprint(s.LogServer); got != "&{1 [{0 true 2026-11-23T01:48:47.585899927+00:00 0 5 5 {1 2}} {1 true 2026-11-23T01:48:47.729488278+00:00 0 1 0 {0 0}} {2 true 2026-11-23T01:55:30.324224666+00:00 0 1 0 {0 0}} {4294967296 true 2026-11-23T01:48:47.828166787+00:00 0 5 5 {1 2}} {8589934592 true 2026-11-23T01:55:30.324225465+00:00 0 5 5 {1 2}} {12884901888 true 2026-11-23T01:55:30.324205801+00:00 0 5 5 {1 2}}]}" {
		t.Error(got)
	}
	if len(s.Problems) != 2 || !strings.Contains(s.Problems[0].Reason, "no manifest") {
		t.Error(s.Problems)
	}
}

// Several trim points of one loglet are kept as operands of a merge, of which the highest counts.
func TestHighestTrimPointCounts(t *testing.T) {
	key := func(kind byte, rest ...uint64) string {
		b := []byte{kind}
		for _, n := range rest {
			b = binary.BigEndian.AppendUint64(b, n)
		}
		return string(b)
	}
	offset := func(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }
	put := func(family uint32, op byte, key, value string) testrocksdb.Write {
		return testrocksdb.Write{Family: family, Op: op, Key: key, Value: value}
	}
	log := testrocksdb.Log{}.Encode(testrocksdb.Batch(1,
		put(2, testrocksdb.Put, key('t', 1), offset(5)), put(2, testrocksdb.Merge, key('t', 1), offset(9)), put(2, testrocksdb.Merge, key('t', 1), offset(7)),
		put(2, testrocksdb.Merge, key('t', 2), offset(3)),
		put(2, testrocksdb.Put, key('t', 3), "odd"), put(2, testrocksdb.Put, key('s', 3), "odd"), put(2, testrocksdb.Put, key('g', 3), "odd"),
		put(1, testrocksdb.Put, key('d', 2, 10), ""), put(1, testrocksdb.Put, key('d', 2, 11), ""), put(1, testrocksdb.Put, key('d', 4, 1<<40), ""),
	))
	families := []testrocksdb.Family{{}, {ID: 1, Name: "data"}, {ID: 2, Name: "metadata"}}
	s := readOne(t, testrocksdb.Database("log-store", map[uint64][]byte{4: log}, nil, families...), "log-store")
	if got := fmt.Sprint(s.LogServer.Loglets); got != "[{1 false  9 10 0 {0 0}} {2 false  3 12 0 {0 0}} {3 false  0 1 0 {0 0}}]" {
		t.Error(got)
	}
	if len(s.Problems) != 4 {
		t.Error(s.Problems)
	}
}

func localStoreFiles(writes ...testrocksdb.Write) fstest.MapFS {
	for i := range writes {
		writes[i].Family, writes[i].Op = 1, testrocksdb.Put
	}
	return testrocksdb.Database("local-metadata-store", map[uint64][]byte{4: testrocksdb.Log{}.Encode(testrocksdb.Batch(1, writes...))}, nil,
		testrocksdb.Family{}, testrocksdb.Family{ID: 1, Name: "kv_pairs"})
}

func TestLocalStore(t *testing.T) {
	nodes := testrocksdb.Write{Key: "nodes_config", Value: testrocksdb.LocalValue(7, "\x02payload")}
	s := readOne(t, localStoreFiles(nodes, testrocksdb.Write{Key: "bifrost_config", Value: "odd"}), "local-metadata-store")
	if s.Kind != stores.LocalStore || summary(s.Values) != "nodes_config v7 @0" || string(s.Values[0].Payload) != "\x02payload" || len(s.History) > 0 {
		t.Errorf("%+v", s)
	}
	if len(s.Problems) != 1 || s.Problems[0].Key != "bifrost_config" {
		t.Error(s.Problems)
	}
}

// A store that was moved into a metadata server is stale: nothing in it is taken as current.
func TestSealedLocalStore(t *testing.T) {
	nodes := testrocksdb.Write{Key: "nodes_config", Value: testrocksdb.LocalValue(7, "\x02payload")}
	s := readOne(t, localStoreFiles(nodes, testrocksdb.Write{Key: sealedKey, Value: "2026-11-23T01:48:47Z"}), "local-metadata-store")
	if len(s.Values) > 0 || summary(s.History) != "nodes_config v7 @0" || s.Sealed != "2026-11-23T01:48:47Z" {
		t.Errorf("%+v", s)
	}
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Reason, "stale") {
		t.Error(s.Problems)
	}
}

// Directories are told apart by what is in them, and what is none of them is named.
func TestRead(t *testing.T) {
	files := fstest.MapFS{"c/notes/README": {}}
	for _, dir := range []string{"raft-crash", "log-store-clean"} {
		entries, _ := fs.ReadDir(captured, dir)
		for _, entry := range entries {
			content, _ := fs.ReadFile(captured, path.Join(dir, entry.Name()))
			files["c/"+dir+"/"+entry.Name()] = &fstest.MapFile{Data: content}
		}
	}
	maps.Copy(files, localStoreFiles())
	for name, file := range testrocksdb.Database("c/db", map[uint64][]byte{4: nil}, nil, testrocksdb.Family{}, testrocksdb.Family{ID: 1, Name: "data-0"}) {
		files[name] = file
	}
	newer := testrocksdb.Table{Format: 7, Checksum: 4, Family: 1, FamilyName: "data"}.Encode([]testrocksdb.Version{{Key: "k"}}, nil)
	for name, file := range testrocksdb.Database("c/other", map[uint64][]byte{4: nil}, map[uint64][]byte{20: newer}, testrocksdb.Family{}, testrocksdb.Family{ID: 1, Name: "data", Tables: []uint64{20}}) {
		files[name] = file
	}
	found, unread := Read(files, "c/log-store-clean", "c/notes", "c/db", "c/other", "local-metadata-store", "c/none", "c/raft-crash/")
	var got []string
	for _, s := range found {
		got = append(got, fmt.Sprintf("%s: %s", s.Kind, s.Name))
	}
	if text := strings.Join(got, ", "); text != "replicated metadata server: c/raft-crash, local metadata store: local-metadata-store, log-server store: c/log-store-clean" {
		t.Error(text)
	}
	got = nil
	for _, p := range unread {
		got = append(got, p.Source+": "+p.Reason)
	}
	const want = `c/notes: no RocksDB database: neither a manifest, nor a table, nor a write-ahead log
c/db: a RocksDB database in which partitions keep their state: it holds no metadata of the cluster, and is not read
c/other/000020.sst: a table of format version 7, which is newer than the last one that is known, 6
c/other: a RocksDB database, but as far as it can be read neither that of a metadata server, nor of a log server, nor a local metadata store (its column families: data, default, metadata)
c/none: file does not exist`
	if text := strings.Join(got, "\n"); text != want {
		t.Error(text)
	}
}

// A server that has just been started has nothing but the marker of its node.
func TestNewServers(t *testing.T) {
	for marker, want := range map[string]stores.Kind{`{"id":"n1"}`: stores.MetadataServer, `{"id":1}`: stores.LogServer} {
		l := new(raftLog)
		l.Put(2, storageMarkerKey, []byte(marker))
		s := readOne(t, l.Files("m"), "m")
		if s.Kind != want || len(s.Problems) > 0 {
			t.Errorf("%s: %v %v", marker, s.Kind, s.Problems)
		}
	}
}
