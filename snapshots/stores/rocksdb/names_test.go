package rocksdb

import (
	"encoding/binary"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"restate-lint/internal/testrocksdb"
)

// A number may be written in more than one way. Which file counts then is the same each time.
func TestNumbersOfTwoFiles(t *testing.T) {
	manifest := func(name string) *fstest.MapFile {
		return &fstest.MapFile{Data: testrocksdb.Manifest(nil, testrocksdb.Family{}, testrocksdb.Family{ID: 7, Name: name})}
	}
	record := testrocksdb.Log{}.Encode(testrocksdb.Batch(1, testrocksdb.Write{Family: 7, Op: testrocksdb.Put, Key: "a", Value: "b"}))
	files := fstest.MapFS{
		"db/MANIFEST-000043": manifest("long"), "db/MANIFEST-43": manifest("short"), "db/MANIFEST-0043": manifest("middle"),
		"db/000050.log": {Data: record}, "db/50.log": {Data: record},
	}
	for range 20 {
		db, err := Open(files, "db")
		if err != nil {
			t.Fatal(err)
		}
		if got := db.Families(); !slices.Equal(got, []string{"default", "short"}) && !slices.Equal(got, []string{"short"}) || len(db.logs) != 1 {
			t.Fatalf("the families are %q, the logs %d", got, db.logs)
		}
	}
}

// What is wrong with several families is said in one order.
func TestProblemsOfFamiliesAreInOrder(t *testing.T) {
	var edits [][]byte
	for id := range uint64(8) {
		edit := append([]byte{1, 7}, "reverse"...)                         // the comparator
		edit = binary.AppendUvarint(binary.AppendUvarint(edit, 200), id+1) // the family
		edits = append(edits, append(binary.AppendUvarint(edit, 201), 2, 'f', byte('0'+id)))
	}
	text := testrocksdb.Log{}.Encode(edits...)
	files := fstest.MapFS{"db/MANIFEST-1": {Data: text}}
	_, first := dump(t, files)
	if len(first) < 8 {
		t.Fatal(first)
	}
	for range 10 {
		if _, again := dump(t, files); !slices.Equal(first, again) {
			t.Fatalf("%v, and then %v", first, again)
		}
	}
}

// Opening a pipe takes for ever.
func TestPipesAreNotOpened(t *testing.T) {
	whole := load(t, "raft-crash")
	for name := range whole {
		files := notOpened{fstest.MapFS{}, name}
		for other, file := range whole {
			files.MapFS[other] = file
		}
		pipe := *whole[name]
		pipe.Mode = fs.ModeNamedPipe
		files.MapFS[name] = &pipe
		if _, problems := dump(t, files); len(problems) == 0 && name != "db/IDENTITY" {
			t.Errorf("%s: nothing is said", name)
		}
	}
}

// notOpened panics when a file is opened that must not be.
type notOpened struct {
	fstest.MapFS
	name string
}

func (n notOpened) Open(name string) (fs.File, error) {
	if name == n.name {
		panic(name + " is opened")
	}
	return n.MapFS.Open(name)
}
