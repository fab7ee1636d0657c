package rocksdb

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/internal/testrocksdb"
)

// What a random history of writes, spread over tables of every form and logs, comes to is what a map makes of it.
func TestScanIsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := make(map[string]*Entry)
		highest := make(map[string]string)
		keys := rapid.SampledFrom([]string{"", "a", "ab", "abc", "abd", "b", "ba", "c", "ca", "cb", "d", strings.Repeat("d", 300)})
		values := rapid.OneOf(rapid.StringN(0, 40, 60), rapid.Just(strings.Repeat("abcd", 20)), rapid.Just(""))
		const parts = 4
		var versions, ranges [parts][]testrocksdb.Version
		var batches [][]byte
		for sequence := range uint64(rapid.IntRange(1, 60).Draw(t, "writes")) {
			sequence++
			v := testrocksdb.Version{Key: keys.Draw(t, "key"), Sequence: sequence}
			v.Op = rapid.SampledFrom([]byte{testrocksdb.Put, testrocksdb.Put, testrocksdb.Merge, testrocksdb.Delete, testrocksdb.SingleDelete, testrocksdb.DeleteRange}).Draw(t, "op")
			switch v.Op {
			case testrocksdb.Put, testrocksdb.Merge:
				v.Value = values.Draw(t, "value")
			case testrocksdb.DeleteRange:
				v.Value = keys.Draw(t, "end")
			}
			if v.Op != testrocksdb.DeleteRange && len(v.Key) > 0 {
				highest[v.Key[:1]] = max(highest[v.Key[:1]], v.Key)
			}
			play(model, v)
			part := rapid.IntRange(0, parts).Draw(t, "part")
			switch {
			case part == parts:
				batches = append(batches, testrocksdb.Batch(sequence, testrocksdb.Write{Family: 1, Op: v.Op, Key: v.Key, Value: v.Value}))
			case v.Op == testrocksdb.DeleteRange:
				ranges[part] = append(ranges[part], v)
			default:
				versions[part] = append(versions[part], v)
			}
		}
		family := testrocksdb.Family{ID: 1, Name: "f", LogNumber: 9}
		tables := make(map[uint64][]byte)
		for i := range parts {
			number := uint64(i) + 20
			family.Tables = append(family.Tables, number)
			slices.SortFunc(versions[i], func(a, b testrocksdb.Version) int {
				return compareVersions(&version{key: []byte(a.Key), sequence: a.Sequence}, &version{key: []byte(b.Key), sequence: b.Sequence})
			})
			tables[number] = drawTable(t).Encode(versions[i], ranges[i])
		}
		log := testrocksdb.Log{Number: rapid.SampledFrom([]uint32{0, 9}).Draw(t, "recycled"), Compressed: rapid.Bool().Draw(t, "compressed")}
		db, err := Open(testrocksdb.Database("db", map[uint64][]byte{9: log.Encode(batches...)}, tables, testrocksdb.Family{}, family), "db")
		if err != nil {
			t.Fatal(err)
		}
		var want []Entry
		for _, key := range slices.Sorted(maps.Keys(model)) {
			if e := model[key]; e.Value != nil || len(e.Operands) > 0 {
				want = append(want, *e)
			}
		}
		got := slices.Collect(db.Scan("f"))
		if len(db.Problems()) > 0 {
			t.Fatal(db.Problems())
		}
		if print(got) != print(want) {
			t.Fatalf("got\n%swant\n%s", print(got), print(want))
		}
		var tops []string
		for key := range db.Highest("f", 1) {
			tops = append(tops, string(key))
		}
		if wanted := slices.Sorted(maps.Values(highest)); !slices.Equal(tops, wanted) {
			t.Fatalf("highest keys: got %q, want %q", tops, wanted)
		}
	})
}

func print(entries []Entry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%q %d: %q %t + %q\n", e.Key, e.Sequence, e.Value, e.Value == nil, e.Operands)
	}
	return b.String()
}

// play applies a write to a map.
func play(model map[string]*Entry, v testrocksdb.Version) {
	if v.Op == testrocksdb.DeleteRange {
		for key := range model {
			if v.Key <= key && key < v.Value {
				delete(model, key)
			}
		}
		return
	}
	e := model[v.Key]
	if e == nil {
		e = &Entry{Key: []byte(v.Key)}
		model[v.Key] = e
	}
	e.Sequence = v.Sequence
	switch v.Op {
	case testrocksdb.Put:
		e.Value, e.Operands = []byte(v.Value), nil
	case testrocksdb.Merge:
		e.Operands = append(e.Operands, []byte(v.Value))
	default:
		e.Value, e.Operands = nil, nil
	}
}

func drawTable(t *rapid.T) testrocksdb.Table {
	table := testrocksdb.Table{
		Format:       uint32(rapid.IntRange(0, maxFormat).Draw(t, "format")),
		Checksum:     rapid.SampledFrom([]byte{0, 1, 4}).Draw(t, "checksum"),
		Compression:  rapid.SampledFrom([]byte{0, 1, 4, 5, 7}).Draw(t, "compression"),
		TwoLevels:    rapid.Bool().Draw(t, "two levels"),
		Deltas:       rapid.Bool().Draw(t, "deltas"),
		UserKeys:     rapid.Bool().Draw(t, "user keys"),
		FirstKeys:    rapid.Bool().Draw(t, "first keys"),
		HashIndex:    rapid.Bool().Draw(t, "hash index"),
		BlockEntries: rapid.IntRange(0, 4).Draw(t, "entries in a block"),
		Family:       1, FamilyName: "f",
	}
	if table.Format < 2 && table.Compression > 1 {
		table.Compression = 0
	}
	if table.TwoLevels {
		table.FirstKeys = false
	}
	return table
}

// Highest passes over the blocks of data in whose midst no prefix ends.
func TestHighestReadsFewBlocks(t *testing.T) {
	var versions []testrocksdb.Version
	for i := range 3000 {
		versions = append(versions, testrocksdb.Version{Key: fmt.Sprintf("%d-%06d", i/1000, i), Sequence: 1, Op: testrocksdb.Put, Value: strings.Repeat("x", 100)})
	}
	table := testrocksdb.Table{Format: 6, Checksum: 4, TwoLevels: true, Deltas: true, BlockEntries: 4, Family: 1, FamilyName: "f"}.Encode(versions, nil)
	files := &countingFS{FS: testrocksdb.Database("db", map[uint64][]byte{9: nil}, map[uint64][]byte{20: table}, testrocksdb.Family{ID: 1, Name: "f", Tables: []uint64{20}})}
	db, err := Open(files, "db")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for key := range db.Highest("f", 1) {
		got = append(got, string(key))
	}
	if want := []string{"0-000999", "1-001999", "2-002999"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if files.read > len(table)/4 {
		t.Errorf("read %d bytes of %d", files.read, len(table))
	}
	if len(db.Problems()) > 0 {
		t.Error(db.Problems())
	}
}

// countingFS counts the bytes that are read at a place.
type countingFS struct {
	fs.FS
	read int
}

type countingFile struct {
	file
	fsys *countingFS
}

func (c *countingFS) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if at, ok := f.(file); ok {
		return countingFile{at, c}, err
	}
	return f, err
}

func (f countingFile) ReadAt(b []byte, offset int64) (int, error) {
	n, err := f.file.ReadAt(b, offset)
	f.fsys.read += n
	return n, err
}

// The logs behind a damaged one are read only if they begin with what is missing there, as RocksDB does.
func TestLogsAreReadInOneSequence(t *testing.T) {
	put := func(key string) testrocksdb.Write { return testrocksdb.Write{Op: testrocksdb.Put, Key: key} }
	first := testrocksdb.Log{}.Encode(testrocksdb.Batch(1, put("a")), testrocksdb.Batch(2, put("b")))
	end := len(testrocksdb.Log{}.Encode(testrocksdb.Batch(1, put("a"))))
	for _, test := range []struct {
		name     string
		cut      int
		next     uint64
		want     string
		problems int
	}{
		{"sound", len(first), 3, "a b c", 0},
		{"torn, and written again", end + 3, 2, "a c", 1},
		{"torn, and something is missing", end + 3, 3, "a", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs := map[uint64][]byte{5: first[:test.cut], 7: testrocksdb.Log{}.Encode(testrocksdb.Batch(test.next, put("c")))}
			db, err := Open(testrocksdb.Database("db", logs, nil, testrocksdb.Family{LogNumber: 5}), "db")
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for e := range db.Scan("default") {
				keys = append(keys, string(e.Key))
			}
			if got := strings.Join(keys, " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if len(db.Problems()) != test.problems {
				t.Errorf("problems: %v", db.Problems())
			}
			for _, p := range db.Problems() {
				if p.Torn {
					t.Errorf("not the newest log: %v", p)
				}
			}
		})
	}
}

// What earlier logs hold is in the tables already, for a family whose log number says so.
func TestLogsBeforeTheLogNumberDoNotCount(t *testing.T) {
	put := func(family uint32, key string) testrocksdb.Write {
		return testrocksdb.Write{Family: family, Op: testrocksdb.Put, Key: key}
	}
	logs := map[uint64][]byte{
		5: testrocksdb.Log{}.Encode(testrocksdb.Batch(1, put(1, "old"), put(2, "both"))),
		7: testrocksdb.Log{}.Encode(testrocksdb.Batch(3, put(1, "new"), put(2, "more"))),
	}
	db, err := Open(testrocksdb.Database("db", logs, nil, testrocksdb.Family{LogNumber: 7},
		testrocksdb.Family{ID: 1, Name: "late", LogNumber: 7}, testrocksdb.Family{ID: 2, Name: "early", LogNumber: 5}), "db")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"late": `["new"]`, "early": `["both" "more"]`, "none": `[]`} {
		var keys []string
		for e := range db.Scan(name) {
			keys = append(keys, string(e.Key))
		}
		if got := fmt.Sprintf("%q", keys); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if len(db.Problems()) > 0 {
		t.Error(db.Problems())
	}
}

// Records that are longer than a block are put together again, be they compressed or not.
func TestRecordsSpanBlocks(t *testing.T) {
	big := make([]byte, 100_000)
	for i := range big {
		big[i] = byte(i * i >> 7)
	}
	for _, log := range []testrocksdb.Log{{}, {Number: 9}, {Compressed: true}} {
		writes := [][]byte{
			testrocksdb.Batch(1, testrocksdb.Write{Op: testrocksdb.Put, Key: "a", Value: string(big)}),
			testrocksdb.Batch(2, testrocksdb.Write{Op: testrocksdb.Put, Key: "b", Value: string(big[:32<<10-7-7-20])}), // up to about the end of a block
			testrocksdb.Batch(3, testrocksdb.Write{Op: testrocksdb.Put, Key: "c", Value: string(big[:70_000])}),
		}
		db, err := Open(testrocksdb.Database("db", map[uint64][]byte{9: log.Encode(writes...)}, nil, testrocksdb.Family{}), "db")
		if err != nil {
			t.Fatal(err)
		}
		sizes := 0
		for e := range db.Scan("default") {
			if string(e.Value) != string(big[:len(e.Value)]) {
				t.Errorf("%+v: %s differs", log, e.Key)
			}
			sizes += len(e.Value)
		}
		if want := 170_000 + 32<<10 - 34; sizes != want {
			t.Errorf("%+v: %d bytes, want %d", log, sizes, want)
		}
		if len(db.Problems()) > 0 {
			t.Error(db.Problems())
		}
	}
}
