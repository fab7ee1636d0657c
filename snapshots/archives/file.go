package archives

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
)

// A file is an open member. It implements io.Seeker and io.ReaderAt: of a compressed member that is not held, the first
// makes the next read unpack it anew where it goes back, and the second holds it.
type file struct {
	info
	n    *node // has the content
	pos  int64
	size int64 // what can be read; -1 if nobody knows yet

	at   io.ReaderAt // nil if it has to be unpacked
	base io.Closer   // is behind at
	in   *reading
	inAt int64 // where in is
}

// A reading unpacks a file from a place on.
type reading struct {
	io.Reader
	s *stream
}

// openContent unpacks a file from a place on.
func (a *archive) openContent(n *node, from int64, first bool) (*reading, error) {
	var s *stream
	var err error
	switch {
	case n.zipped.in:
		if s, err = a.openZipped(&n.zipped, first); err == nil {
			err = s.skipTo(from)
		}
	case n.sparse:
		if s, err = a.unpack(n.data); err != nil {
			break
		}
		r := tar.NewReader(s)
		if _, err = r.Next(); err == nil {
			_, err = io.CopyN(io.Discard, r, from)
		}
		if err == nil {
			return &reading{r, s}, nil
		}
	case first: // is a compressed file
		s, err = a.open(true)
	default:
		s, err = a.unpack(n.data + from)
	}
	if err != nil {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
		return nil, err
	}
	return &reading{s, s}, nil
}

// done is called when nobody reads on.
func (a *archive) done(r *reading) {
	if a.format.container == zipContainer {
		_ = r.s.Close() // it was only read
		return
	}
	a.park(r.s)
}

func (a *archive) openFile(named *node) (*file, error) {
	n := named.file()
	f := &file{info: info{a, named}, n: n, size: -1}
	if n.zipped.in && n.zipped.declared <= smallMember {
		a.measure(n)
	}
	if a.format.container == tarContainer || n.known.Load() {
		f.size = n.size
	}
	content, held := a.memory.held(a, n)
	if !held && a.memory.again(a) {
		if err := a.refill(); err != nil {
			return nil, err
		}
		content, held = a.memory.held(a, n)
	}
	stored := n.zipped.in && n.zipped.method == zip.Store && !n.zipped.locked
	plain := a.format.container == tarContainer && a.format.compression == notCompressed && !n.sparse
	switch {
	case held:
		f.at = bytes.NewReader(content)
	case stored || plain:
		base, err := a.fsys.Open(a.path)
		if err != nil {
			return nil, err
		}
		at, ok := base.(io.ReaderAt)
		if plain && seekable(base) == nil || !ok {
			return f, base.Close()
		}
		f.base = base
		f.at = io.NewSectionReader(at, n.data, n.size)
		if stored {
			f.at = io.NewSectionReader(at, n.zipped.from, n.zipped.packed)
		}
	}
	return f, nil
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *file) Read(p []byte) (n int, err error) {
	if f.size < 0 && (f.n.known.Load() || f.pos >= headSize) { // the head alone is not worth it
		f.size = f.Size()
	}
	if f.size >= 0 {
		if f.pos >= f.size {
			return 0, io.EOF
		}
		p = p[:min(int64(len(p)), f.size-f.pos)]
	}
	switch {
	case f.at != nil:
		n, err = f.at.ReadAt(p, f.pos)
	case f.pos < int64(len(f.n.head)) && f.size >= 0:
		n = copy(p, f.n.head[f.pos:])
	default:
		if err = f.follow(); err == nil {
			n, err = f.in.Read(p)
			f.inAt += int64(n)
		}
	}
	f.pos += int64(n)
	if n > 0 && (f.size >= 0 || errors.Is(err, io.EOF)) {
		err = nil // what is wrong behind the bytes that can be read was said when they were counted
	}
	return n, err
}

// follow brings what is unpacked to where the file is.
func (f *file) follow() (err error) {
	if f.in != nil && f.inAt > f.pos {
		f.a.done(f.in)
		f.in = nil
	}
	if f.in == nil {
		f.in, err = f.a.openContent(f.n, f.pos, false)
		f.inAt = f.pos
		return err
	}
	skipped, err := io.CopyN(io.Discard, f.in, f.pos-f.inAt)
	f.inAt += skipped
	return err
}

// Seek moves to a place; nothing is read for it.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.Size()
	}
	if offset < 0 {
		return 0, &fs.PathError{Op: "seek", Path: f.n.name, Err: fs.ErrInvalid}
	}
	f.pos = offset
	return offset, nil
}

// ReadAt reads at any place, for which a compressed file is held as a whole.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	if f.at == nil {
		f.size = f.Size()
		content, held := f.a.memory.held(f.a, f.n)
		if !held {
			var err error
			if content, err = f.whole(); err != nil {
				return 0, err
			}
		}
		f.at = bytes.NewReader(content)
	}
	return f.at.ReadAt(p, offset)
}

// whole unpacks and holds all of it.
func (f *file) whole() ([]byte, error) {
	switch {
	case f.size > maxWhole:
		return nil, errWhole
	case f.a.counts.hold(f.size) < f.size: // what it took is not asked for again
		return nil, errMemory
	}
	r, err := f.a.openContent(f.n, 0, false)
	if err != nil {
		return nil, err
	}
	defer f.a.done(r)
	content := make([]byte, f.size)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, err
	}
	f.a.memory.holdWhole(f.a, f.n, content)
	return content, nil
}

func (f *file) Close() error {
	if f.in != nil {
		f.a.done(f.in)
		f.in = nil
	}
	if f.base != nil {
		return f.base.Close()
	}
	return nil
}
