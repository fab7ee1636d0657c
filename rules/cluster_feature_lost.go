package rules

import (
	"fmt"
	"strings"

	"restate-lint/snapshots"
)

var _ = register(&clusterFeatureLost)

var clusterFeatureLost = Rule{
	ID:       "cluster-feature-lost",
	Severity: Warning,
	Category: Metadata,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "a node of a release before 1.7 may drop the features of the cluster",
	Doc: Doc{
		Checks: "Clusters with `features` in `nodes_config`: one **warning** if some registered node runs, by what it states, a release before 1.7. Pre-releases of 1.7 know features.",
		Why: "Features are chosen when a cluster is provisioned by 1.7 or later and hold for good. A release before 1.7 does not know the field: when it writes the nodes configuration, as it does whenever a node starts, the field is gone. " +
			"Without `controlled-idempotent-sharding` idempotency keys are spread otherwise than before, and invocations that were made once are made again.",
		Legal: "Never for a cluster that was provisioned by 1.7: there is no supported way back to 1.6.",
		Fix:   "Stop the older nodes before they write, and start them with 1.7 or later. If the features are gone already, do not provision them by hand: talk to Restate's developers.",
		Evidence: []string{
			"Restate 1.7.0 introduced `features`; 1.6.2 has no such field (derived from the sources; not reported by anybody)",
			"Restate 1.7.12: a cluster that was upgraded from 1.5.3 has none, one that was provisioned by 1.7.12 has controlled-idempotent-sharding",
		},
	},
	Run: func(pass *Pass) {
		nodes := pass.Snapshot.Nodes
		if len(nodes.Features) == 0 {
			return
		}
		older := registered(nodes, func(node *snapshots.Node) bool {
			r := node.Release
			return !r.IsZero() && (r.Major < 1 || r.Major == 1 && r.Minor < 7)
		})
		if len(older) == 0 {
			return
		}
		f := Finding{
			Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "features"},
			Title:    fmt.Sprintf("the cluster has the feature %s, and %s of a release that would drop it", strings.Join(nodes.Features, ", "), be(older)),
			Observed: fmt.Sprintf("%v on %s", older[0].Release, nodeList(older)),
			Expected: "1.7 or later on all nodes",
			Why:      "with the next start of such a node the feature is gone, and idempotency keys are spread otherwise than before",
			At:       older[0].ReleaseAt,
			Related:  []Related{{Message: "the features of the cluster", At: nodes.FeaturesAt}},
			Remedy:   []string{"stop " + nodeList(older) + " and start them with 1.7 or later"},
		}
		pass.Report(f)
	},
}

// be is "N1 is" or "N1, N2 are".
func be(list []*snapshots.Node) string {
	if len(list) == 1 {
		return nodeList(list) + " is"
	}
	return nodeList(list) + " are"
}
