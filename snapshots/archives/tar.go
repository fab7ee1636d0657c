package archives

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// indexTar reads the headers of a tar, and takes its members where they are compressed.
func (a *archive) indexTar() error {
	s, err := a.open(true)
	if err != nil {
		return err
	}
	defer func() { a.park(s) }()
	for at := int64(0); ; {
		if err := s.skipTo(at); err != nil {
			return err
		}
		if err := a.counts.member(); err != nil {
			return err
		}
		reader := tar.NewReader(s)
		header, err := a.nextTar(reader, s, at)
		switch {
		case errors.Is(err, io.EOF):
			return a.endTar(s, at)
		case err != nil && s.err != nil:
			return err
		case err != nil && !errors.Is(err, tar.ErrInsecurePath): // every name is only a label
			a.problem(".", fmt.Sprintf("the header at byte %d is damaged: a member is missing", at))
			if at, err = s.nextHeader(); err != nil {
				return nil // which has been said
			}
			continue
		}
		if at, err = a.tarMember(header, reader, s, at); err != nil {
			return err
		}
	}
}

// nextTar reads a header of no more than 1 MiB. It may need as much memory, as lists of names and holes do.
func (a *archive) nextTar(reader *tar.Reader, s *stream, at int64) (*tar.Header, error) {
	const usual, most = 8 << 10, 1 << 20
	room := a.counts.hold(most)
	s.end = at + usual + room
	header, err := reader.Next()
	s.end = 0
	a.counts.release(room - min(room, max(s.pos-at-usual, 0)))
	return header, err
}

// endTar is called where a tar has no further header.
func (a *archive) endTar(s *stream, at int64) error {
	if s.pos == at && (s.seeker == nil || at <= a.size) { // no empty block was there
		return errors.New("it has no end mark: it may have been cut off")
	}
	if s.seeker != nil {
		return nil
	}
	_, err := io.Copy(io.Discard, s) // there may be a checksum
	return err
}

// nextHeader looks for the next block that is one.
func (s *stream) nextHeader() (at int64, err error) {
	block := make([]byte, blockSize)
	if err := s.skipTo(aligned(s.pos)); err != nil {
		return 0, err
	}
	for {
		if _, err := io.ReadFull(s, block); err != nil {
			return 0, err
		}
		if isHeader(block) {
			s.unread(block)
			return s.pos, nil
		}
	}
}

func aligned(pos int64) int64 { return (pos + blockSize - 1) / blockSize * blockSize }

// tarMember takes up the member whose header stands at a place, and returns the place of the next one.
func (a *archive) tarMember(header *tar.Header, reader *tar.Reader, s *stream, at int64) (next int64, err error) {
	n := &node{data: s.pos, size: header.Size}
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
	case tar.TypeDir:
		n.mode = fs.ModeDir
	case tar.TypeSymlink:
		n.mode = fs.ModeSymlink
	case tar.TypeChar, tar.TypeBlock:
		n.mode = fs.ModeDevice
	case tar.TypeFifo:
		n.mode = fs.ModeNamedPipe
	case tar.TypeLink:
		target, _ := clean(header.Linkname)
		if n.target = a.nodes[target]; n.target == nil || !n.target.mode.IsRegular() {
			a.problem(".", fmt.Sprintf("%q is a link to %q, which is not in the archive before it", shorten(header.Name), shorten(header.Linkname)))
			return aligned(s.pos), nil
		}
		n.target = n.target.file()
	default: // a label, or a kind of its maker's own; the reader knows where it ends
		_, err := io.Copy(io.Discard, reader)
		return aligned(s.pos), err
	}
	name, ok, err := a.add(header.Name, n)
	if err != nil || n.target != nil || !n.mode.IsRegular() {
		return aligned(s.pos), err
	}
	if !ok {
		n = &node{data: n.data} // which nobody will ask for
	}
	missing := func(got int64, err error) error {
		if ok && err != nil {
			a.problem(name, fmt.Sprintf("only %d of %d bytes can be read: %s", got, header.Size, reasonOf(err)))
		}
		return err
	}
	switch {
	case header.Size > maxSize:
		n.size = 0
		return 0, missing(0, errSize)
	case isSparse(header):
		if header.Size > ratioFloor && header.Size/maxRatio > a.size {
			err = errRatio
		} else if a.counts.bytes.Add(-header.Size) < 0 {
			err = errSize
		}
		if err != nil {
			n.size = 0
			return 0, missing(0, err)
		}
		n.sparse, n.data = true, at
		n.size, err = a.take(n, reader, header.Size)
		return aligned(s.pos), missing(n.size, err)
	case s.seeker != nil:
		if end := n.data + header.Size; end > a.size {
			n.size = max(a.size-n.data, 0)
			return end, missing(n.size, io.ErrUnexpectedEOF)
		}
	default:
		n.size, err = a.take(n, s, header.Size)
		a.files = append(a.files, n)
		if err != nil {
			return 0, missing(n.size, err)
		}
	}
	return aligned(n.data + header.Size), nil
}

func isSparse(header *tar.Header) bool {
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return header.Typeflag == tar.TypeGNUSparse
}

// refill takes the members of a compressed tar once more, which the memory had to let go of.
func (a *archive) refill() error {
	s, err := a.unpack(0)
	if err != nil {
		return err
	}
	defer a.park(s)
	for _, n := range a.files {
		if n.size > maxMember {
			continue
		}
		if err := s.skipTo(n.data); err != nil {
			return err
		}
		if _, err := a.take(n, s, n.size); err != nil {
			return err
		}
	}
	return nil
}
