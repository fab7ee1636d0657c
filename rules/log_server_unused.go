package rules

import (
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(Rule{
	ID:       "log-server-unused",
	Severity: Note,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "a log server is in no nodeset",
	Doc: Doc{
		Checks: "Registered nodes with the role `log-server` in storage state `read-write` that no replicated segment names, neither sealed nor open: one **note** for each. Nothing is reported while the cluster has no replicated segment.",
		Why:    "The node has disk and memory for logs and none is on it: it joined after the last reconfiguration, its zone is not reached, or it is an entry that nobody removed.",
		Legal:  "For a node that has just joined, and in a cluster that has more log servers than nodesets can name.",
		Fix:    "`restatectl logs reconfigure --log-id L` spreads a log anew. For an entry without a machine, see `ghost-node`.",
		Evidence: []string{
			"restatedev/restate #2741: `replicated-loglet list-servers` counts the loglets of every log server, but leaves out removed ones",
		},
	},
	Run: func(pass *Pass) {
		unused := make(map[cluster.NodeID]*snapshots.Node)
		for _, node := range registered(pass.Snapshot.Nodes, takesSegments) {
			if hasRole(node, cluster.RoleLogServer) {
				unused[node.ID] = node
			}
		}
		unnamed(pass, unused, func(replicated bool) {
			if !replicated {
				return
			}
			for _, node := range registered(pass.Snapshot.Nodes, everyNode) {
				if unused[node.ID] == nil {
					continue
				}
				pass.Report(Finding{
					Subject:  Subject{Node: node.ID.String()},
					Title:    nodeTitle(node) + " is a log server in no nodeset",
					Observed: "storage state read-write, named by no segment",
					Expected: "a log server that holds logs",
					Why:      "it has just joined, or no log has been reconfigured since",
					At:       node.StorageAt,
					Cause:    "unused",
					Remedy:   []string{"restatectl nodes list   # does it run?", "restatectl logs reconfigure --log-id L   # for each log that should spread anew"},
				})
			}
		})
	},
})
