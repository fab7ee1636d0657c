package stores

// A LogServerState is what the directory of a log server tells.
type LogServerState struct {
	// NodeID is the id of the node that the directory belongs to; 0 where it does not say.
	NodeID uint32
	// Loglets are in ascending order of ids.
	Loglets []Loglet
}

// A Loglet is what a log server stores of one loglet.
type Loglet struct {
	// ID is the loglet's id: the log in the upper 32 bits, the segment in the lower.
	ID uint64
	// Sealed says that the server takes no more records, and SealedAt since when, as it wrote that down.
	Sealed   bool
	SealedAt string
	// TrimPoint is the offset of the last record that was trimmed; 0 where none was.
	TrimPoint uint32
	// LocalTail is the offset behind the last record that the server has, or had before it was trimmed: 1 where it never
	// had one.
	LocalTail uint64
	// KnownGlobalTail is the offset up to which the server had heard that records are committed (Restate 1.7); 0 where it
	// has not written that down.
	KnownGlobalTail uint32
	// Sequencer is the node and its generation that last wrote to the loglet; zeros where it is not known.
	Sequencer struct{ Node, Generation uint32 }
}
