package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&metadataQuorumLostNow)

var metadataQuorumLostNow = Rule{
	ID:       "metadata-quorum-lost-now",
	Severity: Error,
	Category: Metadata,
	Since:    cluster.Release{Major: 1, Minor: 4},
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.LiveNodes},
	Summary:  "fewer than a majority of the metadata servers were alive",
	Doc: Doc{
		Checks: "Registered members of the metadata cluster, against those that were alive when the cluster was asked: an **error** if they were no majority. Clusters whose metadata is in etcd or an object store have no members and pass.",
		Why: "Without a majority nothing in the metadata can change: no leader is elected, no log is sealed and extended, no node joins or restarts. Running leaders go on until the first of them fails. " +
			"There is no supported way to recover from a majority that is lost for good.",
		Legal: "While several metadata servers restart at once. Membership in the nodes configuration can differ for a moment from that of the servers (`restatectl metadata-server list-servers` shows it).",
		Fix:   "Start the dead metadata servers again with their data, one at a time.",
		Evidence: []string{
			"restatedev/restate #3536: reconfiguring a metadata cluster that lost its majority is not possible",
			"Restate documentation, metadata: 2n+1 members tolerate n failures",
		},
	},
	Run: func(pass *Pass) {
		ran := livenessOf(pass)
		var members, dead []cluster.NodeID
		up := 0
		for node := range pass.Snapshot.Nodes.All() {
			if !metadataMember(node) {
				continue
			}
			members = append(members, node.ID)
			if ran.dead[node.ID] != nil {
				dead = append(dead, node.ID)
			} else if hasRole(node, cluster.RoleMetadataServer) {
				up++
			}
		}
		majority := len(members)/2 + 1
		if len(dead) == 0 || up >= majority {
			return // without the role a member is no help even if it runs: metadata-quorum says so
		}
		f := Finding{
			Title:    fmt.Sprintf("the metadata servers had no majority while %s", wereDown(dead)),
			Observed: fmt.Sprintf("%d of %s alive", up, plural(len(members), "member")),
			Expected: fmt.Sprintf("at least %d", majority),
			Why:      "no metadata can change: no leader is elected, no log is reconfigured and no node joins",
			At:       pass.Snapshot.Nodes.Get(dead[0]).At,
			Remedy:   []string{startAgain(dead), "restatectl metadata-server list-servers"},
		}
		for _, id := range dead {
			f.Related = append(f.Related, Related{Message: id.String() + " was dead", At: ran.dead[id].At()})
		}
		pass.Report(f)
	},
}
