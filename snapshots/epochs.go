package snapshots

import (
	"math"
	"strconv"
	"time"

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
	// PlacementFreeze keeps the controller from changing the replica set; nil when it is free to (Restate 1.7.3).
	PlacementFreeze *Freeze
	// LeadershipFreeze blocks every election of a leader, even when the leader is dead; nil when there is none. Affinity is
	// who ought to lead; nil when anybody may (both Restate 1.7).
	LeadershipFreeze *Freeze
	Affinity         *Affinity
}

// An Affinity says who ought to lead a partition: one node, or any node at a location.
type Affinity struct {
	// Node is set unless Location is.
	Node     cluster.NodeID
	Location string
	At       Position
}

// String is where the leader is to be: "N4" or "location eu.a", in whose name anything may stand.
func (a *Affinity) String() string {
	if a.Location != "" {
		return "location " + a.Location
	}
	return a.Node.String()
}

// A Freeze stops what the controller would do by itself until somebody lifts it.
type Freeze struct {
	// Reason is what the operator gave; it may be empty.
	Reason string
	At     Position
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
	// ModifiedAt is the zero time where it is not recorded.
	ModifiedAt time.Time
	// At is the replica set, ReplicationAt the replication; the configuration where they are left out.
	At, ReplicationAt Position
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
	if v := fields.get("placement_policy", "placement policy of partition "+name); !v.isNull() {
		if policy, ok := v.object(); ok {
			e.PlacementFreeze = decodeFreeze(policy.get("freeze", "placement freeze of partition "+name))
		}
	}
	if v := fields.get("leadership_policy", "leadership policy of partition "+name); !v.isNull() {
		if policy, ok := v.object(); ok {
			e.LeadershipFreeze = decodeFreeze(policy.get("freeze", "leadership freeze of partition "+name))
			e.Affinity = decodeAffinity(policy.get("affinity", "leadership affinity of partition "+name))
		}
	}
}

func decodeAffinity(v value) *Affinity {
	if v.isNull() {
		return nil
	}
	fields, ok := v.object()
	if !ok {
		return nil
	}
	affinity := &Affinity{At: v.at()}
	if node := fields.get("Node", v.what); !node.isNull() {
		id, ok := node.uint(math.MaxUint32)
		affinity.Node = cluster.NodeID(id)
		if !ok {
			return nil
		}
		return affinity
	}
	affinity.Location, ok = fields.get("Location", v.what).string()
	if !ok {
		return nil
	}
	return affinity
}

func decodeFreeze(v value) *Freeze {
	if v.isNull() {
		return nil
	}
	freeze := &Freeze{At: v.at()}
	if fields, ok := v.object(); ok {
		if reason := fields.get("reason", "reason of the "+v.what); !reason.isNull() {
			freeze.Reason, _ = reason.string()
		}
	}
	return freeze
}

func decodeConfiguration(v value) *PartitionConfiguration {
	if v.isNull() {
		return nil
	}
	fields, ok := v.object()
	if !ok {
		return nil
	}
	configuration := &PartitionConfiguration{At: v.at(), ReplicationAt: v.at()}
	version, _ := fields.get("version", "version of the "+v.what).uint(math.MaxUint32)
	configuration.Version = cluster.Version(version)
	if v := fields.get("modified_at", "modification time of the "+v.what); !v.isNull() {
		if ms, ok := v.uint(math.MaxInt64); ok && ms > 0 {
			configuration.ModifiedAt = time.UnixMilli(int64(ms)).UTC()
		}
	}
	// The placeholder that a controller replaces (version 0) states no replication worth checking.
	if r := fields.get("replication", "replication of the "+v.what); version != 0 && !r.isNull() {
		configuration.ReplicationAt = r.at()
		configuration.Replication = r.replication()
	}
	if r := fields.get("replica_set", "replica set of the "+v.what); !r.isNull() {
		configuration.At = r.at()
		for _, member := range r.elements(maxElements) {
			if id, ok := member.uint(math.MaxUint32); ok {
				configuration.ReplicaSet = append(configuration.ReplicaSet, cluster.NodeID(id))
			}
		}
	}
	return configuration
}
