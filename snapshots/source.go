package snapshots

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
)

// A Source is where bytes came from: a file of a capture. It is only ever read, never held as a whole.
type Source struct {
	// Name is relative to the snapshot, with forward slashes. It is a label: nothing is concluded from it.
	Name string
	// Size is in bytes.
	Size int64
	// Secret is true for a source that may hold passwords and tokens: none of its text is ever given out.
	Secret bool

	fsys   fs.FS
	path   string // in fsys; differs from Name if packed
	packed bool   // its file is compressed and not called like that
	stored string // the key of a value of a store; storedSeparator where that is not known, empty for a file
}

// Open returns a reader over the bytes of the source from the given offset on.
func (s *Source) Open(offset int64) (io.ReadCloser, error) {
	f, err := s.fsys.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, underlying(err))
	}
	if offset == 0 {
		return f, nil
	}
	if seeker, ok := f.(io.Seeker); ok {
		_, err = seeker.Seek(offset, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, f, offset)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.Name, underlying(err)), f.Close())
	}
	return f, nil
}

// underlying drops the path that fs errors carry: a report must not depend on where a capture lies.
func underlying(err error) error {
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// SHA256 reads the source and returns its hash in lower-case hexadecimal.
func (s *Source) SHA256() (string, error) {
	f, err := s.Open(0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", fmt.Errorf("%s: %w", s.Name, underlying(err))
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// A Position is a place in a source. The zero value is "nowhere".
type Position struct {
	Source *Source
	// Offset counts bytes from the start of the source.
	Offset int64
	// Pointer is the JSON pointer (RFC 6901) of the value, relative to its document.
	Pointer string
}

// A Line is a Position as a person looks for it.
type Line struct {
	// Number and Column start at 1; columns count bytes, as in Go's own tools.
	Number, Column int64
	// Text is what surrounds the position on its line, at most some hundred bytes, without the line's end.
	Text []byte
	// Start is the column of Text's first byte; more than 1 where the line's beginning was left out.
	Start int64
	// Cut says that the line goes on behind Text.
	Cut bool
}

// lineContext is how much of a line is kept on each side of a position.
const lineContext = 240

// Lines finds the lines of the given offsets in one pass over the source. The answers come in the order of the
// offsets; an offset beyond the end of the source gets the zero Line. The lines of a Secret source have no text.
func (s *Source) Lines(offsets []int64) ([]Line, error) { return s.find(offsets, !s.Secret) }

// Places is Lines without the text.
func (s *Source) Places(offsets []int64) ([]Line, error) { return s.find(offsets, false) }

func (s *Source) find(offsets []int64, withText bool) ([]Line, error) {
	lines := make([]Line, len(offsets))
	order := make([]int, len(offsets))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(offsets[a], offsets[b]) })

	f, err := s.Open(0)
	if err != nil {
		return lines, err
	}
	defer f.Close()

	// The buffer holds the block under work with lineContext bytes on either side of it.
	block := blockSize
	if s.Size > 0 {
		block = int(min(s.Size+1, int64(block)))
	}
	buf := make([]byte, 0, block+2*lineContext)
	var base int64     // the offset of buf[0]
	number := int64(1) // the line at position done
	lineStart, done := int64(0), int64(0)
	for len(order) > 0 {
		if keep := max(done-base-lineContext, 0); keep > 0 {
			n := copy(buf, buf[min(keep, int64(len(buf))):])
			buf = buf[:n]
			base += keep
		}
		n, err := io.ReadFull(f, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		last := err != nil
		if last && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return lines, fmt.Errorf("%s: %w", s.Name, underlying(err))
		}
		end := base + int64(len(buf))
		safe := end - lineContext // a position before it has all of its context in buf
		if last {
			safe = end
		}
		for len(order) > 0 && offsets[order[0]] < safe {
			at := offsets[order[0]]
			passed := buf[done-base : at-base]
			if newlines := bytes.Count(passed, []byte{'\n'}); newlines > 0 {
				number += int64(newlines)
				lineStart = done + int64(bytes.LastIndexByte(passed, '\n')) + 1
			}
			done = at
			lines[order[0]] = Line{Number: number, Column: at - lineStart + 1}
			if withText {
				lines[order[0]].cut(buf, base, at, lineStart)
			}
			order = order[1:]
		}
		if last {
			break
		}
		if safe > done {
			passed := buf[done-base : safe-base]
			if newlines := bytes.Count(passed, []byte{'\n'}); newlines > 0 {
				number += int64(newlines)
				lineStart = done + int64(bytes.LastIndexByte(passed, '\n')) + 1
			}
			done = safe
		}
	}
	return lines, nil
}

// cut takes over the text around a position from the buffer, which starts at base in the source.
func (l *Line) cut(buf []byte, base, at, lineStart int64) {
	from := max(lineStart, at-lineContext, base)
	to := min(at+lineContext, base+int64(len(buf)))
	text := buf[from-base : to-base]
	l.Start = from - lineStart + 1
	l.Cut = to < base+int64(len(buf)) && buf[to-base] != '\n'
	if i := bytes.IndexByte(text[at-from:], '\n'); i >= 0 {
		text, l.Cut = text[:at-from+int64(i)], false
	}
	l.Text = bytes.Clone(bytes.TrimSuffix(text, []byte{'\r'}))
}
