package analyze

import (
	"fmt"
	"slices"
	"strings"

	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A BlockerKind says what is in the way of a removal.
type BlockerKind string

// The kinds of blockers.
const (
	BlockedByStorageState      BlockerKind = "storage-state"
	BlockedByOpenNodeset       BlockerKind = "nodeset-open"
	BlockedBySealedNodeset     BlockerKind = "nodeset-sealed"
	BlockedByTrimmedNodeset    BlockerKind = "nodeset-trimmed"
	BlockedBySequencer         BlockerKind = "sequencer"
	BlockedByProvider          BlockerKind = "default-provider"
	BlockedByLocalLoglet       BlockerKind = "local-loglet"
	BlockedByMetadata          BlockerKind = "metadata-member"
	BlockedByReplicaSet        BlockerKind = "replica-set"
	BlockedByNextReplicaSet    BlockerKind = "next-replica-set"
	BlockedByPin               BlockerKind = "leadership-pin"
	BlockedByFreeze            BlockerKind = "leadership-freeze"
	BlockedByWorkerState       BlockerKind = "worker-state"
	BlockedByRole              BlockerKind = "last-of-role"
	BlockedByLogCapacity       BlockerKind = "log-capacity"
	BlockedByPartitionCapacity BlockerKind = "partition-capacity"
)

// A Blocker is one thing that is in the way of a removal.
type Blocker struct {
	Kind    BlockerKind `json:"kind"`
	Message string      `json:"message"`
	// Count is the number of segments or partitions; Loglets and Partitions are which, ascending. Where all nodes are
	// listed, only the first few loglets are given.
	Count      int                   `json:"count,omitempty"`
	Loglets    []string              `json:"loglets,omitempty"`
	Partitions []cluster.PartitionID `json:"partitions,omitempty"`
}

// states are the blockers in the node's own entry.
func (r *remover) states(node *snapshots.Node) (blockers []Blocker) {
	if node.Storage == cluster.StorageReadWrite {
		blockers = append(blockers, Blocker{Kind: BlockedByStorageState, Message: "its storage state is read-write: it is still chosen for new segments"})
	}
	if hasRole(node, cluster.RoleWorker) && node.Worker == cluster.WorkerActive {
		blockers = append(blockers, Blocker{Kind: BlockedByWorkerState, Message: "its worker state is active: it is still chosen for replica sets"})
	}
	if isMetadataMember(node) {
		blockers = append(blockers, Blocker{Kind: BlockedByMetadata, Message: "it is a member of the metadata store"})
	}
	return blockers
}

// namings are the blockers that name the node.
func (r *remover) namings(named *rules.NodeReferences) (blockers []Blocker) {
	loglets := func(kind BlockerKind, list *rules.LogletList, one, many string) {
		if list.Count > 0 {
			blockers = append(blockers, logletBlocker(kind, list, one, many))
		}
	}
	partitions := func(kind BlockerKind, ids []cluster.PartitionID, one, many string) {
		if len(ids) == 0 {
			return
		}
		b := Blocker{Kind: kind, Count: len(ids), Partitions: ids, Message: fmt.Sprintf(many, len(ids))}
		if len(ids) == 1 {
			b.Message = one
		}
		blockers = append(blockers, b)
	}
	loglets(BlockedByOpenNodeset, &named.Open, "the nodeset of an open segment names it", "the nodesets of %d open segments name it")
	loglets(BlockedBySealedNodeset, &named.Sealed, "the nodeset of a sealed segment names it", "the nodesets of %d sealed segments name it")
	loglets(BlockedBySequencer, &named.Sequences, "it is the sequencer of an open segment", "it is the sequencer of %d open segments")
	partitions(BlockedByReplicaSet, named.Current, "it is in the replica set of a partition", "it is in the replica sets of %d partitions")
	partitions(BlockedByNextReplicaSet, named.Next, "it is in the pending replica set of a partition", "it is in the pending replica sets of %d partitions")
	partitions(BlockedByPin, named.Pinned, "the leadership of a partition is pinned to it", "the leadership of %d partitions is pinned to it")
	partitions(BlockedByFreeze, named.Frozen, "it led a partition last whose elections are frozen", "it led %d partitions last whose elections are frozen")
	return blockers
}

// trimmedNamings are the segments that nobody needs, and that restatectl yet refuses to remove a node for.
func trimmedNamings(named *rules.NodeReferences) []Blocker {
	if named.Trimmed.Count == 0 {
		return nil
	}
	return []Blocker{logletBlocker(BlockedByTrimmedNodeset, &named.Trimmed,
		"the nodeset of a sealed segment names it that lies below the trim point, and goes with the next trim",
		"the nodesets of %d sealed segments name it that lie below the trim point, and go with the next trim")}
}

func logletBlocker(kind BlockerKind, list *rules.LogletList, one, many string) Blocker {
	b := Blocker{Kind: kind, Count: list.Count, Message: one}
	if list.Count > 1 {
		b.Message = fmt.Sprintf(many, list.Count)
	}
	for _, id := range list.IDs {
		b.Loglets = append(b.Loglets, id.String())
	}
	return b
}

// duties are the blockers that lie in what would be left.
func (r *remover) duties(node *snapshots.Node) (blockers []Blocker) {
	s := r.snapshot
	if s.Logs != nil {
		if p := s.Logs.DefaultProvider; p != nil && (p.Kind == snapshots.Local || p.Kind == snapshots.InMemory) {
			blockers = append(blockers, Blocker{Kind: BlockedByProvider, Message: fmt.Sprintf("new segments are of kind %v: a single node holds them", p.Kind)})
		}
		if list := &r.references.Local; list.Count > 0 {
			blockers = append(blockers, logletBlocker(BlockedByLocalLoglet, list,
				"a segment is of kind local or in-memory, and the metadata does not tell which node holds it",
				"%d segments are of kind local or in-memory, and the metadata does not tell which node holds them"))
		}
	}
	return append(blockers, r.shortages(&silence{nodes: []cluster.NodeID{node.ID}})...)
}

// shortages are what would be missing without some registered nodes.
func (r *remover) shortages(leaving *silence) (blockers []Blocker) {
	if !r.nodesRead {
		return nil // what would be left is not known
	}
	var roles []string
	for _, role := range cluster.Roles() {
		if r.anyOf(leaving, func(node *snapshots.Node) bool { return hasRole(node, role) }) && !r.anotherHas(leaving, role) {
			roles = append(roles, string(role))
		}
	}
	slices.Sort(roles)
	switch last := len(roles) - 1; {
	case last == 0:
		blockers = append(blockers, Blocker{Kind: BlockedByRole, Message: "no other node has the role " + roles[0]})
	case last > 0:
		message := "no other node has the roles " + strings.Join(roles[:last], ", ") + " and " + roles[last]
		blockers = append(blockers, Blocker{Kind: BlockedByRole, Message: message})
	}
	if message := r.logShortage(leaving); message != "" {
		blockers = append(blockers, Blocker{Kind: BlockedByLogCapacity, Message: message})
	}
	if message := r.partitionShortage(leaving); message != "" {
		blockers = append(blockers, Blocker{Kind: BlockedByPartitionCapacity, Message: message})
	}
	return blockers
}

func (r *remover) anotherHas(leaving *silence, role cluster.Role) bool {
	for other := range r.snapshot.Nodes.All() {
		if !leaving.has(other.ID) && hasRole(other, role) {
			return true
		}
	}
	return false
}

// logShortage says why no nodeset could be chosen without some nodes; empty when one can, or when they hold no logs.
func (r *remover) logShortage(leaving *silence) string {
	logs := r.snapshot.Logs
	if !r.anyOf(leaving, func(node *snapshots.Node) bool { return hasRole(node, cluster.RoleLogServer) || logCandidate(node) }) ||
		logs == nil || logs.DefaultProvider == nil || logs.DefaultProvider.Kind != snapshots.Replicated {
		return ""
	}
	provider := logs.DefaultProvider
	candidates := candidatesOf(r.snapshot.Nodes, func(other *snapshots.Node) bool { return !leaving.has(other.ID) && logCandidate(other) })
	selection := cluster.SelectNodeset(candidates, provider.Replication, int(provider.TargetNodesetSize))
	return shortage(leaving, "read-write log servers", "log replication", provider.Replication, selection, selection.Unlocated)
}

// partitionShortage says why no replica set could be chosen without some nodes; empty when one can, or when none of them is
// a worker.
func (r *remover) partitionShortage(leaving *silence) string {
	table := r.snapshot.Partitions
	if !r.anyOf(leaving, func(node *snapshots.Node) bool { return hasRole(node, cluster.RoleWorker) }) || table == nil {
		return ""
	}
	replication := table.Replication
	if replication == (cluster.Replication{}) {
		replication = cluster.Replication{Node: 1} // what is left out means one; "everywhere" is as many as there are
	}
	is, _ := partitionCandidate(r.snapshot.Nodes)
	candidates := candidatesOf(r.snapshot.Nodes, func(other *snapshots.Node) bool { return !leaving.has(other.ID) && is(other) })
	return shortage(leaving, "active workers", "partition replication", replication, cluster.SelectReplicas(candidates, replication), nil)
}

func shortage(leaving *silence, candidates, what string, replication cluster.Replication, selection cluster.Selection, unlocated []cluster.NodeID) string {
	switch {
	case selection.Possible():
		return ""
	case len(selection.Missing) > 0:
		them := "it"
		if len(leaving.nodes) > 1 {
			them = "them"
		}
		return fmt.Sprintf("without %s the %s left have only %s for %s %v", them, candidates, strings.Join(shortfallWords(selection.Missing), " and "), what, replication)
	}
	return fmt.Sprintf("%s %v cannot be fulfilled while %s has no location", what, replication, strings.Join(nodeNames(unlocated), ", "))
}
