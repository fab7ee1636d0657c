package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&segmentNotSealableNow)

var segmentNotSealableNow = Rule{
	ID:       "segment-not-sealable-now",
	Severity: Warning,
	Category: Logs,
	Since:    cluster.Release{Major: 1, Minor: 3},
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig, snapshots.LiveNodes},
	Summary:  "segments had no f-majority with the nodes that were alive",
	Doc: Doc{
		Checks: "Replicated segments that can be sealed by configuration (see `segment-unsealable`), with the members that were alive when the cluster was asked: they must be an f-majority. " +
			"One finding for each set of dead members, with all segments that lack it: a **warning** if an open tail is among them, a **note** otherwise. " +
			"Sealed segments that lie wholly below the trim point (`sql/loglet_workers`) are left out: they need no answers. A node that was shutting down counts as alive.",
		Why: "Nobody could find the end of such a tail or seal it. A log whose leader or sequencer fails then stays without one, and can be neither reconfigured nor trimmed, until one of the dead nodes is back. " +
			"Where the tail could not be written either, `tail-not-writable-now` says so.",
		Legal: "It is what held at the moment of the capture, as the node that answered saw it; it passes when a dead node is back. As long as leader and sequencer live, writing goes on. In a sealed segment only readers in doubt wait.",
		Fix:   "Start one of the dead nodes again, with its data, then look with `restatectl logs find-tail L`.",
		Evidence: []string{
			"restatedev/restate-operator #195: with {node: 1} the f-majority of a nodeset of two is two, so the tail becomes undeterminable and writes stop",
			"restatedev/restate #2655, #2565, #3385, #3307",
		},
	},
	Run: outageRule{
		possible: func(verdict *cluster.Verdict) bool { return verdict.Effective > 0 && verdict.Seal.Passed() },
		holds:    func(now *standing) bool { return now.sealable },
		each: func(pass *Pass, wanted func(*snapshots.Placement) bool, visit func(*snapshots.Log, int)) {
			pass.Segments(computable(pass, wanted), func(log *snapshots.Log, i int) {
				if _, trimmed := pass.Trimmed(log, i); !trimmed {
					visit(log, i)
				}
			})
		},
		complete: func(f *Finding, outage *outage) {
			f.Title = fmt.Sprintf("%v had no f-majority while %s", &outage.tally, wereDown(outage.standing.missing))
			f.Expected = fmt.Sprintf("an f-majority for %v", outage.placement.Replication)
			f.Why = "nobody could seal such a tail or find its end: a log whose leader fails stays without one until one of the nodes is back"
			f.Remedy = append(f.Remedy, fmt.Sprintf("restatectl logs find-tail %d", outage.log))
			if outage.open == 0 {
				f.Severity = Note
				f.Why = "readers that are in doubt about such a segment wait until one of the nodes is back"
			}
		},
	}.run,
}
