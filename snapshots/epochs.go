package snapshots

import (
	"math"
	"strconv"

	"restate-lint/snapshots/cluster"
)

// An Epoch is the epoch metadata of one partition (pp_epoch_<partition id>): who leads it and where its replicas are.
type Epoch struct {
	Document  *Document
	Partition cluster.PartitionID
	// Epoch is the leader epoch. Restate up to 1.3 kept none: it equalled the version.
	Epoch cluster.LeaderEpoch
	// Leader is the last node that claimed leadership, which does not prove that it leads; nil when none did.
	Leader *Leader
	// Current and Next are the replica sets; nil where the document has none (Current: Restate up to 1.3; Next: no
	// reconfiguration is pending).
	Current, Next *PartitionConfiguration
}

// A Leader is a claim to lead a partition.
type Leader struct {
	Node cluster.GenerationalNodeID
	At   Position
}

// A PartitionConfiguration says which nodes replicate a partition.
type PartitionConfiguration struct {
	// Version 0 is invalid: the cluster controller has to choose a configuration.
	Version     cluster.Version
	Replication cluster.Replication
	ReplicaSet  []cluster.NodeID
	At          Position
}

func (e *Epoch) finish(fields object) {
	name := strconv.FormatUint(uint64(e.Partition), 10)
	e.Epoch = cluster.LeaderEpoch(e.Document.Version)
	if v := fields.get("epoch", "leader epoch of partition "+name); !v.isNull() {
		epoch, _ := v.uint(math.MaxUint64)
		e.Epoch = cluster.LeaderEpoch(epoch)
	}
	if v := fields.get("leader_metadata", "leader of partition "+name); !v.isNull() {
		if leader, ok := v.object(); ok {
			at := leader.get("node_id", "leader of partition "+name)
			if id, ok := at.generationalNodeID(); ok {
				e.Leader = &Leader{Node: id, At: at.at()}
			}
		}
	}
	e.Current = decodeConfiguration(fields.get("current", "current configuration of partition "+name))
	e.Next = decodeConfiguration(fields.get("next", "next configuration of partition "+name))
}

func decodeConfiguration(v value) *PartitionConfiguration {
	if v.isNull() {
		return nil
	}
	fields, ok := v.object()
	if !ok {
		return nil
	}
	configuration := &PartitionConfiguration{At: v.at()}
	version, _ := fields.get("version", "version of the "+v.what).uint(math.MaxUint32)
	configuration.Version = cluster.Version(version)
	// The placeholder that a controller replaces (version 0) states no replication worth checking.
	if r := fields.get("replication", "replication of the "+v.what); version != 0 && !r.isNull() {
		configuration.Replication, _ = r.replication()
	}
	if r := fields.get("replica_set", "replica set of the "+v.what); !r.isNull() {
		configuration.At = r.at()
		members, _ := r.items()
		for _, member := range members {
			if id, ok := member.uint(math.MaxUint32); ok {
				configuration.ReplicaSet = append(configuration.ReplicaSet, cluster.NodeID(id))
			}
		}
	}
	return configuration
}
