package etcd

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/snapshots/stores/protobuf"
)

const (
	killedDatabase = "default.etcd/member/snap/db"
	killedLog      = "default.etcd/member/wal/0000000000000000-0000000000000000.wal"
)

// killed is the data directory of a member of etcd 3.5.21 that was killed when three keys of Restate's were in its database,
// and five more in its write-ahead log alone. What had been set aside for later is left out.
func killed(t testing.TB) fstest.MapFS {
	t.Helper()
	packed, err := os.Open("testdata/killed.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for r := tar.NewReader(unpacked); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		text, readErr := io.ReadAll(r)
		if err = errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		files[header.Name] = &fstest.MapFile{Data: text}
	}
}

// told is what is wrong with the database of a killed member.
func told(t testing.TB, files fstest.MapFS) string {
	t.Helper()
	s := read(t, files[killedDatabase].Data)
	CompareLog(s, files, "default.etcd/member/wal")
	var all []string
	for _, p := range s.Problems {
		all = append(all, strings.TrimPrefix(p.Source, "default.etcd/member/")+": "+p.Reason)
	}
	if s.Unsure {
		all = append(all, "unsure")
	}
	return strings.Join(all, "; ")
}

func TestWhatAKilledMemberHasInItsLogAlone(t *testing.T) {
	const behind = "snapshot.db: the database ends with entry 7, and its write-ahead log with 12: what was written last is not read"
	if got := told(t, killed(t)); got != behind {
		t.Error(got)
	}
	without := killed(t)
	delete(without, killedLog)
	if got := told(t, without); got != "unsure" {
		t.Error(got)
	}
	equal := killed(t) // the database has come to the end of the log
	database := equal[killedDatabase].Data
	at := bytes.Index(database, []byte("consistent_index\x00\x00\x00\x00\x00\x00\x00\x07"))
	if at < 0 {
		t.Fatal("the database does not say which entry it has come to")
	}
	database[at+len("consistent_index")+7] = 12
	if got := told(t, equal); got != "" {
		t.Error(got)
	}
	saved := read(t, captured(t, "snapshot.db.gz"))
	CompareLog(saved, nil, "")
	if saved.Unsure || len(saved.Problems) > 0 || !saved.Saved {
		t.Errorf("%+v", saved)
	}
}

// A log that ends anywhere is read up to there, and where that is within a record it is told.
func TestLogOfAMemberCutAnywhere(t *testing.T) {
	files := killed(t)
	text := bytes.TrimRight(files[killedLog].Data, "\x00")
	ends := map[int]bool{0: true}
	for at := 0; at+8 <= len(text); {
		field := binary.LittleEndian.Uint64(text[at:])
		at += 8 + int(field&(1<<56-1)) + int(field>>56&7)
		ends[at] = true
	}
	for cut := range text {
		sum := uint32(0)
		var l log
		files[killedLog] = &fstest.MapFile{Data: text[:cut]}
		err := l.read(files, killedLog, &sum)
		if (err == nil) != ends[cut] {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	for at := range text {
		damaged := bytes.Clone(text)
		damaged[at] ^= 4
		files[killedLog] = &fstest.MapFile{Data: damaged}
		if l, _ := readLog(files, "default.etcd/member/wal"); l.torn == "" && l.last != 12 {
			t.Fatalf("byte %d: the last entry is %d, and nothing is said", at, l.last)
		}
	}
}

func FuzzLog(f *testing.F) {
	text := bytes.TrimRight(killed(f)[killedLog].Data, "\x00")
	f.Add(text)
	for i := range 16 {
		f.Add(text[:len(text)*i/16])
		flipped := bytes.Clone(text)
		flipped[len(text)*i/16] ^= 1 << (i % 8)
		f.Add(flipped)
	}
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, found := readLog(fstest.MapFS{killedLog: {Data: text}}, "default.etcd/member/wal")
		if !found || l.last > 0 && len(text) < 8 {
			t.Errorf("%+v", l)
		}
	})
}

// What no log is, is said in words of our own and takes nothing.
func TestLogsThatAreNone(t *testing.T) {
	record := func(size uint64, content string) *fstest.MapFile {
		return &fstest.MapFile{Data: append(binary.LittleEndian.AppendUint64(nil, size), content...)}
	}
	pipe := *killed(t)[killedLog]
	pipe.Mode = fs.ModeNamedPipe
	for name, test := range map[string]struct {
		file *fstest.MapFile
		want string
	}{
		"pipe":          {&pipe, "not a regular file"}, // opening one takes for ever
		"large record":  {record(16<<20+1, strings.Repeat("\x00", 16<<20+1)), "byte 0: a record of 16777217 bytes"},
		"no field":      {record(1, "\xff"), "byte 0: not a protobuf message"},
		"no content":    {record(2, "\x0a\x05"), "byte 0: not a protobuf message"},
		"no whole text": {record(9, "\x0a"), "byte 0: it ends within a record"},
	} {
		l, found := readLog(fstest.MapFS{killedLog: test.file}, "default.etcd/member/wal")
		if want := "0000000000000000-0000000000000000.wal: " + test.want; !found || l.torn != want {
			t.Errorf("%s: %q, want %q", name, l.torn, want)
		}
	}
}

func TestKeyValuesThatAreNone(t *testing.T) {
	for _, text := range []string{"\xff", "\x0a\x05", "\x20"} {
		if _, _, _, err := keyValue([]byte(text)); !errors.Is(err, protobuf.ErrMessage) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A field of another type than the one that it has by its number is passed over, as etcd does.
func TestKeyValuesWithFieldsOfOtherTypes(t *testing.T) {
	key, value, count, err := keyValue([]byte("\x0a\x03key\x20\x02\x2a\x05value\x08\x01\x22\x01x\x28\x01\x3d\x00\x00\x00\x00"))
	if err != nil || string(key) != "key" || string(value) != "value" || count != 2 {
		t.Errorf("%q %q %d %v", key, value, count, err)
	}
}

func TestNamesOfLogs(t *testing.T) {
	for name, want := range map[string]bool{
		"0000000000000000-0000000000000000.wal": true, "00000000000000af-0123456789abcdef.wal": true,
		"0.tmp": false, "0000000000000000-0000000000000000.wal.broken": false, "0000000000000000-0000000000000000": false, ".wal": false, "-.wal": false,
		"000000000000000-00000000000000000.wal": false, "000000000000000g-0000000000000000.wal": false, "0000000000000000-000000000000000A.wal": false,
		"0000000000000000_0000000000000000.wal": false, "00000000000000000-000000000000000.wal": false, "0000000000000000-00000000-0000000.wal": false,
	} {
		if isLogName(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
