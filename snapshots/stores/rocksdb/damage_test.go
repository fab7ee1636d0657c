package rocksdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"

	"restate-lint/internal/testrocksdb"
)

// load reads a directory of testdata into memory.
func load(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	entries, err := os.ReadDir(filepath.Join("testdata", dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join("testdata", dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files["db/"+entry.Name()] = &fstest.MapFile{Data: content}
	}
	return files
}

// with returns the files with one of them replaced, or left out if its content is nil.
func with(files fstest.MapFS, name string, content []byte) fstest.MapFS {
	files = maps.Clone(files)
	delete(files, "db/"+name)
	if content != nil {
		files["db/"+name] = &fstest.MapFile{Data: content}
	}
	return files
}

// dump reads everything of a database, and says what it is and what is wrong.
func dump(t testing.TB, files fs.FS) (content string, problems []Problem) {
	t.Helper()
	db, err := Open(files, "db", Family{1, "data"}, Family{2, "metadata"})
	if err != nil {
		return err.Error(), []Problem{{Reason: err.Error()}}
	}
	var b strings.Builder
	for _, family := range db.Families() {
		for e := range db.Scan(family) {
			fmt.Fprintf(&b, "%s %s", family, print([]Entry{e}))
		}
		for key := range db.Highest(family, 9) {
			fmt.Fprintf(&b, "%s %x\n", family, key)
		}
	}
	return b.String(), db.Problems()
}

// What servers of Restate 1.7.12 wrote, stopped or killed, is read as a whole: how many keys there are is known from
// another reader.
func TestRealDatabases(t *testing.T) {
	for dir, want := range map[string]struct {
		data, metadata int
		problems       string
	}{
		"raft-crash":        {51, 5, ""},
		"raft-clean":        {27, 5, ""},
		"log-server-killed": {0, 33, ""},
		"log-store-clean":   {16, 15, "no manifest: every table that is there is read, and what was deleted may seem to be back; no write-ahead log: the newest writes may be missing"},
	} {
		t.Run(dir, func(t *testing.T) {
			db, err := Open(os.DirFS("testdata"), dir)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]int{"data": want.data, "metadata": want.metadata} {
				n, last := 0, []byte(nil)
				for e := range db.Scan(name) {
					n++
					if bytes.Compare(last, e.Key) >= 0 {
						t.Errorf("%q comes behind %q", e.Key, last)
					}
					last = e.Key
				}
				if n != want {
					t.Errorf("%s: %d keys, want %d", name, n, want)
				}
			}
			var problems []string
			for _, p := range db.Problems() {
				problems = append(problems, p.String())
			}
			if got := strings.Join(problems, "; "); got != want.problems {
				t.Errorf("problems: %s", got)
			}
			if got := db.Formats(); !slices.Equal(got, []uint32{6}) {
				t.Errorf("formats %v", got)
			}
		})
	}
}

// A log that ends anywhere is read up to there, and the place is told unless it is the end of a record.
func TestLogTruncatedAtEveryByte(t *testing.T) {
	files := load(t, "raft-crash")
	const name = "000032.log"
	log := files["db/"+name].Data
	var ends []int // of the records
	whole := read(log, func(end int64) { ends = append(ends, int(end)) })
	if len(whole) != 13 || ends[len(ends)-1] != len(log) {
		t.Fatalf("%d records, ending at %v", len(whole), ends)
	}
	for cut := range log {
		db, err := Open(with(fstest.MapFS{}, name, log[:cut]), "db")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		db.eachWrite(func(_ uint64, w write) bool {
			if string(w.value) != string(whole[n].value) || w.sequence != whole[n].sequence {
				t.Fatalf("cut at %d: write %d differs", cut, n)
			}
			n++
			return true
		})
		before := 0
		for before < len(ends) && ends[before] <= cut {
			before++
		}
		if want := max(before-1, 0); n != want { // the first record says how the others are compressed
			t.Fatalf("cut at %d: %d writes, want %d", cut, n, want)
		}
		start := 0
		if before > 0 {
			start = ends[before-1]
		}
		told := slices.ContainsFunc(db.Problems(), func(p Problem) bool { return p.Torn && p.File == name && p.Offset == int64(start) })
		if told != (start != cut) {
			t.Fatalf("cut at %d, in the record at %d: problems %v", cut, start, db.Problems())
		}
	}
}

// read returns the writes of a log, and tells where its records end.
func read(log []byte, end func(int64)) (writes []write) {
	l := newLogReader(bytes.NewReader(log), 0)
	for {
		at, kind, payload, err := l.fragment()
		if err != nil {
			return writes
		}
		end(at + headerSize + int64(len(payload)))
		if kind == recordCompression {
			continue
		}
		plain, _ := expand(nil, payload)
		_, _ = batch(plain, func(w write) { writes = append(writes, w) })
	}
}

// One wrong bit anywhere is noticed, or does not matter; what the other files hold is read all the same.
func TestBitFlips(t *testing.T) {
	for dir, names := range map[string][]string{
		"raft-crash":        {"MANIFEST-000033", "CURRENT", "000028.sst", "000032.log"},
		"log-server-killed": {"000040.sst"},
	} {
		files := load(t, dir)
		want, problems := dump(t, files)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, name := range names {
			content := files["db/"+name].Data
			for i := 0; i < len(content); i += 7 { // at every byte it takes long, and does hold
				flipped := bytes.Clone(content)
				flipped[i] ^= 1 << (i % 8)
				got, problems := dump(t, with(files, name, flipped))
				if got != want && len(problems) == 0 {
					t.Fatalf("%s/%s: nobody noticed bit %d of byte %d", dir, name, i%8, i)
				}
				if len(got) < len(want)/8 && name != "CURRENT" {
					t.Fatalf("%s/%s, byte %d: only %d of %d bytes are left: %v", dir, name, i, len(got), len(want), problems)
				}
			}
		}
	}
}

const noLog = "no write-ahead log from number 28 on: the newest writes are missing"

// Every file may be missing or end early. It is said which one, and the rest is read.
func TestMissingAndTruncatedFiles(t *testing.T) {
	files := load(t, "raft-crash")
	want, _ := dump(t, files)
	for path, file := range files {
		name := strings.TrimPrefix(path, "db/")
		for _, size := range []int{-1, 0, 1, len(file.Data) / 2, len(file.Data) - 1} {
			var content []byte
			if size >= 0 {
				content = append([]byte{}, file.Data[:size]...)
			}
			got, problems := dump(t, with(files, name, content))
			named := slices.ContainsFunc(problems, func(p Problem) bool { return p.File == name || size < 0 && p.Reason == noLog })
			sameAnyway := got == want && name == "CURRENT" && size == len(file.Data)-1 // without the end of its line
			emptyLog := name == "000032.log" && size == 0                              // as after a restart
			if !named && !sameAnyway && !emptyLog {
				t.Errorf("%s with %d bytes: %v", name, size, problems)
			}
			if len(problems) == 0 && !sameAnyway && !emptyLog {
				t.Errorf("%s with %d bytes: no problem", name, size)
			}
			lines := strings.Count(got, "\n")
			if lines < strings.Count(want, "\n")/4 {
				t.Errorf("%s with %d bytes: only %d lines are left", name, size, lines)
			}
		}
	}
	if _, err := Open(fstest.MapFS{"db/README": {}}, "db"); err == nil {
		t.Error("a directory without a database is opened")
	}
	if _, err := Open(fstest.MapFS{}, "db"); err == nil {
		t.Error("a directory that does not exist is opened")
	}
}

// What a newer or another database wrote is named.
func TestUnknownFormsAreNamed(t *testing.T) {
	version := []testrocksdb.Version{{Key: "k", Sequence: 1, Op: testrocksdb.Put}}
	families := []testrocksdb.Family{{}, {ID: 1, Name: "f", Tables: []uint64{20}}}
	withTable := func(table testrocksdb.Table) fstest.MapFS {
		table.Family = 1
		return testrocksdb.Database("db", map[uint64][]byte{9: nil}, map[uint64][]byte{20: table.Encode(version, nil)}, families...)
	}
	withLog := func(log []byte) fstest.MapFS {
		return testrocksdb.Database("db", map[uint64][]byte{9: log}, nil, families[:1]...)
	}
	withManifest := func(record []byte) fstest.MapFS {
		return fstest.MapFS{"db/CURRENT": {Data: []byte("MANIFEST-7\n")}, "db/MANIFEST-7": {Data: testrocksdb.Log{}.Encode(record)}, "db/9.log": {}}
	}
	unknownMagic := testrocksdb.Table{Format: 5, Checksum: 4}.Encode(version, nil)
	unknownMagic[len(unknownMagic)-1] = 0x77
	for want, files := range map[string]fs.FS{
		"000020.sst, byte %: a table of format version 7, which is newer than the last one that is known, 6": withTable(testrocksdb.Table{Format: 7, Checksum: 4}),
		"is no block-based table, or is truncated (magic number 0x77e241b785f4cff7)":                         testrocksdb.Database("db", map[uint64][]byte{9: nil}, map[uint64][]byte{20: unknownMagic}, families...),
		"keys are in an order that is not known, \"rocksdb.ReverseBytewise":                                  withTable(testrocksdb.Table{Format: 5, Properties: map[string]string{"rocksdb.comparator": "rocksdb.ReverseBytewiseComparator"}}),
		"an index of unknown kind 9":                                                  withTable(testrocksdb.Table{Format: 5, Properties: map[string]string{"rocksdb.block.based.table.index.type": "\x09\x00\x00\x00"}}),
		"its checksums are of an unknown kind (3) and were not verified":              withTable(testrocksdb.Table{Format: 5, Checksum: 3}),
		"is compressed in an unknown way (type 4)":                                    withLog(record(9, []byte{4, 0, 0, 0})),
		"a record of unknown type 77":                                                 withLog(record(77, nil)),
		"a write batch has an operation of unknown kind 0x5f":                         withLog(testrocksdb.Log{}.Encode(append(make([]byte, 12), 0x5f))),
		"a change of unknown kind 999":                                                withManifest([]byte{0xe7, 0x07}),
		"the keys of family \"default\" are in an order that is not known, \"other\"": withManifest([]byte("\x01\x05other")),
		"a table outside the directory":                                               withManifest([]byte{103, 0, 5, 9, 0, 0, 0, 0, 65, 1, 3, 1}),
	} {
		_, problems := dump(t, files)
		var got []string
		for _, p := range problems {
			got = append(got, p.String())
		}
		text := strings.Join(got, "\n")
		for part := range strings.SplitSeq(want, "%") {
			if !strings.Contains(text, part) {
				t.Errorf("want %s\ngot  %s", want, text)
			}
		}
	}
}

// record is one record of a log, with its checksum.
func record(kind byte, payload []byte) []byte {
	b := make([]byte, 6)
	binary.LittleEndian.PutUint16(b[4:], uint16(len(payload)))
	b = append(append(b, kind), payload...)
	binary.LittleEndian.PutUint32(b, mask(crc32.Checksum(b[6:], castagnoli()))) // that it is the right one, real files show
	return b
}

// bombs are inputs of about 1 KB that claim to hold far more, or lead in circles.
func bombs(t testing.TB) map[string]fs.FS {
	zeros := make([]byte, 4<<20)
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := encoder.EncodeAll(zeros, nil)
	streamed := func() []byte { // with no size in its header
		var b bytes.Buffer
		w, _ := zstd.NewWriter(&b)
		_, _ = w.Write(zeros[:1<<20])
		_ = w.Flush()
		_, _ = w.Write(zeros)
		_ = w.Close()
		return b.Bytes()
	}()
	version := []testrocksdb.Version{{Key: "l12345678", Sequence: 1, Op: testrocksdb.Put, Value: string(zeros[:200_000])}}
	many := []testrocksdb.Version{}
	for i := range 20_000 {
		many = append(many, testrocksdb.Version{Key: fmt.Sprintf("%09d", i), Op: testrocksdb.Put})
	}
	var writes []testrocksdb.Write
	for range 20_000 {
		writes = append(writes, testrocksdb.Write{Family: 1, Op: testrocksdb.Put})
	}
	table := func(table testrocksdb.Table, versions []testrocksdb.Version) fs.FS {
		table.Family, table.FamilyName = 1, "data"
		return fstest.MapFS{"db/000020.sst": {Data: table.Encode(versions, nil)}}
	}
	logOf := func(payload []byte) []byte { return append(record(9, []byte{7, 0, 0, 0}), record(1, payload)...) }
	return map[string]fs.FS{
		"a block of zeros":         table(testrocksdb.Table{Format: 5, Checksum: 4, Compression: 7}, version),
		"a block of zeros, LZ4":    table(testrocksdb.Table{Format: 6, Checksum: 4, Compression: 4}, version),
		"a block of zeros, Snappy": table(testrocksdb.Table{Format: 4, Checksum: 1, Compression: 1}, version),
		"a block of many entries":  table(testrocksdb.Table{Format: 6, Checksum: 4, Compression: 7}, many),
		"a log of zeros":           fstest.MapFS{"db/000009.log": {Data: logOf(bomb)}},
		"a log of zeros, streamed": fstest.MapFS{"db/000009.log": {Data: logOf(streamed)}},
		"a log of many writes":     fstest.MapFS{"db/000009.log": {Data: testrocksdb.Log{Compressed: true}.Encode(testrocksdb.Batch(1, writes...))}},
		"a manifest of zeros":      fstest.MapFS{"db/CURRENT": {Data: []byte("MANIFEST-7\n")}, "db/MANIFEST-7": {Data: logOf(bomb)}},
		"a large name":             fstest.MapFS{"db/CURRENT": {Data: []byte("MANIFEST-" + strings.Repeat("7", 900))}, "db/MANIFEST-7": {}},
		"huge sizes":               fstest.MapFS{"db/000020.sst": {Data: hugeSizes()}},
	}
}

// hugeSizes is a table whose every block claims to be as large as numbers get.
func hugeSizes() []byte {
	footer := make([]byte, footerSize)
	at := 1
	for range 2 {
		at += binary.PutUvarint(footer[at:], 0)
		at += binary.PutUvarint(footer[at:], 1<<63)
	}
	binary.LittleEndian.PutUint32(footer[41:], 5)
	binary.LittleEndian.PutUint64(footer[45:], blockBasedMagic)
	return footer
}

// About 1 KB never makes the reader allocate more than 1 MB, whatever is asked for.
func TestAllocationIsBounded(t *testing.T) {
	if _, err := expand(nil, testrocksdb.Compress(make([]byte, 1<<20))); !errors.Is(err, errExpands) { // the decoder is allocated once for everybody
		t.Fatal(err)
	}
	for name, files := range bombs(t) {
		size := 0
		_ = fs.WalkDir(files, ".", func(_ string, entry fs.DirEntry, _ error) error {
			if info, err := entry.Info(); err == nil {
				size += int(info.Size())
			}
			return nil
		})
		limit := max(size, 1<<10) << 10
		bounded := func(what string, do func()) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			do()
			runtime.ReadMemStats(&after)
			if got := int(after.TotalAlloc - before.TotalAlloc); got > limit {
				t.Errorf("%s, %s: %d bytes allocated for %d", name, what, got, size)
			}
		}
		var db *DB
		bounded("opened", func() { db, _ = Open(files, "db", Family{1, "data"}) })
		if db != nil {
			bounded("scanned", func() { count(db.Scan("data")) })
			bounded("searched", func() { count(db.Highest("data", 9)) })
		}
	}
}

func count[T any](all iter.Seq[T]) (n int) {
	for range all {
		n++
	}
	return n
}

// Nothing is written, and no file needs to be writable.
func TestFilesStayAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/raft-crash")); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		_ = os.Chmod(filepath.Join(dir, entry.Name()), 0o400)
	}
	_ = os.Chmod(dir, 0o500)
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	db, err := Open(os.DirFS(dir), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range db.Families() {
		count(db.Scan(name))
	}
	if len(db.Problems()) > 0 {
		t.Error(db.Problems())
	}
	after, _ := os.ReadDir(dir)
	if len(after) != len(entries) {
		t.Errorf("%d files, there were %d", len(after), len(entries))
	}
	for _, entry := range entries {
		want, _ := os.ReadFile(filepath.Join("testdata/raft-crash", entry.Name()))
		got, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s has changed: %v", entry.Name(), err)
		}
	}
}

// A file system that reads only from the beginning will do.
func TestSequentialFiles(t *testing.T) {
	files := load(t, "raft-crash")
	want, _ := dump(t, files)
	if got, problems := dump(t, sequential{files}); got != want {
		t.Errorf("differs: %v", problems)
	}
}

// sequential hides that its files can be read anywhere.
type sequential struct{ fs.FS }

func (s sequential) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if directory, ok := f.(fs.ReadDirFile); ok {
		if info, _ := f.Stat(); info.IsDir() {
			return directory, nil
		}
	}
	return onlyFile{f}, nil
}

type onlyFile struct{ f fs.File }

func (o onlyFile) Stat() (fs.FileInfo, error) { return o.f.Stat() }
func (o onlyFile) Read(b []byte) (int, error) { return o.f.Read(b) }
func (o onlyFile) Close() error               { return o.f.Close() }

// RocksDB packs a record without saying how large it is. However well it packs, it is read.
func TestRecordsThatPackWell(t *testing.T) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "%s%d", strings.Repeat("-", 200), i)
	}
	for _, text := range []string{"", "short", text.String()[:3000], text.String()} {
		var packed bytes.Buffer
		w, err := zstd.NewWriter(&packed)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(text))
		_ = w.Flush()
		_ = w.Close()
		if got, err := expand(nil, packed.Bytes()); err != nil || string(got) != text {
			t.Errorf("%d bytes, %d packed: %d, %v", len(text), packed.Len(), len(got), err)
		}
	}
}
