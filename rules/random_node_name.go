package rules

import (
	"fmt"
	"strings"

	"restate-lint/snapshots"
)

var _ = register(&randomNodeName)

var randomNodeName = Rule{
	ID:       "random-node-name",
	Severity: Note,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "a node is named after a container",
	Doc: Doc{
		Checks: "Registered nodes whose name is twelve hexadecimal digits, as container runtimes choose for host names: one **note** for each.",
		Why: "The name is a node's identity and defaults to the host name. A container that is created anew gets another one: it registers as a new node with an empty share of the data, " +
			"and the old id stays behind without a process. `ghost-node` and `duplicate-address` find what that leads to.",
		Legal: "Where the container is never created anew, or the name was chosen.",
		Fix:   "Set `node-name` in the node's configuration to its present name first, so that it keeps its identity when the container is replaced.",
		Evidence: []string{
			"restatedev/restate #5303; Restate documentation: node-name",
		},
	},
	Run: func(pass *Pass) {
		for _, node := range registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool { return containerName(node.Name) }) {
			pass.Report(Finding{
				Subject:  Subject{Node: node.ID.String()},
				Title:    fmt.Sprintf("%v is called %s, like a container", node.ID, node.Name),
				Observed: fmt.Sprintf("name %q", node.Name),
				Expected: "a name that survives the container",
				Why:      "a new container registers as a new node, and this id stays behind",
				At:       node.NameAt,
				Remedy:   []string{"set node-name = \"" + node.Name + "\" in the configuration of " + node.ID.String()},
				Cause:    "container names",
			})
		}
	},
}

// containerName reports whether a name is one that Docker makes: 12 digits to base 16.
func containerName(name string) bool {
	return len(name) == 12 && strings.Trim(name, "0123456789abcdef") == ""
}
