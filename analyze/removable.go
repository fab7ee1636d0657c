package analyze

import (
	"fmt"
	"slices"
	"strings"

	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A Verdict says whether a node may be removed from its cluster.
type Verdict string

// The verdicts.
const (
	// Safe says that nothing needs the node any more, or, of a removed one, that nothing did.
	Safe Verdict = "safe"
	// Blocked says that something still needs it.
	Blocked Verdict = "blocked"
	// RemovedTooEarly says that the node was removed although something needed it, and still names it.
	RemovedTooEarly Verdict = "already removed too early"
	// NotKnown says that nothing was found in the way, but that evidence is missing.
	NotKnown Verdict = "undecided"
)

// A Removable says which nodes of a cluster may be removed.
type Removable struct {
	SchemaVersion int    `json:"schema_version"`
	Tool          Tool   `json:"tool"`
	Name          string `json:"name"`
	ClusterName   string `json:"cluster_name"`
	// Nodes are judged each alone.
	Nodes []NodeRemoval `json:"nodes"`
	// Together judges all nodes that were given; nil where less than two registered ones were.
	Together *Together `json:"together,omitempty"`
	// Undecided says what could not be looked at. Without it no verdict is Safe.
	Undecided []UndecidedPart `json:"undecided"`
	Gaps      []Gap           `json:"gaps"`

	Inventory Inventory  `json:"-"`
	Documents []Document `json:"-"`
}

// A NodeRemoval says whether one node may be removed.
type NodeRemoval struct {
	Node string `json:"node"`
	// What follows, up to Location, is left out of a node that is not registered.
	Name         string   `json:"name,omitempty"`
	Class        string   `json:"class"`
	Roles        []string `json:"roles,omitempty"`
	StorageState string   `json:"storage_state,omitempty"`
	WorkerState  string   `json:"worker_state,omitempty"`

	Verdict Verdict `json:"verdict"`
	// Blockers are everything that is in the way; of a node that was removed too early, everything that still names it.
	Blockers   []Blocker        `json:"blockers"`
	Restatectl RestatectlAnswer `json:"restatectl"`
	// Commands make the removal safe, in this order, or repair one that came too early. Lines that begin with # are for
	// people to do.
	Commands []string `json:"commands"`
	// Afterwards says what could not be lost any more without the node; nil where all nodes are listed, and where the node
	// holds neither logs nor metadata.
	Afterwards *Afterwards `json:"afterwards,omitempty"`
}

// loglets that are remembered of each kind where all nodes are listed.
const logletsOfMany = 8

// NewRemovable says whether nodes may be removed: those that the words name, as for NewWhatIf, or all that the nodes
// configuration has. The error says that there is no whole nodes configuration (ErrNoNodes), or which words name nothing.
func NewRemovable(version string, s *snapshots.Snapshot, words []string) (*Removable, error) {
	given, err := silenceOf(s, words)
	if err != nil {
		return nil, err
	}
	ids, loglets := given.nodes, 0
	if len(words) == 0 {
		loglets = logletsOfMany
		for node := range s.Nodes.All() {
			ids = append(ids, node.ID)
		}
	}
	r := &Removable{
		SchemaVersion: SchemaVersion,
		Tool:          Tool{Name: toolName, Version: version},
		Name:          s.Name,
		ClusterName:   s.ClusterName(),
		Nodes:         []NodeRemoval{},
		Undecided:     []UndecidedPart{},
		Inventory:     inventory(s),
		Documents:     documentsOf(s),
	}
	references := rules.NewReferences(s, ids, loglets)
	gaps := slices.Clone(s.Gaps)
	if s.Logs != nil {
		r.Inventory.Logs, r.Inventory.Segments = 0, 0
		gaps = append(gaps, s.Logs.Each(func(log *snapshots.Log) {
			r.Inventory.Logs++
			r.Inventory.Segments += len(log.Segments)
			references.VisitLog(log)
		})...)
	}
	references.Finish()
	r.Gaps = gapsOf(gaps)
	r.lacks(s, references, len(gaps) > len(s.Gaps))

	unread, _ := s.Nodes.Unreadable()
	judge := &remover{snapshot: s, references: references, complete: len(r.Undecided) == 0, logsRead: s.Logs != nil && len(gaps) == len(s.Gaps), nodesRead: len(unread) == 0}
	var problems []string
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for _, id := range ids {
		if s.Nodes.Get(id) == nil && !references.Of(id).Any() {
			problems = append(problems, id.String())
			continue
		}
		removal := judge.removal(id)
		if len(words) > 0 {
			removal.Afterwards = judge.afterwards(&silence{nodes: []cluster.NodeID{id}})
		}
		r.Nodes = append(r.Nodes, removal)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s: not in the nodes configuration, and nothing names it; there are %s", strings.Join(problems, ", "), knownNodes(s.Nodes))
	}
	if len(words) > 0 {
		r.Together = judge.together(ids)
	}
	return r, nil
}

// lacks says what could not be looked at.
func (r *Removable) lacks(s *snapshots.Snapshot, references *rules.References, logGaps bool) {
	add := func(part, reason string, missing ...snapshots.Kind) {
		r.Undecided = append(r.Undecided, undecided(part, reason, missing...))
	}
	if ids, _ := s.Nodes.Unreadable(); len(ids) > 0 {
		add("nodes", "what would be left without a node is not known: "+cannotBeRead(ids), snapshots.NodesConfig)
	}
	switch {
	case s.Logs == nil:
		add("nodesets", "whether a nodeset names a node is not known", snapshots.BifrostConfig)
	case logGaps || !s.Captured(snapshots.BifrostConfig):
		add("nodesets", "some logs could not be read", snapshots.BifrostConfig)
	case references.Undecodable > 0:
		add("nodesets", "the nodeset of "+plural(references.Undecodable, "segment")+" cannot be decoded", snapshots.BifrostConfig)
	}
	if !s.Captured(snapshots.EpochMetadata) {
		add("replica sets", "whether a replica set or a leadership policy names a node is not known", snapshots.EpochMetadata)
	} else if slices.ContainsFunc(s.Epochs, func(e *snapshots.Epoch) bool { return e.Current == nil }) {
		add("replica sets", "the epoch metadata has no replica sets, as up to Restate 1.3")
	}
	if !s.Captured(snapshots.PartitionTable) {
		add("capacity", "how many replicas partitions want is not known", snapshots.PartitionTable)
	}
}

// A remover judges nodes by what names them.
type remover struct {
	snapshot   *snapshots.Snapshot
	references *rules.References
	complete   bool // nothing is undecided
	logsRead   bool // every log was read
	nodesRead  bool // every entry of the nodes configuration was read
}

func (r *remover) removal(id cluster.NodeID) NodeRemoval {
	node, named := r.snapshot.Nodes.Get(id), r.references.Of(id)
	removal := NodeRemoval{
		Node:       id.String(),
		Class:      r.snapshot.Nodes.Class(id).String(),
		Restatectl: r.restatectl(node, named),
		Commands:   []string{},
	}
	registered := node != nil && !node.Removed && !node.Unreadable
	if registered {
		described := describeNode(node)
		removal.Name, removal.Roles = described.Name, described.Roles
		removal.StorageState, removal.WorkerState = described.StorageState, described.WorkerState
	}
	blockers := r.namings(named)
	if registered {
		blockers = slices.Concat(r.states(node), blockers, trimmedNamings(named), r.duties(node))
	}
	removal.Blockers = append([]Blocker{}, blockers...)
	switch {
	case node != nil && node.Unreadable:
		removal.Verdict = NotKnown // it may be a node or a tombstone
	case node != nil && node.Removed && named.Any():
		removal.Verdict = RemovedTooEarly
	case len(blockers) > 0:
		removal.Verdict = Blocked
	case !r.complete:
		removal.Verdict = NotKnown
	default:
		removal.Verdict = Safe
	}
	switch {
	case registered:
		removal.Commands = r.commands(node, named, blockers)
	case node != nil && node.Unreadable:
		removal.Commands = []string{"restatectl nodes list   # what is it?", "restatectl metadata get -k nodes_config > nodes_config.json"}
	case named.Any():
		steps := r.references.LogSteps(named)
		if len(steps) > 0 {
			removal.Commands = r.repositoryStep()
		}
		removal.Commands = slices.Concat(removal.Commands, r.references.PartitionSteps(named), steps)
	}
	return removal
}
