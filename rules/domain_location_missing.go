package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&domainLocationMissing)

var domainLocationMissing = Rule{
	ID:       "domain-location-missing",
	Severity: Error,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "a node has no zone or region although replication is spread over them",
	Doc: Doc{
		Checks: "Where the default log replication names zones or regions, every node in storage state `read-write` must have a label at the biggest scope that it names: an **error** for each node that has none. " +
			"Where the partition replication names them, the same holds at every scope for workers in state `active`: a **warning** for each node, if it is not an error already. " +
			"Locations do not matter where replication counts nodes only; nodes that differ from each other are then the business of `location-inconsistent`.",
		Why: "For the nodeset of a new segment Restate fails on the *first* log server without the label, even if enough others have one: no log of the **whole cluster** can fail over or be reconfigured. " +
			"Replica sets are more tolerant: a worker without the label is passed over, and hosts no partition.",
		Legal: "A worker that is meant to host no partitions. For log servers never: set them to `read-only` instead.",
		Fix: "Set the option `location` of the node, such as `location = \"eu.a\"`, and restart it: a location may be set later, but not be taken away. " +
			"Or take the node out of the choice: `restatectl nodes set-storage-state --nodes N --storage-state read-only` (Restate 1.4 and later; `restatectl replicated-loglet set-storage-state` in 1.2 and 1.3).",
		Evidence: []string{
			"Restate 1.3 to 1.7: the selection of nodesets fails with `node location for node N is missing`, that of replica sets leaves the node out",
			"restatedev/restate-operator #195: locations are empty on clusters in the field; restatedev/restate #2498",
		},
	},
	Run: func(pass *Pass) {
		if pass.Snapshot.Logs == nil {
			pass.Lacks(snapshots.BifrostConfig)
		}
		if pass.Snapshot.Partitions == nil {
			pass.Lacks(snapshots.PartitionTable)
		}
		forLogs, forPartitions := unlocated(pass)
		for _, node := range registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool { return forLogs[node.ID] || forPartitions[node.ID] }) {
			f := Finding{
				Subject: Subject{Node: node.ID.String()},
				At:      node.LocationAt,
				Remedy:  []string{"set the option `location` of " + nodeTitle(node) + " and restart it"},
			}
			if forLogs[node.ID] {
				replication, _ := defaultReplication(pass.Snapshot.Logs)
				f.Title = fmt.Sprintf("%s takes new segments and has no %s, which the default log replication %v needs", nodeTitle(node), missingLabel(node, replication), replication)
				f.Expected = fmt.Sprintf("a location with a %s", missingLabel(node, replication))
				f.Cause = fmt.Sprintf("default log replication %v", replication)
				f.Why = "no log of the cluster can get a new segment as long as one log server has no location"
				f.Related = []Related{{Message: fmt.Sprintf("the default log replication is %v", replication), At: pass.Snapshot.Logs.DefaultProvider.At}}
				f.Remedy = alternatives(
					way{"give it a location", f.Remedy},
					way{"go on without it", []string{fmt.Sprintf("restatectl nodes set-storage-state --nodes %v --storage-state read-only", node.ID)}},
				)
			} else {
				replication := pass.Snapshot.Partitions.Replication
				f.Severity = Warning
				f.Title = fmt.Sprintf("%s is a worker and has no %s, which the partition replication %v needs", nodeTitle(node), missingLabel(node, replication), replication)
				f.Expected = fmt.Sprintf("a location with a %s", missingLabel(node, replication))
				f.Cause = fmt.Sprintf("partition replication %v", replication)
				f.Why = "it is passed over when replica sets are chosen"
				f.Related = []Related{{Message: fmt.Sprintf("the partition replication is %v", replication), At: pass.Snapshot.Partitions.ReplicationAt}}
			}
			f.Observed = fmt.Sprintf("location %q", node.Location.String())
			pass.Report(f)
		}
	},
}

// unlocated returns the nodes that stand in the way of a new nodeset, and those that are passed over for replica sets.
func unlocated(pass *Pass) (forLogs, forPartitions map[cluster.NodeID]bool) {
	forLogs, forPartitions = make(map[cluster.NodeID]bool), make(map[cluster.NodeID]bool)
	if selection, ok := selectDefault(pass); ok {
		for _, id := range selection.Unlocated {
			forLogs[id] = takesSegments(pass.Snapshot.Nodes.Get(id))
		}
	}
	if table := pass.Snapshot.Partitions; table != nil {
		workers := asMembers(registered(pass.Snapshot.Nodes, takesPartitions))
		for _, id := range cluster.SelectReplicas(workers, table.Replication).Unlocated {
			forPartitions[id] = true
		}
	}
	return forLogs, forPartitions
}

// missingLabel is the scope at which a node has no label though the replication needs one there.
func missingLabel(node *snapshots.Node, replication cluster.Replication) cluster.Scope {
	for _, scope := range []cluster.Scope{cluster.RegionScope, cluster.ZoneScope} {
		if _, constrained := replication.Factor(scope); !constrained {
			continue
		}
		if _, located := node.Location.Domain(scope); !located {
			return scope
		}
	}
	return cluster.NodeScope
}
