package rules

import (
	"cmp"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A way is one way out of several.
type way struct {
	// when says what it is good for, as a clause.
	when  string
	steps []string
}

// alternatives are the steps of a remedy of which one way is enough. Ways without steps are none.
func alternatives(ways ...way) (steps []string) {
	ways = slices.DeleteFunc(ways, func(w way) bool { return len(w.steps) == 0 })
	if len(ways) == 1 {
		return ways[0].steps
	}
	word := "# either "
	for _, w := range ways {
		steps = append(steps, word+w.when+":")
		steps = append(steps, w.steps...)
		word = "# or "
	}
	return steps
}

// A logSet is some logs, held as runs of neighbours. They may come in any order.
type logSet []struct{ from, to cluster.LogID }

func (s *logSet) add(id cluster.LogID) {
	if last := len(*s) - 1; last >= 0 {
		switch run := &(*s)[last]; {
		case run.from <= id && id <= run.to:
			return
		case run.to+1 == id:
			run.to = id
			return
		}
	}
	*s = append(*s, struct{ from, to cluster.LogID }{id, id})
}

// ids are the logs, ascending.
func (s logSet) ids() (ids []cluster.LogID) {
	for _, run := range s {
		for id := run.from; ; id++ {
			ids = append(ids, id)
			if id == run.to {
				break
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// reconfigureAll is the command that gives new segments to some logs.
func reconfigureAll(logs logSet) string { return reconfigureLogs(logs.ids()) }

func reconfigureLogs(ids []cluster.LogID) string {
	arguments, whole := rangeArguments(" --log-id ", ids)
	if whole {
		arguments += "   # more logs than need it, which does no harm"
	}
	return "restatectl logs reconfigure" + arguments
}

// trimAll is the command that trims the sealed segments of some logs away; of all, where some of them may not be known.
func trimAll(pass *Pass, logs logSet) string {
	if !pass.Whole(snapshots.BifrostConfig) {
		return createSnapshots + " --trim-log"
	}
	return trimStep(pass.Snapshot, logs.ids())
}

const createSnapshots = "restatectl snapshots create"

// trimStep is the command that trims the sealed segments of some logs away.
func trimStep(snapshot *snapshots.Snapshot, logs []cluster.LogID) string {
	partitions := make(map[cluster.LogID]cluster.PartitionID)
	if table := snapshot.Partitions; table != nil {
		for partition := range table.All() {
			if _, ok := partitions[partition.Log]; !ok {
				partitions[partition.Log] = partition.ID
			}
		}
	}
	ids := make([]cluster.PartitionID, len(logs))
	for i, log := range logs {
		id, ok := partitions[log]
		if !ok {
			id = cluster.PartitionID(log)
		}
		ids[i] = id
	}
	slices.Sort(ids)
	arguments, _ := rangeArguments(" ", slices.Compact(ids))
	return createSnapshots + arguments + " --trim-log"
}

// withRepository puts what is missing before the first step that makes a snapshot, if the capture shows that the cluster
// has no place for one.
func withRepository(pass *Pass, steps []string) []string {
	first := slices.IndexFunc(steps, func(step string) bool { return strings.HasPrefix(step, createSnapshots) })
	if first < 0 || !pass.lacksRepository() ||
		slices.ContainsFunc(steps[:first], func(step string) bool { return strings.Contains(step, "worker.snapshots") }) {
		return steps
	}
	return slices.Insert(slices.Clip(steps), first, "# snapshots need a repository, and this cluster has none: set one first (restate-lint explain no-snapshot-repository)")
}

// lacksRepository reports whether workers say that they have no repository for snapshots, and none says that it has one.
func (p *Pass) lacksRepository() bool {
	if p.repository == 0 {
		p.repository = 1
		if s := p.Snapshot; s.Live != nil && s.Nodes != nil {
			if d := snapshotDestinations(s); len(d.without) > 0 && len(d.with) == 0 {
				p.repository = 2
			}
		}
	}
	return p.repository == 2
}

// destinations are the workers by what they say of their repository for snapshots.
type destinations struct {
	with, without, unsaid []*snapshots.Node
	// of is what each said, and distinct how many repositories there are.
	of       map[cluster.NodeID]*snapshots.SnapshotSetting
	distinct int
}

func snapshotDestinations(s *snapshots.Snapshot) destinations {
	d := destinations{of: make(map[cluster.NodeID]*snapshots.SnapshotSetting)}
	for i := range s.Live.SnapshotSettings {
		setting := &s.Live.SnapshotSettings[i]
		d.of[setting.Node] = setting
	}
	different := make(map[uint64]bool)
	for _, node := range registered(s.Nodes, func(node *snapshots.Node) bool { return hasRole(node, cluster.RoleWorker) }) {
		switch setting := d.of[node.ID]; {
		case setting == nil:
			d.unsaid = append(d.unsaid, node)
		case setting.Set:
			different[setting.Destination] = true
			d.with = append(d.with, node)
		default:
			d.without = append(d.without, node)
		}
	}
	d.distinct = len(different)
	return d
}

// preferring names nodes for a new nodeset: the members of a placement that take new segments, and as many other log
// servers as Restate would take. It is empty where they are not enough.
func preferring(pass *Pass, placement *snapshots.Placement) string {
	candidates := registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool { return takesSegments(node) && hasRole(node, cluster.RoleLogServer) })
	slices.SortStableFunc(candidates, func(a, b *snapshots.Node) int {
		rank := func(node *snapshots.Node) int {
			if slices.Contains(placement.Nodeset, node.ID) {
				return 0
			}
			return 1
		}
		return cmp.Compare(rank(a), rank(b))
	})
	size := cluster.SelectNodeset(asMembers(candidates), placement.Replication, 0).Size
	if size == 0 || size > listShown || !cluster.SelectNodeset(asMembers(candidates[:size]), placement.Replication, 0).Possible() {
		return ""
	}
	ids := make([]cluster.NodeID, size)
	for i, node := range candidates[:size] {
		ids[i] = node.ID
	}
	slices.Sort(ids)
	names := make([]string, size)
	for i, id := range ids {
		names[i] = id.String()
	}
	return " --nodeset " + strings.Join(names, ",")
}
