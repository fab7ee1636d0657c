package snapshots

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"

	"restate-lint/internal/testrocksdb"
)

// allocated is how many bytes something makes the heap take, given back or not.
func allocated(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// findAll finds and reads what somebody gives on standard input, in every way in which that can be asked for.
func findAll(text []byte) (all []*Snapshot, errs []error) {
	for _, given := range []string{standardInput, standardInput + "/..."} {
		captures, err := FindWith(bytes.NewReader(text), given)
		errs = append(errs, err)
		for _, c := range captures {
			s, err := c.Read()
			all, errs = append(all, s), append(errs, err)
		}
	}
	return all, errs
}

func gzipped(text []byte) []byte {
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = w.Write(text)
	_ = w.Close()
	return packed.Bytes()
}

// zstandard packs a text of which it does not know the size, as a pipe does, so that the window is not fitted to it.
func zstandard(t testing.TB, text []byte, options ...zstd.EOption) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, options...)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(text)
	_ = w.Flush()
	_ = w.Close()
	return packed.Bytes()
}

// hostileArchives are archives of about 1 KB that ask for far more.
func hostileArchives(t testing.TB) map[string][]byte {
	zeros := strings.Repeat("\x00", 4<<20)
	of := func(name string, names ...string) []byte {
		files := make(map[string]string)
		for _, name := range names {
			files[name] = zeros[:400_000/len(names)]
		}
		return []byte(pack(t, name, files))
	}
	document := []byte(pack(t, "x.json", map[string]string{"x": `{"version":1,"num_partitions":1,"replication":{"limit":1},"partitions":[]}`}))
	all := map[string][]byte{
		"zeros.gz":           gzipped([]byte(zeros[:1<<20])),
		"zeros.gz.gz":        gzipped(gzipped([]byte(zeros))),
		"zeros.zst":          zstandard(t, []byte(zeros[:1<<20])),
		"window.zst":         zstandard(t, document, zstd.WithWindowSize(128<<20)),
		"two windows.zst":    append(zstandard(t, document, zstd.WithSingleSegment(true)), zstandard(t, document, zstd.WithWindowSize(64<<20))...),
		"window.tar.zst":     zstandard(t, of("x.tar", "nodes_config.json"), zstd.WithWindowSize(8<<20)),
		"members.tar.gz":     of("x.tar.gz", "a", "MANIFEST-000001", "nodes_config.json"),
		"member.tar.zst":     of("x.tar.zst", "nodes_config.json"),
		"members.zip":        of("x.zip", "a", "b", "nodes_config.json"),
		"zip in zip":         []byte(pack(t, "x.zip", map[string]string{"a": string(of("y.zip", "a", "b", "c", "d", "e", "nodes_config.json"))})),
		"zip in tar.gz":      []byte(pack(t, "x.tar.gz", map[string]string{"a": string(of("y.zip", "a", "b", "c", "d", "e", "nodes_config.json"))})),
		"tables.tar.gz":      of("x.tar.gz", "m/000001.sst", "m/000002.log", "m/CURRENT"),
		"documents in stars": gzipped([]byte(strings.Repeat("{", 400_000))),
		"brackets.gz":        gzipped([]byte(strings.Repeat("[", 400_000))),
		"strings.gz":         gzipped([]byte(`{"version":1,"cluster_name":"` + strings.Repeat("a", 400_000))),
	}
	// Members, headers and names without end.
	var many, large bytes.Buffer
	for _, w := range []struct {
		to     *bytes.Buffer
		header tar.Header
		times  int
	}{
		{&many, tar.Header{Name: "a", Typeflag: tar.TypeReg}, 1800},
		{&large, tar.Header{Name: "a", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"restate.comment": zeros[:400_000]}}, 2},
	} {
		for range w.times {
			one := tar.NewWriter(w.to)
			if w.header.PAXRecords != nil {
				w.header.PAXRecords["restate.comment"] = strings.Repeat("a", 400_000)
			}
			if err := one.WriteHeader(&w.header); err != nil {
				t.Fatal(err)
			}
		}
	}
	all["many.tar.gz"], all["large headers.tar.gz"] = gzipped(many.Bytes()), gzipped(large.Bytes())
	return all
}

// hostileStores are directories of about 1 KB.
func hostileStores(t testing.TB) map[string]fstest.MapFS {
	zeros := make([]byte, 200_000)
	file := func(name string, text []byte) fstest.MapFS { return fstest.MapFS{name: {Data: text}} }
	page := func(kind byte, fields ...uint64) []byte { // of an etcd database
		b := make([]byte, 1<<10)
		b[8] = kind
		for i, field := range fields {
			binary.LittleEndian.PutUint64(b[16+8*i:], field)
		}
		return b
	}
	bolt := page(4, 0xED0CDAED|2<<32, 1<<20|0<<32, 1<<40, 0, 1<<40, 9)
	log := func(frames func([]byte) []byte, record []byte) fstest.MapFS {
		families := []testrocksdb.Family{{}, {ID: 1, Name: "data"}, {ID: 2, Name: "metadata"}}
		text := testrocksdb.Log{Compressed: true, Frames: frames}.Encode(testrocksdb.Batch(1, testrocksdb.Write{Family: 1, Op: testrocksdb.Put, Key: "l12345678"}), record)
		return testrocksdb.Database("m", map[uint64][]byte{9: text}, nil, families...)
	}
	large := func(b []byte) []byte { return zstandard(t, b, zstd.WithWindowSize(64<<20)) }
	var writes []testrocksdb.Write
	for i := range 6000 {
		writes = append(writes, testrocksdb.Write{Family: 1, Op: testrocksdb.Put, Key: "l" + string(binary.BigEndian.AppendUint64(nil, uint64(i)))})
	}
	deep := append([]byte{2, 0, 4, 0, 0}, bytes.Repeat([]byte{1, 0x28, 1}, 340)...)
	kvs := `{"header":{"revision":3},"count":9000000000000000000,"kvs":[`
	return map[string]fstest.MapFS{
		"etcd":            file("db", bolt),
		"etcdctl":         file("x.json", []byte(kvs+strings.Repeat(`{"mod_revision":1},`, 45)+`{}]}`)),
		"etcdctl, zeros":  file("x.json", []byte(kvs+`{"key":"`+strings.Repeat("AAAA", 220)+`","mod_revision":1}]}`)),
		"object":          file("nodes_config", append([]byte("e\xa2gversioneV1evalue\x82\xa2gversion\x01evalue\x5b"), 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)),
		"object, bilrost": file("nodes_config", append([]byte{'e', 4, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x7f, 4, 1, 5}, zeros[:900]...)),
		"bare value":      file("nodes_config", deep),
		"log of zeros":    log(nil, zeros),
		"log of writes":   log(nil, testrocksdb.Batch(2, writes...)),
		"manifest":        {"m/CURRENT": {Data: []byte("MANIFEST-7\n")}, "m/MANIFEST-7": {Data: testrocksdb.Log{Compressed: true}.Encode(zeros)}},
		"window in a log": log(large, testrocksdb.Batch(2, writes[:9]...)),
		"block of zeros":  file("m/000020.sst", testrocksdb.Table{Format: 6, Checksum: 4, Compression: 7, Family: 1, FamilyName: "data"}.Encode([]testrocksdb.Version{{Key: "l12345678", Op: testrocksdb.Put, Value: string(zeros)}}, nil)),
		"listing":         file("x.json", bytes.Repeat([]byte("[{\"plain_node_id\":1}]\n"), 48)),
		"documents":       file("x.json", bytes.Repeat([]byte("{}\n"), 340)),
		"nesting":         file("x.json", []byte(`{"version":1,"logs":`+strings.Repeat("[", 1000))),
	}
}

// About 1 KB never takes more than 1 MB, whatever it asks for.
func TestFewBytesTakeLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector has pools forget on purpose")
	}
	archives := hostileArchives(t)
	findAll(archives["window.zst"]) // what is allocated once for everybody
	for name, text := range archives {
		took := allocated(func() { findAll(text) }) / 2 // it is read twice
		t.Logf("%s: %d bytes took %d", name, len(text), took)
		if most := max(len(text), 1<<10) << 10; took > most {
			t.Errorf("%s: %d bytes took %d", name, len(text), took)
		}
	}
	for name, files := range hostileStores(t) {
		size := 0
		for _, file := range files {
			size += len(file.Data)
		}
		readLaid(t, files)
		took := allocated(func() { readLaid(t, files) })
		t.Logf("%s: %d bytes took %d", name, size, took)
		if most := max(size, 1<<10) << 10; took > most {
			t.Errorf("%s: %d bytes took %d", name, size, took)
		}
	}
}

// hostileNames are names of members that mean something elsewhere.
var hostileNames = []string{
	"../up/nodes_config.json", "/etc/nodes_config.json", "a/../../nodes_config.json", "metadata/\x1b[2Jnodes_config.json", "a\x00b/nodes_config.json",
	"new\nline/nodes_config.json", "metadata\\nodes_config.json", "metadata/NODES_CONFIG.json", "metadata/nodes_config.json", "C:nodes_config.json",
	"metadata/\xff.json", "metadata/nodes_config.json/x", ".", "..",
}

// seedArchives are archives of real documents and stores, in every form, and others that nobody means well with.
func seedArchives(t testing.TB) (all [][]byte) {
	document := func(name string) string {
		text, err := os.ReadFile("testdata/captures/removed-node-1.7.12/4-tombstone/metadata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	files := map[string]string{"cap/metadata/partition_table.json": document("partition_table"), "cap/metadata/pp_epoch_0.json": document("pp_epoch_0")}
	stores := map[string]string{"bucket/nodes_config": "", "m/CURRENT": ""}
	for name := range stores {
		text, err := os.ReadFile(map[string]string{"bucket/nodes_config": "stores/objects/testdata/bucket/nodes_config", "m/CURRENT": killedServer + "/CURRENT"}[name])
		if err != nil {
			t.Fatal(err)
		}
		stores[name] = string(text)
	}
	for _, name := range []string{"x.tar", "x.tar.gz", "x.tar.zst", "x.zip"} {
		all = append(all, []byte(pack(t, name, files)), []byte(pack(t, name, stores)))
		all = append(all, []byte(pack(t, name, map[string]string{"in.tar.gz": pack(t, "x.tar.gz", files), "in.zip": pack(t, "x.zip", files)})))
	}
	hostile := make(map[string]string)
	for _, name := range hostileNames {
		hostile[name] = files["cap/metadata/pp_epoch_0.json"]
	}
	links := []tar.Header{
		{Name: "nodes_config.json", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, {Name: "bifrost_config.json", Typeflag: tar.TypeLink, Linkname: "../x"},
		{Name: "partition_table.json", Typeflag: tar.TypeChar}, {Name: "pp_epoch_0.json", Typeflag: tar.TypeFifo}, {Name: "metadata", Typeflag: tar.TypeSymlink, Linkname: "."},
	}
	var linked bytes.Buffer
	w := tar.NewWriter(&linked)
	for i := range links {
		if err := w.WriteHeader(&links[i]); err != nil {
			t.Fatal(err)
		}
	}
	all = append(all, linked.Bytes(), []byte(pack(t, "x.zip", hostile)))
	return all
}

// told is what a snapshot says of its sources.
func told(s *Snapshot) string {
	var b strings.Builder
	fmt.Fprintln(&b, s.Name, len(s.Oddities), s.Gaps)
	for _, d := range s.Documents {
		fmt.Fprintln(&b, d.Key(), d.Version, d.Source.Name, d.Source.Size, d.Offset, d.Complete)
	}
	return b.String()
}

// What is found in an archive lies in it and is called so that a line stays a line, it is the same each time, and few bytes take
// little memory.
func FuzzFind(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 5))
	for _, text := range seedArchives(f) {
		f.Add(text)
		f.Add(text[:len(text)*2/3])
		flipped := bytes.Clone(text)
		flipped[random.IntN(len(flipped))] ^= 1 << random.IntN(8)
		f.Add(flipped)
	}
	for _, text := range hostileArchives(f) {
		f.Add(text)
	}
	f.Add(bombs(f))
	for _, window := range []int{17, 23, 27} {
		f.Add([]byte(repeated('{', window)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<20 {
			t.Skip()
		}
		var found []*Snapshot
		if took := allocated(func() { found, _ = findAll(text) }); took/2 > max(len(text), 1<<10)<<13 {
			t.Errorf("%d bytes took %d", len(text), took)
		}
		again, _ := findAll(text)
		if len(again) != len(found) {
			t.Fatalf("%d snapshots, and %d the next time", len(found), len(again))
		}
		for i, s := range found {
			if got, want := told(again[i]), told(s); got != want {
				t.Errorf("the next time it is\n%s\nand it was\n%s", got, want)
			}
			for _, d := range s.Documents {
				if name := d.Source.Name; path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") {
					t.Errorf("a document is called %q", name)
				}
			}
		}
	})
}
