package commands_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"restate-lint/internal/commands"
	"restate-lint/snapshots"
)

// pack writes an archive, in the form that its name asks for, of a directory, which is the folder at its top, or of what is
// in it if its path ends in "/.". A compressed file holds one file.
func pack(name, from string) error {
	var text bytes.Buffer
	var out io.WriteCloser = closing{&text}
	inner := name
	switch ext := filepath.Ext(name); ext {
	case ".gz":
		out, inner = gzip.NewWriter(&text), strings.TrimSuffix(name, ext)
	case ".zst":
		w, err := zstd.NewWriter(&text)
		if err != nil {
			return err
		}
		out, inner = w, strings.TrimSuffix(name, ext)
	}
	var add func(name string, content []byte) error
	end := func() error { return nil }
	switch filepath.Ext(inner) {
	case ".tar":
		w := tar.NewWriter(out)
		add = func(name string, content []byte) error {
			err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(content))})
			if err == nil {
				_, err = w.Write(content)
			}
			return err
		}
		end = w.Close
	case ".zip":
		w := zip.NewWriter(out)
		add = func(name string, content []byte) error {
			member, err := w.Create(name)
			if err == nil {
				_, err = member.Write(content)
			}
			return err
		}
		end = w.Close
	default:
		add = func(_ string, content []byte) error {
			_, err := out.Write(content)
			return err
		}
	}
	top := path.Base(filepath.ToSlash(from))
	err := filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		return add(path.Join(top, filepath.ToSlash(relative)), content)
	})
	if err != nil {
		return err
	}
	if err := end(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, text.Bytes(), 0o600)
}

type closing struct{ io.Writer }

func (closing) Close() error { return nil }

func run(t *testing.T, stdin io.Reader, arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	code = commands.Run(arguments, commands.Environment{
		Stdin: stdin, Stdout: &out, Stderr: &complaints, Getenv: func(string) string { return "" },
	})
	return code, out.String(), complaints.String()
}

// Whatever a capture is packed into, its report is the same to the byte: that of a directory of the same name.
func TestReportsOnArchivesAreThoseOnDirectories(t *testing.T) {
	captures, err := snapshots.Find("../../snapshots/testdata/captures/...")
	if err != nil {
		t.Fatal(err)
	}
	for i, found := range captures {
		capture := found.Path
		code, want, complaints := run(t, nil, "check", capture, "--format", "json")
		dir := t.TempDir()
		form := []string{".tar", ".tar.gz", ".tar.zst", ".zip"}[i%4]
		packed := filepath.Join(dir, "packed"+form)
		from := capture
		if i%3 == 0 {
			from += "/."
		}
		if err := pack(packed, from); err != nil {
			t.Fatal(err)
		}
		archive := filepath.Join(dir, filepath.Base(capture)) // nothing is concluded from what it is called
		if err := os.Rename(packed, archive); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(archive)
		if err != nil {
			t.Fatal(err)
		}
		gotCode, got, gotComplaints := run(t, nil, "check", archive, "--format", "json")
		if got != want || gotCode != code || gotComplaints != complaints {
			t.Errorf("%s: in %s: exit code %d, want %d\n%s\n%s", capture, form, gotCode, code, gotComplaints, difference(got, want))
		}
		if after, err := os.Stat(archive); err != nil || after.ModTime() != before.ModTime() || after.Size() != before.Size() {
			t.Errorf("%s was changed", archive)
		}
		text, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		_, got, _ = run(t, bytes.NewReader(text), "check", "-", "--format", "json")
		if got = strings.Replace(got, `"name": "stdin"`, fmt.Sprintf(`"name": %q`, filepath.Base(capture)), 1); got != want {
			t.Errorf("%s: on standard input: %s", capture, difference(got, want))
		}
	}
	if len(captures) < 20 {
		t.Errorf("only %d captures were packed", len(captures))
	}
}

func difference(got, want string) string {
	lines, wanted := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(lines), len(wanted)) {
		if lines[i] != wanted[i] {
			return fmt.Sprintf("line %d is %s, want %s", i+1, lines[i], wanted[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(lines), len(wanted))
}
