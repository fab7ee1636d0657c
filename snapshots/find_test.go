package snapshots

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	smallNodes  = `{"version":1,"cluster_name":"c","nodes":[],"name_lookup":{}}`
	smallEpoch  = `{"version":2,"leader_metadata":null,"current":null,"next":null}`
	manifest    = `{"version":"V1","cluster_name":"c","cluster_fingerprint":1,"partition_id":0,"node_name":"n1","snapshot_id":"snap_1"}`
	queryResult = `[{"plain_node_id":"N1"}]`
)

// tree writes files, and folders where a name ends in a slash, below a new directory and goes there.
func tree(t *testing.T, files map[string]string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	for name, content := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(content, "/") {
			if err := os.MkdirAll(name, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// listed renders captures as "name: file, file".
func listed(captures []Capture) string {
	var lines []string
	for _, c := range captures {
		lines = append(lines, c.Name+": "+strings.Join(c.Files, ", "))
	}
	return strings.Join(lines, "\n")
}

func TestFind(t *testing.T) {
	tests := []struct {
		name     string
		files    map[string]string
		paths    string
		want     string
		problems string
	}{
		{
			"a file is a snapshot of its own, whatever it holds",
			map[string]string{"dump": smallNodes, "dir/notes.txt": "hello"},
			"dump dir/notes.txt",
			"dump: dump\nnotes.txt: notes.txt", "",
		}, {
			"a directory with documents of any name is one snapshot",
			map[string]string{"c/x": smallNodes, "c/y.dump": smallEpoch, "c/other.json": "{}"},
			"c",
			"c: other.json, x, y.dump", "",
		}, {
			"the folders of an export belong to the snapshot, others do not",
			map[string]string{"c/metadata/old/n.json": smallNodes, "c/restatectl/sql-nodes.json": queryResult, "c/config/n1.toml": "x",
				"c/snapshots/0/latest.json": manifest, "c/sql/a.json": queryResult, "c/misc/b.json": "{}", "c/capture.json": "{}"},
			"c",
			"c: capture.json, config/n1.toml, metadata/old/n.json, restatectl/sql-nodes.json, snapshots/0/latest.json, sql/a.json", "",
		}, {
			"a directory in which all documents are damaged is a snapshot by their names",
			map[string]string{"c/metadata/nodes_config.json": "", "d/pp_epoch_7.json": "null\n"},
			"c d",
			"c: metadata/nodes_config.json\nd: pp_epoch_7.json", "",
		}, {
			"names of documents on other kinds of files mean nothing",
			map[string]string{"c/nodes_config.go": "package x", "c/rule_book.json": ""},
			"c",
			"", "c: holds no document of Restate's metadata",
		}, {
			"prose that quotes a document is no document",
			map[string]string{"c/README.md": "Like this:\n\n" + smallNodes + "\n", "c/case.txtar": "-- nodes_config.json --\n" + smallNodes},
			"c",
			"", "c: holds no document of Restate's metadata",
		}, {
			"a file of JSON may have log lines before its document",
			map[string]string{"c/n.json": "\x1b[2mINFO\x1b[0m connecting\n" + smallNodes + "\n"},
			"c",
			"c: n.json", "",
		}, {
			"a byte order mark does not hide a document",
			map[string]string{"c/n": "\xef\xbb\xbf" + smallNodes},
			"c",
			"c: n", "",
		}, {
			"files of a snapshot repository are no documents",
			map[string]string{"c/0/latest.json": manifest, "c/latest.json": manifest, "c/metadata.json": manifest},
			"c c/0",
			"", "c: holds no document of Restate's metadata\nc/0: holds no document of Restate's metadata",
		}, {
			"a directory above snapshots is none itself",
			map[string]string{"c/a/b/nodes_config.json": smallNodes},
			"c",
			"", "c: is no snapshot itself, but there are some below it: try c/...",
		}, {
			"everything below a directory",
			map[string]string{"c/a/metadata/n": smallNodes, "c/a/restatectl/nodes_config.json": smallNodes, "c/a/later/n": smallNodes,
				"c/b/1/n": smallNodes, "c/.hidden/n": smallNodes, "c/empty": "/", "c/notes.md": "hello"},
			"c/...",
			"a: metadata/n, restatectl/nodes_config.json\na/later: n\nb/1: n", "",
		}, {
			"everything below here, itself included",
			map[string]string{"n": smallNodes, "a/n": smallNodes},
			"./... ...",
			"a: n\nroot: n", "",
		}, {
			"nothing below a directory",
			map[string]string{"c/a/notes.txt": "hello"},
			"c/...",
			"", "c/...: holds no document of Restate's metadata",
		}, {
			"a dot is named after its directory",
			map[string]string{"n": smallNodes},
			".",
			"root: n", "",
		}, {
			"equal names get parents until they differ",
			map[string]string{"a/x/metadata/n": smallNodes, "b/x/metadata/n": smallNodes, "b/y/metadata/n": smallNodes},
			"a/x/metadata b/x/metadata b/y",
			"a/x/metadata: n\nb/x/metadata: n\ny: metadata/n", "",
		}, {
			"equal names below two directories",
			map[string]string{"a/x/n": smallNodes, "b/x/n": smallNodes},
			"b/... a/...",
			"a/x: n\nb/x: n", "",
		}, {
			"a place counts once",
			map[string]string{"a/x/n": smallNodes},
			"a/x ./a/x/ a/... a/../a/x",
			"x: n", "",
		}, {
			"a bad path does not hide the others",
			map[string]string{"a/n": smallNodes, "f": "x"},
			"missing a f/... missing/...",
			"a: n", "missing: no such file or directory\nf/...: neither a directory nor an archive\nmissing/...: no such file or directory",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree(t, test.files)
			paths := strings.Fields(test.paths)
			captures, err := Find(paths...)
			if got := listed(captures); got != test.want {
				t.Errorf("found\n%s\nwant\n%s", got, test.want)
			}
			if got := fmt.Sprint(err); got != test.problems && (err != nil || test.problems != "") {
				t.Errorf("problems\n%s\nwant\n%s", got, test.problems)
			}
			slices.Reverse(paths)
			again, _ := Find(paths...)
			if got := listed(again); got != test.want {
				t.Errorf("in reverse order found\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestFindOpensRegularFilesOnly(t *testing.T) {
	tree(t, map[string]string{"a/metadata/n": smallNodes, "b/n": smallNodes, "far": smallNodes})
	for name, target := range map[string]string{"a/linked.json": "../far", "a/sub": "../b", "a/broken.json": "nowhere", "loop": "."} {
		if err := os.Symlink(target, name); err != nil {
			t.Skip(err)
		}
	}
	captures, err := Find("./...")
	if got, want := listed(captures), "a: linked.json, metadata/n\nb: n\nroot: far"; got != want || err != nil {
		t.Errorf("found\n%s\n%v\nwant\n%s", got, err, want)
	}
	if captures, err = Find("a/sub"); err != nil || listed(captures) != "sub: n" {
		t.Errorf("a link that is named itself gives %s, %v", listed(captures), err)
	}
	if _, err := Find(os.DevNull); err == nil || err.Error() != os.DevNull+": not a regular file" {
		t.Errorf("a device gives %v", err)
	}
}

func TestFindNamesADirectoryThatCannotBeRead(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("permissions do not keep this user out")
	}
	tree(t, map[string]string{"c/a/n": smallNodes, "c/b/n": smallNodes})
	if err := os.Chmod("c/a", 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod("c/a", 0o755)
	captures, err := Find("c/...")
	if listed(captures) != "b: n" || err == nil || err.Error() != "c/a: permission denied" {
		t.Errorf("found %s, %v", listed(captures), err)
	}
	for _, path := range []string{"c/a", "c/a/..."} {
		if captures, err := Find(path); len(captures) > 0 || err == nil || strings.TrimSuffix(err.Error(), "/...") != "c/a: permission denied" {
			t.Errorf("%s: found %s, %v", path, listed(captures), err)
		}
	}
}

func TestOpenReadsOneSnapshot(t *testing.T) {
	tree(t, map[string]string{"c/metadata/n": smallNodes, "d/a/n": smallNodes, "d/b/n": smallNodes, "text": "hello"})
	s, err := Open("c")
	if err != nil || s.Name != "c" || s.Nodes == nil || s.Nodes.Document.Source.Name != "metadata/n" {
		t.Errorf("got %+v, %v", s, err)
	}
	for path, want := range map[string]string{
		"d/...":   "d/...: holds 2 snapshots where one is wanted",
		"d":       "d: is no snapshot itself, but there are some below it: try d/...",
		"missing": "missing: no such file or directory",
		"text":    "text: not JSON",
	} {
		if _, err := Open(path); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}

// A directory of many captures must be cheap to look through.
func TestFindAmongHundreds(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 1,200 files")
	}
	files := make(map[string]string)
	for i := range 400 {
		files[fmt.Sprintf("%02d/%04d/metadata/nodes_config.json", i%50, i)] = smallNodes
		files[fmt.Sprintf("%02d/%04d/metadata/pp_epoch_0.json", i%50, i)] = smallEpoch
		files[fmt.Sprintf("%02d/%04d/capture.json", i%50, i)] = "{}"
	}
	tree(t, files)
	start := time.Now()
	captures, err := Find("./...")
	if len(captures) != 400 || err != nil {
		t.Fatalf("found %d, %v", len(captures), err)
	}
	t.Logf("%d captures in %v", len(captures), time.Since(start))
}

func TestFindSaysWhereACaptureIs(t *testing.T) {
	tree(t, map[string]string{"c/x": smallNodes, "dump": smallNodes})
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	captures, err := Find("c/../c", "dump")
	if err != nil || len(captures) != 2 || captures[0].Path != filepath.Join(dir, "c") || captures[1].Path != filepath.Join(dir, "dump") {
		t.Errorf("got %+v, %v", captures, err)
	}
}
