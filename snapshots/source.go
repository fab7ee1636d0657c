package snapshots

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

	lines lineCounts
}

// Open returns a reader over the bytes of the source from the given offset on.
func (s *Source) Open(offset int64) (io.ReadCloser, error) {
	r, err := s.open(offset)
	if err != nil {
		return nil, err // and no reader that is nil
	}
	return r, nil
}

func (s *Source) open(offset int64) (*sourceReader, error) {
	f, err := s.fsys.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, underlying(err))
	}
	r := &sourceReader{file: f, source: s}
	if offset == 0 {
		return r, nil
	}
	if seeks, err := r.seek(offset); err != nil {
		return nil, errors.Join(err, f.Close())
	} else if seeks {
		return r, nil
	}
	if _, err = io.CopyN(io.Discard, f, offset); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.Name, underlying(err)), f.Close())
	}
	r.offset = offset
	return r, nil
}

// A sourceReader reads a source and counts its lines on the way.
type sourceReader struct {
	file   fs.File
	source *Source
	offset int64 // of what is read next
	silent bool  // somebody else counts
}

// Read reads what comes next.
func (r *sourceReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	if !r.silent {
		r.source.lines.pass(r.offset, p[:max(n, 0)])
	}
	r.offset += int64(n)
	return n, err
}

// Close closes the file of the source.
func (r *sourceReader) Close() error { return r.file.Close() }

// seek goes on at an offset, where the file can do that.
func (r *sourceReader) seek(offset int64) (can bool, err error) {
	seeker, can := r.file.(io.Seeker)
	if !can {
		return false, nil
	}
	if _, err := seeker.Seek(offset, io.SeekStart); err != nil {
		return true, fmt.Errorf("%s: %w", r.source.Name, underlying(err))
	}
	r.offset = offset
	return true, nil
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
