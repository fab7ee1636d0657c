package snapshots

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

// pack makes an archive in the form that a name asks for; a compressed file holds the only one of the files.
func pack(t testing.TB, name string, files map[string]string) string {
	t.Helper()
	var text bytes.Buffer
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var out io.Writer = &text
	var closers []io.Closer
	inner := name
	switch ext := filepath.Ext(name); ext {
	case ".gz":
		w := gzip.NewWriter(out)
		out, closers, inner = w, append(closers, w), strings.TrimSuffix(name, ext)
	case ".zst":
		w, err := zstd.NewWriter(out)
		must(err)
		out, closers, inner = w, append(closers, w), strings.TrimSuffix(name, ext)
	}
	names := slices.Sorted(maps.Keys(files))
	switch filepath.Ext(inner) {
	case ".tar":
		w := tar.NewWriter(out)
		for _, name := range names {
			must(w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(files[name]))}))
			_, err := io.WriteString(w, files[name])
			must(err)
		}
		closers = append(closers, w)
	case ".zip":
		w := zip.NewWriter(out)
		for _, name := range names {
			member, err := w.Create(name)
			must(err)
			_, err = io.WriteString(member, files[name])
			must(err)
		}
		closers = append(closers, w)
	default:
		_, err := io.WriteString(out, files[names[0]])
		must(err)
	}
	for _, closer := range slices.Backward(closers) {
		must(closer.Close())
	}
	return text.String()
}

func TestFindInArchives(t *testing.T) {
	capture := map[string]string{"metadata/nodes_config.json": smallNodes, "metadata/pp_epoch_0.json": smallEpoch, "restatectl/sql-nodes.json": queryResult, "notes/x": "x"}
	moved := func(prefix string, files ...map[string]string) map[string]string {
		all := make(map[string]string)
		for i, files := range files {
			for name, text := range files {
				all[strings.ReplaceAll(prefix, "#", fmt.Sprint(i))+name] = text
			}
		}
		return all
	}
	const members = "metadata/nodes_config.json, metadata/pp_epoch_0.json, restatectl/sql-nodes.json"
	tests := []struct {
		name     string
		files    map[string]string
		paths    string
		want     string
		problems string
	}{
		{
			"an archive is what the directory would be",
			map[string]string{"a.tar": pack(t, ".tar", capture), "b.tgz": pack(t, ".tar.gz", capture), "c": pack(t, ".tar.zst", capture), "d.zip": pack(t, ".zip", capture)},
			"a.tar b.tgz c d.zip",
			"a.tar: " + members + "\nb.tgz: " + members + "\nc: " + members + "\nd.zip: " + members, "",
		}, {
			"a folder at the top does not matter",
			map[string]string{"a.tar.gz": pack(t, ".tar.gz", moved("./deep/er/", capture)), "b.zip": pack(t, ".zip", moved(`win\`, capture))},
			"a.tar.gz b.zip",
			"a.tar.gz: " + members + "\nb.zip: " + members, "",
		}, {
			"of several snapshots one has to be named",
			map[string]string{"a.tar": pack(t, ".tar", moved("#/", capture, capture))},
			"a.tar a.tar/1 a.tar/1/metadata/nodes_config.json",
			"1: " + members + "\nnodes_config.json: nodes_config.json",
			"a.tar: holds 2 snapshots: name one of them, such as a.tar/0, or all of them: a.tar/...",
		}, {
			"or all of them",
			map[string]string{"a.tar": pack(t, ".tar", moved("x/#/", capture, capture)), "b.tar": pack(t, ".tar", moved("x/", capture))},
			"a.tar/... b.tar/...",
			"b.tar: " + members + "\nx/0: " + members + "\nx/1: " + members, "",
		}, {
			"a place counts once",
			map[string]string{"a.tar": pack(t, ".tar", moved("x/", capture))},
			"a.tar ./a.tar/... a.tar/x",
			"x: " + members, "",
		}, {
			"archives are found below a directory",
			map[string]string{"c/one.tar.gz": pack(t, ".tar.gz", moved("top/", capture)), "c/two.zip": pack(t, ".zip", moved("#/", capture, capture)),
				"c/plain/n": smallNodes, "c/other.zip": pack(t, ".zip", map[string]string{"x": "y"}), "c/in/out.tar": pack(t, ".tar", map[string]string{"d/in.zip": pack(t, ".zip", capture)})},
			"c/...",
			"in/out.tar: " + members + "\none.tar.gz: " + members + "\nplain: n\ntwo.zip/0: " + members + "\ntwo.zip/1: " + members, "",
		}, {
			"a path may go on from archive to archive",
			map[string]string{"out.tar": pack(t, ".tar", map[string]string{"d/in.zip": pack(t, ".zip", moved("#/", capture, capture))})},
			"out.tar/d/in.zip/1",
			"1: " + members, "",
		}, {
			"a compressed file is a file",
			map[string]string{"n.json.gz": pack(t, ".gz", map[string]string{"": smallNodes}), "x": pack(t, ".zst", map[string]string{"": smallNodes})},
			"n.json.gz x",
			"n.json.gz: n.json\nx: x", "",
		}, {
			"compressed files and archives belong to a snapshot like files and folders",
			map[string]string{"c/nodes_config.json.gz": pack(t, ".gz", map[string]string{"": smallNodes}), "c/metadata.tar.gz": pack(t, ".tar.gz", map[string]string{"e": smallEpoch}),
				"c/config/all.zip": pack(t, ".zip", map[string]string{"n1.toml": "x"}), "c/more.zip": pack(t, ".zip", map[string]string{"e": smallEpoch})},
			"c",
			"c: config/all.zip/n1.toml, metadata.tar.gz/e, nodes_config.json", "",
		}, {
			"what is no archive is said to be none",
			map[string]string{"text": "hello", "c/n": smallNodes, "x.xz": "\xfd7zXZ\x00", "a.zip": pack(t, ".zip", map[string]string{"x": "y"}), "e.tar": pack(t, ".tar", map[string]string{"n": smallNodes})},
			"text/... text/x c/n/... x.xz a.zip e.tar/none e.tar/n/... e.tar",
			"e.tar: n", `text/...: neither a directory nor an archive
text/x: neither a directory nor an archive
c/n/...: neither a directory nor an archive
x.xz: packed with xz, which is not read: unpack it first
a.zip: holds no document of Restate's metadata
e.tar/none: file does not exist
e.tar/n/...: neither a directory nor an archive`,
		}, {
			"an archive of which nothing can be read says why",
			map[string]string{"a.tar.gz": pack(t, ".tar.gz", map[string]string{"x": strings.Repeat("text", 9999)})[:100], "c/b.zip": pack(t, ".zip", moved("long/", capture))[:20]},
			"a.tar.gz c/...",
			"", `a.tar.gz: holds no document of Restate's metadata: it ends in the middle: it was cut off
c/b.zip: it has no directory, which stands at its end: it was cut off or is damaged; what can be found without one is read
c/...: holds no document of Restate's metadata`,
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
			for _, c := range captures {
				if s, err := c.Read(); err != nil || len(s.Documents) == 0 {
					t.Errorf("%s: %v", c.Name, err)
				}
				if _, err := os.Stat(c.Path); err != nil {
					t.Errorf("%s: its path is %s: %v", c.Name, c.Path, err)
				}
			}
			slices.Reverse(paths)
			again, _ := Find(paths...)
			if got := listed(again); got != test.want {
				t.Errorf("in reverse order found\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// A compressed document that is called like a text is read by whoever is given its name.
func TestCompressedFilesThatAreNotCalledSo(t *testing.T) {
	packed := pack(t, ".gz", map[string]string{"": smallNodes})
	tree(t, map[string]string{"c/metadata/nodes_config.json": packed, "c/metadata/pp_epoch_0.json": packed[:20]})
	captures, err := Find("c")
	if err != nil {
		t.Fatal(err)
	}
	s, err := captures[0].Read()
	if err != nil || s.Nodes == nil || s.Nodes.Document.Source.Size != int64(len(smallNodes)) {
		t.Fatal(s, err)
	}
	if hash, err := s.Nodes.Document.Source.SHA256(); err != nil || len(hash) != 64 {
		t.Error(hash, err)
	}
	if got := sourced(s); !slices.Contains(got, "pp_epoch_0 (metadata/pp_epoch_0.json): it ends in the middle: it was cut off") {
		t.Errorf("gaps: %q", got)
	}
	twice := pack(t, ".gz", map[string]string{"": packed})
	if s, err := Read("x", fstest.MapFS{"x.json": {Data: []byte(twice)}}, "x.json"); err == nil {
		t.Errorf("read %v", s.Documents)
	}
}

// What is wrong with an archive is a gap of the snapshots in it, and of no others.
func TestDamagedArchivesAreGaps(t *testing.T) {
	files := map[string]string{"a/metadata/nodes_config.json": smallNodes, "b/metadata/nodes_config.json": smallNodes, "b/metadata/pp_epoch_0.json": smallEpoch, "b/x": strings.Repeat("x", 2000)}
	whole := pack(t, ".tar", files)
	tree(t, map[string]string{"cut.tar": whole[:len(whole)-2500], "d/one.json.gz": pack(t, ".gz", map[string]string{"": smallNodes}), "d/metadata/pp_epoch_0.json.gz": pack(t, ".gz", map[string]string{"": smallEpoch})[:40],
		"d/other.tar": whole[:len(whole)-2500]})
	captures, err := Find("cut.tar/...", "d")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"a": {"cut.tar: it ends in the middle: it was cut off"},
		"b": {"cut.tar: it ends in the middle: it was cut off", "x: only 572 of 2000 bytes can be read: it ends in the middle: it was cut off"},
		"d": {"pp_epoch_0 (metadata/pp_epoch_0.json): the text ends in the middle of a value", "pp_epoch_0 (metadata/pp_epoch_0.json): it ends in the middle: it was cut off"},
	}
	for _, c := range captures {
		s, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		if got := sourced(s); !slices.Equal(got, want[c.Name]) {
			t.Errorf("%s: gaps %q, want %q", c.Name, got, want[c.Name])
		}
	}
}

// A source in an archive can be opened at any place, as often as one likes, and has the size and hash of what it holds.
func TestSourcesInArchives(t *testing.T) {
	documents := captured(t, "bifrost_config.json")
	for name, document := range documents {
		files := map[string]string{"c/metadata/bifrost_config.json": string(document)}
		plain, err := Read("c", fstest.MapFS{"f": {Data: document}}, "f")
		if err != nil {
			t.Fatal(err)
		}
		want, _ := collect(plain.Logs, readingWay{layout: true, pipelined: true})
		hash, _ := plain.Logs.Document.Source.SHA256()
		for _, form := range []string{"x.tar", "x.tar.gz", "x.tar.zst", "x.zip", "y.tar"} {
			content := pack(t, form, files)
			if form == "y.tar" {
				content = pack(t, form, map[string]string{"x.zip": pack(t, ".zip", files)})
			}
			if err := os.WriteFile(filepath.Join(t.TempDir(), form), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			captures, err := FindWith(strings.NewReader(content), "-")
			if err != nil || len(captures) != 1 {
				t.Fatal(form, err)
			}
			s, err := captures[0].Read()
			if err != nil {
				t.Fatal(form, err)
			}
			source := s.Logs.Document.Source
			got, gaps := collect(s.Logs, readingWay{layout: true, pipelined: true})
			again, _ := collect(s.Logs, readingWay{layout: true, pipelined: true})
			if len(got) != len(want) || len(again) != len(want) || len(gaps) > 0 {
				t.Errorf("%s: %s: %d logs, then %d, want %d; gaps %v", name, form, len(got), len(again), len(want), gaps)
			}
			if found, err := source.SHA256(); err != nil || found != hash || source.Size != int64(len(document)) || source.Name != "metadata/bifrost_config.json" {
				t.Errorf("%s: %s: %s has %d bytes and the hash %s, %v", name, form, source.Name, source.Size, found, err)
			}
		}
		break
	}
}

func TestStandardInput(t *testing.T) {
	files := map[string]string{"metadata/nodes_config.json": smallNodes, "metadata/pp_epoch_0.json": smallEpoch}
	tree(t, map[string]string{"file": "##" + smallNodes, "dir/x": ""})
	file, err := os.Open("file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Seek(2, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open("dir")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for name, test := range map[string]struct {
		in        io.Reader
		paths     string
		want      string
		documents int
		problem   string
	}{
		"a document":            {strings.NewReader(smallNodes), "-", "stdin: stdin", 1, ""},
		"documents":             {iotest.OneByteReader(strings.NewReader(smallNodes + "\n" + smallEpoch + `{"version":3,"num_partitions":1,"partitions":[]}`)), "-", "stdin: stdin", 2, ""},
		"a file from somewhere": {file, "-", "stdin: stdin", 1, ""},
		"an archive":            {strings.NewReader(pack(t, ".tar.gz", files)), "-", "stdin: metadata/nodes_config.json, metadata/pp_epoch_0.json", 2, ""},
		"all of an archive":     {strings.NewReader(pack(t, ".zip", map[string]string{"a/n": smallNodes, "b/n": smallNodes})), "-/...", "a: n\nb: n", 1, ""},
		"one of an archive":     {strings.NewReader(pack(t, ".zip", map[string]string{"a/n": smallNodes, "b/n": smallNodes})), "-/b", "b: n", 1, ""},
		"several in an archive": {strings.NewReader(pack(t, ".zip", map[string]string{"a/n": smallNodes, "b/n": smallNodes})), "-", "", 0, "-: holds 2 snapshots: name one of them, such as -/a, or all of them: -/..."},
		"a compressed document": {strings.NewReader(pack(t, ".zst", map[string]string{"": smallNodes})), "-", "stdin: stdin", 1, ""},
		"a directory":           {dir, "-", "", 0, "-: a directory"},
		"a broken pipe":         {iotest.ErrReader(errors.New("broken")), "-", "", 0, "-: broken"},
		"twice":                 {strings.NewReader(smallNodes), "- -", "stdin: stdin", 1, "-: no such file or directory"},
		"too much":              {bytes.NewReader(make([]byte, 3<<20+1)), "-", "", 0, "-: more than 3 MiB: give it as a file (restate-lint check - < FILE), which needs not be held in memory"},
		"just enough":           {strings.NewReader(smallNodes + strings.Repeat(" ", 3<<20-len(smallNodes))), "-", "stdin: stdin", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			defer func(m int64) { maxStdin = m }(maxStdin)
			maxStdin = 3 << 20
			captures, err := FindWith(test.in, strings.Fields(test.paths)...)
			if got := listed(captures); got != test.want {
				t.Errorf("found %s", got)
			}
			if (test.problem != "" || err != nil) && fmt.Sprint(err) != test.problem {
				t.Errorf("the problem is %v", err)
			}
			for _, c := range captures {
				s, err := c.Read()
				if err != nil || len(s.Documents) != test.documents || c.Path != "" {
					t.Errorf("%s: %d documents, %v", c.Name, len(s.Documents), err)
				}
			}
		})
	}
}

// A hint names paths as they were given. It is for who gave them, and apart from the reason, which goes into reports.
func TestHintsAreNoPartOfReasons(t *testing.T) {
	dir := t.TempDir()
	two := filepath.Join(dir, "two.zip")
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(two, []byte(pack(t, "x.zip", map[string]string{"a/n": smallNodes, "b/n": smallNodes})), 0o600))
	must(os.MkdirAll(filepath.Join(dir, "above", "one"), 0o700))
	must(os.WriteFile(filepath.Join(dir, "above", "one", "nodes_config.json"), []byte(smallNodes), 0o600))
	for given, want := range map[string]string{two: "holds 2 snapshots", filepath.Join(dir, "above"): "is no snapshot itself, but there are some below it"} {
		_, err := Find(given)
		of := (*PathError)(nil)
		if !errors.As(err, &of) || of.Err.Error() != want || !strings.Contains(of.Hint, given) || err.Error() != given+": "+want+": "+of.Hint {
			t.Errorf("%s: %v", given, err)
		}
	}
}
