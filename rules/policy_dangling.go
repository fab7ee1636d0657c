package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&policyDangling)

var policyDangling = Rule{
	ID:       "policy-dangling",
	Severity: Warning,
	Category: Partitions,
	Since:    cluster.Release{Major: 1, Minor: 7},
	Needs:    []snapshots.Kind{snapshots.EpochMetadata, snapshots.NodesConfig},
	Summary:  "a policy of leadership or placement cannot be met, or was left behind",
	Doc: Doc{
		Checks: "The policies of every partition. A **warning** for a leader that is pinned to a node that was removed, is unknown or is in neither replica set, or to a location where no replica is; " +
			"and for a frozen leadership whose leader was removed, is unknown, was restarted since, or was dead when the cluster was asked. A **note** for any other freeze, of leadership or of placement, with its reason. " +
			"Partitions that share the policy and the cause are one finding.",
		Why: "Where leadership is frozen, no new leader is elected even if the current one dies: the partition stands still. Where placement is frozen, lost replicas are not replaced. " +
			"A pin that cannot be met does nothing, and takes effect by surprise when the node comes back.",
		Legal: "A freeze, for the time of the maintenance that it was meant for.",
		Fix: "`restatectl partitions leadership unfreeze P`, `restatectl partitions leadership unpin P`, `restatectl partitions placement unfreeze P` " +
			"(leadership: Restate 1.7.3 and later, `restatectl partitions leader` in 1.7.0 to 1.7.2).",
		Evidence: []string{
			"Restate 1.7.12: after a restart, a partition with a frozen leadership stayed without a leader and its log sealed until the freeze was lifted",
			"Restate 1.7.0: leadership policy; 1.7.3: placement policy",
		},
	},
	Run: func(pass *Pass) {
		s := pass.Snapshot
		recorded := workerStatesRecorded(s.Nodes)
		groups := make(partitionGroups)
		findings := make(map[string]Finding)
		report := func(epoch *snapshots.Epoch, key string, at snapshots.Position, f Finding) {
			if findings[key].Title == "" {
				findings[key] = f
			}
			groups.add(key, epoch.Partition, at)
		}
		for _, epoch := range s.Epochs {
			if freeze := epoch.PlacementFreeze; freeze != nil && (epoch.Current == nil || len(epoch.Current.ReplicaSet) > 0) {
				report(epoch, "placement "+freeze.Reason, freeze.At, Finding{
					Severity: Note,
					Subject:  Subject{Part: "placement-freeze"},
					Title:    fmt.Sprintf("the placement is frozen, for the reason %q", freeze.Reason),
					Observed: "a frozen placement",
					Expected: "none, once the maintenance is over",
					Why:      "replicas that are lost are not replaced",
					Remedy:   []string{"restatectl partitions placement unfreeze"},
				})
			}
			if freeze := epoch.LeadershipFreeze; freeze != nil {
				why := leaderGone(pass, epoch)
				f := Finding{
					Severity: Note,
					Subject:  Subject{Part: "leadership-freeze"},
					Title:    fmt.Sprintf("the leadership is frozen, for the reason %q", freeze.Reason),
					Observed: "a frozen leadership",
					Expected: "none, once the maintenance is over",
					Why:      "if the leader dies, no other one is elected",
					Remedy:   []string{leadershipCommand(s, "unfreeze")},
				}
				if why != "" {
					f.Severity = Warning
					f.Title += ", and " + why
					f.Observed += "; " + why
					f.Why = "no leader is elected until the freeze is lifted: nothing is processed"
				}
				report(epoch, "leadership "+why+" "+freeze.Reason, freeze.At, f)
			}
			affinity := epoch.Affinity
			if affinity == nil || epoch.Current == nil {
				continue
			}
			replicas := slices.Clone(epoch.Current.ReplicaSet)
			if epoch.Next != nil {
				replicas = append(replicas, epoch.Next.ReplicaSet...)
			}
			to, problem := affinity.String(), ""
			switch {
			case affinity.Location != "":
				if !slices.ContainsFunc(replicas, func(id cluster.NodeID) bool { return locatedAt(s.Nodes.Get(id), affinity.Location) }) {
					problem = "no replica is there"
				}
			case s.Nodes.Get(affinity.Node) == nil:
				problem = "which is not a node of the cluster"
			case s.Nodes.Get(affinity.Node).Removed:
				problem = "which was removed"
			case !slices.Contains(replicas, affinity.Node):
				problem = "which holds no replica"
			}
			if problem != "" && len(replicas) > 0 {
				report(epoch, "affinity "+to, affinity.At, Finding{
					Subject:  Subject{Part: "affinity"},
					Title:    fmt.Sprintf("the leader is pinned to %s, %s", to, problem),
					Observed: "replicas on " + replicaList(s.Nodes, recorded, replicas),
					Expected: "a pin that a replica can meet",
					Why:      "the pin has no effect, and any replica may lead",
					Remedy:   []string{leadershipCommand(s, "unpin")},
				})
			}
		}
		for key, group := range groups.all {
			f := findings[key]
			f.Subject = group.subject(f.Subject.Part)
			f.Title = group.title() + ": " + f.Title
			f.At = group.at
			for i := range f.Remedy {
				f.Remedy[i] += " " + partitionArguments(group.ids)
			}
			pass.Report(f)
		}
	},
}

// leaderGone says why the leader of a partition cannot lead; empty if it can, as far as the capture tells.
func leaderGone(pass *Pass, epoch *snapshots.Epoch) string {
	if epoch.Leader == nil {
		return "nobody leads"
	}
	leader := epoch.Leader.Node
	node := pass.Snapshot.Nodes.Get(leader.ID)
	switch {
	case node == nil:
		return fmt.Sprintf("its leader %v is not a node of the cluster", leader.ID)
	case node.Removed:
		return fmt.Sprintf("its leader %v was removed", leader.ID)
	case node.Generation.Generation > leader.Generation:
		return fmt.Sprintf("its leader %v was restarted since and is %v now", leader, node.Generation)
	}
	if said := pass.Snapshot.Live.Node(leader.ID); said != nil && said.State == snapshots.Dead && said.Generation >= node.Generation.Generation {
		return fmt.Sprintf("its leader %v was dead", leader.ID)
	}
	return ""
}

// locatedAt reports whether a node is at a location or within it.
func locatedAt(node *snapshots.Node, location string) bool {
	if node == nil || node.Removed {
		return false
	}
	wanted, err := cluster.ParseLocation(location)
	return err == nil && node.Location.Region == wanted.Region && (wanted.Zone == "" || node.Location.Zone == wanted.Zone)
}
