package rules

import (
	"fmt"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&nodeDead)

var nodeDead = Rule{
	ID:       "node-dead",
	Severity: Warning,
	Category: Nodes,
	Since:    cluster.Release{Major: 1, Minor: 3},
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.LiveNodes},
	Summary:  "a registered node was not alive when the cluster was asked",
	Doc: Doc{
		Checks: "Registered nodes that the node which answered `restatectl sql` took for dead: a **warning** for each. " +
			"It is a **note** for a node on its way out (its storage is `gone` or `disabled`, its worker is not active and it is no member of the metadata cluster), and for one that was shutting down. " +
			"The rule is undecided about a node that the answer does not name, or names with an earlier generation, and when nobody is said to be alive.",
		Why: "Its copies can be neither read nor written, it answers no request to seal or to find a tail, and its partitions have a replica less. The cluster tolerates fewer further failures than its configuration promises. " +
			"What could not be done at all without it is said by `tail-not-writable-now`, `segment-not-sealable-now` and `metadata-quorum-lost-now`.",
		Legal: "During a restart, and for half a minute after the answering node's own start: it takes every node for dead until it has heard of it. A node that one other cannot reach may be alive for the rest. A node on its way out is expected to be dead.",
		Fix:   "Start the node's server again with its data directory. If it will not come back, move its logs (`restatectl logs reconfigure --log-id L`), trim (`restatectl snapshots create P --trim-log`) and remove the node when no segment names it.",
		Evidence: []string{
			"Restate 1.4 to 1.7: `restatectl sql 'SELECT * FROM nodes'` prints what the failure detector of the answering node thinks: alive, dead or failing-over; 1.3 has the table node_state",
			"Restate 1.7.12: stopping a node turns its state to dead within seconds, and the other nodes answer queries without it",
		},
	},
	Run: func(pass *Pass) {
		ran := livenessOf(pass)
		named := make(map[cluster.NodeID]*deadNode)
		for id := range ran.dead {
			named[id] = new(deadNode)
		}
		if len(named) > 0 {
			names := func(placement *snapshots.Placement) bool {
				return slices.ContainsFunc(placement.Verdict.Members, func(member cluster.Member) bool { return named[member.Node] != nil })
			}
			pass.Segments(names, func(log *snapshots.Log, i int) {
				for _, member := range log.Segments[i].Placement.Verdict.Members {
					if node := named[member.Node]; node != nil {
						node.segments.add(log, i)
					}
				}
			})
			pass.Logs(func(log *snapshots.Log) {
				if tail := log.Tail(); tail != nil && tail.Placement != nil {
					if node := named[tail.Sequencer.ID]; node != nil {
						node.sequenced++
					}
				}
			})
		}
		pass.Finally(func() {
			for node := range pass.Snapshot.Nodes.All() {
				if said := pass.Snapshot.Live.Node(node.ID); node.Removed || said == nil {
					continue
				} else if dead := named[node.ID]; dead != nil {
					pass.Report(dead.finding(pass, node, said))
				} else if said.State == snapshots.FailingOver {
					pass.Report(Finding{
						Severity: Note,
						Subject:  Subject{Node: node.ID.String()},
						Title:    nodeTitle(node) + " was shutting down when the cluster was asked",
						Observed: "state failing-over",
						Expected: "an alive node",
						Why:      "it still answered, and was about to stop",
						At:       said.At(),
						Related:  relatedNode(pass, node.ID),
					})
				}
			}
		})
	},
}

// A deadNode gathers what depends on a dead node.
type deadNode struct {
	segments  logTally
	sequenced int
}

func (d *deadNode) finding(pass *Pass, node *snapshots.Node, said *snapshots.LiveNode) Finding {
	depends := []string{"it is in the nodeset of " + d.segments.in(pass)}
	if d.sequenced > 0 {
		depends = append(depends, "it was the sequencer of "+plural(d.sequenced, "open tail"))
	}
	leads := 0
	for _, epoch := range pass.Snapshot.Epochs {
		if epoch.Leader != nil && epoch.Leader.Node == node.Generation {
			leads++
		}
	}
	if leads > 0 {
		depends = append(depends, "it was the last known leader of "+plural(leads, "partition"))
	}
	f := Finding{
		Subject:  Subject{Node: node.ID.String()},
		Title:    nodeTitle(node) + " was dead when the cluster was asked",
		Observed: strings.Join(depends, ", "),
		Expected: "an alive node",
		Why:      "its copies can be neither read nor written, and it answers no request to seal, until it is back",
		At:       said.At(),
		Related:  relatedNode(pass, node.ID),
	}
	var out []string
	if d.segments.open > 0 {
		out = append(out, reconfigureAll(d.segments.openLogs))
	}
	if d.segments.open+d.segments.sealed > 0 {
		out = append(out, trimAll(pass, d.segments.logs))
	}
	f.Remedy = alternatives(
		way{"it comes back", []string{startAgain([]cluster.NodeID{node.ID})}},
		way{"it will not come back", append(out, removeUnnamed(pass, node.ID)...)},
	)
	switch {
	case node.Storage == cluster.StorageDataLoss:
		f.Why = "its log server refuses to start in the state data-loss, so it stays dead"
		f.Remedy = []string{"restate-lint explain log-server-data-loss"}
	case leaving(node):
		f.Severity = Note
		f.Why = fmt.Sprintf("expected: its storage is %s and its worker %s, it is on its way out", node.Storage, node.Worker)
		f.Remedy = removeUnnamed(pass, node.ID)
	}
	return f
}

// leaving reports whether nothing is expected of a node any more but that it be removed.
func leaving(node *snapshots.Node) bool {
	out := node.Storage == cluster.StorageGone || node.Storage == cluster.StorageDisabled
	return out && node.Worker != cluster.WorkerActive && !metadataMember(node)
}
