package committed_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restate-lint/internal/committed"
)

func TestConflictsAreFoundInAnyLineEnding(t *testing.T) {
	for text, want := range map[string]int{
		"a\n<<<<<<< HEAD\n":             2,
		"a\r\n\r\n=======\r\n":          3,
		">>>>>>>":                       1,
		"||||||| base\n":                1,
		"<<<<<<<<":                      0,
		"  <<<<<<< HEAD\n":              0,
		"======= and more\n\"=======\"": 0,
	} {
		if got := committed.ConflictLine([]byte(text)); got != want {
			t.Errorf("%q: line %d, want %d", text, got, want)
		}
		if err := committed.CheckConflict([]byte(text)); errors.Is(err, committed.ErrConflict) != (want > 0) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestKeysAreKnownAndThereOnce(t *testing.T) {
	what := errors.New("no such thing")
	for text, want := range map[string]string{
		`{"a": [{"b": 1}, {"b": 2}], "c": null}`: "",
		"[]":                                     "",
		"{\"a\": 1,\n\"c\": 2,\n\"a\": 3}":       `line 3: no such thing: "a" is there twice`,
		`{"a": {"beta": 1}}`:                     `line 1: no such thing: "beta" is not a key`,
		`{"a": {"b": {"b": 1}}}`:                 `line 1: no such thing: "b" is not a key`,
		`{"A": 1}`:                               `line 1: no such thing: "A" is not a key; did you mean a?`,
	} {
		err := committed.CheckKeys(what, []byte(text), []string{"a", "c"}, []string{"b"})
		if got := errorText(err); got != want || (err != nil) != errors.Is(err, what) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func directory(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root, dir
}

func TestReadIsBounded(t *testing.T) {
	root, dir := directory(t)
	if err := os.WriteFile(filepath.Join(dir, "file"), bytes.Repeat([]byte("x"), 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := committed.Read(root, "file", 1<<20+1); err != nil || len(text) != 1<<20+1 {
		t.Error(len(text), err)
	}
	if _, err := committed.Read(root, "file", 1<<20); !errors.Is(err, committed.ErrTooLarge) || !strings.Contains(err.Error(), "more than 1 MiB") {
		t.Error(err)
	}
	for most, want := range map[int64]string{256 << 10: "more than 256 KiB", 256<<10 + 1: "more than 256 KiB", 1<<20 - 1: "more than 1023 KiB", 3: "more than 3 bytes"} {
		if _, err := committed.Read(root, "file", most); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%d: %v, want %s", most, err, want)
		}
	}
	if _, err := committed.Read(root, "none", 1); !errors.Is(committed.Reason(err), fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := committed.Read(root, "../file", 1); err == nil || strings.Contains(committed.Reason(err).Error(), "parent") {
		t.Error(committed.Reason(err))
	}
}

func TestWriteKeepsPermissionsAndHeedsThem(t *testing.T) {
	root, dir := directory(t)
	path := filepath.Join(dir, "file")
	for _, mode := range []fs.FileMode{0o640, 0o600} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := committed.Write(root, "file", []byte("new")); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != mode {
			t.Errorf("%v became %v, %v", mode, info.Mode(), err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := committed.Write(root, "file", []byte("newer")); err == nil || err.Error() != "is read-only" {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "new" {
		t.Errorf("%s, %v", text, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || committed.IsTemporary(entries[0].Name()) {
		t.Error(entries, err)
	}
}

func TestAFileHasItsNameOnceItIsCommitted(t *testing.T) {
	root, dir := directory(t)
	holds := func(want ...string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != len(want) {
			t.Fatalf("%v, %v, want %q", entries, err, want)
		}
		for i, entry := range entries {
			text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			if got := entry.Name() + " " + string(text); got != want[i] && !(committed.IsTemporary(entry.Name()) && want[i] == "temporary "+string(text)) {
				t.Errorf("%q, %v, want %q", got, err, want[i])
			}
		}
	}
	begin := func(text string) *committed.File {
		t.Helper()
		f, err := committed.Create(root, "file", 0o600)
		if text == "at" {
			if err = errors.Join(err, f.Discard()); err == nil {
				f, err = committed.CreateAt(filepath.Join(dir, "file"), 0o600)
			}
		}
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := begin("one")
	holds("temporary one")
	if err := errors.Join(f.Discard(), f.Discard()); err != nil {
		t.Error(err)
	}
	holds()
	if err := begin("two").CommitNew(); err != nil {
		t.Error(err)
	}
	holds("file two")
	if err := begin("three").CommitNew(); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	holds("file two")
	f = begin("at")
	holds("temporary at", "file two")
	if err := errors.Join(f.Commit(), f.Discard()); err != nil {
		t.Error(err)
	}
	holds("file at")
	if err := os.Remove(filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "file"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := begin("five").Commit(); err == nil {
		t.Error("a directory was replaced")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
}
