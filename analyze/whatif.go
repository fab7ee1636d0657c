package analyze

import (
	"errors"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// ErrNoNodes says that the nodes configuration was not captured as a whole. Without it no question about quorums has
// an answer.
var ErrNoNodes = errors.New("what cannot answer cannot be told without the whole nodes_config, which was not captured")

// A WhatIf says what a cluster can still do when some nodes are silent: when they are registered as before, but their
// processes neither answer nor take writes. Members that are unknown to the nodes configuration, gone or in data-loss
// never answer, whether they were given or not. Everything holds by configuration, if all other processes run.
type WhatIf struct {
	SchemaVersion int    `json:"schema_version"`
	Tool          Tool   `json:"tool"`
	Name          string `json:"name"`
	ClusterName   string `json:"cluster_name"`
	// Without are the nodes that were given, such as "N3", in ascending order of ids.
	Without []string `json:"without"`
	// Segments has every replicated segment; nil without log metadata. Partitions is nil without a whole set of
	// epochs to judge by, Metadata when it cannot be told who the members are. Undecided says why.
	Segments   *SegmentAnswers   `json:"segments"`
	Partitions []PartitionAnswer `json:"partitions"`
	Metadata   *MetadataAnswer   `json:"metadata"`
	// AlreadyLost is what did not work before, with every node. Nothing of it is in Lost.
	AlreadyLost AlreadyLost `json:"already_lost"`
	// Lost is what held before and no longer does.
	Lost      Losses          `json:"lost"`
	Undecided []UndecidedPart `json:"undecided"`
	Gaps      []Gap           `json:"gaps"`

	Inventory Inventory `json:"-"`
	// Documents are those of the snapshot, for people.
	Documents []Document `json:"-"`
}

// An UndecidedPart is a part of an answer that lacks evidence. That is not the same as nothing being wrong there.
type UndecidedPart struct {
	// Part is the field that is null or incomplete: "segments", "partitions", "metadata", …
	Part string `json:"part"`
	// Missing are the documents that were not captured as a whole.
	Missing []string `json:"missing"`
	Reason  string   `json:"reason"`
}

// A SegmentAnswer is what one replicated segment can do.
type SegmentAnswer struct {
	Log     cluster.LogID        `json:"log"`
	Segment cluster.SegmentIndex `json:"segment"`
	Loglet  string               `json:"loglet"` // "0_1"
	// Tail tells that the segment is the open one of its log.
	Tail bool `json:"tail"`
	// EffectiveNodeset are the names of the members that count in quorums, "N1", in the order of the nodeset. Silent
	// ones are among them: they count, and do not answer. So are those whose entry cannot be read: they may count.
	EffectiveNodeset []string `json:"effective_nodeset"`
	// FMajority is "success", "success-with-risk", "best-effort" or "none": with the first two the loglet can be
	// sealed and its tail be found. It is "undecided" where that depends on a member whose entry cannot be read.
	FMajority string `json:"f_majority"`
	// WriteQuorum tells whether the members that accept writes can hold all copies of a record; nil where FMajority is
	// undecided.
	WriteQuorum *bool `json:"write_quorum"`
}

// Change is a value before and after the nodes went silent.
type Change[T any] struct {
	Before T `json:"before"`
	After  T `json:"after"`
}

// Losses is what held before and no longer does.
type Losses struct {
	// Segments are those whose f-majority is weaker or whose write quorum is gone. Sealed segments take no appends, but
	// trimming them is acknowledged by a write quorum too.
	Segments *SegmentLosses `json:"segments"`
	// Partitions are those that could have a leader, and cannot any more.
	Partitions []PartitionLoss `json:"partitions"`
	// Metadata is set if the metadata servers had a quorum, and have none any more.
	Metadata bool `json:"metadata"`
}

// Any reports whether anything is lost.
func (l *Losses) Any() bool { return l.Segments.Len() > 0 || len(l.Partitions) > 0 || l.Metadata }

// A SegmentLoss is what one segment lost.
type SegmentLoss struct {
	Log         cluster.LogID        `json:"log"`
	Segment     cluster.SegmentIndex `json:"segment"`
	Loglet      string               `json:"loglet"`
	Tail        bool                 `json:"tail"`
	FMajority   Change[string]       `json:"f_majority"`
	WriteQuorum Change[bool]         `json:"write_quorum"`
}

// A PartitionAnswer is what one partition can do.
type PartitionAnswer struct {
	Partition cluster.PartitionID `json:"partition"`
	// Replicas are the members of the current replica set, Left those that can work: registered workers that are not
	// disabled and not silent.
	Replicas []string `json:"replicas"`
	Left     []string `json:"replicas_left"`
	// Leader tells whether the partition can have a leader; nil when its current replica set is not known, or it depends on
	// a node whose entry cannot be read.
	Leader *bool `json:"leader_possible"`
	// Frozen tells that leader elections are frozen: only the last leader can lead.
	Frozen bool `json:"leadership_frozen,omitempty"`
}

// A PartitionLoss is a partition that cannot have a leader any more.
type PartitionLoss struct {
	Partition cluster.PartitionID `json:"partition"`
	Leader    Change[bool]        `json:"leader_possible"`
	Left      Change[[]string]    `json:"replicas_left"`
}

// Stores of metadata.
const (
	ReplicatedStore = "replicated" // by the cluster's own metadata servers
	ExternalStore   = "external"   // no node has the role of a metadata server: etcd, an object store, DynamoDB
)

// A MetadataAnswer is what the metadata servers can do.
type MetadataAnswer struct {
	Store string `json:"store"`
	// Members are the nodes that the nodes configuration lists as members, Left those that are not silent.
	Members []string `json:"members"`
	Left    []string `json:"members_left"`
	// Needed is the number of members that make a quorum; 0 for an external store, whose Quorum is nil: it is outside of
	// the cluster, and of what was captured.
	Needed int   `json:"quorum_size"`
	Quorum *bool `json:"quorum"`
}

// NewWhatIf says what a cluster can still do without some nodes. The words name them: "N3", "zone:eu.a" or "region:eu".
// The error says that the nodes configuration is missing (ErrNoNodes), or which words name nothing.
func NewWhatIf(version string, s *snapshots.Snapshot, words []string) (*WhatIf, error) {
	given, err := silenceOf(s, words)
	if err != nil {
		return nil, err
	}
	w := &WhatIf{
		SchemaVersion: SchemaVersion,
		Tool:          Tool{Name: toolName, Version: version},
		Name:          s.Name,
		ClusterName:   s.ClusterName(),
		Without:       given.names(),
		AlreadyLost:   noneLost(),
		Undecided:     []UndecidedPart{},
		Inventory:     inventory(s),
		Documents:     documentsOf(s),
	}
	gaps := slices.Clone(s.Gaps)
	if s.Logs != nil {
		gaps = append(gaps, w.segments(s, given)...)
	} else {
		w.undecided("segments", "their nodesets are not known", snapshots.BifrostConfig)
		w.Lost.Segments = &SegmentLosses{}
	}
	w.Gaps = gapsOf(gaps)
	w.partitions(s, given)
	w.metadata(s, given)
	return w, given.unverified(s)
}

func (w *WhatIf) undecided(part, reason string, missing ...snapshots.Kind) {
	w.Undecided = append(w.Undecided, undecided(part, reason, missing...))
}

func undecided(part, reason string, missing ...snapshots.Kind) UndecidedPart {
	u := UndecidedPart{Part: part, Reason: reason, Missing: []string{}}
	for _, kind := range missing {
		u.Missing = append(u.Missing, string(kind))
	}
	return u
}

func gapsOf(gaps []snapshots.Gap) []Gap {
	list := make([]Gap, len(gaps))
	for i, gap := range gaps {
		list[i] = Gap{Kind: gap.Key, Source: gap.Source, Reason: gap.Reason}
	}
	return list
}

func documentsOf(s *snapshots.Snapshot) []Document {
	list := make([]Document, len(s.Documents))
	for i, d := range s.Documents {
		list[i] = describeDocument(d)
	}
	return list
}

// segments reads the logs once and answers for each distinct placement once.
func (w *WhatIf) segments(s *snapshots.Snapshot, given *silence) []snapshots.Gap {
	b := newSegmentAnswers(s.Release(), given)
	undecodable := 0
	w.Inventory.Logs, w.Inventory.Segments = 0, 0
	gaps := s.Logs.Each(func(log *snapshots.Log) {
		w.Inventory.Logs++
		w.Inventory.Segments += len(log.Segments)
		undecodable += b.add(log)
	})
	b.sort()
	w.Segments, w.Lost.Segments = b, b.losses()
	b.alreadyLost(&w.AlreadyLost)
	if len(gaps) > 0 {
		w.undecided("segments", "some logs could not be read", snapshots.BifrostConfig)
	}
	if n := b.undecided(); n > 0 {
		ids, _ := s.Nodes.Unreadable()
		w.undecided("segments", plural(n, "segment")+" without an answer: "+cannotBeRead(ids), snapshots.NodesConfig)
	}
	if undecodable > 0 {
		w.undecided("segments", "the nodeset of "+plural(undecodable, "segment")+" cannot be decoded", snapshots.BifrostConfig)
	}
	w.unplaced(b.unplaced)
	return gaps
}

// unplaced says that the loss of a node may take logs that the metadata does not place.
func (w *WhatIf) unplaced(logs int) {
	if logs > 0 {
		w.undecided("segments", plural(logs, "log")+" with an open segment of kind local or in-memory: the metadata does not tell which node holds it")
	}
}

// partitions says which partitions can have a leader.
func (w *WhatIf) partitions(s *snapshots.Snapshot, given *silence) {
	w.Lost.Partitions = []PartitionLoss{}
	if len(s.Epochs) == 0 {
		w.undecided("partitions", "the replica sets are not known", snapshots.EpochMetadata)
		return
	}
	w.Partitions = []PartitionAnswer{}
	unknown, unread := 0, 0
	for _, epoch := range s.Epochs {
		if s.Partitions != nil && s.Partitions.Len() > 0 && s.Captured(snapshots.PartitionTable) && s.Partitions.Get(epoch.Partition) == nil {
			continue // left over: there is no such partition
		}
		before, after := replicasOf(s, epoch, nil), replicasOf(s, epoch, given)
		w.Partitions = append(w.Partitions, after)
		if before.Leader != nil && !*before.Leader {
			w.AlreadyLost.Leaders = append(w.AlreadyLost.Leaders, epoch.Partition)
		}
		switch {
		case after.Leader == nil && len(after.Replicas) > 0:
			unread++
		case after.Leader == nil:
			unknown++
		case before.Leader == nil: // whether it could have one depends on a node that is silent now
		case *before.Leader && !*after.Leader:
			w.Lost.Partitions = append(w.Lost.Partitions, PartitionLoss{
				Partition: epoch.Partition,
				Leader:    Change[bool]{true, false},
				Left:      Change[[]string]{before.Left, after.Left},
			})
		}
	}
	switch {
	case !s.Captured(snapshots.EpochMetadata):
		w.undecided("partitions", "the epoch metadata of some partitions was not captured", snapshots.EpochMetadata)
	case s.Partitions == nil:
		w.undecided("partitions", "there may be more partitions than were captured", snapshots.PartitionTable)
	}
	if unread > 0 {
		ids, _ := s.Nodes.Unreadable()
		w.undecided("partitions", plural(unread, "partition")+" without an answer: "+cannotBeRead(ids), snapshots.NodesConfig)
	}
	if unknown > 0 {
		w.undecided("partitions", plural(unknown, "partition")+" without a replica set in the epoch metadata, as up to Restate 1.3")
	}
}

// replicasOf answers for one partition.
func replicasOf(s *snapshots.Snapshot, epoch *snapshots.Epoch, given *silence) PartitionAnswer {
	answer := PartitionAnswer{Partition: epoch.Partition, Replicas: []string{}, Left: []string{}}
	if epoch.Current == nil || epoch.Current.Version == 0 {
		return answer
	}
	leaders := leadersOf(s, epoch)
	leader, depends := false, false
	seen := make(map[cluster.NodeID]bool)
	answer.Frozen = epoch.LeadershipFreeze != nil
	for _, id := range epoch.Current.ReplicaSet {
		if seen[id] {
			continue
		}
		seen[id] = true
		answer.Replicas = append(answer.Replicas, id.String())
		mayLead := epoch.LeadershipFreeze == nil || epoch.Leader != nil && epoch.Leader.Node.ID == id
		depends = depends || !given.has(id) && mayLead && s.Nodes.Class(id) == cluster.Undetermined
		if !given.has(id) && works(s.Nodes.Get(id)) {
			answer.Left = append(answer.Left, id.String())
			leader = leader || slices.Contains(leaders, id)
		}
	}
	if leader || !depends {
		answer.Leader = &leader
	}
	return answer
}

// leadersOf are the members of the current replica set that can lead a partition if their processes run: those whose
// worker can work, or, where elections are frozen, the last leader if it is one of them (formats: a freeze blocks any
// election, even when the leader is dead; Restate 1.7).
func leadersOf(s *snapshots.Snapshot, epoch *snapshots.Epoch) (leaders []cluster.NodeID) {
	if epoch.Current == nil {
		return nil
	}
	for _, id := range epoch.Current.ReplicaSet {
		frozen := epoch.LeadershipFreeze != nil && (epoch.Leader == nil || epoch.Leader.Node.ID != id)
		if !frozen && !slices.Contains(leaders, id) && works(s.Nodes.Get(id)) {
			leaders = append(leaders, id)
		}
	}
	return leaders
}

// works reports whether a node runs a worker by configuration. A draining one works on until its partitions have moved;
// a provisioning one is either from before Restate 1.4, which kept no state, or about to become active.
func works(node *snapshots.Node) bool {
	return hasRole(node, cluster.RoleWorker) && node.Worker != cluster.WorkerDisabled
}

// metadata says whether the metadata servers have a quorum.
func (w *WhatIf) metadata(s *snapshots.Snapshot, given *silence) {
	members, external := metadataMembers(s)
	answer := &MetadataAnswer{Store: ReplicatedStore, Members: []string{}, Left: []string{}}
	unreadable, _ := s.Nodes.Unreadable()
	if external && len(unreadable) > 0 {
		w.undecided("metadata", "no node has the role of a metadata server, but "+cannotBeRead(unreadable), snapshots.NodesConfig)
		return
	}
	if external {
		answer.Store = ExternalStore
		w.Metadata = answer
		w.undecided("metadata", "no node has the role of a metadata server: the store is outside of the cluster")
		return
	}
	for _, id := range members {
		answer.Members = append(answer.Members, id.String())
		if !given.has(id) {
			answer.Left = append(answer.Left, id.String())
		}
	}
	answer.Needed = metadataQuorum(len(members))
	quorum := len(answer.Left) >= answer.Needed
	w.Metadata = answer
	// Each node whose entry cannot be read may be one more member, silent or not.
	silent := 0
	for _, id := range unreadable {
		silent += truth(given.has(id))
	}
	for more := range len(unreadable) + 1 {
		for quiet := max(0, more-(len(unreadable)-silent)); quiet <= min(more, silent); quiet++ {
			if (len(answer.Left)+more-quiet >= metadataQuorum(len(members)+more)) != quorum {
				w.undecided("metadata", cannotBeRead(unreadable), snapshots.NodesConfig)
				return
			}
		}
	}
	answer.Quorum = &quorum
	w.AlreadyLost.Metadata = len(members) < answer.Needed
	w.Lost.Metadata = !w.AlreadyLost.Metadata && !quorum
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// metadataQuorum is the number of members that make a quorum.
func metadataQuorum(members int) int { return members/2 + 1 }

// metadataMembers are the nodes that the nodes configuration lists as members of the metadata store, in ascending order.
// The store is external if no node has the role.
func metadataMembers(s *snapshots.Snapshot) (members []cluster.NodeID, external bool) {
	external = true
	for node := range s.Nodes.All() {
		if !hasRole(node, cluster.RoleMetadataServer) {
			continue
		}
		external = false
		if isMetadataMember(node) {
			members = append(members, node.ID)
		}
	}
	return members, external
}

// isMetadataMember reports whether a node is a member of the metadata store. A state that is left out means member up to
// Restate 1.4 and provisioning from 1.5. Nodes say their release since 1.6.
func isMetadataMember(node *snapshots.Node) bool {
	if !hasRole(node, cluster.RoleMetadataServer) {
		return false
	}
	return node.Metadata == cluster.MetadataMember || node.Metadata == "" && node.Release.IsZero()
}
