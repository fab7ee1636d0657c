package rules

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// References are what a snapshot names some nodes for. They are why a node cannot leave yet, and what shows that one left
// too early. First every log is visited, then the epochs.
type References struct {
	snapshot *snapshots.Snapshot
	nodes    map[cluster.NodeID]*NodeReferences
	limits   limits

	// Local are the segments that a single node holds without being named, in files of its own or in memory.
	Local LogletList
	// Unaddressable are the segments whose loglet does not have the id that restatectl composes of log and index.
	Unaddressable LogletList
	// Undecodable counts the segments whose nodeset cannot be decoded.
	Undecodable int
	// LocalRefusals are the first segments of kind local or in-memory of each log.
	LocalRefusals []Refusal

	placement *snapshots.Placement
	named     []*NodeReferences // those that the placement names
	trim      trimAnswer        // of the log that is visited
}

// limits say how much is remembered of what may be very much.
type limits struct {
	loglets   int
	positions bool
}

// A NodeReferences is what a snapshot names one node for.
type NodeReferences struct {
	Node cluster.NodeID
	// Open and Sealed are the segments whose nodeset names the node, but for Trimmed: sealed ones that lie below the trim
	// point of their log, as captured log servers show. Nobody needs those, and the next trim drops them. Sequences are
	// the open segments that the node sequences.
	Open, Sealed, Trimmed, Sequences LogletList
	// Current and Next are the partitions whose replica set it is in. Pinned are those whose leader ought to be the node,
	// Frozen those that it led last and whose elections are frozen. All are ascending.
	Current, Next, Pinned, Frozen []cluster.PartitionID
	// Refusals are the first segments of each log that name it in their nodeset, unless one of kind local comes before.
	Refusals []Refusal
	// PartitionAt is the first replica set or policy that names it.
	PartitionAt snapshots.Position
}

// A Refusal is a segment for which restatectl refuses to remove a node. It stops at the first one, of a log that differs
// from run to run.
type Refusal struct {
	Loglet cluster.LogletID // composed of log and segment index, as restatectl does
	Kind   snapshots.LogletKind
}

// A LogletList is some segments by the ids that their places in the chains imply.
type LogletList struct {
	Count int
	// IDs are the lowest ones, ascending: all of them, unless a limit was given.
	IDs []cluster.LogletID
	// Logs are their logs, ascending.
	Logs []cluster.LogID
	// At is where the lowest one names the node; only remembered for rules.
	At snapshots.Position
}

func (l *LogletList) add(id cluster.LogletID, limits limits, at func() snapshots.Position) {
	if limits.positions && (l.Count == 0 || id < slices.Min(l.IDs)) {
		l.At = at()
	}
	l.Count++
	if last := len(l.Logs) - 1; last < 0 || l.Logs[last] != id.Log() {
		l.Logs = append(l.Logs, id.Log())
	}
	l.IDs = append(l.IDs, id)
	if limits.loglets > 0 && len(l.IDs) >= 2*limits.loglets {
		slices.Sort(l.IDs)
		l.IDs = l.IDs[:limits.loglets]
	}
}

func (l *LogletList) finish(limits limits) {
	slices.Sort(l.IDs)
	if limits.loglets > 0 {
		l.IDs = l.IDs[:min(len(l.IDs), limits.loglets)]
	}
	slices.Sort(l.Logs)
	l.Logs = slices.Compact(l.Logs)
}

// NewReferences looks for references to some nodes. No more than the given number of loglets is remembered of each list;
// 0 stands for all.
func NewReferences(snapshot *snapshots.Snapshot, nodes []cluster.NodeID, loglets int) *References {
	return newReferences(snapshot, nodes, limits{loglets: loglets})
}

func newReferences(snapshot *snapshots.Snapshot, nodes []cluster.NodeID, limits limits) *References {
	r := &References{snapshot: snapshot, limits: limits, nodes: make(map[cluster.NodeID]*NodeReferences, len(nodes))}
	for _, id := range nodes {
		r.nodes[id] = &NodeReferences{Node: id}
	}
	return r
}

// Of returns what names a node; nil unless it was asked for.
func (r *References) Of(id cluster.NodeID) *NodeReferences { return r.nodes[id] }

// Any reports whether anything that counts names the node: what is trimmed does not.
func (n *NodeReferences) Any() bool {
	return n.Open.Count+n.Sealed.Count+n.Sequences.Count+len(n.Current)+len(n.Next)+len(n.Pinned)+len(n.Frozen) > 0
}

// VisitLog looks at the segments of one log.
func (r *References) VisitLog(log *snapshots.Log) {
	r.trim = trimAnswer{}
	local := false
	for i := range log.Segments {
		segment := &log.Segments[i]
		id := cluster.NewLogletID(log.ID, segment.Index)
		switch segment.Kind {
		case snapshots.Local, snapshots.InMemory:
			if !local {
				r.LocalRefusals = append(r.LocalRefusals, Refusal{id, segment.Kind})
			}
			local = true
			r.Local.add(id, r.limits, func() snapshots.Position { return log.SegmentAt(i) })
		case snapshots.Replicated:
			if segment.Placement == nil {
				r.Undecodable++
				continue
			}
			if segment.Loglet != id {
				r.Unaddressable.add(id, r.limits, func() snapshots.Position { return log.LogletAt(i) })
			}
			r.visitSegment(log, i, id, local)
		}
	}
}

func (r *References) visitSegment(log *snapshots.Log, i int, id cluster.LogletID, local bool) {
	segment := &log.Segments[i]
	open := log.Open(i)
	if segment.Placement != r.placement {
		r.placement, r.named = segment.Placement, r.named[:0]
		for k, node := range segment.Placement.Nodeset {
			if n := r.nodes[node]; n != nil && !slices.Contains(segment.Placement.Nodeset[:k], node) {
				r.named = append(r.named, n)
			}
		}
	}
	trimmed := len(r.named) > 0 && r.trimmed(log, i)
	for _, n := range r.named {
		list := &n.Sealed
		switch {
		case open:
			list = &n.Open
		case trimmed:
			list = &n.Trimmed
		}
		list.add(id, r.limits, func() snapshots.Position {
			return log.MemberAt(i, slices.Index(segment.Placement.Nodeset, n.Node))
		})
		if last := len(n.Refusals) - 1; !local && (last < 0 || n.Refusals[last].Loglet.Log() != log.ID) {
			n.Refusals = append(n.Refusals, Refusal{id, segment.Kind})
		}
	}
	if open {
		if n := r.nodes[segment.Sequencer.ID]; n != nil {
			n.Sequences.add(id, r.limits, func() snapshots.Position { return log.SequencerAt(i) })
		}
	}
}

// trimmed reports whether captured log servers show that the whole i-th segment lies below the trim point.
func (r *References) trimmed(log *snapshots.Log, i int) bool {
	if i+1 >= len(log.Segments) {
		return false
	}
	if !r.trim.asked {
		r.trim.point, r.trim.ok = r.snapshot.Live.TrimPoint(log)
		r.trim.asked = true
	}
	return r.trim.ok && r.trim.point.LSN >= log.Segments[i+1].BaseLSN-1
}

// Finish looks at the epochs and puts everything in order, after the last log.
func (r *References) Finish() {
	for _, epoch := range r.snapshot.Epochs {
		if table := r.snapshot.Partitions; table != nil && table.Len() > 0 && r.snapshot.Captured(snapshots.PartitionTable) && table.Get(epoch.Partition) == nil {
			continue // left over: there is no such partition
		}
		r.visitEpoch(epoch)
	}
	r.Local.finish(r.limits)
	r.Unaddressable.finish(r.limits)
	sortRefusals(r.LocalRefusals)
	for _, n := range r.nodes {
		n.Open.finish(r.limits)
		n.Sealed.finish(r.limits)
		n.Trimmed.finish(r.limits)
		n.Sequences.finish(r.limits)
		sortRefusals(n.Refusals)
	}
}

func sortRefusals(refusals []Refusal) {
	slices.SortFunc(refusals, func(a, b Refusal) int { return cmp.Compare(a.Loglet, b.Loglet) })
}

func (r *References) visitEpoch(epoch *snapshots.Epoch) {
	note := func(id cluster.NodeID, list func(*NodeReferences) *[]cluster.PartitionID, at snapshots.Position) {
		n := r.nodes[id]
		if n == nil || slices.Contains(*list(n), epoch.Partition) {
			return
		}
		*list(n) = append(*list(n), epoch.Partition)
		if n.PartitionAt.Source == nil {
			n.PartitionAt = at
		}
	}
	if epoch.Current != nil {
		for _, id := range epoch.Current.ReplicaSet {
			note(id, func(n *NodeReferences) *[]cluster.PartitionID { return &n.Current }, epoch.Current.At)
		}
	}
	if epoch.Next != nil {
		for _, id := range epoch.Next.ReplicaSet {
			note(id, func(n *NodeReferences) *[]cluster.PartitionID { return &n.Next }, epoch.Next.At)
		}
	}
	if epoch.Affinity != nil && epoch.Affinity.Location == "" {
		note(epoch.Affinity.Node, func(n *NodeReferences) *[]cluster.PartitionID { return &n.Pinned }, epoch.Affinity.At)
	}
	if epoch.LeadershipFreeze != nil && epoch.Leader != nil {
		note(epoch.Leader.Node.ID, func(n *NodeReferences) *[]cluster.PartitionID { return &n.Frozen }, epoch.LeadershipFreeze.At)
	}
}

// LogSteps are the commands after which no nodeset names a node and it sequences nothing: open segments are sealed and
// replaced, and all that are sealed then are trimmed away.
func (r *References) LogSteps(n *NodeReferences) (steps []string) {
	open := slices.Concat(n.Open.Logs, n.Sequences.Logs)
	slices.Sort(open)
	if open = slices.Compact(open); len(open) > 0 {
		steps = append(steps, reconfigureLogs(open))
	}
	named := slices.Concat(n.Open.Logs, n.Sealed.Logs, n.Trimmed.Logs)
	slices.Sort(named)
	if named = slices.Compact(named); len(named) > 0 {
		steps = append(steps, r.TrimStep(named)+"   # again until no nodeset names "+n.Node.String()+": restatectl logs describe --all")
	}
	return steps
}

// TrimStep is the command that trims the sealed segments of some logs away.
func (r *References) TrimStep(logs []cluster.LogID) string { return trimStep(r.snapshot, logs) }

// PartitionSteps are the commands after which no leader is bound to a node and the controller may move its partitions.
func (r *References) PartitionSteps(n *NodeReferences) (steps []string) {
	add := func(command string, partitions []cluster.PartitionID) {
		if len(partitions) > 0 {
			steps = append(steps, command+" "+partitionArguments(partitions))
		}
	}
	add(leadershipCommand(r.snapshot, "unpin"), n.Pinned)
	add(leadershipCommand(r.snapshot, "unfreeze"), n.Frozen)
	var frozen []cluster.PartitionID
	replicas := slices.Concat(n.Current, n.Next)
	slices.Sort(replicas)
	for _, id := range slices.Compact(replicas) {
		if epoch := r.snapshot.Epoch(id); epoch != nil && epoch.PlacementFreeze != nil {
			frozen = append(frozen, id)
		}
	}
	add("restatectl partitions placement unfreeze", frozen)
	if len(replicas) > 0 {
		steps = append(steps, "restatectl partitions list   # until no partition names "+n.Node.String()+": the controller moves them")
	}
	return steps
}

// UnfreezeLeadership is the command that lifts the freeze of the leadership of some partitions, which are in ascending order.
func UnfreezeLeadership(s *snapshots.Snapshot, partitions []cluster.PartitionID) string {
	return leadershipCommand(s, "unfreeze") + " " + partitionArguments(partitions)
}

// leadershipCommand is a command for the policies of leaders, which has another name before Restate 1.7.3.
func leadershipCommand(s *snapshots.Snapshot, action string) string {
	leadership := "leadership"
	if release := s.Release(); !release.IsZero() && !release.AtLeast(1, 7, 3) {
		leadership = "leader"
	}
	return "restatectl partitions " + leadership + " " + action
}

// partitionArguments are ascending partitions, as commands take them. A policy of another partition may be there on purpose:
// the ranges name no others.
func partitionArguments(partitions []cluster.PartitionID) string {
	return strings.Join(ranges(partitions), " ")
}

// rangesListed bounds the ranges of a command. Where there are more, one range spans all.
const rangesListed = 24

// rangeArguments lists ascending numbers as ranges, each behind a prefix: " 0-3 7". Where there are too many, one range
// spans all, and some that are not in the list.
func rangeArguments[T ~uint32](prefix string, numbers []T) (arguments string, whole bool) {
	list := ranges(numbers)
	if len(list) > rangesListed {
		return prefix + rangeText(numbers[0], numbers[len(numbers)-1]), true
	}
	return prefix + strings.Join(list, prefix), false
}

// ranges puts ascending numbers together: "0-3", "7".
func ranges[T ~uint32](numbers []T) (list []string) {
	for start := 0; start < len(numbers); {
		end := start
		for end+1 < len(numbers) && numbers[end+1] == numbers[end]+1 {
			end++
		}
		list = append(list, rangeText(numbers[start], numbers[end]))
		start = end + 1
	}
	return list
}

func rangeText[T ~uint32](from, to T) string {
	text := strconv.FormatUint(uint64(from), 10)
	if to != from {
		text += "-" + strconv.FormatUint(uint64(to), 10)
	}
	return text
}
