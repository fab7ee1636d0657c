package commands

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"restate-lint/snapshots"
)

// A screen shows what a terminal shows, of characters that take one column each.
type screen struct{ bytes.Buffer }

// shows is what stands on the screen in the end. The lines that a carriage return went back to are overwritten.
func (s *screen) shows() string {
	var lines []string
	line, column := []rune{}, 0
	end := func() { lines = append(lines, strings.TrimRight(string(line), " ")); line, column = nil, 0 }
	for _, r := range s.String() {
		switch {
		case r == '\r':
			column = 0
		case r == '\n':
			end()
		default:
			if column == len(line) {
				line = append(line, r)
			}
			line[column] = r
			column++
		}
	}
	end()
	return strings.Join(lines, "\n")
}

func TestProgressIsShownWhereItTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var terminal screen
		var columns atomic.Int64
		columns.Store(60)
		p := &progress{terminal: &terminal, columns: func() int { return int(columns.Load()) }}
		shows := func(want string) {
			t.Helper()
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if got := terminal.shows(); got != want {
				t.Errorf("it shows %q, want %q", got, want)
			}
		}
		text := strings.Repeat("x", 3_000_000)
		capture := snapshots.Capture{FS: fstest.MapFS{"a": {Data: []byte(text)}, "b": {Data: []byte(text)}}, Files: []string{"a", "b"}}

		// Whatever is short leaves nothing at all.
		p.begin("looking for snapshots")
		p.watch([]snapshots.Capture{capture})
		time.Sleep(progressAfter - 1)
		p.finished()
		p.end()
		if terminal.Len() > 0 {
			t.Errorf("%q was written", terminal.String())
		}

		p.begin("looking for snapshots")
		time.Sleep(progressAfter)
		shows("restate-lint: looking for snapshots")
		watched := p.watch([]snapshots.Capture{capture, capture, capture})
		time.Sleep(progressEvery)
		shows("") // nothing was read
		for _, name := range []string{"a", "b"} {
			if read, err := fs.ReadFile(watched[0].FS, name); err != nil || string(read) != text {
				t.Fatalf("%d bytes of %s, %v", len(read), name, err)
			}
		}
		p.finished()
		time.Sleep(2*time.Second - progressAfter - progressEvery)
		shows("restate-lint: 1 of 3 snapshots, 6.0 MB, 3.0 MB/s")
		for range 10 { // reading again is no progress
			_, _ = fs.ReadFile(watched[0].FS, "a")
		}
		time.Sleep(2 * time.Second)
		shows("restate-lint: 1 of 3 snapshots, 6.0 MB, 1.5 MB/s")
		p.finished()
		columns.Store(30)
		time.Sleep(progressEvery)
		shows("restate-lint: 2 of 3 snapshot")
		p.finished()
		shows("")
		time.Sleep(time.Minute)
		shows("")
		p.end()
		shows("")
	})
}

func TestProgressOfOneCaptureKnowsHowMuchThereIs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 1_000_000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		for _, capture := range []snapshots.Capture{
			{FS: os.DirFS(dir), Files: []string{"a", "b"}, Path: dir},
			{FS: os.DirFS(dir), Files: []string{"a", "not-there"}, Path: dir},
		} {
			var terminal screen
			p := &progress{terminal: &terminal, columns: func() int { return 80 }}
			p.begin("")
			watched := p.watch([]snapshots.Capture{capture})
			f, err := watched[0].FS.Open("a")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			// What is looked at behind what was read is no progress, until that was read as well.
			at := f.(io.ReadSeeker)
			if _, err := at.Seek(-10, io.SeekEnd); err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadFull(at, make([]byte, 10))
			_, _ = at.Seek(0, io.SeekStart)
			_, _ = io.ReadFull(at, make([]byte, 500_000))
			time.Sleep(progressAfter)
			synctest.Wait()
			want := "restate-lint: 500 kB of 2.0 MB, 500 kB/s"
			if capture.Files[1] != "b" {
				want = "restate-lint: 500 kB, 500 kB/s"
			}
			if got := terminal.shows(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
			p.finished()
			p.end()
			if got := terminal.shows(); got != "" {
				t.Errorf("%q is left", got)
			}
		}
	})
}

// Files can do watched what they can do otherwise: databases are read at any place, and are held in memory if they cannot be.
func TestWatchedFilesCanDoWhatFilesCan(t *testing.T) {
	p := &progress{}
	type only struct{ fs.File }
	type seeker struct {
		fs.File
		io.Seeker
	}
	for want, open := range map[string]func(f *os.File) fs.File{
		"read":         func(f *os.File) fs.File { return only{f} },
		"read seek":    func(f *os.File) fs.File { return seeker{f, f} },
		"read seek at": func(f *os.File) fs.File { return f },
		"read at": func(f *os.File) fs.File {
			return struct {
				fs.File
				io.ReaderAt
			}{f, f}
		},
	} {
		file, err := os.Open("progress_test.go")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		f, err := (&watchedFS{FS: opener{open(file)}, progress: p, reached: map[string]int64{}}).Open("x")
		if err != nil {
			t.Fatal(err)
		}
		got := "read"
		if _, ok := f.(io.Seeker); ok {
			got += " seek"
		}
		if at, ok := f.(io.ReaderAt); ok {
			got += " at"
			head := make([]byte, 7)
			if _, err := at.ReadAt(head, 0); err != nil || string(head) != "package" {
				t.Errorf("%s: %q, %v", want, head, err)
			}
		}
		if got != want {
			t.Errorf("a file that can %s can only %s", want, got)
		}
	}
	if p.read != 7 {
		t.Errorf("%d bytes were counted", p.read)
	}
}

type opener struct{ file fs.File }

func (o opener) Open(string) (fs.File, error) { return o.file, nil }

func TestBytesOf(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 9_900: "9.9 kB", 10_000: "10 kB", 3_210_000_000: "3.2 GB", 65e9: "65 GB", 1e15: "1000 TB",
	} {
		if got := bytesOf(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
}

func BenchmarkWatchedRead(b *testing.B) {
	const size = 512 << 10
	content := fstest.MapFS{"a": {Data: make([]byte, 64<<20)}}
	block := make([]byte, size)
	for _, watched := range []bool{false, true} {
		b.Run(fmt.Sprintf("watched=%v", watched), func(b *testing.B) {
			var fsys fs.FS = content
			if watched {
				fsys = &watchedFS{FS: content, progress: &progress{}, reached: map[string]int64{}}
			}
			b.SetBytes(64 << 20)
			for b.Loop() {
				f, err := fsys.Open("a")
				if err != nil {
					b.Fatal(err)
				}
				for {
					if _, err := f.Read(block); err != nil {
						break
					}
				}
			}
		})
	}
}
