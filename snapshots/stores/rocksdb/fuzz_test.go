package rocksdb

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"restate-lint/internal/testrocksdb"
)

// seed adds the real files that a pattern names, their halves, and one with a wrong bit in each.
func seed(f *testing.F, pattern string) {
	names, err := filepath.Glob(filepath.Join("testdata", "*", pattern))
	if err != nil || len(names) == 0 {
		f.Fatal(pattern, err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
		f.Add(content[:len(content)/2])
		if len(content) > 0 {
			flipped := bytes.Clone(content)
			flipped[len(flipped)/3] ^= 4
			f.Add(flipped)
		}
	}
}

// checked reads a database of one hostile file, and checks that it took neither long nor much.
func checked(t *testing.T, files fs.FS, size int) {
	t.Helper()
	var before, after runtime.MemStats
	start := time.Now()
	runtime.ReadMemStats(&before)
	db, err := Open(files, "db", Family{1, "data"}, Family{2, "metadata"})
	if err != nil {
		return
	}
	for _, name := range db.Families() {
		count(db.Scan(name))
		count(db.Highest(name, 9))
	}
	runtime.ReadMemStats(&after)
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(max(size, 1<<10))<<12; got > limit { // it is read several times
		t.Errorf("%d bytes allocated for %d", got, size)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	for _, p := range db.Problems() {
		if p.Reason == "" || p.Offset < 0 || p.Offset > int64(size) && p.File != "" {
			t.Errorf("problem %+v", p)
		}
	}
}

func FuzzTable(f *testing.F) {
	seed(f, "*.sst")
	for _, table := range []testrocksdb.Table{
		{Format: 0}, {Format: 2, Checksum: 1, Compression: 1}, {Format: 5, TwoLevels: true, Deltas: true, BlockEntries: 2},
		{Format: 6, Compression: 4, FirstKeys: true, UserKeys: true, HashIndex: true, BlockEntries: 1},
	} {
		versions := []testrocksdb.Version{{Key: "a", Sequence: 3, Op: testrocksdb.Merge}, {Key: "a", Sequence: 1, Op: testrocksdb.Put}, {Key: "ab", Op: testrocksdb.Delete}, {Key: "b"}}
		f.Add(table.Encode(versions, []testrocksdb.Version{{Key: "a", Op: testrocksdb.DeleteRange, Value: "c"}}))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		checked(t, fstest.MapFS{"db/000001.sst": {Data: content}}, len(content))
	})
}

func FuzzLog(f *testing.F) {
	seed(f, "*.log")
	for _, log := range []testrocksdb.Log{{}, {Number: 1}, {Compressed: true}} {
		var writes []testrocksdb.Write
		for _, op := range []byte{testrocksdb.Put, testrocksdb.Delete, testrocksdb.Merge, testrocksdb.SingleDelete, testrocksdb.DeleteRange} {
			writes = append(writes, testrocksdb.Write{Family: uint32(op) % 3, Op: op, Key: "k", Value: "value"})
		}
		f.Add(log.Encode(testrocksdb.Batch(1, writes...), testrocksdb.Batch(9, writes...)))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		checked(t, fstest.MapFS{"db/000001.log": {Data: content}}, len(content))
	})
}

func FuzzManifest(f *testing.F) {
	seed(f, "MANIFEST-*")
	table, err := os.ReadFile("testdata/log-store-clean/000010.sst")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		checked(t, fstest.MapFS{
			"db/CURRENT": {Data: []byte("MANIFEST-000001")}, "db/MANIFEST-000001": {Data: content}, "db/000009.sst": {Data: table}, "db/000010.sst": {Data: table},
		}, len(content)+len(table))
	})
}

// Checksums keep most mutations from the parsers behind them; here they do not.
func FuzzBlocks(f *testing.F) {
	for _, dir := range []string{"raft-crash", "log-store-clean"} {
		names, _ := filepath.Glob(filepath.Join("testdata", dir, "*.sst"))
		for _, name := range names {
			file, err := os.Open(name)
			if err != nil {
				f.Fatal(err)
			}
			info, _ := file.Stat()
			table, err := openTable("table", file, info.Size())
			if err != nil {
				f.Fatal(err)
			}
			var index, data blockBuffer
			block, err := table.read(table.index, &index)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(block, table.indexing.deltas, table.indexing.userKeys, false)
			var it blockIterator
			for it.set(block, &table.indexing, 0); it.next(); {
				if block, err := table.read(it.handle, &data); err == nil {
					f.Add(bytes.Clone(block), false, false, false)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, block []byte, deltas, userKeys, firstKeys bool) {
		for _, indexing := range []*blockIndexing{nil, {deltas: deltas, userKeys: userKeys, firstKey: firstKeys}} {
			var it blockIterator
			it.set(block, indexing, trailerSize)
			for steps := 0; it.next(); steps++ {
				if steps > len(block) || len(it.key) > len(block) || len(it.value) > len(block) {
					t.Fatalf("step %d: key of %d bytes, value of %d", steps, len(it.key), len(it.value))
				}
			}
		}
		if next, err := batch(block, func(write) {}); err != nil && next > 0 && len(block) < 8 {
			t.Fatal(next, err)
		}
		for how := range compression(9) {
			if plain, err := decompress(nil, block, how); err == nil && len(plain) > maxExpanded(len(block)) {
				t.Fatalf("%v: %d bytes of %d", how, len(plain), len(block))
			}
		}
		if _, err := parseEdit(block); err == nil && len(block) > 1<<20 {
			t.Skip()
		}
	})
}
