package snapshots

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/snapshots/cluster"
	"restate-lint/snapshots/stores"
)

// The databases of real servers of Restate 1.7.12, and what restatectl printed when they still ran.
const (
	killedServer     = "stores/rocksdb/testdata/raft-crash"
	killedText       = "stores/datadir/testdata/raft-crash"
	killedCluster    = "stores/datadir/testdata/killed-cluster"
	killedLogServer  = "stores/rocksdb/testdata/log-server-killed"
	partialLogServer = "stores/rocksdb/testdata/log-store-clean"
)

// layDown adds the files of a folder to others, below another one.
func layDown(t testing.TB, files fstest.MapFS, dir, below string) fstest.MapFS {
	t.Helper()
	for name, file := range filesOf(t, dir) {
		files[path.Join(below, path.Base(name))] = file
	}
	return files
}

// readLaid reads all files as one snapshot.
func readLaid(t testing.TB, files fstest.MapFS) *Snapshot {
	t.Helper()
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	s, err := Read("cap", files, names...)
	if err != nil {
		t.Log(err)
	}
	return s
}

func wholeText(t testing.TB, d *Document) string {
	t.Helper()
	f, err := d.Source.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The directory of a server that was killed gives the documents that restatectl had printed.
func TestMetadataServerOnDisk(t *testing.T) {
	files := layDown(t, fstest.MapFS{}, killedServer, "n1/replicated-metadata-server")
	s := readLaid(t, files)
	if len(s.Documents) != 9 || len(s.Stores) != 1 || s.Stores[0].Raft == nil {
		t.Fatalf("%d documents, stores %v", len(s.Documents), s.Stores)
	}
	for _, key := range []string{"bifrost_config", "nodes_config", "pp_epoch_2"} {
		want := string(whole(t, killedText+"/"+key+".json"))
		i := slices.IndexFunc(s.Documents, func(d *Document) bool { return d.Key() == key })
		if got := wholeText(t, s.Documents[i]); got != want {
			t.Errorf("%s differs: %s", key, got)
		}
	}
	for _, gap := range s.Gaps {
		t.Errorf("gap: %v", gap)
	}
	if n := len(s.History("nodes_config")); n != 9 {
		t.Errorf("%d versions of nodes_config", n)
	}
}

// Files beside those of a database are read as ever, and only the files of the snapshot are.
func TestDatabaseAmongOtherFiles(t *testing.T) {
	files := layDown(t, fstest.MapFS{}, killedServer, "d")
	layDown(t, files, killedText, "d")
	files["d/notes.log"] = &fstest.MapFile{Data: []byte("text")}
	s := readLaid(t, files)
	if d := s.Document(NodesConfig); d == nil || d.Source.Name != "d/nodes_config.json" {
		t.Errorf("%+v", d)
	}
	if d := s.Document(PartitionTable); d == nil || d.Source.Name != "d#partition_table" {
		t.Errorf("%+v", d)
	}
	if s, _ := Read("cap", files, "d/CURRENT", "d/MANIFEST-000033", "d/000010.sst"); len(s.Documents) > 0 {
		t.Errorf("%d documents", len(s.Documents)) // the snapshot of the raft log is in another table
	}
}

// What a log server has on its disk counts as what it would have said.
func TestLogServerOnDisk(t *testing.T) {
	files := layDown(t, fstest.MapFS{}, killedLogServer, "n1/log-store")
	layDown(t, files, killedText, "metadata")
	s := readLaid(t, files)
	if s.Live == nil || len(s.Live.Loglets) != 11 {
		t.Fatalf("%+v", s.Live)
	}
	w := s.Live.Loglets[3]
	if w.Loglet != cluster.NewLogletID(0, 3) || w.Node.ID != 1 || w.LocalTail != 6 || w.GlobalTail != 6 || w.TrimPoint != 5 || !w.Sealed {
		t.Errorf("%+v", w)
	}
	d := s.Document(LogStore)
	if d == nil || d.Source.Name != "n1/log-store#loglet_workers" || !d.Complete || s.StoreOf(d.Source) != s.Stores[0] {
		t.Fatalf("%+v", d)
	}
	text := wholeText(t, d)
	if int64(len(text)) != d.Source.Size || !strings.HasPrefix(text[w.At().Offset:], `{"plain_node_id":"N1","loglet_id":"0_3",`) {
		t.Errorf("%d bytes of %d, and at %d: %.60s", len(text), d.Source.Size, w.At().Offset, text[w.At().Offset:])
	}
	lines, err := d.Source.Lines([]int64{w.At().Offset})
	if err != nil || lines[0].Number != 4 {
		t.Errorf("line %d: %v", lines[0].Number, err)
	}
	for _, gap := range s.Gaps {
		if gap.Source != "" {
			t.Errorf("gap: %v", gap)
		}
	}
}

// Where a copy lacks something, that is a gap, and what a database is not read for as well.
func TestPartialDatabases(t *testing.T) {
	files := layDown(t, fstest.MapFS{}, partialLogServer, "log-store")
	files["db/CURRENT"] = &fstest.MapFile{Data: []byte("MANIFEST-000005\n")}
	files["m/CURRENT"] = &fstest.MapFile{Data: []byte("MANIFEST-000033\n")}
	files["m/MANIFEST-000033"] = &fstest.MapFile{Data: whole(t, killedServer+"/MANIFEST-000033")}
	s := readLaid(t, files)
	var gaps []string
	for _, gap := range s.Gaps {
		if gap.Source != "" {
			gaps = append(gaps, gap.String())
		}
	}
	slices.Sort(gaps)
	for _, want := range []string{
		"db: no RocksDB database: neither a manifest, nor a table, nor a write-ahead log",
		"log-store: no manifest: every table that is there is read, and what was deleted may seem to be back",
		"m: a RocksDB database, but as far as it can be read neither that of a metadata server",
		"m/000010.sst: is missing, though the manifest names it",
	} {
		if !slices.ContainsFunc(gaps, func(gap string) bool { return strings.Contains(gap, want) }) {
			t.Errorf("no gap says %q: %s", want, strings.Join(gaps, "\n"))
		}
	}
	if s.Live == nil || len(s.Live.Loglets) != 6 {
		t.Errorf("%+v", s.Live)
	}
}

// Databases are found in the data directories of nodes, and by themselves.
func TestFindDatabases(t *testing.T) {
	root := t.TempDir()
	for below, dir := range map[string]string{
		"cluster": killedCluster, "cluster/n1/log-store": killedLogServer, "alone": killedServer,
	} {
		if err := os.CopyFS(path.Join(root, below), os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	before := hashes(t, root)
	captures, err := Find(root + "/...")
	if err != nil || len(captures) != 2 {
		t.Fatalf("%v: %v", captures, err)
	}
	for i, want := range []struct {
		documents int
		kinds     []stores.Kind
		members   int
	}{{9, []stores.Kind{stores.MetadataServer}, 1}, {5, []stores.Kind{stores.MetadataServer, stores.LogServer}, 3}} {
		s, err := captures[i].Read()
		if err != nil {
			t.Fatal(err)
		}
		var kinds []stores.Kind
		for _, store := range s.Stores {
			kinds = append(kinds, store.Kind)
		}
		if len(s.Documents) != want.documents || !slices.Equal(kinds, want.kinds) || len(s.Stores[0].Raft.Members) != want.members {
			t.Errorf("%s: %d documents, %v", captures[i].Name, len(s.Documents), kinds)
		}
	}
	if after := hashes(t, root); !bytes.Equal(before, after) {
		t.Errorf("the files have changed:\n%s\n%s", before, after)
	}
}

// hashes names all files below a directory, with what is in them.
func hashes(t testing.TB, root string) []byte {
	t.Helper()
	var b bytes.Buffer
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		hash, err := (&Source{Name: name, fsys: os.DirFS(root), path: name}).SHA256()
		info, infoErr := entry.Info()
		if err = errors.Join(err, infoErr); err == nil {
			fmt.Fprintln(&b, name, hash, info.ModTime().UnixNano(), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
