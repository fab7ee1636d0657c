package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restate-lint/analyze/config"
)

// tree makes files below a new directory, whose path it returns; a name that ends in a slash makes a directory.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		path := filepath.Join(root, filepath.FromSlash(name))
		dir := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			dir = path
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if dir == path {
			continue
		}
		if err := os.WriteFile(path, []byte("version: 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFindGoesUpwards(t *testing.T) {
	root := tree(t, "a/.restate-lint.yaml", "a/b/c/metadata/", "a/b/d/.restate-lint.yaml", "a/.hidden/x")
	for dir, want := range map[string]string{"a/b/c/metadata": "a", "a/b/d": "a/b/d", "a": "a", "a/.hidden": "a"} {
		got, err := config.Find(filepath.Join(root, filepath.FromSlash(dir)))
		if err != nil || got != filepath.Join(root, filepath.FromSlash(want), ".restate-lint.yaml") {
			t.Errorf("%s: got %q, %v", dir, got, err)
		}
	}
	if got, err := config.Find(root); got != "" || err != nil {
		t.Errorf("got %q, %v where there is none", got, err)
	}
}

// What somebody may take for a configuration that applies is not passed over.
func TestFindRefusesWhatIsNoConfiguration(t *testing.T) {
	root := tree(t, "yml/.restate-lint.yml", "folder/.restate-lint.yaml/", "link/x", "elsewhere")
	if err := os.Symlink(filepath.Join(root, "elsewhere"), filepath.Join(root, "link", ".restate-lint.yaml")); err != nil {
		t.Skip(err)
	}
	for dir, want := range map[string]string{"yml": "has to be called .restate-lint.yaml", "folder": "is not a regular file", "link": "is a link"} {
		if got, err := config.Find(filepath.Join(root, dir)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v", dir, got, err)
		}
	}
}

func TestRead(t *testing.T) {
	root := tree(t, "a.yaml", "b/")
	if file, err := config.Read(filepath.Join(root, "a.yaml"), "a.yaml"); err != nil || file.Name != "a.yaml" {
		t.Errorf("got %+v, %v", file, err)
	}
	for name, want := range map[string]string{"none.yaml": "none.yaml: no such file or directory", "b": "b: is not a regular file"} {
		if _, err := config.Read(filepath.Join(root, name), name); err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	}
}
