package rules

import (
	"fmt"
	"net/url"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&nameLookupMismatch)

var nameLookupMismatch = Rule{
	ID:       "name-lookup-mismatch",
	Severity: Error,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "the index of nodes by name does not agree with the nodes",
	Doc: Doc{
		Checks: "`name_lookup` must have exactly the names of the registered nodes, each with its id. One **error** for each registered node whose name is missing or leads to another id, " +
			"and for each name that no registered node has; a single **error** if the index is empty. Names that several nodes have are left to `duplicate-node-name`.",
		Why: "A starting process finds its entry by this index. If its name leads to another id, it takes over that node's identity, with the wrong data on its disk; if the name is missing, it registers as a new node, " +
			"and the old id stays behind without a process.",
		Legal: "Never: Restate writes the index together with the nodes. The metadata was edited.",
		Fix:   "Do not restart the named nodes. Correct the nodes configuration together with Restate's developers; nobody but a hand that edited the metadata gets it into this state.",
		Evidence: []string{
			"Restate 1.0 to 1.7: the index contains exactly the nodes that are no tombstones",
			"Restate 1.7.12: a hand-patched index that maps the name of N3 to N2 is accepted by all servers",
		},
	},
	Run: func(pass *Pass) {
		nodes := pass.Snapshot.Nodes
		all := registered(nodes, everyNode)
		owners := make(map[string][]*snapshots.Node, len(all))
		for _, node := range all {
			owners[node.Name] = append(owners[node.Name], node)
		}
		if len(nodes.NameLookup) == 0 && len(owners) > 0 {
			pass.Report(Finding{
				Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "name_lookup"},
				Title:    "name_lookup is empty",
				Observed: "no entry for " + plural(len(owners), "name"),
				Expected: "the names of all registered nodes",
				Why:      "every process registers as a new node at its next start",
				At:       wholeDocument(nodes.Document),
				Remedy:   []string{recapture, untilRepaired("any node")},
			})
			return
		}
		leads := make(map[string]*snapshots.NameLookup, len(nodes.NameLookup))
		for i := range nodes.NameLookup {
			entry := &nodes.NameLookup[i]
			leads[entry.Name] = entry
			if len(owners[entry.Name]) > 0 {
				continue
			}
			pass.Report(Finding{
				Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "name-" + url.PathEscape(entry.Name)},
				Title:    fmt.Sprintf("name_lookup has the name %q, which no registered node has", entry.Name),
				Observed: fmt.Sprintf("%q leads to %v (%v)", entry.Name, entry.Node, nodes.Class(entry.Node)),
				Expected: "names of registered nodes only",
				Why:      "a process of this name takes over the identity of that id when it starts",
				At:       entry.At,
				Related:  relatedNode(pass, entry.Node),
				Remedy:   []string{recapture, untilRepaired(fmt.Sprintf("a node called %q", entry.Name))},
			})
		}
		for _, node := range registered(nodes, func(node *snapshots.Node) bool { return node.Name != "" && len(owners[node.Name]) == 1 }) {
			entry := leads[node.Name]
			if entry != nil && entry.Node == node.ID {
				continue
			}
			f := Finding{
				Subject:  Subject{Node: node.ID.String()},
				Title:    fmt.Sprintf("name_lookup does not have the name of %s", nodeTitle(node)),
				Observed: "no entry",
				Expected: fmt.Sprintf("%q leads to %v", node.Name, node.ID),
				Why:      "its process registers as a new node at its next start, and this id stays behind",
				At:       node.NameAt,
				Cause:    node.ID.String(),
				Remedy:   []string{recapture, untilRepaired(nodeTitle(node))},
			}
			if entry != nil {
				f.Title = fmt.Sprintf("name_lookup leads the name of %s to %v", nodeTitle(node), entry.Node)
				f.Observed = fmt.Sprintf("%q leads to %v", node.Name, entry.Node)
				f.Why = fmt.Sprintf("the process of %v takes over the identity of %v at its next start", node.ID, entry.Node)
				f.At = entry.At
				f.Related = []Related{{Message: fmt.Sprintf("%v has this name", node.ID), At: node.NameAt}}
				if nodes.Class(entry.Node) != cluster.Active {
					f.Related = append(f.Related, relatedNode(pass, entry.Node)...)
				}
			}
			pass.Report(f)
		}
	},
}

// untilRepaired is the step for metadata that somebody edited.
func untilRepaired(what string) string {
	return "if it stays: do not restart " + what + " before the metadata is repaired together with Restate's developers"
}
