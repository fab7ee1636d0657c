package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&fingerprintMissing)

var fingerprintMissing = Rule{
	ID:       "fingerprint-missing",
	Severity: Warning,
	Category: Metadata,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "the cluster has no fingerprint",
	Doc: Doc{
		Checks: "`cluster_fingerprint` in `nodes_config`: one **warning** if it is missing or 0 while some node states that it runs 1.6 or later. " +
			"Older nodes state no release. A cluster in which none does runs 1.5 or earlier; 1.5 makes a fingerprint when the next node joins, and earlier releases know none, so nothing is reported.",
		Why:   "The fingerprint tells clusters of one name apart. Without it a node, a snapshot repository or a dump of another cluster is accepted as one's own. A later release is going to require it.",
		Legal: "Between the upgrade of a cluster from 1.4 or earlier and the first start of a node on 1.5 or later; the upgrade skipped 1.5 then, which is not supported.",
		Fix:   "Restart a node on 1.5 or later: it makes the fingerprint when it joins. If it stays away, an older release writes the nodes configuration: look for `version-skew`.",
		Evidence: []string{
			"Restate 1.5 generates a fingerprint for new and for existing clusters (restatedev/restate #3727)",
			"restatedev/restate #4286, #4292 (a 1.6 release candidate that required it panicked), #4293, #4294 (it is going to be required)",
		},
	},
	Run: func(pass *Pass) {
		nodes := pass.Snapshot.Nodes
		if nodes.Fingerprint != 0 {
			return
		}
		for _, node := range registered(nodes, func(node *snapshots.Node) bool { return node.Release.AtLeast(1, 6, 0) }) {
			pass.Report(Finding{
				Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "fingerprint"},
				Title:    fmt.Sprintf("the cluster has no fingerprint, although %s runs %v", nodeTitle(node), node.Release),
				Observed: "no cluster_fingerprint",
				Expected: "a fingerprint, as every release from 1.5 on makes one",
				Why:      "nothing tells this cluster from another one of its name, and a later release is going to refuse it",
				At:       nodes.FingerprintAt,
				Related:  []Related{{Message: fmt.Sprintf("%v runs %v", node.ID, node.Release), At: node.ReleaseAt}},
				Remedy:   []string{"restart one node of the cluster"},
			})
			return
		}
	},
}
