package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&nodesetSizeMismatch)

var nodesetSizeMismatch = Rule{
	ID:       "nodeset-size-mismatch",
	Severity: Note,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "nodesets are smaller than they could be, or larger than Restate makes them",
	Doc: Doc{
		Checks: "The nodeset of every open replicated tail that has the default replication, against what Restate would choose for it now: the target size, or 2r-1 and at least r+1 nodes for r copies, " +
			"with enough nodes of every zone or region that the replication names, as far as `read-write` log servers exist. Tails that are smaller make one **note** for each pair of sizes. " +
			"A nodeset of more than 128 nodes, and a target size above the number of log servers, are a **note** each.",
		Why:   "A larger nodeset survives more losses and spreads the load. Restate does not shrink one by itself: an offer of fewer nodes than the log has is never taken, so a smaller target only counts for new logs.",
		Legal: "While log servers are being added: leaders improve their logs one by one. With as many log servers as copies there is nothing better, and nothing is reported; `log-single-failure-domain` speaks then.",
		Fix:   "`restatectl logs reconfigure --log-id L`, or set another target with `restatectl config set --log-default-nodeset-size N`; 0 is automatic.",
		Evidence: []string{
			"Restate 1.2 to 1.7 choose nodesets of max(target, 2r-1, r+1) nodes, at most 128",
			"Restate 1.7.12: {zone: 2, node: 3} on three zones of two nodes gives nodesets of six, {zone: 2} gives three",
		},
	},
	Run: func(pass *Pass) {
		logs := pass.Snapshot.Logs
		configured, ok := defaultReplication(logs)
		if !ok {
			return
		}
		candidates := registered(pass.Snapshot.Nodes, takesSegments)
		target := int(logs.DefaultProvider.TargetNodesetSize)
		selection := cluster.SelectNodeset(asMembers(candidates), configured, target)
		if target > len(registered(pass.Snapshot.Nodes, mayTakeSegments)) && len(candidates) > 0 {
			pass.Report(Finding{
				Subject:  Subject{Document: string(snapshots.BifrostConfig), Part: "target"},
				Title:    fmt.Sprintf("the target size of nodesets is %d, and there are %s", target, plural(len(candidates), "log server")),
				Observed: fmt.Sprintf("a target of %d", target),
				Expected: fmt.Sprintf("at most %d", len(candidates)),
				Why:      "nodesets take every log server, and grow with every new one",
				At:       logs.DefaultProvider.At,
				Remedy:   []string{"restatectl config set --log-default-nodeset-size 0"},
			})
		}
		type sizes struct{ is, could int }
		small := make(map[sizes]*tails)
		pass.Logs(func(log *snapshots.Log) {
			i := usableTail(pass, log)
			if i < 0 {
				return
			}
			placement := log.Segments[i].Placement
			size := placement.Verdict.Effective
			could := 0
			switch {
			case placement.Distinct > cluster.MaxNodesetSize:
				size = placement.Distinct
			case placement.Replication == configured && size < selection.Size:
				could = selection.Size
			default:
				return
			}
			if small[sizes{size, could}] == nil {
				small[sizes{size, could}] = &tails{}
			}
			small[sizes{size, could}].add(log, i, log.ParamsAt)
		})
		pass.Finally(func() {
			for _, s := range slices.SortedFunc(maps.Keys(small), func(a, b sizes) int { return cmp.Or(a.is-b.is, a.could-b.could) }) {
				t := small[s]
				f := Finding{
					Subject:  Subject{Document: string(snapshots.BifrostConfig), Part: fmt.Sprintf("size-%d", s.is)},
					Title:    fmt.Sprintf("%s nodesets of %d where %d could be chosen", have(t.count(), "open tail"), s.is, s.could),
					Observed: t.in(pass),
					Expected: fmt.Sprintf("nodesets of %d for replication %v", s.could, configured),
					Why:      "they survive fewer losses than the log servers that there are would allow",
					At:       t.at,
					Related:  []Related{{Message: fmt.Sprintf("the default log replication is %v", configured), At: logs.DefaultProvider.At}},
					Remedy:   []string{reconfigureAll(t.openLogs)},
				}
				if s.could == 0 {
					f.Title = fmt.Sprintf("%s nodesets of %d, more than the %d that Restate makes", have(t.count(), "open tail"), s.is, cluster.MaxNodesetSize)
					f.Expected = fmt.Sprintf("nodesets of at most %d", cluster.MaxNodesetSize)
					f.Why = "every seal and every search for a tail asks all of them"
					f.Related = nil
				}
				pass.Report(f)
			}
		})
	},
}
