package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// lostStorage reports the nodes in a storage state, with the segments that name them. The remedy takes the node out;
// intact are the steps for a node whose data is there after all.
func lostStorage(state cluster.StorageState, why string, intact func(*snapshots.Node) way) func(*Pass) {
	return func(pass *Pass) {
		segments := make(map[cluster.NodeID]*logTally)
		for node := range pass.Snapshot.Nodes.All() {
			if !node.Removed && node.Storage == state {
				segments[node.ID] = new(logTally)
			}
		}
		if len(segments) == 0 {
			return
		}
		names := func(placement *snapshots.Placement) bool {
			return slices.ContainsFunc(placement.Verdict.Members, func(member cluster.Member) bool { return segments[member.Node] != nil })
		}
		pass.Segments(names, func(log *snapshots.Log, i int) {
			for _, member := range log.Segments[i].Placement.Verdict.Members {
				if named := segments[member.Node]; named != nil {
					named.add(log, i)
				}
			}
		})
		pass.Finally(func() {
			for node := range pass.Snapshot.Nodes.All() {
				named := segments[node.ID]
				if named == nil {
					continue
				}
				f := Finding{
					Subject:  Subject{Node: node.ID.String()},
					Title:    fmt.Sprintf("%v (%s): storage state is %s", node.ID, node.Name, state),
					Observed: "it is in the nodeset of " + named.in(pass),
					Expected: "a log server with its data",
					Why:      why,
					At:       node.StorageAt,
				}
				var out []string
				if named.open > 0 {
					out = append(out, reconfigureAll(named.openLogs))
				}
				if named.open+named.sealed > 0 || !pass.Whole(snapshots.BifrostConfig) {
					out = append(out, trimAll(pass, named.logs))
				}
				out = append(out, removeUnnamed(pass, node.ID)...)
				f.Remedy = alternatives(intact(node), way{"its data is lost: take the node out", out})
				pass.Report(f)
			}
		})
	}
}
