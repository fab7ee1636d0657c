package rules

import (
	"fmt"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&sequencerNewerThanConfig)

var sequencerNewerThanConfig = Rule{
	ID:       "sequencer-newer-than-config",
	Severity: Error,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "a sequencer or leader has a generation that its node has not reached yet",
	Doc: Doc{
		Checks: "The sequencer of every replicated segment, the leader of every partition whose epoch metadata was captured, and every node of `sql/nodes` where that was captured, against the current generation of its node: one **error** for each node " +
			"that is named with a higher generation than `nodes_config` has, with the highest one and the segments and partitions that name it. Nodes that are not registered are the business of other rules.",
		Why: "A node's generation grows at every start and fences off its earlier runs. A generation from the future means that `nodes_config` was set back, or that an id was given to a new machine: " +
			"fencing is broken, and two nodes may believe to be the same one.",
		Legal: "Only as an artefact of the capture: the node restarted between the capture of `nodes_config` and that of the other document.",
		Fix:   "Capture `nodes_config` again, last of all documents. If the finding stays, find out who restored or edited the nodes configuration; a node that was set back has to leave and join under a new name.",
		Evidence: []string{
			"Restate 1.7.12: `restatectl replicated-loglet info` prints such a sequencer as newer than the nodes configuration",
			"Restate 1.7.12: a node started with `force-node-id` on a tombstone begins again at generation 1",
		},
	},
	Run: func(pass *Pass) {
		nodes := pass.Snapshot.Nodes
		ahead := make([]*aheadOfConfig, nodes.Len()) // in the order of the nodes
		newer := func(id cluster.GenerationalNodeID) *aheadOfConfig {
			place, known := nodes.Place(id.ID)
			if !known {
				return nil
			}
			switch node := nodes.At(place); {
			case node.Removed:
				return nil
			case node.Generation.Generation == 0:
				pass.Lacks(snapshots.NodesConfig) // it does not say which one
				return nil
			case node.Generation.Generation >= id.Generation:
				return nil
			}
			if ahead[place] == nil {
				ahead[place] = &aheadOfConfig{}
			}
			return ahead[place]
		}
		for _, epoch := range pass.Snapshot.Epochs {
			if epoch.Leader == nil {
				continue
			}
			if a := newer(epoch.Leader.Node); a != nil {
				a.leads = append(a.leads, epoch.Partition)
				a.meet(epoch.Leader.Node, func() snapshots.Position { return epoch.Leader.At })
			}
		}
		if live := pass.Snapshot.Live; live != nil {
			for i := range live.Nodes {
				said := &live.Nodes[i]
				if id := (cluster.GenerationalNodeID{ID: said.ID, Generation: said.Generation}); said.Generation > 0 {
					if a := newer(id); a != nil {
						a.runs = true
						a.meet(id, said.At)
					}
				}
			}
		}
		pass.Logs(func(log *snapshots.Log) {
			for _, run := range log.Runs {
				first := &log.Segments[run.First]
				if first.Placement == nil {
					continue
				}
				found := newer(first.Sequencer)
				if found == nil {
					continue
				}
				found.meet(first.Sequencer, func() snapshots.Position { return log.SequencerAt(run.First) })
				for i := run.First; i < run.End; i++ {
					found.segments.add(log, i)
				}
			}
		})
		pass.Finally(func() {
			for node := range nodes.All() {
				if place, _ := nodes.Place(node.ID); ahead[place] != nil {
					pass.Report(ahead[place].finding(pass, node))
				}
			}
		})
	},
}

// aheadOfConfig gathers what names a node with a generation that it has not reached.
type aheadOfConfig struct {
	segments tally
	leads    []cluster.PartitionID
	runs     bool // a server knows of that run
	highest  cluster.GenerationalNodeID
	at       snapshots.Position
}

// meet notes one more generation. The place of the highest one stands for all.
func (a *aheadOfConfig) meet(id cluster.GenerationalNodeID, at func() snapshots.Position) {
	if id.Generation > a.highest.Generation {
		a.highest, a.at = id, at()
	}
}

func (a *aheadOfConfig) finding(pass *Pass, node *snapshots.Node) Finding {
	var as []string
	if a.segments.open+a.segments.sealed > 0 {
		as = append(as, "sequencer of "+a.segments.in(pass))
	}
	if n := len(a.leads); n > 0 {
		as = append(as, fmt.Sprintf("leader of %s (partition %d first)", plural(n, "partition"), a.leads[0]))
	}
	if a.runs {
		as = append(as, "known to the cluster when it was asked")
	}
	return Finding{
		Subject:  Subject{Node: node.ID.String()},
		Title:    fmt.Sprintf("%v is named as %v, which is newer than the nodes configuration", node.ID, a.highest),
		Observed: strings.Join(as, " and "),
		Expected: fmt.Sprintf("a generation of at most %d", node.Generation.Generation),
		Why:      "the nodes configuration is older than this document or was set back; if it was set back, earlier runs of the node are not fenced off",
		At:       a.at,
		Related:  []Related{{Message: fmt.Sprintf("%v is registered as %v", node.ID, node.Generation), At: node.At}},
		Remedy:   []string{recapture},
	}
}
