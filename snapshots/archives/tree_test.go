package archives

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

// files are what the archives of these tests hold: by name, directories aside.
type files map[string]string

var sample = files{
	"capture/metadata/nodes_config.json": `{"version":1}`,
	"capture/metadata/empty":             "",
	"capture/notes.txt":                  packable(4000),
	"other":                              "\x00\x01\x02",
}

// packable is a text that can be packed as well as metadata can.
func packable(lines uint32) string {
	var text strings.Builder
	for i := range lines {
		fmt.Fprintf(&text, "some text that can be packed: %d\n", i*2654435761)
	}
	return text.String()
}

func tarOf(t testing.TB, content files) []byte {
	t.Helper()
	var headers []*tar.Header
	for _, name := range slices.Sorted(maps.Keys(content)) {
		headers = append(headers, &tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(content[name]))})
	}
	return tarWith(t, content, headers...)
}

func tarWith(t testing.TB, content files, headers ...*tar.Header) []byte {
	t.Helper()
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	for _, header := range headers {
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, content[header.Name]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func zipOf(t testing.TB, method uint16, content files) []byte {
	t.Helper()
	var text bytes.Buffer
	w := zip.NewWriter(&text)
	w.RegisterCompressor(zstd.ZipMethodWinZip, zstd.ZipCompressor())
	for _, name := range slices.Sorted(maps.Keys(content)) {
		member, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(member, content[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func gzipOf(t testing.TB, text []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func zstandardOf(t testing.TB, text []byte, options ...zstd.EOption) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, options...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// treeOf is the tree of a directory that holds the given files.
func treeOf(content map[string][]byte) *Tree {
	base := make(fstest.MapFS)
	for name, text := range content {
		base[name] = &fstest.MapFile{Data: text, Mode: 0o644}
	}
	return NewTree(base, NewMemory())
}

// contents reads every file of a tree that can be read.
func contents(t testing.TB, tree *Tree) files {
	t.Helper()
	found := make(files)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Type().IsRegular() {
			text, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			found[name] = string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func below(dir string, content files) files {
	moved := make(files)
	for name, text := range content {
		moved[dir+"/"+name] = text
	}
	return moved
}

func problems(tree *Tree) string {
	var lines []string
	for _, p := range tree.Problems() {
		lines = append(lines, p.Path+": "+p.Reason)
	}
	return strings.Join(lines, "\n")
}

func same(t *testing.T, got, want files) {
	t.Helper()
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	for name, text := range got {
		if expected, ok := want[name]; !ok {
			t.Errorf("%s should not be there", name)
		} else if expected != text {
			t.Errorf("%s: got %d bytes, want %d: %.80q", name, len(text), len(expected), text)
		}
	}
}

// containers are all the ways to pack files that are read; each is called like something else.
func containers(t testing.TB, content files) map[string][]byte {
	plain := tarOf(t, content)
	return map[string][]byte{
		"a-tar":        plain,
		"a-tar.gz.png": gzipOf(t, plain),
		"a-tar-zst":    zstandardOf(t, plain),
		"a-zip":        zipOf(t, zip.Deflate, content),
		"a-stored-zip": zipOf(t, zip.Store, content),
		"a-zst-zip":    zipOf(t, zstd.ZipMethodWinZip, content),
	}
}

func TestArchivesLookLikeDirectories(t *testing.T) {
	for name, text := range containers(t, sample) {
		t.Run(name, func(t *testing.T) {
			tree := treeOf(map[string][]byte{"in/" + name: text, "in/file": []byte("x")})
			want := below("in/"+name, sample)
			want["in/file"] = "x"
			same(t, contents(t, tree), want)
			if got := problems(tree); got != "" {
				t.Errorf("problems: %s", got)
			}
			if err := fstest.TestFS(tree, slices.Collect(maps.Keys(want))...); err != nil {
				t.Error(err)
			}
		})
	}
}

// Where nothing was listed before, names lead into archives as well.
func TestNamesLeadIntoArchives(t *testing.T) {
	inner := gzipOf(t, tarOf(t, files{"deep": "x"}))
	packed := zipOf(t, zip.Deflate, files{"dir/inner.tar.gz": string(inner), "dir/a.json.gz": string(gzipOf(t, []byte("{}")))})
	for name, want := range map[string]string{"z/outer.zip/dir/inner.tar.gz/deep": "x", "z/outer.zip/dir/a.json": "{}", "b.json": "[]", "c.json.zst": "c"} {
		tree := treeOf(map[string][]byte{"z/outer.zip": packed, "b.json.zst": zstandardOf(t, []byte("[]")), "c.json": []byte("c"), "c.json.zst": zstandardOf(t, []byte("c"))})
		if _, err := fs.Stat(tree, name); err != nil {
			t.Error(err)
		}
		tree = treeOf(map[string][]byte{"z/outer.zip": packed, "b.json.zst": zstandardOf(t, []byte("[]")), "c.json": []byte("c"), "c.json.zst": zstandardOf(t, []byte("c"))})
		if name == "c.json.zst" {
			if _, err := tree.ReadDir("."); err != nil { // a name that is taken is known only then
				t.Fatal(err)
			}
		}
		if text, err := fs.ReadFile(tree, name); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	tree := treeOf(map[string][]byte{"z/outer.zip": packed})
	for _, name := range []string{"z/none", "z/outer.zip/none", "z/outer.zip/dir/a.json/x", "../z"} {
		if _, err := fs.Stat(tree, name); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}

func TestArchivesInArchives(t *testing.T) {
	small := files{"x": "1", "d/y": "2"}
	for outerName, outer := range containers(t, func() files {
		content := files{"plain": "p", "one.json.gz": string(gzipOf(t, []byte("one")))}
		for name, text := range containers(t, small) {
			content["in/"+name] = string(text)
		}
		return content
	}()) {
		tree := treeOf(map[string][]byte{outerName: outer})
		want := files{outerName + "/plain": "p", outerName + "/one.json": "one"}
		for name := range containers(t, small) {
			maps.Copy(want, below(outerName+"/in/"+name, small))
		}
		same(t, contents(t, tree), want)
		if got := problems(tree); got != "" {
			t.Errorf("%s: %s", outerName, got)
		}
	}
}

func TestWhatIsNestedDeeperIsNotOpened(t *testing.T) {
	third := gzipOf(t, []byte("deep"))
	second := zipOf(t, zip.Store, files{"third.gz": string(third), "a": "1"})
	tree := treeOf(map[string][]byte{"first.tar": tarOf(t, files{"second.zip": string(second)}), "g.gz.gz.gz": gzipOf(t, gzipOf(t, third))})
	same(t, contents(t, tree), files{"first.tar/second.zip/a": "1", "first.tar/second.zip/third.gz": string(third), "g.gz": string(third)})
	want := "first.tar/second.zip/third.gz: an archive in an archive in an archive is not opened\n" +
		"g.gz: an archive in an archive in an archive is not opened"
	if got := problems(tree); got != want {
		t.Errorf("problems:\n%s\nwant\n%s", got, want)
	}
}

// Reading at a place, going back and going on give the same bytes as reading it all, whether or not a member is held.
func TestReadingAnywhere(t *testing.T) {
	defer func(m int64) { maxMember = m }(maxMember)
	text := sample["capture/notes.txt"]
	for _, maxMember = range []int64{headSize, 1 << 20} {
		for name, packed := range containers(t, sample) {
			for _, tree := range []*Tree{
				treeOf(map[string][]byte{name: packed}),
				treeOf(map[string][]byte{name: tarOf(t, files{"in": string(packed)})}),
				treeOf(map[string][]byte{name: gzipOf(t, tarOf(t, files{"in": string(packed)}))}),
			} {
				file := name + "/capture/notes.txt"
				if _, err := fs.Stat(tree, file); err != nil {
					file = name + "/in/capture/notes.txt"
				}
				opened, err := tree.Open(file)
				if err != nil {
					t.Fatal(name, err)
				}
				f := opened.(io.ReadSeeker)
				for _, from := range []int{100, 90_000, 70_000, 0, 135_990, len(text), 3} {
					if _, err := f.Seek(int64(from), io.SeekStart); err != nil {
						t.Fatal(err)
					}
					buf := make([]byte, min(500, len(text)-from))
					if _, err := io.ReadFull(f, buf); err != nil || string(buf) != text[from:from+len(buf)] {
						t.Fatalf("%s from %d: %v, %.40q", file, from, err, buf)
					}
				}
				if end, err := f.Seek(-10, io.SeekEnd); err != nil || end != int64(len(text))-10 {
					t.Errorf("the end is at %d, %v", end, err)
				}
				if rest, err := io.ReadAll(f); err != nil || string(rest) != text[len(text)-10:] {
					t.Errorf("%q, %v", rest, err)
				}
				if err := opened.Close(); err != nil {
					t.Error(err)
				}
				opened, err = tree.Open(file)
				if err != nil {
					t.Fatal(err)
				}
				buf := make([]byte, 20)
				if n, err := opened.(io.ReaderAt).ReadAt(buf, 99_000); n != 20 || err != nil || string(buf) != text[99_000:99_020] {
					t.Errorf("%s: read %d, %v", file, n, err)
				}
				if err := iotest.TestReader(opened, []byte(text)); err != nil {
					t.Errorf("%s: %v", file, err)
				}
				_ = opened.Close()
			}
		}
	}
}

func TestNamesOfMembersAreOnlyLabels(t *testing.T) {
	regular := func(name string) *tar.Header {
		return &tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 1, Format: tar.FormatPAX}
	}
	labels := map[string]string{
		"../../etc/passwd":             "etc/passwd",
		"/etc/shadow":                  "etc/shadow",
		"./a/./b//c":                   "a/b/c",
		`dir\back\slash`:               "dir/back/slash",
		`C:\Windows\x`:                 "C:/Windows/x",
		"a b/c d":                      "a b/c d",
		"a/../../up":                   "up",
		"CON":                          "CON",
		"esc\x1b[2J":                   "esc\x1b[2J",
		"bad\xff":                      "bad\uFFFD",
		"...":                          "...",
		strings.Repeat("d/", 64) + "x": strings.Repeat("d/", 64) + "x",
	}
	var headers []*tar.Header
	content, want, zipped := files{}, files{}, files{}
	for label, name := range labels {
		headers = append(headers, regular(label))
		content[label], want["t/"+name], want["z/"+name] = "1", "1", "1"
		zipped[label] = "1"
	}
	for _, label := range []string{strings.Repeat("n", 1025), strings.Repeat("d/", 65) + "x", "..", "./", "/"} {
		if !strings.HasSuffix(label, "/") {
			headers = append(headers, regular(label))
			content[label] = "1"
			zipped[label] = "1"
		}
	}
	// The writer of tars refuses a name that is no UTF-8; PAX is not asked for it then.
	for _, header := range headers {
		if header.Name == "bad\xff" {
			header.Format = tar.FormatGNU
		}
	}
	tree := treeOf(map[string][]byte{"t": tarWith(t, content, headers...), "z": zipOf(t, zip.Deflate, zipped)})
	same(t, contents(t, tree), want)
	for _, dir := range []string{"t", "z"} {
		for _, reason := range []string{"a member has a name of more than 1024 bytes", "a member lies in more than 64 directories", "a member has no name"} {
			if got := problems(tree); !strings.Contains(got, dir+": "+reason+", and is left out") {
				t.Errorf("no problem says %q of %s:\n%.300s", reason, dir, got)
			}
		}
	}
}

func TestMembersThatAreNoFiles(t *testing.T) {
	content := files{"real": "content", "later": "2", "dir/x": "3", "twice": "old", "a": "file"}
	headers := []*tar.Header{
		{Name: "real", Typeflag: tar.TypeReg, Size: 7},
		{Name: "hard", Typeflag: tar.TypeLink, Linkname: "./real"},
		{Name: "harder", Typeflag: tar.TypeLink, Linkname: "hard"},
		{Name: "forward", Typeflag: tar.TypeLink, Linkname: "later"},
		{Name: "outward", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		{Name: "soft", Typeflag: tar.TypeSymlink, Linkname: "real"},
		{Name: "softly", Typeflag: tar.TypeSymlink, Linkname: "../../../etc/passwd"},
		{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3},
		{Name: "disk", Typeflag: tar.TypeBlock},
		{Name: "pipe", Typeflag: tar.TypeFifo},
		{Name: "later", Typeflag: tar.TypeReg, Size: 1},
		{Name: "empty/", Typeflag: tar.TypeDir},
		{Name: "twice", Typeflag: tar.TypeReg, Size: 3},
		{Name: "a", Typeflag: tar.TypeReg, Size: 4},
		{Name: "a/b/", Typeflag: tar.TypeDir},
		{Name: "dir/x", Typeflag: tar.TypeReg, Size: 1},
		{Name: "a", Typeflag: tar.TypeReg, Size: 4},
		{Name: "twice", Typeflag: tar.TypeReg, Size: 3},
	}
	for name, text := range map[string][]byte{"t": tarWith(t, content, headers...), "g": gzipOf(t, tarWith(t, content, headers...))} {
		tree := treeOf(map[string][]byte{name: text})
		same(t, contents(t, tree), below(name, files{"real": "content", "hard": "content", "harder": "content", "later": "2", "dir/x": "3", "twice": "old"}))
		for file, want := range map[string]string{
			"soft": "a symbolic link, which is not followed in an archive", "softly": "a symbolic link, which is not followed in an archive",
			"null": "not a regular file", "disk": "not a regular file", "pipe": "not a regular file",
		} {
			if _, err := tree.Open(name + "/" + file); err == nil || !strings.HasSuffix(err.Error(), ": "+want) {
				t.Errorf("%s: %v", file, err)
			}
		}
		want := strings.ReplaceAll(`X: "forward" is a link to "later", which is not in the archive before it
X: "outward" is a link to "/etc/passwd", which is not in the archive before it
X/a: it is a file and a directory: the file is left out
X/a: it is a file and a directory: the file is left out
X/twice: it stands in the archive more than once: the last one counts`, "X", name)
		if got := problems(tree); got != want {
			t.Errorf("problems:\n%s\nwant\n%s", got, want)
		}
	}
}

func TestForeignArchives(t *testing.T) {
	tree := treeOf(map[string][]byte{"x": []byte("\xfd7zXZ\x00..."), "y": []byte("BZh91AY&SY"), "text": []byte("hello")})
	for name, want := range map[string]string{
		"x": "packed with xz, which is not read: unpack it first", "y": "packed with bzip2, which is not read: unpack it first", "text": "not an archive",
	} {
		if _, _, err := tree.Enter(name); err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	same(t, contents(t, tree), files{"x": "\xfd7zXZ\x00...", "y": "BZh91AY&SY", "text": "hello"})
}

// Thousands of small members cost one pass each time that the memory had to let go of them, not one pass each.
func TestSmallMembersAreReadInOnePass(t *testing.T) {
	defer func(m int64) { maxHeld = m }(maxHeld)
	content := make(files)
	for i := range 3000 {
		content[fmt.Sprintf("f%04d", i)] = fmt.Sprintf("content of %d", i)
	}
	base := &counting{FS: fstest.MapFS{
		"a": {Data: gzipOf(t, tarOf(t, content))}, "b": {Data: zstandardOf(t, tarOf(t, content))},
	}}
	for _, test := range []struct{ held, passes int64 }{{1 << 20, 1}, {60_000, 3}} {
		maxHeld = test.held
		tree := NewTree(base, NewMemory())
		for range 2 {
			for _, name := range []string{"a", "b"} {
				if _, err := tree.ReadDir(name); err != nil {
					t.Fatal(err)
				}
			}
		}
		base.opened = 0
		for _, name := range []string{"a", "b", "a"} {
			for file, text := range content {
				if got, err := fs.ReadFile(tree, name+"/"+file); err != nil || string(got) != text {
					t.Fatal(name, file, string(got), err)
				}
			}
		}
		if base.opened > test.passes {
			t.Errorf("with room for %d bytes the archives were opened %d times", test.held, base.opened)
		}
	}
}

// counting counts how often files are opened.
type counting struct {
	fs.FS
	opened int64
}

func (c *counting) Open(name string) (fs.File, error) {
	c.opened++
	return c.FS.Open(name)
}

// There are many texts in a capture, and looking into each takes longer than all else that is done to find it.
func TestTextsAreTakenAtTheirWord(t *testing.T) {
	packed := gzipOf(t, []byte("{}"))
	base := &counting{FS: fstest.MapFS{"a.json": {Data: packed}, "b.toml": {Data: packed}, "c": {Data: packed}}}
	tree := NewTree(base, NewMemory())
	if _, err := tree.ReadDir("."); err != nil {
		t.Fatal(err)
	}
	if base.opened > 5 { // the directory, and c: to see what it is, how large, what it holds, and what that is
		t.Errorf("%d files were opened", base.opened)
	}
	same(t, contents(t, tree), files{"a.json": string(packed), "b.toml": string(packed), "c": "{}"})
	inside, single, err := tree.Enter("a.json")
	if err != nil || !single {
		t.Fatal(single, err)
	}
	same(t, contents(t, inside), files{"a.json": "{}"})
	if !IsPacked(packed) || IsPacked([]byte("{}")) || IsPacked(nil) {
		t.Error("IsPacked is wrong")
	}
}

// A locked file system lets nobody in.
type locked struct{}

func (locked) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func TestDirectoriesThatMayNotBeRead(t *testing.T) {
	tree := NewTree(locked{}, NewMemory())
	for _, name := range []string{".", "a", "a/b.tar/c"} {
		if _, err := tree.ReadDir(name); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("reading the directory %s: %v", name, err)
		}
		if _, err := tree.Stat(name); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("asking for %s: %v", name, err)
		}
	}
}
