package rules

import (
	"fmt"
	"maps"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&nodeIDReused)

var nodeIDReused = Rule{
	ID:       "node-id-reused",
	Severity: Error,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "the id of a node seems to have been given to a second machine",
	Doc: Doc{
		Checks: "The sequencers along every chain. Segments are created one after the other, and a node's generation only grows: where a later segment names a registered node with a *lower* generation than an earlier segment " +
			"of the same log, the counting began again. One **error** for each such node. " +
			"A sequencer or leader that is newer than `nodes_config` alone is no proof, as the capture may be skewed; `sequencer-newer-than-config` reports it.",
		Why: "A generation fences off all earlier runs of a node. If it starts again at 1, after `nodes_config` was restored from a backup or a tombstone was taken over with `force-node-id`, " +
			"an earlier run counts as a later one: two processes can believe to be the same node and the sequencer of the same segment.",
		Legal: "Never. If the node returned with its old disk it may work all the same, until generations meet.",
		Fix: "Drain the node and let it join again under a new name, so that it gets a new id: `restatectl nodes set-storage-state --nodes N --storage-state read-only`, `restatectl logs reconfigure --log-id L`, " +
			"`restatectl snapshots create P --trim-log`, `restatectl nodes remove --nodes N`. Never set `force-node-id` to the id of a removed node.",
		Evidence: []string{
			"Restate 1.7.12: a node that was started with `force-node-id` on a tombstone joined, the tombstone became a node again, and its generation began at 1",
			"Restate 1.2 to 1.7: the check whether a forced id is taken does not count tombstones",
		},
	},
	Run: func(pass *Pass) {
		nodes := pass.Snapshot.Nodes
		if nodes.Len() == 0 {
			return
		}
		// What was seen of each node in the current log; entries of earlier logs are recognised by their number.
		type sighting struct {
			log        int
			generation uint32
			segment    int
		}
		seen := make([]sighting, nodes.Len())
		reused := make(map[cluster.NodeID]*reusedID)
		visited := 0
		pass.Logs(func(log *snapshots.Log) {
			visited++
			var last cluster.GenerationalNodeID
			for _, run := range log.Runs {
				i, segment := run.First, &log.Segments[run.First]
				if segment.Placement == nil || segment.Sequencer == last {
					continue
				}
				last = segment.Sequencer
				place, known := nodes.Place(last.ID)
				if !known {
					continue
				}
				before := seen[place]
				seen[place] = sighting{visited, last.Generation, i}
				if before.log != visited || before.generation <= last.Generation || nodes.Class(last.ID) != cluster.Active {
					continue
				}
				node := reused[last.ID]
				if node == nil {
					node = &reusedID{}
					reused[last.ID] = node
				}
				node.meet(visited, log, before.segment, i)
			}
		})
		pass.Finally(func() {
			for _, id := range slices.Sorted(maps.Keys(reused)) {
				r, node := reused[id], nodes.Get(id)
				pass.Report(Finding{
					Subject:  Subject{Node: id.String()},
					Title:    fmt.Sprintf("%s: its generation went back from %d to %d in log %d", nodeTitle(node), r.before.Generation, r.after.Generation, r.log),
					Observed: fmt.Sprintf("%v, then %v as sequencers of one chain; the same in %s", r.before, r.after, plural(r.logs, "log")),
					Expected: "a generation that only grows",
					Why:      "the id was given to a second machine or nodes_config was set back: earlier runs of the node are not fenced off",
					At:       r.at,
					Cause:    id.String(),
					Related: []Related{
						{Message: fmt.Sprintf("an earlier segment names %v", r.before), At: r.earlier},
						{Message: fmt.Sprintf("%v is registered as %v", id, node.Generation), At: node.GenerationAt},
					},
					Remedy: []string{
						fmt.Sprintf("restatectl nodes set-storage-state --nodes %v --storage-state read-only", id),
						"join again under a new node name once nothing names " + id.String(),
					},
				})
			}
		})
	},
}

// A reusedID is where a node's generation went back. The log with the lowest id stands for all.
type reusedID struct {
	logs, visited int
	log           cluster.LogID
	before, after cluster.GenerationalNodeID
	earlier, at   snapshots.Position
}

// meet notes that the node is named by two segments in the wrong order; logs are visited one after the other.
func (r *reusedID) meet(visit int, log *snapshots.Log, earlier, i int) {
	if visit == r.visited {
		return
	}
	r.visited = visit
	if r.logs++; r.logs == 1 || log.ID < r.log {
		r.log = log.ID
		r.before, r.after = log.Segments[earlier].Sequencer, log.Segments[i].Sequencer
		r.earlier, r.at = log.SequencerAt(earlier), log.SequencerAt(i)
	}
}
