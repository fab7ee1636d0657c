package golden_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/golden"
	"restate-lint/snapshots"
)

// What a capture is kept in does not matter either: an archive of any kind, or standard input.
func TestWhereACaptureIsKeptChangesNoGolden(t *testing.T) {
	dir := t.TempDir()
	for i, capture := range captures(t) {
		want := reportOn(t, capture)
		again := recaptured(t, capture, rand.New(rand.NewPCG(7, uint64(i))))
		var archive bytes.Buffer
		find := func() ([]snapshots.Capture, error) { return snapshots.FindWith(bytes.NewReader(archive.Bytes()), "-") }
		kept := ".zip"
		if i%2 == 0 {
			kept = ".tar.gz"
			packTar(t, &archive, again)
		} else {
			packZip(t, &archive, again)
		}
		if i/2%2 == 0 { // the others come on standard input
			file := filepath.Join(dir, "dump"+kept)
			if err := os.WriteFile(file, archive.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			find = func() ([]snapshots.Capture, error) { return snapshots.Find(file) }
		}
		sameGolden(t, capture.Name+" in "+kept, want, theOne(t, find))
	}
}

// The documents of a cluster in one text, as one command after the other would print them.
func TestDocumentsInOneTextGiveTheSameGolden(t *testing.T) {
	for i, capture := range captures(t) {
		documents := fstest.MapFS{}
		var text bytes.Buffer
		var names []string
		for _, name := range capture.Files {
			if !strings.HasPrefix(name, "metadata/") || !strings.HasSuffix(name, ".json") {
				continue
			}
			document, err := fs.ReadFile(capture.FS, name)
			if err != nil {
				t.Fatal(err)
			}
			alone := strings.HasPrefix(name, "metadata/pp_epoch_") || string(bytes.TrimSpace(document)) == "null"
			if alone || len(bytes.TrimSpace(document)) == 0 {
				continue // which of them it is, its name says
			}
			documents[name] = &fstest.MapFile{Data: document}
			names = append(names, name)
		}
		random := rand.New(rand.NewPCG(9, uint64(i)))
		random.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
		for _, name := range names {
			text.Write(rearranged(documents[name].Data, random))
			text.WriteByte('\n')
		}
		if len(documents) == 0 {
			continue
		}
		together := snapshots.Capture{Name: "dump", FS: documents, Files: slices.Sorted(maps.Keys(documents))}
		found := func() ([]snapshots.Capture, error) { return snapshots.FindWith(bytes.NewReader(text.Bytes()), "-") }
		sameGolden(t, capture.Name, reportOn(t, together), theOne(t, found))
	}
}

func theOne(t *testing.T, find func() ([]snapshots.Capture, error)) *golden.Golden {
	t.Helper()
	found, err := find()
	if err != nil || len(found) != 1 {
		t.Fatalf("%d captures, %v", len(found), err)
	}
	return reportOn(t, found[0])
}

// sameGolden fails where two reports differ in more than what the snapshot is called.
func sameGolden(t *testing.T, what string, want, got *golden.Golden) {
	t.Helper()
	got.Snapshot = want.Snapshot
	if !bytes.Equal(want.Encode(), got.Encode()) {
		t.Errorf("%s: the golden is another one:\n%s", what, golden.Unified(want, got))
	}
}

func packTar(t *testing.T, w io.Writer, capture snapshots.Capture) {
	t.Helper()
	zipped := gzip.NewWriter(w)
	archive := tar.NewWriter(zipped)
	for _, name := range capture.Files {
		text, err := fs.ReadFile(capture.FS, name)
		if err == nil {
			err = archive.WriteHeader(&tar.Header{Name: "dump/" + name, Mode: 0o600, Size: int64(len(text))})
		}
		if err == nil {
			_, err = archive.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, end := range []io.Closer{archive, zipped} {
		if err := end.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func packZip(t *testing.T, w io.Writer, capture snapshots.Capture) {
	t.Helper()
	archive := zip.NewWriter(w)
	for _, name := range capture.Files {
		text, err := fs.ReadFile(capture.FS, name)
		var member io.Writer
		if err == nil {
			member, err = archive.Create(name)
		}
		if err == nil {
			_, err = member.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
}
