package commands_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// hostileMembers are members of an archive whose names mean something elsewhere, and that are no files.
var hostileMembers = []tar.Header{
	{Name: "../../nodes_config.json"}, {Name: "/etc/nodes_config.json"}, {Name: "a/../../../bifrost_config.json"}, {Name: `..\..\partition_table.json`},
	{Name: "metadata/\x1b[2J\x1b]0;owned\x07nodes_config.json"}, {Name: "metadata/new\nline\r.json"}, {Name: "metadata/\u202enosj.json"}, {Name: "metadata/\xff\xfe.json"},
	{Name: "metadata/nodes_config.json"}, {Name: "metadata/nodes_config.json"}, {Name: "metadata/NODES_CONFIG.json"}, {Name: "metadata/nodes_config.json/below"},
	{Name: "nodes_config.json", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, {Name: "partition_table.json", Typeflag: tar.TypeSymlink, Linkname: "nowhere"},
	{Name: "bifrost_config.json", Typeflag: tar.TypeLink, Linkname: "../../secret"}, {Name: "hard.json", Typeflag: tar.TypeLink, Linkname: "metadata/NODES_CONFIG.json"},
	{Name: "metadata/pp_epoch_0.json", Typeflag: tar.TypeChar}, {Name: "metadata/pp_epoch_1.json", Typeflag: tar.TypeFifo}, {Name: "metadata/pp_epoch_2.json", Typeflag: tar.TypeBlock},
	{Name: "loop", Typeflag: tar.TypeSymlink, Linkname: "."}, {Name: strings.Repeat("deep/", 200) + "nodes_config.json"}, {Name: strings.Repeat("long", 1000) + ".json"},
}

// hostileArchive writes a tar or a zip with all of them. Each file holds a document, with a version of its own.
func hostileArchive(t *testing.T, file string) {
	t.Helper()
	var text bytes.Buffer
	tars, zips := tar.NewWriter(&text), zip.NewWriter(&text)
	for i, header := range hostileMembers {
		document := fmt.Sprintf(`{"version":%d,"cluster_name":"\u001b[31mred","nodes":[],"name_lookup":{}}`, i+1)
		header.Typeflag = cmp.Or(header.Typeflag, tar.TypeReg)
		if header.Typeflag == tar.TypeReg {
			header.Size = int64(len(document))
		} else {
			document = header.Linkname
		}
		var err error
		if filepath.Ext(file) == ".zip" {
			of := &zip.FileHeader{Name: header.Name, Method: zip.Deflate}
			of.SetMode(map[byte]fs.FileMode{tar.TypeReg: 0o644, tar.TypeSymlink: fs.ModeSymlink | 0o777, tar.TypeChar: fs.ModeDevice | fs.ModeCharDevice, tar.TypeFifo: fs.ModeNamedPipe}[header.Typeflag])
			member, createErr := zips.CreateHeader(of)
			if err = createErr; err == nil {
				_, err = member.Write([]byte(document))
			}
		} else if err = tars.WriteHeader(&header); err == nil && header.Typeflag == tar.TypeReg {
			_, err = tars.Write([]byte(document))
		}
		if err != nil {
			t.Fatal(header.Name, err)
		}
	}
	end := tars.Close
	if filepath.Ext(file) == ".zip" {
		end = zips.Close
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// everything is what lies below a directory, links not followed.
func everything(t *testing.T, root string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, file)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		all[name] = info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			text, err := os.ReadFile(file)
			all[name] += " " + string(text)
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(file)
			all[name] += " " + target
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Whatever members are called and whatever they are, nothing of them reaches a terminal, and nothing is written but where
// it was asked for: not through links that lie there, and not over what is there.
func TestHostileMembersStayInTheirArchive(t *testing.T) {
	for _, form := range []string{"x.tar", "x.zip"} {
		root := t.TempDir()
		archive, out := filepath.Join(root, "in", form), filepath.Join(root, "out")
		for _, dir := range []string{filepath.Dir(archive), out} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		hostileArchive(t, archive)
		if err := os.WriteFile(filepath.Join(root, "secret"), []byte("treasure"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := everything(t, root)
		check := func(arguments ...string) (int, string) {
			t.Helper()
			code, stdout, stderr := run(t, nil, arguments...)
			for _, text := range []string{stdout, stderr} {
				if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) }); i >= 0 {
					t.Errorf("%v: %q", arguments, text[i:min(len(text), i+40)])
				}
				if strings.Contains(text, "treasure") || strings.Contains(text, "root:") {
					t.Errorf("%v: a link was followed: %s", arguments, text)
				}
			}
			if code == 4 {
				t.Errorf("%v: exit code %d: %s", arguments, code, stderr)
			}
			return code, stdout + stderr
		}
		for _, arguments := range [][]string{
			{"describe", "--documents"}, {"check"}, {"check", "--format", "json"}, {"check", "--format", "sarif"}, {"check", "--format", "github"}, {"check", "--format", "markdown"},
		} {
			check(append(arguments, archive)...)
			check(append(arguments, archive+"/...")...)
		}
		if after := everything(t, root); !maps.Equal(after, before) {
			t.Errorf("%s: reading it changed\n%v\nto\n%v", form, before, after)
		}

		// A link that somebody has put where a file is to be written.
		document := filepath.Join(out, "nodes_config.json")
		if err := os.Symlink(filepath.Join(root, "secret"), document); err != nil {
			t.Skip(err)
		}
		before = everything(t, root)
		if code, text := check("export", "--to", out, archive+"/metadata"); code != 2 || !strings.Contains(text, "nodes_config.json exists: nothing was written") {
			t.Errorf("%s: exit code %d: %s", form, code, text)
		}
		if after := everything(t, root); !maps.Equal(after, before) {
			t.Errorf("%s: it was written all the same: %v", form, slices.Sorted(maps.Keys(after)))
		}
		check("export", "--overwrite", "--to", out, archive)
		after := everything(t, root)
		if !strings.HasPrefix(after["out/nodes_config.json"], "-rw------- {\n") {
			t.Errorf("%s: exported %q", form, after["out/nodes_config.json"])
		}
		for name, content := range after {
			if name != "out/nodes_config.json" && before[name] != content {
				t.Errorf("%s: %s is %q, and was %q", form, name, content, before[name])
			}
		}
	}
}
