package rules

import (
	"fmt"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&metadataQuorum)

var metadataQuorum = Rule{
	ID:       "metadata-quorum",
	Severity: Error,
	Category: Metadata,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "the metadata servers are too few, or of a number that does not help",
	Doc: Doc{
		Checks: "Registered nodes with the role `metadata-server` and those in metadata server state `member`. One finding for the cluster: an **error** if nodes have the role and none is a member, " +
			"or if so many members gave up the role that the others are no majority; a **warning** for two members, and for a single member in a cluster of three nodes or more; a **note** for a larger even number. " +
			"If the number is right, a **warning** for each node with the role that is still `provisioning`, and a **note** for each that is `standby`. " +
			"If no node has the role, one **note**: the metadata is kept elsewhere, in etcd or an object store, and this rule cannot judge it. " +
			"A node that states neither its state nor its release counts as a member, as it does for Restate up to 1.4.",
		Why: "Without a majority of the members no metadata can be written: no failover, no reconfiguration, no node can join. There is **no** supported way back from a lost majority. " +
			"Two members are worse than one, as both must be up; four survive no more than three.",
		Legal: "`standby` is what `restatectl metadata-server remove-node` leaves behind, on purpose. A node that is just joining is `provisioning`. " +
			"The true members are in the metadata servers' own store: `restatectl metadata-server list-servers` shows them.",
		Fix: "`restatectl metadata-server add-node N` until the number is odd, three or five, on nodes of different zones; or `restatectl metadata-server remove-node N`. The commands exist from Restate 1.4 on.",
		Evidence: []string{
			"Restate documentation, metadata: an odd number, 2n+1 servers survive n losses",
			"restatedev/restate #3536 (no recovery from a lost majority), #3275 (a node left `standby` by a race in 1.3), #2994, #3138, #3535",
			"four members survive one loss, as three do: an even number above two costs something and endangers nothing, so it is a note",
			"Restate 1.7.12: with etcd or an object store as metadata store no node has the role, and the state is `provisioning`",
		},
	},
	Run: func(pass *Pass) {
		var members, usable, outside []*snapshots.Node
		nodes := registered(pass.Snapshot.Nodes, everyNode)
		roles := 0
		for _, node := range nodes {
			role := hasRole(node, cluster.RoleMetadataServer)
			member := metadataMember(node)
			switch {
			case member && role:
				usable = append(usable, node)
			case role:
				outside = append(outside, node)
			}
			if member {
				members = append(members, node)
			}
			if role {
				roles++
			}
		}
		if len(nodes) == 0 {
			return
		}
		f := Finding{
			Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "metadata-servers"},
			Observed: "members: " + nodeList(members),
			Expected: "an odd number of members, three or five",
			At:       nodes[0].MetadataAt,
			Remedy:   []string{"restatectl metadata-server list-servers"},
		}
		if len(members) > 0 {
			f.At = members[0].MetadataAt
		}
		for _, node := range outside[:min(len(outside), listShown)] {
			f.Related = append(f.Related, Related{Message: fmt.Sprintf("%v has the role and is %s", node.ID, node.Metadata), At: node.MetadataAt})
		}
		addable := addNodes(outside)
		quorum := len(members)/2 + 1
		switch {
		case roles == 0 && len(members) == 0:
			f.Severity = Note
			f.Title = "no node is a metadata server: the metadata is kept in another system"
			f.Expected = "members, unless etcd or an object store is used"
			f.Why = "whether that system is healthy is not part of the capture"
			f.Remedy = nil
		case len(members) == 0:
			f.Title = fmt.Sprintf("%s the role metadata-server, and none is a member", have(roles, "node"))
			f.Why = "no metadata can be written: no failover, no reconfiguration, no node can join"
			f.At = outside[0].MetadataAt
			f.Remedy = append(f.Remedy, addable[0])
		case len(usable) < quorum:
			f.Title = fmt.Sprintf("only %d of %s the role metadata-server: no majority", len(usable), have(len(members), "metadata member"))
			f.Expected = fmt.Sprintf("at least %s with the role", plural(quorum, "member"))
			f.Why = "no metadata can be written, and there is no supported way back"
			f.Remedy = []string{"add metadata-server to the roles of the members and restart them"}
		case len(members) == 2:
			f.Severity = Warning
			f.Title = "the metadata has two members, and needs both"
			f.Why = "losing either of them stops all changes in the cluster, which is worse than with one"
			f.Remedy = append(f.Remedy, toOdd(members, addable)...)
		case len(members)%2 == 0:
			f.Severity = Note
			f.Title = fmt.Sprintf("the metadata has %d members, an even number", len(members))
			f.Why = fmt.Sprintf("%d of them must be up: they survive no more losses than %d would", quorum, len(members)-1)
			f.Remedy = append(f.Remedy, toOdd(members, addable)...)
		case len(members) == 1 && len(nodes) >= 3:
			f.Severity = Warning
			f.Title = fmt.Sprintf("a single node keeps the metadata of a cluster of %d", len(nodes))
			f.Why = "when it is down nothing can be changed in the cluster, and when it is lost there is no supported way back"
			if len(addable) < 2 {
				f.Remedy = append(f.Remedy, fmt.Sprintf("give the role metadata-server to %s and restart them", plural(2-len(addable), "more node")))
			}
			f.Remedy = append(f.Remedy, addable[:min(2, len(addable))]...)
		default:
			for _, node := range outside {
				pass.Report(notAMember(node, members))
			}
			return
		}
		pass.Report(f)
	},
}

// addNodes are the commands that make metadata servers members.
func addNodes(servers []*snapshots.Node) (commands []string) {
	for _, node := range servers {
		commands = append(commands, fmt.Sprintf("restatectl metadata-server add-node %v", node.ID))
	}
	return commands
}

// toOdd is the step that makes the number of members odd: one more where there is one, one less otherwise.
func toOdd(members []*snapshots.Node, addable []string) []string {
	if len(addable) > 0 {
		return addable[:1]
	}
	return alternatives(
		way{"have one less", []string{fmt.Sprintf("restatectl metadata-server remove-node %v", members[len(members)-1].ID)}},
		way{"have one more", []string{"give one more node the role metadata-server, restart it and make it a member"}},
	)
}

func notAMember(node *snapshots.Node, members []*snapshots.Node) Finding {
	f := Finding{
		Severity: Warning,
		Subject:  Subject{Node: node.ID.String()},
		Title:    fmt.Sprintf("%s has the role metadata-server and never became a member", nodeTitle(node)),
		Observed: "metadata server state " + strings.TrimSpace(string(node.Metadata)),
		Expected: "state member, or a node without the role",
		Why:      "it does not keep the metadata, though it seems to",
		At:       node.MetadataAt,
		Related:  []Related{{Message: "the members are " + nodeList(members), At: members[0].MetadataAt}},
		Remedy:   addNodes([]*snapshots.Node{node}),
	}
	if node.Metadata == cluster.MetadataStandby {
		f.Severity = Note
		f.Title = fmt.Sprintf("%s has the role metadata-server and is not a member", nodeTitle(node))
		f.Why = "it does not keep the metadata; `restatectl metadata-server remove-node` leaves a node so"
	}
	return f
}
