package rules

import (
	"fmt"
	"strings"

	"restate-lint/snapshots"
)

var _ = register(&duplicateNodeName)

var duplicateNodeName = Rule{
	ID:       "duplicate-node-name",
	Severity: Error,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "two registered nodes have the same name",
	Doc: Doc{
		Checks: "The names of all registered nodes. One **error** for each name that several have.",
		Why: "The name is a node's identity: a process looks for its own name, and takes over the entry that it finds. With two entries of one name it is open which one that is; " +
			"the other never gets a process again, but counts in the nodesets that name it.",
		Legal: "Never.",
		Fix: "Give every machine its own `node-name`. Find out which id the running process has, `restatectl nodes list`, and remove the other one when nothing names it any more: " +
			"`restatectl nodes remove --nodes N` (Restate 1.2.2 and later).",
		Evidence: []string{
			"Restate documentation: node names must be unique",
			"Restate 1.2 to 1.7: `name_lookup` holds one id for each name, and servers never write a second entry of a name",
		},
	},
	Run: func(pass *Pass) {
		var order []string
		byName := make(map[string][]*snapshots.Node)
		for _, node := range registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool { return node.Name != "" }) {
			if byName[node.Name] == nil {
				order = append(order, node.Name)
			}
			byName[node.Name] = append(byName[node.Name], node)
		}
		for _, name := range order {
			if same := byName[name]; len(same) > 1 {
				f := Finding{
					Subject:  Subject{Node: same[0].ID.String()},
					Title:    fmt.Sprintf("%s are all called %q", nodeList(same), name),
					Observed: plural(len(same), "node") + " of one name",
					Expected: "a name of its own for every node",
					Why:      "a process takes over the entry of its name: only one of them can have one",
					At:       same[0].NameAt,
					Cause:    name,
					Remedy:   []string{"restatectl nodes list   # which of the ids runs?", "give every machine its own node-name"},
				}
				if len(same) == 2 {
					f.Title = strings.Replace(f.Title, "are all", "are both", 1)
				}
				for _, other := range same[1:min(len(same), listShown)] {
					f.Related = append(f.Related, Related{Message: fmt.Sprintf("%v has the same name", other.ID), At: other.NameAt})
				}
				pass.Report(f)
			}
		}
	},
}
