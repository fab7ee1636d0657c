package datadir

import (
	"encoding/binary"
	"io/fs"
	"runtime"
	"testing"
	"testing/fstest"

	"restate-lint/internal/testrocksdb"
	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/rocksdb"
)

// seedValues calls add for the values of a family of a captured database, for their halves, and for each with a wrong bit.
func seedValues(f *testing.F, dir, family string, add func(key string, value []byte)) {
	db, err := rocksdb.Open(captured, dir)
	if err != nil {
		f.Fatal(err)
	}
	for entry := range db.Scan(family) {
		add(string(entry.Key), entry.Value)
		add(string(entry.Key), entry.Value[:len(entry.Value)/2])
		if len(entry.Value) > 0 {
			entry.Value[len(entry.Value)*2/3] ^= 8
			add(string(entry.Key), entry.Value)
		}
	}
}

// checked reads a directory and checks that this takes no more memory than it may, and gives nothing that is impossible.
func checked(t *testing.T, files fs.FS, size int) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found, _ := Read(files, "m")
	runtime.ReadMemStats(&after)
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(max(size, 1<<10))<<10; got > limit {
		t.Errorf("%d bytes allocated for %d", got, size)
	}
	for _, s := range found {
		for _, v := range append(s.Values, s.History...) {
			if len(v.Payload) > size || len(v.Key) > size {
				t.Errorf("a value of %d bytes out of %d", len(v.Payload), size)
			}
		}
		if r := s.Raft; r != nil && (r.Used >= len(r.Members) || r.Committed > r.Members[r.Used].Last.Index) {
			t.Errorf("%+v", r)
		}
	}
}

func FuzzRaft(f *testing.F) {
	f.Add("snapshot", []byte(nil), []byte(nil), []byte(nil))
	var entries [][]byte
	seedValues(f, "raft-crash", "data", func(_ string, value []byte) { entries = append(entries, append([]byte{}, value...)) })
	i := 0
	seedValues(f, "raft-crash", "metadata", func(key string, value []byte) {
		f.Add(key, append([]byte{}, value...), entries[i], entries[i+1])
		i += 5
	})
	f.Add("snapshot", []byte(new(raftLog).Start(1, 1, 1, 1, 1).Writes[3].Value), write("a", 1, 0), write("a", 0, 1))
	f.Fuzz(func(t *testing.T, key string, value, first, second []byte) {
		l := new(raftLog).Start(1, 1, 1, 0, 1)
		l.Put(2, key, value)
		l.Put(1, entryKey(2), first)
		l.Put(1, entryKey(3), second)
		checked(t, l.Files("m"), 1<<10+len(key)+len(value)+len(first)+len(second))
	})
}

func entryKey(index uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte{raftLogKey}, index))
}

func FuzzLocalStore(f *testing.F) {
	f.Add("nodes_config", []byte(testrocksdb.LocalValue(3, "\x02value")))
	f.Add(sealedKey, []byte("2026-11-23T01:48:47Z"))
	seedValues(f, "raft-crash", "metadata", func(key string, value []byte) {
		wrapped := binary.LittleEndian.AppendUint32([]byte{codecFlexBuffers}, uint32(len(value)))
		f.Add(key, append(wrapped, value...))
	})
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		files := fstest.MapFS{}
		for name, file := range localStoreFiles(testrocksdb.Write{Key: key, Value: string(value)}) {
			files["m"+name[len("local-metadata-store"):]] = file
		}
		checked(t, files, 1<<10+len(key)+len(value))
	})
}

func FuzzLogServer(f *testing.F) {
	seedValues(f, "log-server-killed", "metadata", func(key string, value []byte) { f.Add([]byte(key), append([]byte{}, value...)) })
	f.Fuzz(func(t *testing.T, key, value []byte) {
		writes := []testrocksdb.Write{
			{Family: 2, Op: testrocksdb.Put, Key: "s\x00\x00\x00\x00\x00\x00\x00\x01"},
			{Family: 2, Op: testrocksdb.Merge, Key: string(key), Value: string(value)},
			{Family: 2, Op: testrocksdb.Put, Key: string(key) + "x", Value: string(value)},
			{Family: 1, Op: testrocksdb.Put, Key: string(value), Value: string(key)},
		}
		log := testrocksdb.Log{}.Encode(testrocksdb.Batch(1, writes...))
		families := []testrocksdb.Family{{}, {ID: 1, Name: "data"}, {ID: 2, Name: "metadata"}}
		files := testrocksdb.Database("m", map[uint64][]byte{4: log}, nil, families...)
		checked(t, files, 1<<10+2*len(key)+3*len(value))
		if found, _ := Read(files, "m"); len(found) == 1 && found[0].Kind == stores.LogServer {
			for _, l := range found[0].LogServer.Loglets {
				if l.LocalTail <= uint64(l.TrimPoint) {
					t.Errorf("%+v", l)
				}
			}
		}
	})
}
