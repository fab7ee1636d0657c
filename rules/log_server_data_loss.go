package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&logServerDataLoss)

var logServerDataLoss = Rule{
	ID:       "log-server-data-loss",
	Severity: Error,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "a log server lost its data",
	Doc: Doc{
		Checks: "Registered nodes with storage state `data-loss`, and the segments whose nodesets name them. One **error** for each node.",
		Why: "The node came up without the marker of its log store. It refuses to run as a log server, a pod crash-loops, and it does not count as authoritative any more: " +
			"every segment that names it has one trusted copy less.",
		Legal: "Never.",
		Fix: "If the data is intact and only the wrong node id or an empty disk was mounted, restore it and set the state back: `restatectl nodes set-storage-state --nodes N --storage-state read-write --force`. " +
			"If the data is lost, drain the node: reconfigure the logs whose tail it is in, `restatectl snapshots create P --trim-log`, wait until no segment names it, remove it, and join again under a new name. " +
			"Do not force `disabled` while segments name it: that switches off the check that protects them.",
		Evidence: []string{
			"Restate documentation, troubleshooting: a misconfigured node id puts the log server into data-loss state",
			"restatedev/restate-operator #74, #193; restatedev/restate #2734",
		},
	},
	Run: lostStorage(cluster.StorageDataLoss, "its log server refuses to start, and every segment that names it has one trusted copy less", dataIntact),
}

// dataIntact are the steps for a node that came up with the wrong disk or under the wrong id.
func dataIntact(node *snapshots.Node) way {
	return way{"its data is intact, and only the wrong disk was mounted or the wrong node id was given", []string{
		"put the data directory of " + nodeTitle(node) + " back",
		fmt.Sprintf("restatectl nodes set-storage-state --nodes %v --storage-state read-write --force", node.ID),
		"start " + nodeTitle(node) + " again",
	}}
}
