package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A partitionGroup is the partitions that share one cause. The one with the lowest id stands for all.
type partitionGroup struct {
	ids []cluster.PartitionID // ascending, as partitions and epochs come in this order
	at  snapshots.Position
}

// partitionGroups are keyed by the cause.
type partitionGroups map[string]*partitionGroup

func (g partitionGroups) add(cause string, id cluster.PartitionID, at snapshots.Position) {
	group := g[cause]
	if group == nil {
		group = &partitionGroup{at: at}
		g[cause] = group
	}
	group.ids = append(group.ids, id)
}

// all yields the groups in the order of their causes.
func (g partitionGroups) all(yield func(string, *partitionGroup) bool) {
	for _, cause := range slices.Sorted(maps.Keys(g)) {
		if !yield(cause, g[cause]) {
			return
		}
	}
}

// subject is the partition with the lowest id.
func (g *partitionGroup) subject(part string) Subject {
	id := g.ids[0]
	return Subject{Partition: &id, Part: part}
}

// title is "partition 3" or "3 partitions (0, 1, 2)".
func (g *partitionGroup) title() string {
	if len(g.ids) == 1 {
		return fmt.Sprintf("partition %d", g.ids[0])
	}
	return plural(len(g.ids), "partition") + " (" + strings.TrimPrefix(partitionList(g.ids), "partitions ") + ")"
}

// their is "its" or "their".
func (g *partitionGroup) their() string {
	if len(g.ids) == 1 {
		return "its"
	}
	return "their"
}

// inexact reports whether some integer of a document was rounded on the way, or a value could not be read: nothing exact
// can be said of it then, and other rules say why.
func inexact(pass *Pass, document *snapshots.Document) bool {
	return slices.ContainsFunc(pass.Snapshot.Oddities, func(o snapshots.Oddity) bool {
		return o.Document == document && isInexact(o)
	})
}

func isInexact(o snapshots.Oddity) bool {
	return o.Kind == snapshots.RoundedNumber || o.Kind == snapshots.InvalidValue
}

// captureTime is the latest moment that the capture knows of: it was made then or later. It is the zero time where
// nothing says.
func captureTime(s *snapshots.Snapshot) time.Time {
	var latest time.Time
	later := func(t time.Time) {
		if t.After(latest) {
			latest = t
		}
	}
	if s.Live != nil {
		later(s.Live.At)
	}
	if s.Nodes != nil {
		if at, ok := s.Nodes.ModifiedAt.Time(); ok {
			later(at)
		}
	}
	for _, epoch := range s.Epochs {
		for _, configuration := range []*snapshots.PartitionConfiguration{epoch.Current, epoch.Next} {
			if configuration != nil {
				later(configuration.ModifiedAt)
			}
		}
	}
	return latest
}

// whyNoReplica says why a node cannot hold a replica by configuration; empty if it can.
func whyNoReplica(nodes *snapshots.Nodes, recorded bool, id cluster.NodeID) string {
	node := nodes.Get(id)
	switch {
	case node == nil:
		return "unknown"
	case node.Removed:
		return "removed"
	case !hasRole(node, cluster.RoleWorker):
		return "no worker"
	case node.Worker == cluster.WorkerDisabled:
		return "disabled"
	case node.Worker == cluster.WorkerProvisioning && recorded:
		return "provisioning"
	}
	return ""
}

// workerStatesRecorded is false in clusters that never recorded a worker state (Restate before 1.4).
func workerStatesRecorded(nodes *snapshots.Nodes) bool {
	return len(registered(nodes, func(node *snapshots.Node) bool {
		return hasRole(node, cluster.RoleWorker) && node.Worker != cluster.WorkerProvisioning
	})) > 0
}

// replicaList names the members of a replica set with what is wrong with them: "N7 (removed), N8".
func replicaList(nodes *snapshots.Nodes, recorded bool, ids []cluster.NodeID) string {
	words := make([]string, len(ids))
	for i, id := range slices.Sorted(slices.Values(ids)) {
		words[i] = id.String()
		if why := whyNoReplica(nodes, recorded, id); why != "" {
			words[i] += " (" + why + ")"
		}
	}
	return shorten(words)
}

// placeReplicas is the command that gives a partition other replicas.
func placeReplicas(pass *Pass, id cluster.PartitionID) []string {
	if release := pass.Snapshot.Release(); release.AtLeast(1, 7, 3) {
		return []string{fmt.Sprintf("restatectl partitions placement set %d --replicas N1,N2   # with workers that are active", id)}
	}
	return []string{
		fmt.Sprintf("restatectl partitions placement set %d --replicas N1,N2   # 1.7.3 and later, with workers that are active", id),
		fmt.Sprintf("restatectl partitions reconfigure --id %d --replicas N1,N2   # 1.4 to 1.7.2", id),
	}
}
