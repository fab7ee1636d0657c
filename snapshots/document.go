package snapshots

import (
	"fmt"
	"strconv"

	"restate-lint/snapshots/cluster"
)

// A Kind is what a document is, by the metadata key that Restate keeps it under, or by the table that it is a result of.
type Kind string

// The kinds of documents that `restatectl metadata get` prints. EpochMetadata stands for every pp_epoch_<partition id>.
const (
	NodesConfig    Kind = "nodes_config"
	BifrostConfig  Kind = "bifrost_config"
	PartitionTable Kind = "partition_table"
	EpochMetadata  Kind = "pp_epoch_N"
	SchemaRegistry Kind = "schema_registry"
	SchedulingPlan Kind = "scheduling_plan" // written by Restate 1.1 only; may linger in old stores

	// ClusterMarker is no metadata: it stands for the file .cluster-marker in the data directory of a node, of which a
	// capture may hold one for each node.
	ClusterMarker Kind = "cluster_marker"
)

// Stored reports whether documents of the kind are values of the metadata store.
func (k Kind) Stored() bool {
	switch k {
	case NodesConfig, BifrostConfig, PartitionTable, EpochMetadata, SchemaRegistry, SchedulingPlan, RuleBook:
		return true
	}
	return false
}

// SnapshotRepository is the kind of everything that tells about the repository of partition snapshots: latest.json,
// metadata.json, and listings of the bucket. It is optional, as the live kinds are.
const SnapshotRepository Kind = "snapshot_repository"

// expectedKinds are the documents that a complete capture has.
var expectedKinds = []Kind{BifrostConfig, EpochMetadata, NodesConfig, PartitionTable, SchemaRegistry}

// A Document is one exported value, or what could be read of it.
type Document struct {
	Kind   Kind
	Source *Source
	// Offset is where the document starts in its source. A source may hold several documents.
	Offset int64
	// Version counts the writes of the value; 0 is invalid in Restate and stands here for a version that could not be read.
	// Live documents have none.
	Version cluster.Version
	// Partition is set for EpochMetadata only.
	Partition cluster.PartitionID
	// Complete is false when a part of the document is a gap: what is missing from it must not be taken as absent.
	Complete bool
}

// Key is the metadata key of the document, such as "nodes_config" or "pp_epoch_3".
func (d *Document) Key() string {
	if d.Kind == EpochMetadata {
		return "pp_epoch_" + strconv.FormatUint(uint64(d.Partition), 10)
	}
	return string(d.Kind)
}

// At returns the position of a value in the document.
func (d *Document) At(offset int64, pointer string) Position {
	return Position{Source: d.Source, Offset: offset, Pointer: pointer}
}

// A Gap is a document, or a part of one, that is missing, unreadable, truncated or of an unknown shape.
type Gap struct {
	// Key is the metadata key of what is missing; empty where it cannot be told.
	Key string
	// Kind is the kind that Key belongs to; empty where it cannot be told.
	Kind Kind
	// Source is the name of the source that should have held it; empty for what was not captured at all.
	Source string
	Reason string
	// Null is true when the metadata store was asked and has no such key.
	Null bool
}

func (g Gap) String() string {
	switch {
	case g.Source == "":
		return g.Key + ": " + g.Reason
	case g.Key == "":
		return g.Source + ": " + g.Reason
	}
	return fmt.Sprintf("%s (%s): %s", g.Key, g.Source, g.Reason)
}

// An OddityKind is a way in which a value is not what Restate writes.
type OddityKind uint8

// The kinds of oddities.
const (
	// DuplicateKey: an object has the same key twice; the first value is used.
	DuplicateKey OddityKind = iota + 1
	// ControlCharacter: a string has a raw control character, which JSON forbids and restatectl never prints.
	ControlCharacter
	// InvalidUTF8: the text is not UTF-8.
	InvalidUTF8
	// ForeignText: something that is not JSON stands before a document, such as log lines.
	ForeignText
	// RoundedNumber: an integer was rewritten by a tool that computes in 64-bit floats (jq up to 1.6, JavaScript).
	RoundedNumber
	// UnknownValue: an enumeration has a spelling that is not known; perhaps a newer Restate wrote it.
	UnknownValue
	// InvalidValue: a value is missing, of the wrong type, out of range or otherwise impossible.
	InvalidValue
)

// An Oddity is a value that is not as Restate writes it. Reading goes on behind it.
type Oddity struct {
	Kind     OddityKind
	Document *Document
	At       Position
	// What names the value in Restate's words, such as "storage state of N3".
	What string
	// Value is what stands there, shortened.
	Value string
	// Want is what belongs there.
	Want string
}
