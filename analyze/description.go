package analyze

import (
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A View says what of a snapshot is to be described. The zero value asks for documents and gaps only.
type View struct {
	Nodes, Logs, Partitions bool
	// Documents asks for everything that was read, and where it came from.
	Documents bool
	Log       *cluster.LogID
	Loglet    *cluster.LogletID
}

// A Description is what is in a snapshot, without any judgement but that of a node's class and of quorums. A part is left
// out when it was not asked for, or when its document was not captured; an empty list means that there are none.
type Description struct {
	SchemaVersion int        `json:"schema_version"`
	Tool          Tool       `json:"tool"`
	Name          string     `json:"name"`
	ClusterName   string     `json:"cluster_name"`
	Documents     []Document `json:"documents"`
	Gaps          []Gap      `json:"gaps"`

	// Sources are what was read, in the order of their names; Stores are those of metadata that sources came from.
	Sources []SourceDescription `json:"sources,omitzero"`
	Stores  []StoreDescription  `json:"stores,omitzero"`

	// Nodes has every registered and removed node, then every unknown one that a log refers to.
	Nodes []NodeDescription `json:"nodes,omitzero"`
	// Provider is how new segments are made.
	Provider   *ProviderDescription   `json:"default_provider,omitempty"`
	Logs       []LogDescription       `json:"logs,omitzero"` // by id, without their chains
	Partitions []PartitionDescription `json:"partitions,omitzero"`
	Log        *LogDescription        `json:"log,omitempty"`
	Loglet     *LogletDescription     `json:"loglet,omitempty"`

	Inventory Inventory `json:"-"`

	snapshot *snapshots.Snapshot
}

// A NodeDescription is a node as the nodes configuration and the logs see it. Only an active node has what follows Class,
// up to Release; a field is also left out where the document does.
type NodeDescription struct {
	Node          string   `json:"node"`
	Class         string   `json:"class"`
	Name          string   `json:"name,omitempty"`
	Generation    uint32   `json:"generation,omitempty"`
	Address       string   `json:"address,omitempty"`
	Roles         []string `json:"roles,omitempty"`
	Location      string   `json:"location,omitempty"`
	StorageState  string   `json:"storage_state,omitempty"`
	WorkerState   string   `json:"worker_state,omitempty"`
	MetadataState string   `json:"metadata_server_state,omitempty"`
	Release       string   `json:"release,omitempty"`

	// Use is what the logs use the node for; nil when they were not captured or not asked for.
	Use *NodeUse `json:"use,omitempty"`
}

// A NodeUse counts the segments whose nodeset or sequencer is a node.
type NodeUse struct {
	Open   int `json:"open_segments"`
	Sealed int `json:"sealed_segments"`
	// Sequencer counts the open segments that the node sequences, whatever its generation.
	Sequencer int `json:"sequencer_of_open_segments"`
}

// A ProviderDescription is how new segments are made.
type ProviderDescription struct {
	Kind        string `json:"kind"`
	Replication string `json:"replication,omitempty"`
	// TargetNodesetSize is 0 for automatic.
	TargetNodesetSize uint16 `json:"target_nodeset_size"`
}

// A LogDescription is a log, with or without its chain.
type LogDescription struct {
	Log      cluster.LogID `json:"log"`
	Segments int           `json:"segments"`
	// HeadLSN is the first LSN of the chain, and Tail its last segment; both are left out of an empty chain.
	HeadLSN *cluster.LSN        `json:"head_lsn,omitempty"`
	Tail    *SegmentDescription `json:"tail,omitempty"`
	// Chain is left out where logs are listed.
	Chain []SegmentDescription `json:"chain,omitzero"`
}

// A SegmentDescription is one element of a chain.
type SegmentDescription struct {
	Segment cluster.SegmentIndex `json:"segment"`
	FromLSN cluster.LSN          `json:"from_lsn"`
	// ToLSN is the last LSN; below FromLSN for an empty segment, and left out of the last one.
	ToLSN *cluster.LSN `json:"to_lsn,omitempty"`
	State string       `json:"state"` // "open", "sealed" or "seal marker"
	Kind  string       `json:"kind"`
	// Loglet is left out of a seal marker and of what cannot be decoded.
	Loglet      string                `json:"loglet,omitempty"`
	Replication string                `json:"replication,omitempty"`
	Sequencer   *SequencerDescription `json:"sequencer,omitempty"`
	Nodeset     []MemberDescription   `json:"nodeset,omitzero"`
	// Defect says why the parameters cannot be decoded.
	Defect string `json:"defect,omitempty"`
}

// A Relation is how a reference to a process run of a node relates to the nodes configuration.
type Relation string

// The relations.
const (
	CurrentGeneration Relation = "current"
	OlderGeneration   Relation = "older generation"
	NewerGeneration   Relation = "newer generation" // than the captured nodes configuration
	RemovedNode       Relation = "removed"
	UnknownNode       Relation = "unknown"
	NotCaptured       Relation = "not captured"
)

// A SequencerDescription is a process run of a node, in the role of a sequencer or a leader.
type SequencerDescription struct {
	Node     string   `json:"node"`
	Relation Relation `json:"relation"`
	// Configured is the run that the nodes configuration has, where it is another one.
	Configured string `json:"configured,omitempty"`
}

// A MemberDescription is a node as a member of a nodeset or a replica set.
type MemberDescription struct {
	Node  string `json:"node"`
	Class string `json:"class"`
	// Label is the one word that matters most: the class, or a state other than the usual one.
	Label        string `json:"label"`
	StorageState string `json:"storage_state,omitempty"`

	// What follows is given with a loglet only, and the booleans only if the nodes configuration was captured.
	Name     string `json:"name,omitempty"`
	Location string `json:"location,omitempty"`
	// Effective tells whether Restate counts the member in quorums; AcceptsWrites and MayAnswer what its state allows.
	Effective     *bool `json:"effective,omitempty"`
	AcceptsWrites *bool `json:"accepts_writes,omitempty"`
	MayAnswer     *bool `json:"may_answer,omitempty"`
}

// A LogletDescription is one loglet and what it can do by configuration.
type LogletDescription struct {
	Loglet string `json:"loglet"`
	Raw    uint64 `json:"raw"`
	// Uses are the segments that state this loglet: one, unless the metadata is damaged.
	Uses        []LogletUse           `json:"uses"`
	Kind        string                `json:"kind"`
	Replication string                `json:"replication,omitempty"`
	Sequencer   *SequencerDescription `json:"sequencer,omitempty"`
	Nodeset     []MemberDescription   `json:"nodeset,omitzero"`
	Quorums     *QuorumDescription    `json:"quorums,omitempty"` // left out without a nodes configuration
	Defect      string                `json:"defect,omitempty"`
}

// A LogletUse is a segment that a loglet implements.
type LogletUse struct {
	Log     cluster.LogID        `json:"log"`
	Segment cluster.SegmentIndex `json:"segment"`
	State   string               `json:"state"`
	FromLSN cluster.LSN          `json:"from_lsn"`
	ToLSN   *cluster.LSN         `json:"to_lsn,omitempty"`
}

// A QuorumDescription is what a nodeset can do if the process of every active member runs.
type QuorumDescription struct {
	Effective []string `json:"effective_nodeset"`
	// Missing are the scopes at which the effective nodeset cannot hold all copies, such as "1 of 2 zones".
	Missing []string `json:"missing"`
	// WriteQuorum tells whether records can be written, FMajority ("success", "success-with-risk", "best-effort" or
	// "none") whether the loglet can be sealed and its tail be found: with the first two it can.
	WriteQuorum bool   `json:"write_quorum"`
	FMajority   string `json:"f_majority"`
}

// A PartitionDescription is a partition as the partition table and its epoch metadata see it.
type PartitionDescription struct {
	Partition cluster.PartitionID `json:"partition"`
	// FirstKey and LastKey are decimal numbers; both and Log are left out of a partition that the table does not list.
	FirstKey string         `json:"first_key,omitempty"`
	LastKey  string         `json:"last_key,omitempty"`
	Log      *cluster.LogID `json:"log,omitempty"`
	// What follows is left out without epoch metadata.
	Epoch  cluster.LeaderEpoch   `json:"epoch,omitempty"`
	Leader *SequencerDescription `json:"leader,omitempty"` // the last claim, which does not prove that it leads
	// Replication and the replica sets are left out where the document has none; Next only has a pending reconfiguration.
	Replication string              `json:"replication,omitempty"`
	ReplicaSet  []MemberDescription `json:"replica_set,omitzero"`
	Next        []MemberDescription `json:"next_replica_set,omitzero"`
	// Policies is what operators settled for the partition (Restate 1.7 and later); nil for nothing.
	Policies *PolicyDescription `json:"policies,omitempty"`
}

// A PolicyDescription is what operators settled for a partition. A reason is nil without a freeze, and may be empty.
type PolicyDescription struct {
	PlacementFrozen  *string `json:"placement_frozen,omitempty"`
	LeadershipFrozen *string `json:"leadership_frozen,omitempty"`
	// LeaderPinnedTo is the node that is to lead, or the location that it has to be at; empty for any.
	LeaderPinnedTo string `json:"leader_pinned_to,omitempty"`
}
