package archives

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// short are files that are packed in few bytes.
var short = files{"a/first": strings.Repeat("first ", 30), "b": "second", "c/d/third": strings.Repeat("0123456789", 100)}

// Whatever is cut off or damaged, nothing panics, and what is left is what was there, as far as it goes.
func prefixes(t *testing.T, tree *Tree, what string) (whole int) {
	t.Helper()
	for name, text := range contents(t, tree) {
		name = strings.TrimPrefix(name, "x/")
		if name == "x" { // it is no archive any more
			continue
		}
		text = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(text, "PK\x07"), "PK"), "P") // of what stands behind in a zip
		want, ok := short[name]
		if !ok || !strings.HasPrefix(want, text) {
			t.Fatalf("%s: %s is %.60q", what, name, text)
		}
		if text == want {
			whole++
		}
	}
	return whole
}

func TestTruncatedArchives(t *testing.T) {
	for name, packed := range containers(t, short) {
		before := 0
		for end := range len(packed) {
			tree := treeOf(map[string][]byte{"x": packed[:end]})
			whole := prefixes(t, tree, fmt.Sprintf("%s cut at %d", name, end))
			if whole < before && !strings.HasSuffix(name, "zip") { // the directory of a zip knows more than what is left without it
				t.Fatalf("%s cut at %d: %d files are whole, and %d were with less of it", name, end, whole, before)
			}
			before = whole
			if f, _ := formatOf(tree.base, "x"); f.folder() && problems(tree) == "" && !(name == "a-tar" && len(packed)-end <= blockSize) { // one empty block is an end
				t.Fatalf("%s cut at %d of %d: nobody says so", name, end, len(packed))
			}
		}
		if before != len(short) && name != "a-tar-zst" { // of which all is in one block
			t.Errorf("%s without its last byte: %d of %d files are whole", name, before, len(short))
		}
	}
	for name, packed := range map[string][]byte{"gzip": gzipOf(t, []byte(short["c/d/third"])), "zstd": zstandardOf(t, []byte(short["c/d/third"]))} {
		for end := 20; end < len(packed); end++ {
			tree := treeOf(map[string][]byte{"x": packed[:end]})
			if text := contents(t, tree)["x"]; !strings.HasPrefix(short["c/d/third"], text) || problems(tree) == "" {
				t.Fatalf("%s cut at %d: %q %s", name, end, text, problems(tree))
			}
		}
	}
}

// Behind a damaged header the others are found.
func TestDamagedHeaders(t *testing.T) {
	packed := tarOf(t, short)
	packed[3] ^= 1
	second := 512 + 512
	for _, text := range [][]byte{packed, gzipOf(t, append(tarOf(t, files{"0": ""})[:512], packed...))} {
		tree := NewTree(treeOf(map[string][]byte{"x": text}).base, NewMemory())
		m := &mount{name: "x", format: format{container: tarContainer, compression: compressionOf(text)}}
		tree.mounts["x"], tree.archives = m, []*mount{m}
		got := contents(t, tree)
		if got["x/b"] != short["b"] || got["x/c/d/third"] != short["c/d/third"] || len(got["x/a/first"]) > 0 {
			t.Errorf("found %q", got)
		}
		if !strings.Contains(problems(tree), "is damaged: a member is missing") {
			t.Errorf("problems: %s", problems(tree))
		}
	}
	packed[3] ^= 1
	packed[second] ^= 1
	tree := treeOf(map[string][]byte{"x": packed})
	if got := contents(t, tree); len(got) != 2 || got["x/a/first"] != short["a/first"] || got["x/c/d/third"] != short["c/d/third"] {
		t.Errorf("found %q", got)
	}
	if got, want := problems(tree), "x: the header at byte 1024 is damaged: a member is missing"; got != want {
		t.Errorf("problems: %s, want %s", got, want)
	}
}

func TestFlippedBits(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for name, packed := range containers(t, short) {
		for i := range packed {
			damaged := bytes.Clone(packed)
			damaged[i] ^= 1 << random.IntN(8)
			tree := treeOf(map[string][]byte{"x": damaged})
			got := contents(t, tree)
			if len(got) > 100 {
				t.Fatalf("%s: byte %d became %q: %d files", name, i, damaged[i], len(got))
			}
			// Checksums guard the content of everything but a plain tar.
			for file, text := range got {
				if want, ok := short[strings.TrimPrefix(file, "x/")]; ok && text != want && problems(tree) == "" && name != "a-tar" {
					t.Fatalf("%s: byte %d became %q: %s is %.60q and nobody says so", name, i, damaged[i], file, text)
				}
			}
		}
	}
}

// limits makes the limits small for a test.
func limits(t *testing.T, size, ratio, floor, members int64) {
	t.Helper()
	a, b, c, d, e := maxSize, maxRatio, ratioFloor, leastFloor, maxMembers
	t.Cleanup(func() { maxSize, maxRatio, ratioFloor, leastFloor, maxMembers = a, b, c, d, e })
	maxSize, maxRatio, ratioFloor, leastFloor, maxMembers = size, ratio, floor, floor, members
}

func TestBombsStopAtTheLimit(t *testing.T) {
	const floor = 1 << 20
	zeros := packable(3000) + strings.Repeat("\x00", 16<<20)
	limits(t, 1<<30, 250, floor, 1000)
	first := files{"1": "fine", "2": zeros, "3": "behind"}
	ratio := "it unpacks to more than 250 times its size: the rest is not read"
	for name, test := range map[string]struct {
		packed []byte
		good   bool // what stands before is there
		says   string
	}{
		"gz":      {gzipOf(t, []byte(zeros)), false, "x: " + ratio},
		"zst":     {zstandardOf(t, []byte(zeros)), false, "x: " + ratio},
		"tar.gz":  {gzipOf(t, tarOf(t, first)), true, "bytes can be read: " + ratio},
		"tar.zst": {zstandardOf(t, tarOf(t, first)), true, "bytes can be read: " + ratio},
		"zip":     {zipOf(t, zip.Deflate, first), true, "x/2: " + ratio},
		"zst zip": {zipOf(t, zstd.ZipMethodWinZip, first), true, "x/2: " + ratio},
		"in zip":  {zipOf(t, zip.Store, files{"1": "fine", "y.gz": string(gzipOf(t, []byte(zeros)))}), true, "x/y: " + ratio},
	} {
		tree := treeOf(map[string][]byte{"x": test.packed})
		got := contents(t, tree)
		total := 0
		for _, text := range got {
			total += len(text)
		}
		if total > 2*floor+len(test.packed)*250 || test.good != (got["x/1"] == "fine") {
			t.Errorf("%s: %d bytes in %d files", name, total, len(got))
		}
		if !strings.Contains(problems(tree), test.says) {
			t.Errorf("%s: problems: %s, want %s", name, problems(tree), test.says)
		}
	}
}

func TestSizesAreCountedOverAllThatIsUnpacked(t *testing.T) {
	limits(t, 300_000, 250, 64<<20, 1000)
	text := strings.Repeat("some text ", 7_000)
	each := files{"1": text, "2": text, "3": text, "4": text, "5": text}
	nested := make(files)
	for name := range each {
		nested[name+".gz"] = string(gzipOf(t, []byte(text)))
	}
	for name, packed := range map[string][]byte{
		"tar.gz": gzipOf(t, tarOf(t, each)), "zip": zipOf(t, zip.Deflate, each), "gz in tar": tarOf(t, nested), "gz in zip": zipOf(t, zip.Store, nested),
	} {
		tree := treeOf(map[string][]byte{"x": packed})
		whole, total := 0, 0
		for _, got := range contents(t, tree) {
			total += len(got)
			if got == text {
				whole++
			}
		}
		if whole < 3 || whole == 5 || total > 350_000 || !strings.Contains(problems(tree), "it unpacks to more than 16 GiB: the rest is not read") {
			t.Errorf("%s: %d whole files, %d bytes; %s", name, whole, total, problems(tree))
		}
	}
}

func TestMembersAreCounted(t *testing.T) {
	limits(t, 1<<30, 250, 64<<20, 20)
	many := make(files)
	for i := range 30 {
		many[fmt.Sprintf("%02d", i)] = "x"
	}
	for name, packed := range map[string][]byte{
		"tar": tarOf(t, many), "tar.gz": gzipOf(t, tarOf(t, many)), "zip": zipOf(t, zip.Store, many), "directories": tarOf(t, files{strings.Repeat("d/", 30) + "x": ""}),
	} {
		tree := treeOf(map[string][]byte{"x": packed})
		if got := len(contents(t, tree)); got > 20 || problems(tree) != "x: it holds more than 100,000 files: the rest is not read" {
			t.Errorf("%s: %d files; %s", name, got, problems(tree))
		}
	}
}

// sparseArchives were written by GNU tar 1.34: a file with a hole and the text "end" behind it, in each form it knows.
func sparseArchives(t testing.TB) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	paths, err := filepath.Glob("testdata/*.tar.gz")
	if err != nil || len(paths) == 0 {
		t.Fatal(err, len(paths))
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(path)] = text
	}
	return found
}

func TestFilesWithHoles(t *testing.T) {
	limits(t, maxSize, maxRatio, 2<<20, maxMembers)
	whole := strings.Repeat("\x00", 1<<20) + "end\n"
	for name, packed := range sparseArchives(t) {
		for _, tree := range []*Tree{treeOf(map[string][]byte{"x": packed}), treeOf(map[string][]byte{"x": unpack(t, packed)})} {
			got := contents(t, tree)
			if strings.HasPrefix(name, "hole") {
				same(t, got, files{"x/hole": whole})
			} else if want := "x/huge: only 0 of 10737418244 bytes can be read: it unpacks to more than 250 times its size: the rest is not read"; got["x/huge"] != "" || !strings.Contains(problems(tree), want) {
				t.Errorf("%s: %d bytes; %s", name, len(got["x/huge"]), problems(tree))
			}
		}
	}
}

func unpack(t *testing.T, packed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What a few bytes ask for is not allocated.
func TestSmallArchivesNeedLittleMemory(t *testing.T) {
	var bound uint64 = 1 << 20
	window := zstandardOf(t, []byte(short["c/d/third"]), zstd.WithWindowSize(128<<20), zstd.WithSingleSegment(false))
	for name, packed := range map[string][]byte{
		"gz": gzipOf(t, bytes.Repeat([]byte{0}, 50_000)), "tar": tarOf(t, short), "zip": zipOf(t, zip.Deflate, short), "large window": window,
		"zip that claims much": func() []byte {
			text := zipOf(t, zip.Deflate, files{"a": "b"})
			end := bytes.LastIndex(text, []byte("PK\x05\x06"))
			copy(text[end+8:], "\xff\xfe\xff\xfe\xff\xff\xff\x0f") // members and bytes of the directory
			return text
		}(),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tree := treeOf(map[string][]byte{"x": packed})
		contents(t, tree)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > bound {
			t.Errorf("%s: %d bytes allocated %d", name, len(packed), got)
		}
	}
}

func FuzzTree(f *testing.F) {
	for _, packed := range containers(f, short) {
		f.Add(packed)
		f.Add(packed[:len(packed)/2])
	}
	f.Add(gzipOf(f, []byte("x")))
	f.Add(zstandardOf(f, []byte("x")))
	f.Add(zipOf(f, zip.Store, files{"a.gz": string(gzipOf(f, tarOf(f, short)))}))
	for _, sparse := range sparseArchives(f) {
		f.Add(sparse)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		limits(t, 8<<20, 100, 1<<20, 1000)
		tree := treeOf(map[string][]byte{"x": text})
		first := contents(t, tree)
		total := 0
		for name, content := range first {
			total += len(content)
			if again := contents(t, tree)[name]; again != content {
				t.Fatalf("%q differs when it is read again", name)
			}
			break
		}
		if int64(total) > 2*maxSize {
			t.Fatalf("%d bytes", total)
		}
	})
}

// A database is mostly zeros at first, and there are windows larger than all that is packed. Both are read; what takes far
// more memory than there are bytes is named.
func TestWhatPacksWellIsRead(t *testing.T) {
	database := packable(4000) + strings.Repeat("\x00", 16<<20)
	type options = []zstd.EOption
	for name, test := range map[string]struct {
		text    string
		options options
	}{
		"default":      {database, nil},
		"best":         {database, options{zstd.WithEncoderLevel(zstd.SpeedBestCompression)}},
		"large window": {packable(300), options{zstd.WithWindowSize(128 << 20), zstd.WithSingleSegment(false)}},
		"two frames":   {packable(3000), options{zstd.WithWindowSize(64 << 20)}},
	} {
		packed := zstandardOf(t, []byte(test.text), test.options...)
		if name == "two frames" {
			packed = append(packed, packed...)
			test.text += test.text
		}
		tree := treeOf(map[string][]byte{"x": packed})
		if got := contents(t, tree)["x"]; got != test.text || problems(tree) != "" {
			t.Errorf("%s: %d bytes of %d packed, %s", name, len(got), len(packed), problems(tree))
		}
	}
	// A window larger than there may be is read through a smaller one, as far as that will do.
	far := packable(9000)
	long := zstandardOf(t, []byte(far+strings.Repeat("\x00", 33<<20)+far), zstd.WithWindowSize(64<<20))
	skipped := append([]byte("\x50\x2a\x4d\x18\x01\x00\x00\x00x"), long...)
	for name, packed := range map[string][]byte{"long": long, "skipped": skipped, "twice": append(skipped, long...)} {
		tree := treeOf(map[string][]byte{"x": packed})
		got := contents(t, tree)["x"]
		if len(packed) > smallPack || !strings.HasPrefix(got, far) || len(got) < len(far)+32<<20 || !strings.HasPrefix(problems(tree), "x: unpacking it takes more memory") {
			t.Errorf("%s: %d bytes of %d packed: %s", name, len(got), len(packed), problems(tree))
		}
	}
	// What a program for files makes says its size and no window.
	single, _ := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
	database = packable(30000) + packable(20000)
	for name, text := range map[string]string{"small pack": database + strings.Repeat("\x00", 16<<20), "large pack": packable(300_000)} {
		packed := single.EncodeAll([]byte(text), nil)
		tree := treeOf(map[string][]byte{"x": packed})
		if got := contents(t, tree)["x"]; got != text || (len(packed) > smallPack) != (name == "large pack") {
			t.Errorf("%s: %d bytes of %d, %d packed: %s", name, len(got), len(text), len(packed), problems(tree))
		}
	}
	packed := zstandardOf(t, make([]byte, 4<<20), zstd.WithWindowSize(64<<20))
	tree := treeOf(map[string][]byte{"x": packed})
	const says = "x: unpacking it takes more memory than its size allows: unpack it first"
	if got := contents(t, tree)["x"]; got != "" || problems(tree) != says {
		t.Errorf("%d bytes of %d packed: %s", len(got), len(packed), problems(tree))
	}
}

// Of many archives that are left in the middle few decoders stay, and none that holds all there is.
func TestFewStreamsAreParked(t *testing.T) {
	defer func(m int64) { maxMember = m }(maxMember)
	maxMember = 1000
	content := make(map[string][]byte)
	large := packable(10_000)
	for i := range maxParked + 4 {
		content[fmt.Sprint("small", i)] = zstandardOf(t, []byte(packable(3000)))
		content[fmt.Sprint("large", i)] = zstandardOf(t, []byte(large), zstd.WithWindowSize(4<<20))
	}
	tree := treeOf(content)
	if _, err := tree.ReadDir("."); err != nil {
		t.Fatal(err)
	}
	for name := range content {
		f, err := tree.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(f, make([]byte, headSize+100)); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	bytes := int64(0)
	for _, p := range tree.memory.parked {
		if bytes += p.s.taken; p.s.whole {
			t.Error("one holds all there is")
		}
	}
	if n := len(tree.memory.parked); n == 0 || n > maxParked || bytes > maxParkedBytes {
		t.Errorf("%d streams of %d bytes are parked", n, bytes)
	}
}
