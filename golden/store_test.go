package golden_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/golden"
)

// tree lists the files below a directory.
func tree(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			relative, _ := filepath.Rel(dir, path)
			files = append(files, filepath.ToSlash(relative))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func named(name string) *golden.Golden {
	g := example()
	g.Snapshot = name
	return g
}

func TestAGoldenHasTheNameOfItsSnapshot(t *testing.T) {
	for name, want := range map[string]string{
		"dump":                     "dump.golden.json",
		"removed-node/4-tombstone": "removed-node/4-tombstone.golden.json",
		"größer als 1.7.12":        "größer als 1.7.12.golden.json",
		"":                         "%2F.golden.json",
		".":                        "%2E.golden.json",
		"..":                       "%2E%2E.golden.json",
		"../../etc/passwd":         "%2E%2E/%2E%2E/etc/passwd.golden.json",
		"/etc/passwd":              "%2F/etc/passwd.golden.json",
		"a//b/":                    "a/%2F/b/%2F.golden.json",
		".git/config":              "%2Egit/config.golden.json",
		`C:\dump`:                  "C%3A%5Cdump.golden.json",
		"a\x00b\n\x1b\u202e":       "a%00b%0A%1B%E2%80%AE.golden.json",
		"50%2F":                    "50%252F.golden.json",
		"\xff":                     "%FF.golden.json",
		"ends with. /x ":           "ends with.%20/x%20.golden.json",
		"CON":                      "%43ON.golden.json",
		"a/nul.txt/lpt1":           "a/%6Eul.txt/%6Cpt1.golden.json",
		"console/com10/nul-1":      "console/com10/nul-1.golden.json",
	} {
		if got := golden.File(name); got != want {
			t.Errorf("the golden of %q is %q, want %q", name, got, want)
		}
	}
}

func TestNoNameLeadsOutOfTheStore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`[./\\%2FEa ]{0,8}`),
			rapid.StringMatching(`(%43|c|C)?(%4F|o)(n|n\.a)?/?`),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		)
		a, b := names.Draw(t, "a"), names.Draw(t, "b")
		if !filepath.IsLocal(golden.File(a)) {
			t.Fatalf("%q leads to %q", a, golden.File(a))
		}
		if (a == b) != (golden.File(a) == golden.File(b)) {
			t.Fatalf("%q and %q are both %q", a, b, golden.File(a))
		}
	})
}

func TestWhatWasWrittenIsListedAndRead(t *testing.T) {
	store := golden.Store{Dir: filepath.Join(t.TempDir(), "not", "there", "yet")}
	if names, err := store.List(); err != nil || len(names) != 0 {
		t.Error(names, err)
	}
	want := []string{"..", "", "a/b", "a/c 2", "a/c 10", "dump", "größer"}
	for _, name := range want {
		if err := store.Write(named(name)); err != nil {
			t.Fatal(err)
		}
	}
	names, err := store.List()
	slices.Sort(want)
	slices.Sort(names)
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("%q %v", names, err)
	}
	for _, name := range want {
		g, err := store.Read(name)
		if err != nil || !golden.Compare(named(name), g).Empty() {
			t.Error(g, err)
		}
	}
}

func TestAMissingGoldenSaysWhereItShouldBeAndWhatToRun(t *testing.T) {
	dir := t.TempDir()
	store := golden.Store{Dir: dir}
	if err := store.Write(named("removed-node/4-tombstone")); err != nil {
		t.Fatal(err)
	}
	_, err := store.Read("4-tombstone")
	var missing *golden.MissingError
	if !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if missing.Snapshot != "4-tombstone" || missing.Path != filepath.Join(dir, "4-tombstone.golden.json") ||
		!slices.Equal(missing.Similar, []string{"removed-node/4-tombstone"}) {
		t.Errorf("%+v", missing)
	}
	for _, part := range []string{missing.Path, "restate-lint golden accept --dir " + dir, "removed-node/4-tombstone"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %q", part, err)
		}
	}
	if _, err := (golden.Store{Dir: filepath.Join(dir, "none")}).Read("x"); !errors.As(err, &missing) {
		t.Error(err)
	}
}

// A store may have thousands of goldens, and a run may ask for as many that are missing.
func TestAListedStoreLooksOnceForSimilarNames(t *testing.T) {
	store := golden.Store{Dir: t.TempDir()}
	g := example()
	for _, g.Snapshot = range []string{"x/a", "y/a", "ya", "b"} {
		if err := store.Write(g); err != nil {
			t.Fatal(err)
		}
	}
	similar := func(store golden.Store, name string) []string {
		missing := &golden.MissingError{}
		if _, err := store.Read(name); !errors.As(err, &missing) {
			t.Fatal(err)
		}
		return missing.Similar
	}
	listed := store.Listed()
	for range 2 {
		if got := similar(listed, "a"); !slices.Equal(got, []string{"x/a", "y/a"}) {
			t.Errorf("of a: %q", got)
		}
		if got := similar(listed, "z/b"); !slices.Equal(got, []string{"b"}) {
			t.Errorf("of z/b: %q", got)
		}
		if err := os.RemoveAll(store.Dir); err != nil {
			t.Fatal(err)
		}
	}
	if got := similar(store, "a"); got != nil {
		t.Errorf("of a, where nothing is: %q", got)
	}
}

func TestAnUnreadableGoldenIsNotAMissingOne(t *testing.T) {
	store := golden.Store{Dir: t.TempDir()}
	if err := os.WriteFile(store.Path("dump"), []byte("<<<<<<< HEAD\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	verdict := store.Judge(example())
	if verdict.State != golden.Unreadable || !errors.Is(verdict.Err, golden.ErrConflict) || !strings.HasPrefix(verdict.Err.Error(), store.Path("dump")) {
		t.Errorf("%+v", verdict)
	}
	if strings.Contains(verdict.Problem, store.Dir) {
		t.Errorf("a verdict depends on where the store is: %s", verdict.Problem)
	}
}

func TestAWriteIsThereAsAWholeOrNotAtAll(t *testing.T) {
	store := golden.Store{Dir: t.TempDir()}
	for _, name := range []string{"dump", "folder/dump"} {
		if err := store.Write(named(name)); err != nil {
			t.Fatal(err)
		}
	}
	if files := tree(t, store.Dir); len(files) != 2 {
		t.Errorf("more was written than the goldens: %q", files)
	}

	// A golden cannot replace a folder, nor stand below a file.
	if err := os.MkdirAll(filepath.Join(store.Path("taken"), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(store.Dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, store.Dir)
	for _, name := range []string{"taken", "file/below"} {
		if err := store.Write(named(name)); err == nil || !strings.HasPrefix(err.Error(), store.Path(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := tree(t, store.Dir); !slices.Equal(after, before) {
		t.Errorf("a failed write left something behind: %q", after)
	}
}

func TestLinksLeadNowhereOutOfTheStore(t *testing.T) {
	outside := t.TempDir()
	store := golden.Store{Dir: t.TempDir()}
	secret := filepath.Join(outside, "dump.golden.json")
	if err := os.WriteFile(secret, named("link/dump").Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(store.Dir, "link")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(secret, store.Path("dump")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link/dump", "dump"} {
		if g, err := store.Read(name); err == nil {
			t.Errorf("read %v", g)
		}
	}
	if err := store.Write(named("link/dump")); err == nil {
		t.Error("wrote through a link")
	}
	if err := store.Write(named("dump")); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(secret); err != nil || !bytes.Equal(text, named("link/dump").Encode()) {
		t.Error("a file outside of the store was changed")
	}
	if files := tree(t, outside); len(files) != 1 {
		t.Error(files)
	}
}

func TestWhatIsNoFileIsNotRead(t *testing.T) {
	store := golden.Store{Dir: t.TempDir()}
	if err := os.Mkdir(store.Path("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if verdict := store.Judge(named("folder")); verdict.State != golden.Unreadable || !strings.Contains(verdict.Problem, "is a directory") {
		t.Errorf("%s %s", verdict.State, verdict.Problem)
	}
}

func TestJudgingWritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "goldens")
	if verdict := (golden.Store{Dir: dir}).Judge(example()); verdict.State != golden.Missing {
		t.Error(verdict)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the store was made by looking at it")
	}
}
