package analyze

import (
	"errors"
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
	SchemaVersion int           `json:"schema_version"`
	Tool          Tool          `json:"tool"`
	Name          string        `json:"name"`
	ClusterName   string        `json:"cluster_name"`
	Nodes         []NodeRemoval `json:"nodes"`
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
}

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

// A Ground is why `restatectl nodes remove` refuses a node, or why it accepts one without looking further.
type Ground string

// The grounds, in the order in which restatectl looks (Restate 1.2.2 to 1.7).
const (
	GroundUnregistered Ground = "not registered"   // accepts: removing nothing
	GroundReadWrite    Ground = "read-write"       // refuses
	GroundDisabled     Ground = "disabled"         // does not look at logs, and accepts unless it is a metadata member
	GroundProvider     Ground = "default provider" // refuses
	GroundLoglet       Ground = "loglet"           // refuses: a nodeset, or a segment of kind local
	GroundPanic        Ground = "panic"            // fails: the id of a loglet is not the one that it expects
	GroundMetadata     Ground = "metadata member"  // refuses
	GroundNothing      Ground = ""                 // accepts: nothing that it looks at is in the way
)

// A RestatectlAnswer is what `restatectl nodes remove` would do. It does not look at partitions, sequencers, the state of
// the worker, or at what would be left.
type RestatectlAnswer struct {
	// Accepts is nil if it depends on logs that were not captured.
	Accepts *bool  `json:"accepts"`
	Ground  Ground `json:"ground,omitempty"`
	// Refusals are the messages that it may print, one of them: it names one loglet only, another one each time.
	Refusals []string `json:"refusals"`
}

// loglets that are remembered of each kind where all nodes are listed.
const logletsOfMany = 8

// NewRemovable says whether nodes may be removed: the given ones, or all that the nodes configuration has. The error says
// that there is no whole nodes configuration (ErrNoNodes), or that nothing knows a given node.
func NewRemovable(version string, s *snapshots.Snapshot, nodes []cluster.NodeID) (*Removable, error) {
	if err := wholeNodes(s); err != nil {
		return nil, err
	}
	ids, loglets := nodes, 0
	if len(nodes) == 0 {
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

	judge := &remover{snapshot: s, references: references, complete: len(r.Undecided) == 0, logsRead: s.Logs != nil && len(gaps) == len(s.Gaps), nodesRead: s.Captured(snapshots.NodesConfig)}
	var problems []string
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if s.Nodes.Get(id) == nil && !references.Of(id).Any() {
			problems = append(problems, id.String()+" is not in the nodes configuration, and nothing names it")
			continue
		}
		r.Nodes = append(r.Nodes, judge.removal(id))
	}
	if len(problems) > 0 {
		return nil, errors.New(strings.Join(problems, "; "))
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
		removal.Commands = slices.Concat(r.references.PartitionSteps(named), r.references.LogSteps(named))
	}
	return removal
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
	if !r.nodesRead {
		return blockers // what would be left is not known
	}
	for _, role := range cluster.Roles() {
		if hasRole(node, role) && !r.anotherHas(node, role) {
			blockers = append(blockers, Blocker{Kind: BlockedByRole, Message: "it is the only node with the role " + string(role)})
		}
	}
	if message := r.logShortage(node); message != "" {
		blockers = append(blockers, Blocker{Kind: BlockedByLogCapacity, Message: message})
	}
	if message := r.partitionShortage(node); message != "" {
		blockers = append(blockers, Blocker{Kind: BlockedByPartitionCapacity, Message: message})
	}
	return blockers
}

func (r *remover) anotherHas(node *snapshots.Node, role cluster.Role) bool {
	for other := range r.snapshot.Nodes.All() {
		if other.ID != node.ID && hasRole(other, role) {
			return true
		}
	}
	return false
}

// logShortage says why no nodeset could be chosen without a log server; empty when one can.
func (r *remover) logShortage(node *snapshots.Node) string {
	logs := r.snapshot.Logs
	if !hasRole(node, cluster.RoleLogServer) && !logCandidate(node) ||
		logs == nil || logs.DefaultProvider == nil || logs.DefaultProvider.Kind != snapshots.Replicated {
		return ""
	}
	provider := logs.DefaultProvider
	candidates := candidatesOf(r.snapshot.Nodes, func(other *snapshots.Node) bool { return other.ID != node.ID && logCandidate(other) })
	selection := cluster.SelectNodeset(candidates, provider.Replication, int(provider.TargetNodesetSize))
	return shortage("read-write log servers", "log replication", provider.Replication, selection, selection.Unlocated)
}

// partitionShortage says why no replica set could be chosen without a worker; empty when one can.
func (r *remover) partitionShortage(node *snapshots.Node) string {
	table := r.snapshot.Partitions
	if !hasRole(node, cluster.RoleWorker) || table == nil {
		return ""
	}
	replication := table.Replication
	if replication == (cluster.Replication{}) {
		replication = cluster.Replication{Node: 1} // what is left out means one; "everywhere" is as many as there are
	}
	is, _ := partitionCandidate(r.snapshot.Nodes)
	candidates := candidatesOf(r.snapshot.Nodes, func(other *snapshots.Node) bool { return other.ID != node.ID && is(other) })
	return shortage("active workers", "partition replication", replication, cluster.SelectReplicas(candidates, replication), nil)
}

func shortage(candidates, what string, replication cluster.Replication, selection cluster.Selection, unlocated []cluster.NodeID) string {
	switch {
	case selection.Possible():
		return ""
	case len(selection.Missing) > 0:
		return fmt.Sprintf("without it the %s left have only %s for %s %v", candidates, strings.Join(shortfallWords(selection.Missing), " and "), what, replication)
	}
	return fmt.Sprintf("%s %v cannot be fulfilled while %s has no location", what, replication, strings.Join(nodeNames(unlocated), ", "))
}

// restatectl is what `restatectl nodes remove` would do, in the order in which it looks. The messages are those of Restate
// 1.7.12 (tools/restatectl/src/commands/node/disable_node_checker.rs).
func (r *remover) restatectl(node *snapshots.Node, named *rules.NodeReferences) RestatectlAnswer {
	yes, no := true, false
	refuses := func(ground Ground, messages ...string) RestatectlAnswer {
		return RestatectlAnswer{Accepts: &no, Ground: ground, Refusals: messages}
	}
	switch {
	case node == nil || node.Removed:
		return RestatectlAnswer{Accepts: &yes, Ground: GroundUnregistered, Refusals: []string{}}
	case node.Unreadable:
		return RestatectlAnswer{Refusals: []string{}}
	}
	accepts := RestatectlAnswer{Accepts: &yes, Refusals: []string{}}
	switch node.Storage {
	case cluster.StorageReadWrite:
		return refuses(GroundReadWrite, "log server cannot be disabled because it is in read-write state")
	case cluster.StorageDisabled:
		accepts.Ground = GroundDisabled
	default:
		logs := r.snapshot.Logs
		if logs != nil && logs.DefaultProvider != nil && (logs.DefaultProvider.Kind == snapshots.Local || logs.DefaultProvider.Kind == snapshots.InMemory) {
			return refuses(GroundProvider, fmt.Sprintf("current default loglet provider '%v', does not support disabling nodes", logs.DefaultProvider.Kind))
		}
		if refusals := r.logletRefusals(named); len(refusals) > 0 {
			return refuses(GroundLoglet, refusals...)
		}
		switch {
		case r.references.Unaddressable.Count > 0:
			return refuses(GroundPanic, "to be present")
		case !r.logsRead || r.references.Undecodable > 0:
			accepts.Accepts = nil
		}
	}
	if isMetadataMember(node) {
		return refuses(GroundMetadata, "metadata server is an active member")
	}
	return accepts
}

// logletRefusals are the messages about loglets, one for each log that has one.
func (r *remover) logletRefusals(named *rules.NodeReferences) (messages []string) {
	nodesets := make(map[cluster.LogID]bool, len(named.Refusals))
	all := slices.Clone(named.Refusals)
	for _, refusal := range named.Refusals {
		nodesets[refusal.Loglet.Log()] = true
	}
	for _, refusal := range r.references.LocalRefusals {
		if !nodesets[refusal.Loglet.Log()] {
			all = append(all, refusal)
		}
	}
	slices.SortFunc(all, func(a, b rules.Refusal) int { return compareLoglets(a.Loglet, b.Loglet) })
	for _, refusal := range all {
		if refusal.Kind == snapshots.Replicated {
			messages = append(messages, fmt.Sprintf("log server is part of a node set of loglet %v. You need to trim this loglet before disabling the log server", refusal.Loglet))
		} else {
			messages = append(messages, fmt.Sprintf("loglet %v of kind %v requires node %v. You need to trim this loglet before disabling the node", refusal.Loglet, refusal.Kind, named.Node))
		}
	}
	return messages
}

func compareLoglets(a, b cluster.LogletID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// commands are the steps that make the removal of a registered node safe, in the order of Restate's documentation.
func (r *remover) commands(node *snapshots.Node, named *rules.NodeReferences, blockers []Blocker) (commands []string) {
	release := r.snapshot.Release()
	name := node.ID.String()
	blocked := make(map[BlockerKind]bool)
	for _, b := range blockers {
		blocked[b.Kind] = true
		switch b.Kind {
		case BlockedByRole, BlockedByLogCapacity, BlockedByPartitionCapacity:
			commands = append(commands, "# first start another node that takes over: "+b.Message)
		}
	}
	if blocked[BlockedByProvider] {
		commands = append(commands, "restatectl config set --log-provider replicated --log-replication 1   # or more, with more log servers")
	}
	if blocked[BlockedByStorageState] {
		set := "restatectl nodes set-storage-state"
		if !release.IsZero() && !release.AtLeast(1, 4, 0) {
			set = "restatectl replicated-loglet set-storage-state"
		}
		commands = append(commands, set+" --nodes "+name+" --storage-state read-only")
	}
	if blocked[BlockedByWorkerState] {
		commands = append(commands, "restatectl nodes set-worker-state --nodes "+name+" --worker-state draining")
	}
	commands = append(commands, r.references.PartitionSteps(named)...)
	if blocked[BlockedByMetadata] {
		commands = append(commands, r.leaveMetadata(name))
	}
	commands = append(commands, r.references.LogSteps(named)...)
	if blocked[BlockedByLocalLoglet] {
		commands = append(commands, r.references.TrimStep(r.references.Local.Logs)+"   # again until no segment of kind local is left: restatectl logs describe --all")
	}
	if len(commands) > 0 {
		commands = append(commands, "# capture the metadata again, and ask again: restate-lint removable "+name)
	}
	if isPlain(node.Name) {
		name += " (" + node.Name + ")"
	}
	return append(commands, "# stop the process of "+name, "restatectl nodes remove --nodes "+node.ID.String())
}

// isPlain reports whether a text of a capture may stand in a line that somebody pastes into a shell.
func isPlain(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	})
}

// leaveMetadata is how a node leaves the metadata store, whose last member cannot.
func (r *remover) leaveMetadata(name string) string {
	members, _ := metadataMembers(r.snapshot)
	if len(members) < 2 {
		return "# first let another node become a member of the metadata store: restatectl metadata-server add-node"
	}
	return "restatectl metadata-server remove-node " + name
}
