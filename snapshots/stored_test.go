package snapshots

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/snapshots/cluster"
	"restate-lint/snapshots/stores"
)

const (
	capturedEtcd   = "testdata/captures/etcd-backend-1.7.12/1-healthy"
	capturedBucket = "testdata/stores/object-store-metadata-1.7.12"
)

func whole(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(file, ".gz") {
		return text
	}
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err == nil {
		text, err = io.ReadAll(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// etcdSnapshot is the database of the cluster whose documents are in capturedEtcd; etcdOutput is what etcdctl printed of it.
func etcdSnapshot(t testing.TB) []byte {
	return whole(t, "stores/etcd/testdata/capture/snapshot.db.gz")
}
func etcdOutput(t testing.TB) []byte { return whole(t, "stores/etcd/testdata/capture/get-prefix.json") }

// files makes a file system of a folder.
func filesOf(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	files := make(fstest.MapFS)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		files[entry.Name()] = &fstest.MapFile{Data: whole(t, path.Join(dir, entry.Name()))}
	}
	return files
}

// A stream is a file system whose files can only be read from their beginning on, like the members of an archive.
type stream struct{ fs.FS }

type streamed struct{ file fs.File }

func (s stream) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return streamed{f}, nil
}

func (s streamed) Read(b []byte) (int, error)       { return s.file.Read(b) }
func (s streamed) Stat() (fs.FileInfo, error)       { return s.file.Stat() }
func (s streamed) Close() error                     { return s.file.Close() }
func (s stream) Stat(n string) (fs.FileInfo, error) { return fs.Stat(s.FS, n) }

// The text of every value is, byte for byte, what restatectl printed of the same cluster.
func TestStoresHoldWhatWasCaptured(t *testing.T) {
	for name, c := range map[string]struct {
		files    fstest.MapFS
		captured string
		kind     stores.Kind
		prefix   string
	}{
		"etcd snapshot": {fstest.MapFS{"a/any.name": {Data: etcdSnapshot(t)}}, capturedEtcd, stores.EtcdSnapshot, "a/any.name"},
		"etcd output":   {fstest.MapFS{"dump": {Data: etcdOutput(t)}}, capturedEtcd, stores.EtcdRange, "dump"},
		"bucket":        {filesOf(t, capturedBucket+"/bucket/meta/cluster1"), capturedBucket, stores.ObjectStore, "snapshot"},
	} {
		for how, fsys := range map[string]fs.FS{"any place": c.files, "stream": stream{c.files}} {
			t.Run(name+", "+how, func(t *testing.T) {
				s, err := Read("some/snapshot", fsys, slices.Sorted(maps.Keys(c.files))...)
				if err != nil {
					t.Fatal(err)
				}
				if len(s.Stores) != 1 || s.Stores[0].Kind != c.kind || len(s.Stores[0].Problems) > 0 || s.Stores[0].Size == 0 {
					t.Fatalf("%+v", s.Stores)
				}
				want := filesOf(t, c.captured+"/metadata")
				if len(s.Documents) != len(want) || len(s.Gaps) > 0 || len(s.Oddities) > 0 || len(s.Rivals) > 0 {
					t.Fatalf("%d documents of %d, gaps %v, oddities %v, rivals %v", len(s.Documents), len(want), s.Gaps, s.Oddities, s.Rivals)
				}
				for _, d := range s.Documents {
					if d.Source.Name != c.prefix+"#"+d.Key() || !d.Complete || d.Source.Secret != (d.Kind == SchemaRegistry) {
						t.Errorf("%+v of %+v", d, d.Source)
					}
					for _, from := range []int64{0, d.Source.Size / 3} {
						f, err := d.Source.Open(from)
						if err != nil {
							t.Fatal(err)
						}
						text, err := io.ReadAll(f)
						if err != nil || !bytes.Equal(text, want[d.Key()+".json"].Data[from:]) {
							t.Errorf("%s from %d on: %v\n%s", d.Key(), from, err, text)
						}
					}
					if d.Source.Size != int64(len(want[d.Key()+".json"].Data)) {
						t.Errorf("%s has %d bytes", d.Key(), d.Source.Size)
					}
				}
			})
		}
	}
}

// Stores and documents of one cluster confirm each other.
func TestStoresAndDocumentsOfOneCapture(t *testing.T) {
	files := filesOf(t, capturedEtcd+"/metadata")
	files["etcd/snapshot.db"] = &fstest.MapFile{Data: etcdSnapshot(t)}
	files["etcd/get-prefix.json"] = &fstest.MapFile{Data: etcdOutput(t)}
	s, err := Read("x", files, slices.Sorted(maps.Keys(files))...)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Stores) != 2 || len(s.Documents) != 10 || len(s.Rivals) != 20 {
		t.Fatalf("%d stores, %d documents, %d rivals", len(s.Stores), len(s.Documents), len(s.Rivals))
	}
	for _, rival := range s.Rivals {
		if !Same(rival.Kept, rival.Other) || strings.Contains(rival.Kept.Source.Name, "#") {
			t.Errorf("%s is kept, not %s", rival.Kept.Source.Name, rival.Other.Source.Name)
		}
	}
	for _, d := range s.Documents {
		if _, other := d.At(d.Offset, ""), d.Version; other == 0 {
			t.Errorf("%s has no version", d.Key())
		}
	}
}

func TestHistoryOfAKey(t *testing.T) {
	s, err := Read("x", fstest.MapFS{"db": {Data: etcdSnapshot(t)}}, "db")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.Documents {
		revisions := s.History(d.Key())
		if len(revisions) != int(d.Version) {
			t.Fatalf("%s %v has %d revisions", d.Key(), d.Version, len(revisions))
		}
		for i, r := range revisions {
			if r.Version != cluster.Version(i+1) || r.Current != (i == len(revisions)-1) || r.Deleted || r.Store != s.Stores[0] || i > 0 && r.Number <= revisions[i-1].Number {
				t.Errorf("revision %d of %s: %+v", i, d.Key(), r)
			}
			source, err := r.Source()
			if err != nil {
				t.Fatal(err)
			}
			// A source of the history is a file like any other.
			past, err := Read(source.Name, source.fsys, source.path)
			if err != nil || len(past.Documents) != 1 || past.Documents[0].Key() != d.Key() || past.Documents[0].Version != r.Version || !past.Documents[0].Complete {
				t.Errorf("revision %d of %s: %v, %+v", i, d.Key(), err, past)
			}
		}
	}
	if len(s.History("rule_book")) != 0 {
		t.Error("a key that is not there has a history")
	}
}

// output is what etcdctl prints of the given values. A number before the key is the version that is kept beside it.
func output(values map[string]string) string {
	var b strings.Builder
	b.WriteString(`{"header":{"cluster_id":1,"revision":7},"kvs":[`)
	entry := func(key, value string) {
		if !strings.HasSuffix(b.String(), "[") {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"key":%q,"create_revision":2,"mod_revision":2,"version":1,"value":%q}`, base64.StdEncoding.EncodeToString([]byte(key)), base64.StdEncoding.EncodeToString([]byte(value)))
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		version, key, ok := strings.Cut(name, " ")
		if !ok {
			key = name
		}
		entry(key, values[name])
		if ok {
			entry(key+"::version", string([]byte{version[0] - '0', 0, 0, 0}))
		}
	}
	fmt.Fprintf(&b, `],"count":%d}`, strings.Count(b.String(), `"key"`))
	return b.String()
}

// A value is in JSON here, which is one of the codecs.
const inJSON = "\x05"

func readOutput(t *testing.T, values map[string]string) *Snapshot {
	t.Helper()
	s, _ := Read("x", fstest.MapFS{"dump": {Data: []byte(output(values))}}, "dump")
	if len(s.Stores) != 1 {
		t.Fatalf("%+v", s.Gaps)
	}
	return s
}

// gapsOf are the gaps of what is there.
func gapsOf(s *Snapshot) []string {
	var gaps []string
	for _, gap := range s.Gaps {
		if gap.Source != "" {
			gaps = append(gaps, gap.String())
		}
	}
	return gaps
}

func TestValuesThatAreNotAsRestateWritesThem(t *testing.T) {
	sound := inJSON + `{"version":3,"cluster_name":"c","nodes":[],"name_lookup":{}}`
	for name, c := range map[string]struct {
		values   map[string]string
		keys     []string
		gaps     []string
		oddities []string
	}{
		"sound": {values: map[string]string{"3 nodes_config": sound}, keys: []string{"nodes_config"}},
		"versions that differ": {
			values: map[string]string{"4 nodes_config": sound}, keys: []string{"nodes_config"},
			oddities: []string{"version that the store keeps beside the value is 4, not 3, which is the version in the value"},
		},
		"one value is damaged": {
			values: map[string]string{"3 nodes_config": sound, "1 bifrost_config": "\x02\x09", "1 pp_epoch_7": "\x01x", "1 schema_registry": ""},
			keys:   []string{"nodes_config"},
			gaps: []string{"bifrost_config (dump#bifrost_config): the value ends within its length", "pp_epoch_7 (dump#pp_epoch_7): the value is in protobuf, which this program cannot read: a newer Restate may have written it",
				"schema_registry (dump#schema_registry): the value is empty"},
		},
		"epoch of another partition": {
			values:   map[string]string{"1 pp_epoch_4": inJSON + `{"version":1,"epoch":1,"leader_metadata":{"partition_id":5,"node_id":[1,1]},"current":null,"next":null}`},
			keys:     []string{"pp_epoch_4"},
			oddities: []string{`leader is {"node_id":[1,1],"partition_id":5}, not a leader of partition 4, whose epoch metadata this is`},
		},
		"epoch without a leader": {
			values: map[string]string{"1 pp_epoch_4": inJSON + `{"version":1,"epoch":1,"leader_metadata":null,"current":null,"next":null}`},
			keys:   []string{"pp_epoch_4"},
		},
		"value of another key": {
			values: map[string]string{"3 bifrost_config": sound}, keys: []string{"nodes_config"},
			gaps: []string{"bifrost_config (dump#bifrost_config): the value is a nodes_config"},
		},
		"value of nothing": {
			values: map[string]string{"3 bifrost_config": inJSON + `{"version":3}`},
			gaps:   []string{"bifrost_config (dump#bifrost_config): not a document of Restate's metadata"},
		},
		"version that is missing": {
			values: map[string]string{"3 nodes_config": sound, "partition_table": inJSON + `{"version":1,"num_partitions":1}`}, keys: []string{"nodes_config", "partition_table"},
			gaps: []string{"partition_table (dump): there is no partition_table::version: Restate from 1.2 on takes the key for missing"},
		},
		"everything but the schema registry and an epoch": {
			values: map[string]string{
				"3 nodes_config": sound, "1 bifrost_config": inJSON + `{"version":1,"config":null,"logs":[]}`,
				"1 partition_table": inJSON + `{"version":1,"num_partitions":2,"partitions":[[0,{"key_range":{"start":0,"end":1}}],[1,{"key_range":{"start":2,"end":3}}]]}`,
				"1 pp_epoch_0":      inJSON + `{"version":1,"leader_metadata":null,"current":null,"next":null}`,
			},
			keys: []string{"bifrost_config", "nodes_config", "partition_table", "pp_epoch_0"},
			gaps: []string{"schema_registry (dump): " + nullReason, "pp_epoch_1 (dump): " + nullReason},
		},
		"rule book": {
			values: map[string]string{"3 nodes_config": sound, "1 rule_book": "\x06\x04\x01\x05\x17\x01*\x14\x04\x01\x09\x02\x04\x0a\x05\x05hello\x08\x84\xd2\xdc\xaf\x9f\x33"},
			keys:   []string{"nodes_config", "rule_book"},
		},
		"rule book of two versions": {
			values: map[string]string{"3 nodes_config": sound, "2 rule_book": "\x06\x04\x01"}, keys: []string{"nodes_config", "rule_book"},
			gaps: []string{"rule_book (dump#rule_book): the store says that it is version 2, and the value says 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := readOutput(t, c.values)
			var keys, oddities []string
			for _, d := range s.Documents {
				keys = append(keys, d.Key())
			}
			for _, o := range s.Oddities {
				oddities = append(oddities, fmt.Sprintf("%s is %s, not %s", o.What, o.Value, o.Want))
			}
			slices.Sort(keys)
			if gaps := gapsOf(s); !slices.Equal(keys, c.keys) || !slices.Equal(gaps, c.gaps) || !slices.Equal(oddities, c.oddities) {
				t.Errorf("keys %q\ngaps %q\noddities %q", keys, gaps, oddities)
			}
		})
	}
}

// A value that breaks off is read up to there, and what it had before is used.
func TestHalfAValue(t *testing.T) {
	values := filesOf(t, "stores/restatectl/testdata/etcd")
	payload := bytes.Clone(values["nodes_config.bin"].Data)
	i := bytes.Index(payload, []byte("node-a")) // the text that is printed first is one of the last
	payload[i] = 0xff
	s, err := Read("x", fstest.MapFS{"nodes_config": {Data: payload}}, "nodes_config")
	if err != nil {
		t.Fatal(err)
	}
	d := s.Document(NodesConfig)
	if d == nil || d.Complete || d.Version != 8 || s.ClusterName() != "fmtcluster" || !slices.ContainsFunc(gapsOf(s), func(gap string) bool { return strings.Contains(gap, "not UTF-8") }) {
		t.Errorf("%+v, gaps %q", d, gapsOf(s))
	}
}

func TestValuesInFilesOfTheirOwn(t *testing.T) {
	values, files := filesOf(t, "stores/restatectl/testdata/etcd"), make(fstest.MapFS)
	for name, file := range values {
		if strings.HasSuffix(name, ".bin") {
			files["raw/etcd_"+name] = file
		}
	}
	s, err := Read("x", files, slices.Sorted(maps.Keys(files))...)
	if err != nil || len(s.Documents) != 8 || len(s.Gaps) > 0 || len(s.Stores) != 1 || s.Stores[0].Format != bareFormat {
		t.Fatalf("%v: %d documents, gaps %v, %+v", err, len(s.Documents), s.Gaps, s.Stores)
	}
	if got := s.Document(NodesConfig).Source.Name; got != "raw/etcd_nodes_config.bin" {
		t.Errorf("the source is %s", got)
	}
}

func TestDeletedObjects(t *testing.T) {
	files := filesOf(t, capturedBucket+"/bucket/meta/cluster1")
	files["schema_registry"] = &fstest.MapFile{Data: []byte("d")}
	files["bifrost_config"] = &fstest.MapFile{Data: files["bifrost_config"].Data[:1000]}
	s, err := Read("x", files, slices.Sorted(maps.Keys(files))...)
	if err != nil {
		t.Fatal(err)
	}
	if s.Schema != nil || s.Logs != nil || s.Nodes == nil || !slices.Equal(gapsOf(s), []string{"bifrost_config (bifrost_config): bilrost: the message ends in the middle of a field"}) {
		t.Errorf("gaps %q", s.Gaps)
	}
	if history := s.History("schema_registry"); len(history) != 1 || !history[0].Deleted {
		t.Errorf("history %+v", history)
	} else if _, err := history[0].Source(); err == nil {
		t.Error("a deleted value has a text")
	}
}

func TestStoresThatCannotBeReadAreGaps(t *testing.T) {
	newer := etcdSnapshot(t)
	newer[20], newer[4096+20] = 3, 3
	for name, c := range map[string]struct{ data, want string }{
		"newer database": {string(newer), "bbolt format version 3, where this program knows version 2"},
		"output cut off": {string(etcdOutput(t)[:300]), "the output of etcdctl is damaged: it ends in the middle"},
		"object":         {"e\xa2\x67version\x62V9\x65value\x80", `the object's envelope is of version "V9", where this program knows "V1"`},
	} {
		s, err := Read("x", fstest.MapFS{"nodes_config": {Data: []byte(c.data)}}, "nodes_config")
		if err == nil || !strings.Contains(err.Error(), c.want) || len(gapsOf(s)) != 1 {
			t.Errorf("%s: %v, gaps %q", name, err, gapsOf(s))
		}
	}
}

func TestFindStores(t *testing.T) {
	database, object := string(etcdSnapshot(t)), string(whole(t, capturedBucket+"/bucket/meta/cluster1/nodes_config"))
	const current = "MANIFEST-000005\n"
	for name, c := range map[string]struct {
		files map[string]string
		paths string
		want  string
	}{
		"file":                    {map[string]string{"snapshot.db": database}, "snapshot.db", "snapshot.db: snapshot.db"},
		"directory":               {map[string]string{"c/snapshot.db": database}, "c", "c: snapshot.db"},
		"beside documents":        {map[string]string{"c/metadata/x.json": smallNodes, "c/etcd/snapshot.db": database}, "c", "c: etcd/snapshot.db, metadata/x.json"},
		"alone in etcd":           {map[string]string{"c/etcd/a/snapshot.db": database}, "...", "c: etcd/a/snapshot.db"},
		"member's directory":      {map[string]string{"c/member/snap/db": database, "c/member/wal/0.wal": "x"}, "c", "c: member/snap/db"},
		"above it":                {map[string]string{"c/default.etcd/member/snap/db": database}, "...", "c: default.etcd/member/snap/db"},
		"bucket":                  {map[string]string{"c/bucket/meta/c1/nodes_config": object}, "...", "c: bucket/meta/c1/nodes_config"},
		"copy of a bucket":        {map[string]string{"c/meta/c1/nodes_config": object}, "c", "c: meta/c1/nodes_config"},
		"copies of two":           {map[string]string{"c/meta/c1/nodes_config": object, "c/meta/c2/nodes_config": object}, "c", ""},
		"search for copies":       {map[string]string{"c/meta/c1/nodes_config": object, "c/meta/c2/nodes_config": object}, "...", "c/meta/c1: nodes_config\nc/meta/c2: nodes_config"},
		"only documents below":    {map[string]string{"c/d/x.json": smallNodes}, "c", ""},
		"database of RocksDB":     {map[string]string{"c/CURRENT": current, "c/1.sst": ""}, "c", "c: 1.sst, CURRENT"},
		"no database of RocksDB":  {map[string]string{"c/CURRENT": "x", "c/1.sst": ""}, "...", ""},
		"data directory":          {map[string]string{"n1/replicated-metadata-server/CURRENT": current, "n1/db/CURRENT": current, "n1/.cluster-marker": "{}"}, "n1", "n1: .cluster-marker, replicated-metadata-server/CURRENT"},
		"data directories":        {map[string]string{"r/n1/replicated-metadata-server/CURRENT": current, "r/n1/db/CURRENT": current, "r/n2/log-store/CURRENT": current, "r/n2/.cluster-marker": "{}"}, "r", "r: n1/replicated-metadata-server/CURRENT, n2/.cluster-marker, n2/log-store/CURRENT"},
		"search data directories": {map[string]string{"r/n1/replicated-metadata-server/CURRENT": current, "r/n1/db/CURRENT": current}, "...", "r: n1/replicated-metadata-server/CURRENT"},
		"captures of their own":   {map[string]string{"r/a/metadata/x": smallNodes, "r/a/log-store/CURRENT": current, "r/b/metadata/x": smallNodes}, "...", "r/a: log-store/CURRENT, metadata/x\nr/b: metadata/x"},
	} {
		t.Run(name, func(t *testing.T) {
			tree(t, c.files)
			captures, err := Find(c.paths)
			if got := listed(captures); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%v, found\n%s\nwant\n%s", err, got, c.want)
			}
		})
	}
}

// FuzzStore reads any bytes as a file of a store: it must end, within bounds, and say what it could not read.
func FuzzStore(f *testing.F) {
	f.Add("nodes_config", whole(f, capturedBucket+"/bucket/meta/cluster1/nodes_config"))
	f.Add("bifrost_config", whole(f, capturedBucket+"/bucket/meta/cluster1/bifrost_config"))
	f.Add("dump", etcdOutput(f))
	f.Add("x", whole(f, "stores/restatectl/testdata/etcd/pp_epoch_2.bin"))
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		if !fs.ValidPath(name) || name == "." {
			return
		}
		s, err := Read("x", fstest.MapFS{name: {Data: text}}, name)
		if err != nil || s.Logs == nil {
			return
		}
		s.Logs.Each(func(log *Log) {
			if log.Tail() != nil {
				log.SegmentAt(0)
			}
		})
	})
}
