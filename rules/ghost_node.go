package rules

import (
	"fmt"
	"math"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&ghostNode)

var ghostNode = Rule{
	ID:       "ghost-node",
	Severity: Warning,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig, snapshots.PartitionTable, snapshots.EpochMetadata},
	Summary:  "a node that nothing uses seems to have been left behind",
	Doc: Doc{
		Checks: "Registered log servers and workers that are in no nodeset, sealed or open, in no current or next replica set, and no member of the metadata server, and that nobody is taking out. " +
			"One **warning** for each of them that has been left behind: it states an older release than all other nodes, or every node that registered after it has been started more often. " +
			"Node ids are given out in the order of registration. Nothing is said while a partition has no replica set (Restate up to 1.3).",
		Why:   "A node's name is its host name unless configured. Containers get a new one with every restart and register again, and the old id stays: it counts for `everywhere`, for zones, as a candidate for nodesets and replica sets, and nobody answers for it.",
		Legal: "For a spare machine that has never been used since it registered. Nodes with only `admin` or `http-ingress` are not looked at.",
		Fix:   "See whether the id runs: `restatectl nodes list`. If not, set `node-name` so that it survives restarts and remove the entry: `restatectl nodes set-storage-state --nodes N --storage-state read-only` (Restate 1.4 and later), `restatectl nodes remove --nodes N`.",
		Evidence: []string{
			"restatedev/restate #5303; Restate documentation: node names default to the host name",
			"a low generation alone proves nothing, as every fresh node has one: nodes that registered later are compared with",
		},
	},
	Run: func(pass *Pass) {
		nodes := registered(pass.Snapshot.Nodes, everyNode)
		left := leftBehind(nodes)
		idle := make(map[cluster.NodeID]string) // why it seems to be left behind
		for _, node := range nodes {
			serves := hasRole(node, cluster.RoleLogServer) || hasRole(node, cluster.RoleWorker)
			leaving := node.Worker == cluster.WorkerDraining || node.Worker == cluster.WorkerDisabled ||
				node.Storage != cluster.StorageReadWrite && node.Storage != cluster.StorageProvisioning
			if serves && !leaving && !metadataMember(node) {
				if why := left[node.ID]; why != "" {
					idle[node.ID] = why
				}
			}
		}
		for _, epoch := range pass.Snapshot.Epochs {
			if epoch.Current == nil || epoch.Current.Version == 0 {
				return
			}
			for _, configuration := range []*snapshots.PartitionConfiguration{epoch.Current, epoch.Next} {
				if configuration != nil {
					for _, id := range configuration.ReplicaSet {
						delete(idle, id)
					}
				}
			}
		}
		if len(idle) == 0 {
			return
		}
		unnamed(pass, idle, func(bool) {
			for _, node := range nodes {
				why := idle[node.ID]
				if why == "" {
					continue
				}
				pass.Report(Finding{
					Subject:  Subject{Node: node.ID.String()},
					Title:    fmt.Sprintf("%s is in no nodeset and no replica set, and %s", nodeTitle(node), why),
					Observed: "an entry that nothing uses",
					Expected: "a node that is in use, or none",
					Why:      "it seems to have no process any more, and is still picked for nodesets and replica sets",
					At:       node.At,
					Remedy:   []string{"restatectl nodes list   # does it run?", "# if it does not:", fmt.Sprintf("restatectl nodes remove --nodes %v", node.ID)},
					Cause:    "left behind",
				})
			}
		})
	},
}

// leftBehind says by what nodes look as if their processes had not been started for long. Nodes are in the order in which
// they registered.
func leftBehind(nodes []*snapshots.Node) map[cluster.NodeID]string {
	left := make(map[cluster.NodeID]string)
	fewest := uint32(math.MaxUint32) // starts of a node that registered later
	for i := len(nodes) - 1; i >= 0; i-- {
		starts := nodes[i].Generation.Generation
		if starts == 0 { // not known
			continue
		}
		if i < len(nodes)-1 && starts < fewest {
			left[nodes[i].ID] = fmt.Sprintf("has been started %s, less than each that registered after it", plural(int(starts), "time"))
		}
		fewest = min(fewest, starts)
	}
	byRelease := slices.SortedFunc(slices.Values(nodes), func(a, b *snapshots.Node) int { return a.Release.Compare(b.Release) })
	if len(nodes) > 1 && !byRelease[0].Release.IsZero() && byRelease[0].Release.Compare(byRelease[1].Release) < 0 {
		left[byRelease[0].ID] = fmt.Sprintf("states %v, older than all others", byRelease[0].Release)
	}
	return left
}
