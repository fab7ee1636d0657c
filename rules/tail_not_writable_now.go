package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&tailNotWritableNow)

var tailNotWritableNow = Rule{
	ID:       "tail-not-writable-now",
	Severity: Error,
	Category: Logs,
	Since:    cluster.Release{Major: 1, Minor: 3},
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig, snapshots.LiveNodes},
	Summary:  "open tails could not be written with the nodes that were alive",
	Doc: Doc{
		Checks: "Open replicated tails that can be written by configuration (see `tail-write-quorum-lost`), with the members that were alive when the cluster was asked: they must be a write quorum. One finding for each set of dead members, with all tails that lack it. " +
			"It is an **error** if one of the logs was stuck: its tail could not be sealed either, or the nodes that were alive could not make up another nodeset. Otherwise it is a **warning**. A node that was shutting down counts as alive.",
		Why: "The logs took no records, so their partitions made no progress. Restate helps itself where it can: the tail is sealed and the log goes on with nodes that are alive. " +
			"A log that is stuck stands still until one of the dead nodes is back.",
		Legal: "It is what held at the moment of the capture, as the node that answered saw it. During a restart of more nodes at once than the replication tolerates it passes by itself.",
		Fix:   "Start one of the dead nodes again, with its data. If the tail can be sealed, `restatectl logs reconfigure --log-id L` moves the log at once.",
		Evidence: []string{
			"Restate documentation, clusters: without a write quorum the log stops accepting writes altogether",
			"restatedev/restate-operator #195: the first signal is a stall during a node loss",
			"Restate 1.2 to 1.7: new nodesets are chosen among nodes whose storage state is read-write",
		},
	},
	Run: outageRule{
		possible: func(verdict *cluster.Verdict) bool { return verdict.Writable },
		holds:    func(now *standing) bool { return now.writable },
		each: func(pass *Pass, wanted func(*snapshots.Placement) bool, visit func(*snapshots.Log, int)) {
			pass.Logs(func(log *snapshots.Log) {
				if i := usableTail(pass, log); i >= 0 && wanted(log.Segments[i].Placement) {
					visit(log, i)
				}
			})
		},
		complete: func(f *Finding, outage *outage) {
			f.Title = fmt.Sprintf("%v could not be written while %s", &outage.tally, wereDown(outage.standing.missing))
			f.Expected = fmt.Sprintf("a write quorum for %v", outage.placement.Replication)
			f.Why = "no records were taken, and the log was stuck: its tail could not be sealed, or there were not enough other nodes to go on with"
			if !outage.stuck {
				f.Severity = Warning
				f.Why = "no records were taken until a leader sealed and went on with nodes that were alive, which Restate does by itself"
				f.Remedy = append(f.Remedy, reconfigureAll(outage.openLogs))
			}
		},
	}.run,
}
