package analyze

import (
	"cmp"
	"slices"
	"strconv"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// Hash fills in the hash of every document's source.
func (d *Description) Hash() error {
	r := Result{Documents: d.Documents, Snapshot: d.snapshot}
	return r.Hash()
}

// Describe describes a snapshot. The error says that the log or the loglet asked for is not in it.
func Describe(version string, s *snapshots.Snapshot, view View) (*Description, error) {
	d := &Description{
		SchemaVersion: SchemaVersion,
		Tool:          Tool{Name: toolName, Version: version},
		Name:          s.Name,
		ClusterName:   s.ClusterName(),
		Documents:     []Document{},
		Gaps:          []Gap{},
		Inventory:     inventory(s),
		snapshot:      s,
	}
	for _, document := range s.Documents {
		d.Documents = append(d.Documents, describeDocument(document))
	}
	w := &describer{snapshot: s, view: view, description: d, uses: make(map[cluster.NodeID]*NodeUse), nodesets: make(map[*snapshots.Placement][]MemberDescription)}
	gaps := slices.Clone(s.Gaps)
	if s.Logs != nil {
		gaps = append(gaps, w.logs(s.Logs)...)
	}
	for _, gap := range gaps {
		d.Gaps = append(d.Gaps, Gap{Kind: gap.Key, Source: gap.Source, Reason: gap.Reason})
	}
	slices.SortStableFunc(d.Gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Source, b.Source))
	})
	if view.Documents {
		d.Sources, d.Stores = describeSources(s), describeStores(s)
	}
	if view.Nodes && s.Nodes != nil {
		w.nodes()
	}
	if view.Partitions && (s.Partitions != nil || len(s.Epochs) > 0) {
		w.partitions()
	}
	return d, w.notFound(len(gaps) > len(s.Gaps))
}

// toolName is how reports name this program.
const toolName = "restate-lint"

func describeDocument(d *snapshots.Document) Document {
	return Document{Kind: d.Key(), Source: d.Source.Name, Bytes: d.Source.Size, Version: uint32(d.Version)}
}

// A describer builds a description.
type describer struct {
	snapshot    *snapshots.Snapshot
	view        View
	description *Description
	uses        map[cluster.NodeID]*NodeUse
	nodesets    map[*snapshots.Placement][]MemberDescription

	// The segments of one placement are counted together, and added to the nodes when another placement follows.
	placement    *snapshots.Placement
	open, sealed int
	// sameLog are the loglets of the log that the loglet asked for should belong to.
	sameLog []string
}

// logs reads the logs once.
func (w *describer) logs(logs *snapshots.Logs) []snapshots.Gap {
	d := w.description
	d.Inventory.Logs, d.Inventory.Segments = 0, 0
	if w.view.Logs {
		d.Logs = []LogDescription{}
		if p := logs.DefaultProvider; p != nil {
			d.Provider = &ProviderDescription{Kind: p.Kind.String(), TargetNodesetSize: p.TargetNodesetSize}
			if p.Kind == snapshots.Replicated {
				d.Provider.Replication = p.Replication.String()
			}
		}
	}
	gaps := logs.Each(func(log *snapshots.Log) {
		d.Inventory.Logs++
		d.Inventory.Segments += len(log.Segments)
		if w.view.Nodes {
			w.countUses(log)
		}
		if w.view.Logs {
			d.Logs = append(d.Logs, w.log(log))
		}
		if w.view.Log != nil && *w.view.Log == log.ID && d.Log == nil {
			described := w.log(log)
			described.Chain = make([]SegmentDescription, len(log.Segments))
			for i := range log.Segments {
				described.Chain[i] = w.segment(log, i)
			}
			d.Log = &described
		}
		if w.view.Loglet != nil {
			w.loglet(log, *w.view.Loglet)
		}
	})
	w.addUses()
	slices.SortStableFunc(d.Logs, func(a, b LogDescription) int { return cmp.Compare(a.Log, b.Log) })
	return gaps
}

func (w *describer) countUses(log *snapshots.Log) {
	for i := range log.Segments {
		segment := &log.Segments[i]
		if segment.Placement == nil {
			continue
		}
		if segment.Placement != w.placement {
			w.addUses()
			w.placement = segment.Placement
		}
		if log.Open(i) {
			w.open++
			w.use(segment.Sequencer.ID).Sequencer++
		} else {
			w.sealed++
		}
	}
}

func (w *describer) addUses() {
	if w.placement != nil {
		for _, id := range w.placement.Nodeset {
			use := w.use(id)
			use.Open += w.open
			use.Sealed += w.sealed
		}
	}
	w.open, w.sealed = 0, 0
}

func (w *describer) use(id cluster.NodeID) *NodeUse {
	use := w.uses[id]
	if use == nil {
		use = &NodeUse{}
		w.uses[id] = use
	}
	return use
}

func (w *describer) nodes() {
	d := w.description
	d.Nodes = []NodeDescription{}
	add := func(node NodeDescription, id cluster.NodeID) {
		if w.snapshot.Logs != nil {
			node.Use = w.use(id)
		}
		d.Nodes = append(d.Nodes, node)
	}
	for node := range w.snapshot.Nodes.All() {
		add(describeNode(node), node.ID)
	}
	var unknown []cluster.NodeID
	for id := range w.uses {
		if w.snapshot.Nodes.Get(id) == nil {
			unknown = append(unknown, id)
		}
	}
	slices.Sort(unknown)
	for _, id := range unknown {
		add(NodeDescription{Node: id.String(), Class: w.class(id).String()}, id)
	}
}

func describeNode(node *snapshots.Node) NodeDescription {
	if node.Removed {
		return NodeDescription{Node: node.ID.String(), Class: cluster.Removed.String()}
	}
	if node.Unreadable {
		return NodeDescription{Node: node.ID.String(), Class: cluster.Undetermined.String()}
	}
	described := NodeDescription{
		Node:          node.ID.String(),
		Class:         cluster.Active.String(),
		Name:          node.Name,
		Generation:    node.Generation.Generation,
		Address:       node.Address,
		Location:      node.Location.String(),
		StorageState:  string(node.Storage),
		WorkerState:   string(node.Worker),
		MetadataState: string(node.Metadata),
	}
	for _, role := range node.Roles {
		described.Roles = append(described.Roles, string(role))
	}
	slices.Sort(described.Roles)
	if !node.Release.IsZero() {
		described.Release = node.Release.String()
	}
	return described
}

// log describes a log without its chain.
func (w *describer) log(log *snapshots.Log) LogDescription {
	described := LogDescription{Log: log.ID, Segments: len(log.Segments)}
	if head := log.Head(); head != nil {
		lsn, tail := head.BaseLSN, w.segment(log, len(log.Segments)-1)
		described.HeadLSN, described.Tail = &lsn, &tail
	}
	return described
}

func (w *describer) segment(log *snapshots.Log, i int) SegmentDescription {
	segment := &log.Segments[i]
	described := SegmentDescription{
		Segment: segment.Index,
		FromLSN: segment.BaseLSN,
		ToLSN:   lastLSN(log, i),
		State:   segmentState(log, i),
		Kind:    segment.Kind.String(),
		Defect:  defectOf(log, i),
	}
	if segment.Kind == snapshots.UnknownKind {
		described.Kind = log.Field(i, "kind")
	}
	if id, ok := logletOf(log, i); ok {
		described.Loglet = id.String()
	}
	if segment.Placement != nil {
		described.Replication = replicationOf(segment.Placement)
		described.Sequencer = w.run(segment.Sequencer)
		described.Nodeset = w.nodeset(segment.Placement)
	}
	return described
}

// lastLSN is the last LSN of a segment; nil for the last one.
func lastLSN(log *snapshots.Log, i int) *cluster.LSN {
	if i+1 >= len(log.Segments) {
		return nil
	}
	last := log.Segments[i+1].BaseLSN
	if last > 0 {
		last--
	}
	return &last
}

func segmentState(log *snapshots.Log, i int) string {
	switch {
	case log.Segments[i].Kind == snapshots.SealMarker:
		return "seal marker"
	case log.Open(i):
		return "open"
	}
	return "sealed"
}

func defectOf(log *snapshots.Log, i int) string {
	for _, defect := range log.Defects {
		if defect.Segment == i {
			return defect.Reason
		}
	}
	return ""
}

// logletOf is the loglet id that a segment states, if it states one.
func logletOf(log *snapshots.Log, i int) (id cluster.LogletID, ok bool) {
	segment := &log.Segments[i]
	switch segment.Kind {
	case snapshots.Replicated:
		return segment.Loglet, segment.Placement != nil
	case snapshots.Local, snapshots.InMemory:
		return segment.Loglet, defectOf(log, i) == ""
	}
	return 0, false
}

// replicationOf is the replication property as it is printed, or why it cannot be used.
func replicationOf(placement *snapshots.Placement) string {
	if placement.Invalid != "" {
		return "invalid: " + placement.Invalid
	}
	return placement.Replication.String()
}

// run relates a process run of a node to the nodes configuration.
func (w *describer) run(id cluster.GenerationalNodeID) *SequencerDescription {
	described := &SequencerDescription{Node: id.String(), Relation: NotCaptured}
	if w.snapshot.Nodes == nil {
		return described
	}
	node := w.snapshot.Nodes.Get(id.ID)
	switch w.class(id.ID) {
	case cluster.Undetermined:
	case cluster.Unknown:
		described.Relation = UnknownNode
	case cluster.Removed:
		described.Relation = RemovedNode
	default:
		configured := node.Generation
		described.Relation = CurrentGeneration
		if configured.Generation != id.Generation {
			described.Relation = NewerGeneration
			if id.Generation < configured.Generation {
				described.Relation = OlderGeneration
			}
			described.Configured = configured.String()
		}
	}
	return described
}

// class is that of a node. Without an entry in a nodes configuration that was not captured as a whole, nothing is
// known about it.
func (w *describer) class(id cluster.NodeID) cluster.Class { return w.member(id).Class }

func (w *describer) member(id cluster.NodeID) cluster.Member {
	nodes := w.snapshot.Nodes
	if nodes == nil || nodes.Get(id) == nil && !w.snapshot.Captured(snapshots.NodesConfig) {
		return cluster.Member{Node: id}
	}
	return nodes.Member(id)
}

func (w *describer) members(ids []cluster.NodeID) []MemberDescription {
	described := make([]MemberDescription, len(ids))
	for i, id := range ids {
		member := w.member(id)
		described[i] = MemberDescription{
			Node:         id.String(),
			Class:        member.Class.String(),
			Label:        member.Label(),
			StorageState: string(member.State),
		}
	}
	return described
}

// nodeset describes the members of a placement. Segments with the same placement share the answer.
func (w *describer) nodeset(placement *snapshots.Placement) []MemberDescription {
	described, ok := w.nodesets[placement]
	if !ok {
		described = w.members(placement.Nodeset)
		w.nodesets[placement] = described
	}
	return described
}

// replicas describes the members of a replica set, for which the state of the worker matters.
func (w *describer) replicas(ids []cluster.NodeID) []MemberDescription {
	described := w.members(ids)
	for i, id := range ids {
		described[i].StorageState = ""
		described[i].Label = described[i].Class
		if described[i].Class == cluster.Active.String() {
			if worker := w.snapshot.Nodes.Get(id).Worker; worker != cluster.WorkerActive {
				described[i].Label = "worker " + string(worker)
			}
		}
	}
	return described
}

func (w *describer) partitions() {
	d := w.description
	d.Partitions = []PartitionDescription{}
	if table := w.snapshot.Partitions; table != nil {
		for partition := range table.All() {
			log := partition.Log
			d.Partitions = append(d.Partitions, PartitionDescription{
				Partition: partition.ID,
				FirstKey:  strconv.FormatUint(partition.Start, 10),
				LastKey:   strconv.FormatUint(partition.End, 10),
				Log:       &log,
			})
		}
	}
	for _, epoch := range w.snapshot.Epochs {
		i, ok := slices.BinarySearchFunc(d.Partitions, epoch.Partition, func(p PartitionDescription, id cluster.PartitionID) int {
			return cmp.Compare(p.Partition, id)
		})
		if !ok {
			d.Partitions = slices.Insert(d.Partitions, i, PartitionDescription{Partition: epoch.Partition})
		}
		w.epoch(epoch, &d.Partitions[i])
	}
}

func (w *describer) epoch(epoch *snapshots.Epoch, described *PartitionDescription) {
	described.Epoch = epoch.Epoch
	if epoch.Leader != nil {
		described.Leader = w.run(epoch.Leader.Node)
	}
	if epoch.Current != nil {
		described.ReplicaSet = w.replicas(epoch.Current.ReplicaSet)
		if epoch.Current.Replication != (cluster.Replication{}) {
			described.Replication = epoch.Current.Replication.String()
		}
	}
	if epoch.Next != nil {
		described.Next = w.replicas(epoch.Next.ReplicaSet)
	}
	described.Policies = policies(epoch)
}

func policies(epoch *snapshots.Epoch) *PolicyDescription {
	var described PolicyDescription
	if freeze := epoch.PlacementFreeze; freeze != nil {
		described.PlacementFrozen = &freeze.Reason
	}
	if freeze := epoch.LeadershipFreeze; freeze != nil {
		described.LeadershipFrozen = &freeze.Reason
	}
	if epoch.Affinity != nil {
		described.LeaderPinnedTo = epoch.Affinity.String()
	}
	if described == (PolicyDescription{}) {
		return nil
	}
	return &described
}
