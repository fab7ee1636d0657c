package snapshots

import (
	"cmp"
	"errors"
	"iter"
	"math"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// Partitions is the partition table: how the key space is cut.
type Partitions struct {
	Document *Document
	// Count is the number of partitions as the document states it (num_partitions), at most 65,536 in Restate.
	Count uint64
	// Everywhere is the replication "everywhere" of Restate 1.2, which cannot be chosen since 1.3.
	Everywhere bool
	// Replication is the zero value when the document does not state it, or Everywhere is set.
	Replication cluster.Replication
	// ReplicationAt is the replication, or the document where it is left out.
	ReplicationAt Position

	partitions []Partition // ascending by id
}

// A Partition is a range of keys.
type Partition struct {
	ID cluster.PartitionID
	// Start and End are the first and the last key; both are part of the range.
	Start, End uint64
	// Log is the log of the partition; by default it has the partition's number.
	Log cluster.LogID
	At  Position
}

// Len is the number of partitions that the table lists; tables of Restate 1.0 list none.
func (p *Partitions) Len() int { return len(p.partitions) }

// All yields the partitions in ascending order of ids.
func (p *Partitions) All() iter.Seq[*Partition] {
	return func(yield func(*Partition) bool) {
		for i := range p.partitions {
			if !yield(&p.partitions[i]) {
				return
			}
		}
	}
}

// Get returns a partition, or nil when the table does not list it.
func (p *Partitions) Get(id cluster.PartitionID) *Partition {
	i, ok := slices.BinarySearchFunc(p.partitions, id, func(p Partition, id cluster.PartitionID) int { return cmp.Compare(p.ID, id) })
	if !ok {
		return nil
	}
	return &p.partitions[i]
}

// ids yields the ids that the cluster has by this table: the listed ones, or 0 to Count-1 for a table that lists none.
func (p *Partitions) ids() iter.Seq[cluster.PartitionID] {
	return func(yield func(cluster.PartitionID) bool) {
		if len(p.partitions) == 0 {
			for id := range min(p.Count, math.MaxUint16+1) {
				if !yield(cluster.PartitionID(id)) {
					return
				}
			}
			return
		}
		for _, partition := range p.partitions {
			if !yield(partition.ID) {
				return
			}
		}
	}
}

// decodePartition adds one entry of the list `partitions`. It fails when not even the id can be told. The integers
// that a rounding tool would have changed are added to numbers.
func (p *Partitions) decodePartition(entry value, numbers *[]value) bool {
	key, config, ok := entry.pair()
	if !ok {
		return false
	}
	key.what = "partition id"
	id, ok := key.uint(math.MaxUint32)
	if !ok {
		return false
	}
	if id > math.MaxUint16 {
		key.invalid("a partition id of 0 to 65535")
	}
	name := strconv.FormatUint(id, 10)
	config.what = "partition " + name
	fields, ok := config.object()
	if !ok {
		return false
	}
	partition := Partition{ID: cluster.PartitionID(id), Log: cluster.LogID(id), At: config.at()}
	if keyRange, ok := fields.get("key_range", "key range of partition "+name).object(); ok {
		start := keyRange.get("start", "first key of partition "+name)
		end := keyRange.get("end", "last key of partition "+name)
		partition.Start, _ = start.uint(math.MaxUint64)
		partition.End, _ = end.uint(math.MaxUint64)
		// A start may legally be a power of two, which says nothing about rounding.
		*numbers = append(*numbers, end)
	}
	if v := fields.get("log_id", "log of partition "+name); !v.isNull() {
		if log, ok := v.uint(math.MaxUint32); ok {
			partition.Log = cluster.LogID(log)
		}
	}
	p.partitions = append(p.partitions, partition)
	return true
}

// finish sorts the partitions and takes over the scalar fields.
func (p *Partitions) finish(fields object, numbers []value) {
	slices.SortStableFunc(p.partitions, func(a, b Partition) int { return cmp.Compare(a.ID, b.ID) })
	reportRounded(numbers)
	v := fields.get("num_partitions", "number of partitions")
	if !v.isNull() || p.Document.Complete {
		p.Count, _ = v.uint(math.MaxUint64)
		if p.Count > math.MaxUint16+1 {
			v.invalid("a number of partitions of 0 to 65536")
		}
	}
	v = fields.get("replication", "partition replication")
	p.ReplicationAt = v.at()
	switch {
	case v.isNull():
		p.ReplicationAt = p.Document.At(p.Document.Offset, "")
	case v.result.Type == gjson.String && v.result.Str == "everywhere":
		p.Everywhere = true
	case v.result.IsObject():
		limit, _ := v.object()
		v = limit.get("limit", "partition replication")
		p.Replication = v.replication()
		p.ReplicationAt = v.at()
	default:
		v.invalid(`"everywhere" or {"limit": …}`)
	}
}

// replication reads a replication property in any of its spellings: 3, "{node: 3}" or {"node": 3}. What is none of them
// is the zero value, with an oddity.
func (v value) replication() cluster.Replication {
	var replication cluster.Replication
	err := errors.New("none of the spellings")
	switch {
	case v.result.Type == gjson.Number:
		replication, err = cluster.ParseReplication(v.result.Raw)
	case v.result.Type == gjson.String:
		replication, err = cluster.ParseReplication(v.result.Str)
	case v.result.IsObject():
		if replication, err = replicationObject(v.result); err == nil {
			err = replication.Validate()
		}
	}
	if err != nil {
		v.invalid("a replication property such as {node: 2}")
		return cluster.Replication{}
	}
	return replication
}
