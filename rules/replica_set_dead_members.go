package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&replicaSetDeadMembers)

var replicaSetDeadMembers = Rule{
	ID:       "replica-set-dead-members",
	Severity: Error,
	Category: Partitions,
	Since:    cluster.Release{Major: 1, Minor: 4},
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.EpochMetadata},
	Summary:  "nodes of a replica set cannot hold a replica any more",
	Doc: Doc{
		Checks: "The current replica set of every partition: its members must be registered, have the role `worker`, and be neither `disabled` nor still `provisioning`. An **error** if no member is left, a **warning** if some members " +
			"were removed or have no role `worker`. Partitions that share the lost nodes are one finding. A single member that is `disabled` is reported by `drain-incomplete`, one that is unknown by `capture-inconsistent`, " +
			"one that is `provisioning` by `worker-state-anomaly`; replica sets without any member by `replica-set-empty`.",
		Why: "Only members of the current replica set can lead. With none left nobody processes the partition; with fewer than planned the next loss stops it. " +
			"`restatectl nodes remove` does not look at replica sets.",
		Legal: "With members that were removed on purpose: the controller replaces them within seconds where the placement is not frozen and enough workers are left.",
		Fix: "`restatectl partitions placement set P --replicas N1,N2` (1.7.3 and later), `restatectl partitions reconfigure --id P --replicas N1,N2` (1.4 to 1.7.2). " +
			"The new replicas start from a snapshot, or from the log if it was never trimmed.",
		Evidence: []string{
			"restatedev/restate #3529, #3553: before 1.4.3 a replica set of removed nodes hung for ever; later releases complete the reconfiguration",
			"restatedev/restate #3341: `nodes remove` does not check replica sets; Restate 1.7.12: it removed a live worker that was in one",
		},
	},
	Run: func(pass *Pass) {
		nodes := pass.Snapshot.Nodes
		recorded := workerStatesRecorded(nodes)
		lost, thinned := make(partitionGroups), make(partitionGroups)
		gone := make(map[string][]cluster.NodeID)
		for _, epoch := range pass.Snapshot.Epochs {
			if epoch.Current == nil || epoch.Current.Version == 0 || len(epoch.Current.ReplicaSet) == 0 {
				continue
			}
			var dead, left []cluster.NodeID
			for _, id := range epoch.Current.ReplicaSet {
				switch why := whyNoReplica(nodes, recorded, id); why {
				case "":
					left = append(left, id)
				case "removed", "no worker":
					left, dead = append(left, id), append(dead, id)
				}
			}
			usable := slices.DeleteFunc(left, func(id cluster.NodeID) bool { return slices.Contains(dead, id) })
			switch {
			case len(usable) == 0:
				set := replicaList(nodes, recorded, epoch.Current.ReplicaSet)
				lost.add(set, epoch.Partition, epoch.Current.At)
				gone[set] = epoch.Current.ReplicaSet
			case len(dead) > 0:
				set := replicaList(nodes, recorded, dead)
				thinned.add(set, epoch.Partition, epoch.Current.At)
				gone[set] = dead
			}
		}
		related := func(ids []cluster.NodeID) (list []Related) {
			for _, id := range ids {
				switch node := nodes.Get(id); {
				case node == nil:
				case node.Removed:
					list = append(list, Related{Message: id.String() + " is a tombstone", At: node.At})
				default:
					list = append(list, Related{Message: fmt.Sprintf("%v: roles %v, worker state %s", id, node.Roles, node.Worker), At: node.At})
				}
			}
			return list
		}
		for set, group := range lost.all {
			f := Finding{
				Subject:  group.subject(""),
				Title:    fmt.Sprintf("%s: no node of %s replica set can serve: %s", group.title(), group.their(), set),
				Observed: "replica set " + set,
				Expected: "members that are registered and active workers",
				Why:      "nobody can lead: nothing is processed",
				At:       group.at,
				Related:  related(gone[set]),
				Remedy:   placeReplicas(pass, group.ids[0]),
				Cause:    set,
			}
			if next := pass.Snapshot.Epoch(group.ids[0]).Next; next != nil && len(next.ReplicaSet) > 0 {
				f.Observed += "; a reconfiguration to " + replicaList(nodes, recorded, next.ReplicaSet) + " is pending"
			}
			pass.Report(f)
		}
		for set, group := range thinned.all {
			pass.Report(Finding{
				Severity: Warning,
				Subject:  group.subject(""),
				Title:    fmt.Sprintf("%s: %s replica set names nodes that cannot serve: %s", group.title(), group.their(), set),
				Observed: "replica set " + replicaList(nodes, recorded, pass.Snapshot.Epoch(group.ids[0]).Current.ReplicaSet),
				Expected: "members that are registered and active workers",
				Why:      "the partition has fewer replicas than it was given",
				At:       group.at,
				Related:  related(gone[set]),
				Remedy:   placeReplicas(pass, group.ids[0]),
				Cause:    set,
			})
		}
	},
}
