package commands

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"restate-lint/snapshots"
)

// progressAfter is how long something takes before anybody is told how far it is, and progressEvery how often that is said
// anew. Tests make them small.
var (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

// A progress tells how far the reading of captures is, on a line of the terminal that is there only while that takes
// long. Whatever else is written to the terminal goes through an aside, which takes the line away before. A nil progress
// tells nothing.
type progress struct {
	terminal io.Writer
	columns  func() int

	mu        sync.Mutex
	shown     string // the line that stands on the terminal
	elsewhere bool   // the cursor is in the middle of something else
	start     time.Time
	doing     string              // what is done as long as there are no captures
	captures  []snapshots.Capture // nil until then
	done      int
	read      int64         // bytes; those of a file that is read again count once
	size      int64         // bytes there are to read; 0 until somebody wants to know, or where nobody does
	stop      chan struct{} // nil unless it ticks
	ticking   sync.WaitGroup
}

// useTerminal makes an environment tell of progress, if standard error is a terminal that somebody looks at.
func (env *Environment) useTerminal() {
	file, ok := env.Stderr.(*os.File)
	if !ok || !isTerminal(file) || env.Getenv("TERM") == "dumb" || env.inCI() {
		return
	}
	env.progress = &progress{terminal: file, columns: func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 {
			return 80
		}
		return width
	}}
	env.Stderr = &aside{file, env.progress}
	if out, ok := env.Stdout.(*os.File); ok && isTerminal(out) {
		env.Stdout = &aside{out, env.progress}
	}
}

// An aside is a terminal on which there may be a line of progress.
type aside struct {
	file     *os.File
	progress *progress
}

func (a *aside) Write(text []byte) (int, error) {
	p := a.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	if len(text) > 0 {
		p.elsewhere = text[len(text)-1] != '\n'
	}
	return a.file.Write(text)
}

// Fd is that of the terminal.
func (a *aside) Fd() uintptr { return a.file.Fd() }

// isTerminal reports whether what is read from or written to is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(interface{ Fd() uintptr })
	return ok && isatty.IsTerminal(file.Fd())
}

// begin says what is done until there are captures to watch.
func (p *progress) begin(doing string) {
	if p == nil {
		return
	}
	p.end()
	p.doing, p.captures, p.done, p.read, p.size = doing, nil, 0, 0, 0
	p.start, p.stop = time.Now(), make(chan struct{})
	stop := p.stop
	p.ticking.Go(func() {
		for wait := progressAfter; ; wait = progressEvery {
			select {
			case <-stop:
				return
			case <-time.After(wait):
				p.draw()
			}
		}
	})
}

// end takes the line away.
func (p *progress) end() {
	if p == nil || p.stop == nil {
		return
	}
	close(p.stop)
	p.stop = nil
	p.ticking.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

// watch returns the captures that were found such that it is known how much of them is read.
func (p *progress) watch(captures []snapshots.Capture) []snapshots.Capture {
	if p == nil {
		return captures
	}
	watched := make([]snapshots.Capture, len(captures))
	for i, capture := range captures {
		capture.FS = &watchedFS{FS: capture.FS, progress: p, reached: make(map[string]int64)}
		watched[i] = capture
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.captures = watched
	return watched
}

// finished says that one capture more is done with.
func (p *progress) finished() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done++; p.done == len(p.captures) {
		p.erase()
	}
}

// erase takes the line away. Whoever calls it holds the lock.
func (p *progress) erase() {
	if p.shown != "" {
		_, _ = fmt.Fprintf(p.terminal, "\r%*s\r", len(p.shown), "") // nobody can be told
		p.shown = ""
	}
}

// draw writes the line anew.
func (p *progress) draw() {
	p.measure()
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.line()
	// A line that fills the terminal may make the cursor go on to the next one.
	line = line[:min(len(line), max(p.columns()-1, 0))]
	if p.elsewhere || line == "" {
		p.erase()
		return
	}
	if line != p.shown {
		_, _ = fmt.Fprintf(p.terminal, "\r%-*s", len(p.shown), line)
		p.shown = line
	}
}

// line says how far it is, in ASCII; it is empty if there is nothing to say.
func (p *progress) line() string {
	took := time.Since(p.start).Seconds()
	switch {
	case p.captures == nil:
		return Name + ": " + p.doing
	case p.done == len(p.captures) || p.done == 0 && p.read == 0:
		return ""
	case len(p.captures) > 1:
		return fmt.Sprintf("%s: %d of %d snapshots, %s, %s/s", Name, p.done, len(p.captures), bytesOf(float64(p.read)), bytesOf(float64(p.read)/took))
	case p.size > 0:
		return fmt.Sprintf("%s: %s of %s, %s/s", Name, bytesOf(float64(min(p.read, p.size))), bytesOf(float64(p.size)), bytesOf(float64(p.read)/took))
	}
	return fmt.Sprintf("%s: %s, %s/s", Name, bytesOf(float64(p.read)), bytesOf(float64(p.read)/took))
}

// measure finds out how much there is to read, for a single capture whose files are none of an archive.
func (p *progress) measure() {
	p.mu.Lock()
	captures, known := p.captures, p.size > 0
	p.mu.Unlock()
	if len(captures) != 1 || known || captures[0].Path == "" {
		return
	}
	dir := captures[0].Path
	if captures[0].IsFile() {
		dir = filepath.Dir(dir)
	}
	var size int64
	for _, name := range captures[0].Files {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return
		}
		size += info.Size()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size = size
}

// bytesOf is a number of bytes with two digits or more: "3.2 GB".
func bytesOf(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for n >= 1000 && len(units) > 1 {
		n /= 1000
		units = units[1:]
	}
	if n < 10 && units[0] != "B" {
		return fmt.Sprintf("%.1f %s", n, units[0])
	}
	return fmt.Sprintf("%.0f %s", n, units[0])
}

// A watchedFS counts the bytes that are read of the files of a capture.
type watchedFS struct {
	fs.FS
	progress *progress

	mu      sync.Mutex
	reached map[string]int64 // how far a file was read from its beginning on
}

// Open opens a file. It can seek, and be read at any place, where the file itself can.
func (w *watchedFS) Open(name string) (fs.File, error) {
	f, err := w.FS.Open(name)
	if err != nil {
		return nil, err
	}
	watched := watchedFile{File: f, fsys: w, name: name}
	seeker, seeks := f.(io.Seeker)
	at, reads := f.(io.ReaderAt)
	switch {
	case seeks && reads:
		return &watchedAnywhere{watchedSeeker{watched, seeker}, at}, nil
	case seeks:
		return &watchedSeeker{watched, seeker}, nil
	case reads:
		return f, nil
	}
	return &watched, nil
}

// Stat opens nothing.
func (w *watchedFS) Stat(name string) (fs.FileInfo, error) { return fs.Stat(w.FS, name) }

// ReadDir opens nothing that is no directory.
func (w *watchedFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(w.FS, name) }

// advance counts what was read of a file, unless it was read before, or what lies before it was not.
func (w *watchedFS) advance(name string, from, to int64) {
	w.mu.Lock()
	before := w.reached[name]
	if from > before || to <= before {
		w.mu.Unlock()
		return
	}
	w.reached[name] = to
	w.mu.Unlock()
	w.progress.add(to - before)
}

func (p *progress) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read += n
}

type watchedFile struct {
	fs.File
	fsys *watchedFS
	name string
	at   int64
}

func (f *watchedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.fsys.advance(f.name, f.at, f.at+int64(n))
	f.at += int64(n)
	return n, err
}

type watchedSeeker struct {
	watchedFile
	seeker io.Seeker
}

func (f *watchedSeeker) Seek(offset int64, whence int) (int64, error) {
	at, err := f.seeker.Seek(offset, whence)
	if err == nil {
		f.at = at
	}
	return at, err
}

type watchedAnywhere struct {
	watchedSeeker
	reader io.ReaderAt
}

// ReadAt counts whatever is read: a database has no order in which it is read.
func (f *watchedAnywhere) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.reader.ReadAt(p, offset)
	f.fsys.progress.add(int64(n))
	return n, err
}
