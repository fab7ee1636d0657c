package etcd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/protobuf"
)

// A member of etcd writes every entry to its write-ahead log first, and into its database up to 100 ms later. What a killed
// member had not come to is in the log alone. The log is a list of records in files of 64 MB: a length of 8 bytes, of which
// the highest one says how many bytes of padding follow, and a protobuf message {1 kind, 2 checksum, 3 data}.

// A log is what a write-ahead log comes to.
type log struct {
	last uint64 // the index of the last entry; 0 where there is none
	torn string // why it could not be read to its end; empty where it was
}

// isLogName reports whether a file has the name of one of a log: its number and the index of its first entry, 16 hexadecimal
// digits each, with a hyphen between them and .wal behind.
func isLogName(name string) bool {
	digits, isLog := strings.CutSuffix(name, ".wal")
	number, index, two := strings.Cut(digits, "-")
	hexadecimal := func(text string) bool { return len(text) == 16 && strings.Trim(text, "0123456789abcdef") == "" }
	return isLog && two && hexadecimal(number) && hexadecimal(index)
}

// The kinds of records that matter.
const (
	walEntry    = 2
	walChecksum = 4
)

// maxRecord bounds one record, in bytes. etcd takes no request above 1.5 MB unless told so.
const maxRecord = 16 << 20

// castagnoli is the table of the checksums. It is made when it is asked for first.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// readLog reads the files of a write-ahead log. It is found where the directory has some.
func readLog(fsys fs.FS, dir string) (l log, found bool) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil && len(entries) == 0 {
		return l, false
	}
	var names []string
	for _, entry := range entries {
		if isLogName(entry.Name()) && !entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	sum := uint32(0)
	for _, name := range names {
		if err := l.read(fsys, path.Join(dir, name), &sum); err != nil {
			l.torn = fmt.Sprintf("%s: %v", name, err)
			break
		}
	}
	return l, len(names) > 0
}

// openRegular opens a regular file: opening a pipe may take for ever.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	if info, err := fs.Stat(fsys, name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	return fsys.Open(name)
}

func (l *log) read(fsys fs.FS, name string, sum *uint32) error {
	f, err := openRegular(fsys, name)
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	} else if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	header := make([]byte, 8)
	var record bytes.Buffer
	for at := int64(0); ; {
		switch _, err := io.ReadFull(r, header); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("byte %d: it ends within a record", at)
		}
		field := binary.LittleEndian.Uint64(header)
		size, padding := int64(field&(1<<56-1)), int64(0)
		if field>>63 != 0 {
			padding = int64(field >> 56 & 7)
		}
		switch {
		case field == 0: // behind it is space that was set aside
			return nil
		case size > maxRecord:
			return fmt.Errorf("byte %d: a record of %d bytes", at, size)
		}
		record.Reset()
		if _, err := io.CopyN(&record, r, size+padding); err != nil {
			return fmt.Errorf("byte %d: it ends within a record", at)
		}
		if err := l.take(record.Bytes()[:size], sum); err != nil {
			return fmt.Errorf("byte %d: %w", at, err)
		}
		at += 8 + size + padding
	}
}

// take takes over one record.
func (l *log) take(b []byte, sum *uint32) error {
	var kind, checksum uint64
	var data []byte
	if err := protobuf.Each(b, func(f protobuf.Field) {
		switch f.Number() {
		case 1:
			kind = f.Varint()
		case 2:
			checksum = f.Varint()
		case 3:
			data = f.Content()
		}
	}); err != nil {
		return err
	}
	if kind == walChecksum { // of everything before
		if *sum != 0 && uint32(checksum) != *sum {
			return errors.New("the checksum of the file before is wrong")
		}
		*sum = uint32(checksum)
		return nil
	}
	if *sum = crc32.Update(*sum, castagnoli(), data); uint32(checksum) != *sum {
		return errors.New("the checksum of a record is wrong")
	}
	if kind != walEntry {
		return nil
	}
	return protobuf.Each(data, func(f protobuf.Field) {
		if f.Number() == 3 {
			l.last = f.Varint() // it overwrites those from there on
		}
	})
}

// CompareLog finds out whether a database that ReadDatabase has read lacks what the member of etcd had written last: the
// directory is that of its write-ahead log, and empty where nobody knows of one. What etcdctl saved lacks nothing.
func CompareLog(s *stores.Store, fsys fs.FS, dir string) {
	if s.Saved {
		return
	}
	var l log
	found := false
	if dir != "" {
		l, found = readLog(fsys, dir)
	}
	if !found {
		s.Format += ", without a write-ahead log"
		s.Unsure = true
		return
	}
	if l.torn != "" {
		s.Problems = append(s.Problems, stores.Problem{Source: dir, Reason: l.torn + ": nothing is read from here on"})
	}
	if l.last > s.Applied {
		s.Problems = append(s.Problems, stores.Problem{
			Source: s.Name,
			Reason: fmt.Sprintf("the database ends with entry %d, and its write-ahead log with %d: what was written last is not read", s.Applied, l.last),
			Remedy: "start etcd on a copy of its data directory, and check what `etcdctl snapshot save` writes there",
		})
	}
}
