package rules

import (
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&logServerGone)

var logServerGone = Rule{
	ID:       "log-server-gone",
	Severity: Warning,
	Category: Nodes,
	Since:    cluster.Release{Major: 1, Minor: 3},
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "a log server was declared gone for good",
	Doc: Doc{
		Checks: "Registered nodes with storage state `gone`, and the segments whose nodesets name them. One **warning** for each node.",
		Why: "`gone` says that the node's data will never come back, while the node still counts as a member of its nodesets: it raises the number of nodes that must answer, and never answers. " +
			"Each segment that names it has one copy less.",
		Legal: "For a while, as a step on the way to removing the node: until the segments that name it are trimmed.",
		Fix:   "Reconfigure the logs whose tail names it, `restatectl snapshots create P --trim-log`, and remove the node when no segment names it.",
		Evidence: []string{
			"Restate 1.3 introduced the state",
			"restatedev/restate #4463; Restate 1.7.12: `nodes remove` is refused while a segment names the node",
		},
	},
	Run: lostStorage(cluster.StorageGone, "its copies will not come back, and it still counts as a member that never answers", func(*snapshots.Node) way { return way{} }),
}
