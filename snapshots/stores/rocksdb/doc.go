// Package rocksdb reads RocksDB directories as a stopped or killed process left them, or as somebody copied them: the
// manifest, block-based tables (format versions 0 to 6) and write-ahead logs. It never writes, takes no lock, and needs no
// file that tells how the database is configured.
//
// Every checksum is verified. What is damaged, torn off, missing or of an unknown form is a Problem, and everything else
// is read all the same. All bytes are hostile: nothing is allocated on the word of a length, and data that expands more
// than 255 times is refused. Blocks are read one at a time; of a write-ahead log, only what was asked for is held.
//
// It knows no user-defined timestamps, no BlobDB values, no wide columns, no transactions, no compression dictionaries,
// and only the bytewise order of keys. Restate uses none of these.
package rocksdb

import "fmt"

// A Problem is a part of a database that is missing, damaged or of an unknown form.
type Problem struct {
	// File is its name within the directory; empty where the problem is not about one.
	File string
	// Offset is the place in the file, in bytes.
	Offset int64
	// Torn says that the newest write-ahead log ends within a record, as it does when the process is killed or the log
	// was copied while it was written. All before that place was read, and nothing was written behind it.
	Torn bool
	// Reason starts in lower case and does not name the file.
	Reason string
}

func (p Problem) String() string {
	switch {
	case p.File == "":
		return p.Reason
	case p.Offset == 0:
		return p.File + ": " + p.Reason
	}
	return fmt.Sprintf("%s, byte %d: %s", p.File, p.Offset, p.Reason)
}

// A damage is why a file cannot be read from a place on.
type damage struct {
	offset int64
	torn   bool // the file simply ends
	reason string
}

func (d *damage) Error() string { return fmt.Sprintf("byte %d: %s", d.offset, d.reason) }
