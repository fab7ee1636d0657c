package etcd

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"restate-lint/snapshots/stores"
)

func captured(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/capture", name))
	if err != nil {
		t.Fatal(err)
	}
	if path, ok := strings.CutSuffix(name, ".gz"); ok {
		r, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(path, err)
		}
		if text, err = io.ReadAll(r); err != nil {
			t.Fatal(path, err)
		}
	}
	return text
}

func read(t testing.TB, database []byte) *stores.Store {
	t.Helper()
	s, err := ReadDatabase("snapshot.db", bytes.NewReader(database), int64(len(database)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The capture has the same store twice: as a snapshot, and as etcdctl printed it (etcd 3.4.23, Restate 1.7.12).
func TestSnapshotAndOutputAgree(t *testing.T) {
	database, text := captured(t, "snapshot.db.gz"), captured(t, "get-prefix.json")
	if !IsDatabase(database[:SniffSize]) || IsDatabase(text) || !IsRange(text[:4096]) || IsRange(database[:4096]) {
		t.Fatal("not recognised")
	}
	snapshot := read(t, database)
	output, err := ReadRange("get-prefix.json", bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(snapshot.Values, output.Values) || len(output.Problems) > 0 || len(snapshot.Problems) > 0 || len(output.History) > 0 {
		t.Fatalf("%v\n%v\n%v\n%v", snapshot.Values, output.Values, snapshot.Problems, output.Problems)
	}
	var keys []string
	for line := range strings.Lines(string(captured(t, "keys.txt"))) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasSuffix(line, versionSuffix) {
			keys = append(keys, line)
		}
	}
	var got []string
	for _, v := range snapshot.Values {
		got = append(got, v.Key)
	}
	if slices.Sort(keys); !slices.Equal(got, keys) {
		t.Errorf("keys %v, want %v", got, keys)
	}
	if want := "bbolt, page size 4096, revision 39"; snapshot.Format != want {
		t.Errorf("format %q", snapshot.Format)
	}
	// Nothing was compacted: all writes since the first version are there.
	versions := make(map[string][]uint32)
	for _, v := range snapshot.History {
		versions[v.Key] = append(versions[v.Key], v.Version)
	}
	for _, v := range snapshot.Values {
		for i, version := range append(versions[v.Key], v.Version) {
			if version != uint32(i)+1 {
				t.Errorf("%s: versions %v, then %d", v.Key, versions[v.Key], v.Version)
				break
			}
		}
	}
	if !slices.IsSortedFunc(snapshot.History, func(a, b stores.Value) int { return int(a.Revision) - int(b.Revision) }) || len(snapshot.History) < 20 {
		t.Errorf("the history has %d values, or is not in order", len(snapshot.History))
	}
}

// etcdctl prints on one line; jq, with other names for the same, does not.
func TestOutputIsKnownHoweverItIsLaidOut(t *testing.T) {
	text := captured(t, "get-prefix.json")
	want, err := ReadRange("x", bytes.NewReader(text), 0)
	if err != nil {
		t.Fatal(err)
	}
	var parsed any
	if err := json.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.MarshalIndent(parsed, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	quoted := bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(`"mod_revision":38`), []byte(`"mod_revision":"38"`)), []byte(`"version":1,`), []byte(`"version":"1",`))
	for name, text := range map[string][]byte{"sorted": sorted, "quoted": quoted} {
		if !IsRange(text[:4096]) {
			t.Errorf("%s: not recognised", name)
		}
		if got, err := ReadRange("x", bytes.NewReader(text), 0); err != nil || !reflect.DeepEqual(got.Values, want.Values) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, other := range []string{`{"version":1,"logs":[]}`, `{"count":3}`, `{"header":{"a":1},"kvs":[]}`, `[{"mod_revision":1}]`} {
		if IsRange([]byte(other)) {
			t.Errorf("%s is taken for output of etcdctl", other)
		}
	}
	s, err := ReadRange("x", strings.NewReader(`{"header":{"revision":9},"kvs":[{"key":"!","mod_revision":3},{"key":"bm9kZXNfY29uZmln","mod_revision":4,"version":2,"value":"Ag=="},{"key":"eA=="}],"more":true,"count":7}`), 0)
	if err != nil || len(s.Values) != 1 || s.Values[0].Version != 2 || len(s.Problems) != 3 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Every bit of a snapshot counts: etcdctl puts a checksum behind it.
func TestDamagedSnapshotsAreNeverSilent(t *testing.T) {
	database := captured(t, "snapshot.db.gz")
	for i := 0; i < len(database); i += 1 + len(database)/6000 {
		damaged := bytes.Clone(database)
		damaged[i] ^= 1 << (i % 8)
		if s, err := ReadDatabase("x", bytes.NewReader(damaged), int64(len(damaged))); err == nil && len(s.Problems) == 0 {
			t.Fatalf("byte %d is damaged, and nothing is said", i)
		}
	}
	whole := read(t, database)
	for n := 0; n < len(database); n += 509 {
		s, err := ReadDatabase("x", bytes.NewReader(database[:n]), int64(n))
		if err == nil && len(s.Problems) == 0 && n < len(database)-32 {
			t.Fatalf("cut at %d of %d, and nothing is said", n, len(database))
		}
		for i := 0; err == nil && i < len(s.Values); i++ {
			if !slices.ContainsFunc(append(slices.Clone(whole.Values), whole.History...), func(v stores.Value) bool { return reflect.DeepEqual(v, s.Values[i]) }) {
				t.Fatalf("cut at %d: %+v was never written", n, s.Values[i])
			}
		}
	}
	// What lies in a member's directory has no checksum, and may be longer than what is in use.
	if s := read(t, append(database[:len(database)-32:len(database)-32], make([]byte, 8192)...)); len(s.Problems) > 0 || len(s.Values) != len(whole.Values) {
		t.Errorf("%v", s.Problems)
	}
}

// database returns the file that the library writes.
func database(t interface {
	Helper()
	Fatal(...any)
}, dir string, pageSize int, fill func(tx *bbolt.Tx) error) []byte {
	t.Helper()
	path := filepath.Join(dir, "written.db")
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: pageSize, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(fill); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Whatever the library writes, we read the same.
func TestPagesAreReadLikeTheLibraryDoes(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		buckets := rapid.MapOfN(rapid.StringMatching(`[a-z]{1,5}`), rapid.MapOfN(rapid.StringN(1, 30, 60), rapid.SliceOfN(rapid.Byte(), 0, 40), 0, 60), 0, 4).Draw(t, "buckets")
		longest := rapid.IntRange(0, 9000).Draw(t, "longest")
		text := database(t, dir, rapid.SampledFrom([]int{1024, 4096}).Draw(t, "page size"), func(tx *bbolt.Tx) error {
			for name, entries := range buckets {
				b, err := tx.CreateBucket([]byte(name))
				if err != nil {
					return err
				}
				for key, value := range entries {
					if len(value) == 7 {
						value = bytes.Repeat(value, longest/7)
						entries[key] = value
					}
					if err := b.Put([]byte(key), value); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if !IsDatabase(text[:min(SniffSize, len(text))]) {
			t.Fatal("not recognised")
		}
		problem := func(at int64, reason string) { t.Fatalf("byte %d: %s", at, reason) }
		f, err := openFile(bytes.NewReader(text), int64(len(text)), problem)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		f.each(f.root, func(name, value []byte, flags uint32) {
			names = append(names, string(name))
			got, before := make(map[string][]byte), ""
			f.bucket(value, func(key, value []byte, flags uint32) {
				if flags != 0 || before != "" && before >= string(key) {
					t.Fatalf("%q, flags %d, stands behind %q", key, flags, before)
				}
				before = string(key)
				got[before] = append([]byte{}, value...)
			})
			if !maps.EqualFunc(got, buckets[string(name)], bytes.Equal) {
				t.Fatalf("bucket %q: %v, want %v", name, got, buckets[string(name)])
			}
		})
		if want := slices.Sorted(maps.Keys(buckets)); !slices.Equal(names, want) {
			t.Fatalf("buckets %q, want %q", names, want)
		}
	})
}

// A txn is one transaction of a made-up etcd: the values by key, nil for a deletion.
type txn map[string][]byte

func made(t testing.TB, txns ...txn) []byte {
	t.Helper()
	counts := make(map[string]uint64)
	return database(t, t.TempDir(), 4096, func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("key"))
		if err != nil {
			return err
		}
		for main, writes := range txns {
			sub := uint64(0)
			for _, key := range slices.Sorted(maps.Keys(writes)) {
				revision := binary.BigEndian.AppendUint64(nil, uint64(main)+2)
				revision = binary.BigEndian.AppendUint64(append(revision, '_'), sub)
				sub++
				value := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), key)
				if writes[key] == nil {
					revision = append(revision, 't')
					counts[key] = 0
				} else {
					counts[key]++
					value = protowire.AppendVarint(protowire.AppendTag(value, 4, protowire.VarintType), counts[key])
					value = protowire.AppendBytes(protowire.AppendTag(value, 5, protowire.BytesType), writes[key])
				}
				if err := b.Put(revision, value); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func version(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func TestHistory(t *testing.T) {
	const nodes = "nodes_config"
	const versionKey = nodes + versionSuffix
	for name, c := range map[string]struct {
		txns     []txn
		values   []stores.Value
		history  []stores.Value
		problems []string
		others   int
	}{
		"empty": {},
		"two versions": {
			txns:    []txn{{nodes: []byte("a"), versionKey: version(1)}, {nodes: []byte("b"), versionKey: version(2)}},
			values:  []stores.Value{{Key: nodes, Version: 2, Payload: []byte("b"), Revision: 3}},
			history: []stores.Value{{Key: nodes, Version: 1, Payload: []byte("a"), Revision: 2}},
		},
		"deleted and written again": {
			txns:    []txn{{nodes: []byte("a"), versionKey: version(7)}, {nodes: nil, versionKey: nil}, {nodes: []byte("b"), versionKey: version(1)}},
			values:  []stores.Value{{Key: nodes, Version: 1, Payload: []byte("b"), Revision: 4}},
			history: []stores.Value{{Key: nodes, Version: 7, Payload: []byte("a"), Revision: 2}, {Key: nodes, Revision: 3}},
		},
		"deleted": {
			txns:    []txn{{nodes: []byte("a"), versionKey: version(7)}, {nodes: nil, versionKey: nil}},
			history: []stores.Value{{Key: nodes, Version: 7, Payload: []byte("a"), Revision: 2}, {Key: nodes, Revision: 3}},
		},
		"Restate 1.1": {
			txns:    []txn{{nodes: []byte("a")}, {nodes: []byte("b")}, {nodes: []byte("c")}},
			values:  []stores.Value{{Key: nodes, Version: 3, Payload: []byte("c"), Revision: 4}},
			history: []stores.Value{{Key: nodes, Version: 1, Payload: []byte("a"), Revision: 2}, {Key: nodes, Version: 2, Payload: []byte("b"), Revision: 3}},
		},
		"without a version": {
			txns:     []txn{{nodes: []byte("a")}, {"pp_epoch_0": []byte("b"), "pp_epoch_0::version": version(9)}},
			values:   []stores.Value{{Key: nodes, Version: 1, Payload: []byte("a"), Revision: 2}, {Key: "pp_epoch_0", Version: 9, Payload: []byte("b"), Revision: 3}},
			problems: []string{"there is no nodes_config::version: Restate from 1.2 on takes the key for missing"},
		},
		"version alone": {
			txns:     []txn{{nodes: []byte("a"), versionKey: version(1)}, {versionKey: version(5)}, {"pp_epoch_1::version": version(1)}},
			values:   []stores.Value{{Key: nodes, Version: 5, Payload: []byte("a"), Revision: 2}},
			problems: []string{"nodes_config was written at revision 2 and nodes_config::version at revision 3: Restate writes both in one transaction", "pp_epoch_1::version is there without pp_epoch_1: Restate takes the key for missing"},
		},
		"version that is none": {
			txns:     []txn{{nodes: []byte("a"), versionKey: []byte("12")}},
			values:   []stores.Value{{Key: nodes, Payload: []byte("a"), Revision: 2}},
			problems: []string{"nodes_config::version is not a number of 4 bytes"},
		},
		"other keys": {
			txns:   []txn{{nodes: []byte{}, versionKey: version(1), "/registry/pods": []byte("x"), "pp_epoch_007": []byte("y")}},
			values: []stores.Value{{Key: nodes, Version: 1, Payload: []byte{}, Revision: 2}},
			others: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := read(t, made(t, c.txns...))
			if fmt.Sprintf("%+v", s.Values) != fmt.Sprintf("%+v", c.values) || fmt.Sprintf("%+v", s.History) != fmt.Sprintf("%+v", c.history) || s.Others != c.others {
				t.Errorf("values %+v\nhistory %+v\n%d others", s.Values, s.History, s.Others)
			}
			for _, v := range append(slices.Clone(s.Values), s.History...) {
				if deleted := v.Version == 0 && !strings.Contains(name, "none"); deleted != (v.Payload == nil) {
					t.Errorf("%+v: a deletion has no payload, and nothing else", v)
				}
			}
			var problems []string
			for _, p := range s.Problems {
				problems = append(problems, p.Reason)
			}
			if !slices.Equal(problems, c.problems) {
				t.Errorf("problems %q, want %q", problems, c.problems)
			}
		})
	}
}

func TestLongHistoriesAreNotHeld(t *testing.T) {
	const n = 30
	var s stores.Store
	for i := range n {
		s.Remember(stores.Value{Key: "bifrost_config", Payload: make([]byte, stores.MaxHistory/(n/3)), Revision: uint64(i) + 1})
	}
	s.Settle()
	if len(s.History) != n/3 || s.History[0].Revision != n-n/3+1 || len(s.Problems) != 1 {
		t.Errorf("%d values are held, from %d on; %v", len(s.History), s.History[0].Revision, s.Problems)
	}
}

// sum makes the checksum of a meta page right again.
func sum(page []byte) {
	hash := uint64(14695981039346656037)
	for _, c := range page[16:72] {
		hash = (hash ^ uint64(c)) * 1099511628211
	}
	binary.LittleEndian.PutUint64(page[72:], hash)
}

func TestHostileDatabases(t *testing.T) {
	var txns []txn
	for i := range 200 {
		txns = append(txns, txn{"nodes_config": bytes.Repeat([]byte{byte(i)}, 100), "nodes_config::version": version(uint32(i) + 1)})
	}
	whole := made(t, txns...)
	branch := 0
	for p := 2; p < len(whole)/4096; p++ {
		if binary.LittleEndian.Uint16(whole[p*4096+8:]) == branchPage {
			branch = p * 4096
		}
	}
	if branch == 0 {
		t.Fatal("no branch page")
	}
	for name, c := range map[string]struct {
		damage func(b []byte)
		want   string // of the error or of a problem
	}{
		"page that contains itself":  {func(b []byte) { binary.LittleEndian.PutUint64(b[branch+24:], uint64(branch/4096)) }, "stands twice"},
		"page that stands twice":     {func(b []byte) { copy(b[branch+24:branch+32], b[branch+40:branch+48]) }, "stands twice"},
		"page behind the file":       {func(b []byte) { binary.LittleEndian.PutUint64(b[branch+24:], 1<<60) }, "is not one of"},
		"page beside its place":      {func(b []byte) { b[branch]++ }, "says that it is page"},
		"endless page":               {func(b []byte) { binary.LittleEndian.PutUint32(b[branch+12:], 1<<31) }, "larger than the rest"},
		"too many elements":          {func(b []byte) { binary.LittleEndian.PutUint16(b[branch+10:], 60000) }, "more than it has room for"},
		"element behind its page":    {func(b []byte) { binary.LittleEndian.PutUint32(b[branch+16:], 1<<31) }, "outside of its page"},
		"unknown page":               {func(b []byte) { b[branch+8] = 77 }, "a page of kind 0x4d"},
		"newer format":               {func(b []byte) { b[20], b[4096+20] = 3, 3 }, "bbolt format version 3, where this program knows version 2"},
		"big-endian":                 {func(b []byte) { slices.Reverse(b[16:20]); slices.Reverse(b[4096+16 : 4096+20]) }, "big-endian"},
		"page size":                  {func(b []byte) { b[25], b[26], b[4096+24], b[4096+25] = 9, 9, 1, 0; sum(b); sum(b[4096:]) }, "a page size of"},
		"first meta page":            {func(b []byte) { clear(b[:512]) }, "the other one is used"},
		"second meta page":           {func(b []byte) { clear(b[4096 : 4096+512]) }, "the other one is used"},
		"both meta pages":            {func(b []byte) { b[70]++; b[4096+70]++ }, "the checksum of a meta page is wrong"},
		"root that is no bucket":     {func(b []byte) { b[32], b[4096+32] = 0, 0; sum(b); sum(b[4096:]) }, "page 0 is not one of"},
		"database of something else": {func(b []byte) { copy(b, bytes.ReplaceAll(b, []byte("key"), []byte("kez"))) }, "that is not etcd's"},
	} {
		t.Run(name, func(t *testing.T) {
			damaged := bytes.Clone(whole)
			c.damage(damaged)
			s, err := ReadDatabase("x", bytes.NewReader(damaged), int64(len(damaged)))
			said := fmt.Sprint(err)
			if s != nil {
				said += fmt.Sprint(s.Problems)
			}
			if !strings.Contains(said, c.want) {
				t.Errorf("%s", said)
			}
		})
	}
}

func FuzzReadDatabase(f *testing.F) {
	text := captured(f, "snapshot.db.gz")
	f.Add(text)
	f.Add(text[:len(text)/2])
	small := made(f, txn{"nodes_config": []byte("a"), "nodes_config::version": version(1)}, txn{"nodes_config": nil})
	small = small[:readMeta(small[pageHeader:]).highest*4096]
	f.Add(small)
	for i := range 8 {
		damaged := bytes.Clone(small)
		damaged[len(small)*i/8+i] ^= 0x11
		f.Add(damaged)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ReadDatabase("x", bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		held := 0
		for _, v := range append(slices.Clone(s.Values), s.History...) {
			held += len(v.Payload)
		}
		if held > len(text) || len(s.Problems) > maxProblems+2*len(s.Values)+2 {
			t.Errorf("%d bytes hold %d, %d problems", len(text), held, len(s.Problems))
		}
	})
}

func FuzzReadRange(f *testing.F) {
	text := captured(f, "get-prefix.json")
	for n := 0; n < len(text); n += 1000 {
		f.Add(text[:len(text)-n])
	}
	f.Add([]byte(`{"header":{"revision":9},"kvs":[{"key":"bm9kZXNfY29uZmln","mod_revision":"4","value":"Ag=="},{"key":1}],"more":true,"count":7}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ReadRange("x", bytes.NewReader(text), int64(len(text))); err == nil && s == nil {
			t.Error("neither a store nor an error")
		}
		IsRange(text)
		IsDatabase(text)
	})
}
