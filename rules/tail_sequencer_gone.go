package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&tailSequencerGone)

var tailSequencerGone = Rule{
	ID:       "tail-sequencer-gone",
	Severity: Warning,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "the sequencer of an open segment does not exist any more",
	Doc: Doc{
		Checks: "The sequencer of every open replicated tail. A sequencer on a node that was removed or never registered is a **warning** for each log, and an **error** when the tail cannot be sealed either, or only by best effort. " +
			"An earlier generation of a registered node is one **note** for each node: its process has restarted since.",
		Why: "Nobody can append to the segment: it has to be sealed and extended by the next leader. From Restate 1.4.0 finding the tail does that by itself when a write quorum answers; " +
			"earlier releases, and some cases up to 1.4.2, stay stuck.",
		Legal: "An older generation is normal right after a restart, and on a log that nobody has written since.",
		Fix:   "`restatectl logs reconfigure --log-id L`, then `restatectl logs find-tail L`.",
		Evidence: []string{
			"restatedev/restate #3529: 1.4.2, the sequencer's node was a tombstone while the nodeset was fine, partitions stuck",
			"restatedev/restate #3385 (1.4.0: sealing when the sequencer is gone), #3553 (1.4.3)",
		},
	},
	Run: func(pass *Pass) {
		nodes := pass.Snapshot.Nodes
		stale := make(map[cluster.NodeID]*staleSequencer)
		pass.Logs(func(log *snapshots.Log) {
			i := len(log.Segments) - 1
			if i < 0 || !log.Open(i) || placed(pass, log, i) == nil {
				return
			}
			segment := &log.Segments[i]
			sequencer := segment.Sequencer
			class := nodes.Class(sequencer.ID)
			if class == cluster.Active {
				current := nodes.Get(sequencer.ID).Generation.Generation
				if current == 0 {
					pass.Lacks(snapshots.NodesConfig) // it does not say which one
				}
				if sequencer.Generation < current {
					if stale[sequencer.ID] == nil {
						stale[sequencer.ID] = &staleSequencer{lowest: log.ID, at: log.SequencerAt(i)}
					}
					stale[sequencer.ID].add(log, i)
				}
				return
			}
			f := Finding{
				Subject:  SubjectSegment(log, i),
				Title:    fmt.Sprintf("%s: sequencer %v is on a node that was removed from the cluster", segmentTitle(log, i), sequencer),
				Nodeset:  segment.Placement.Verdict.Nodeset(),
				Observed: fmt.Sprintf("%v is %v", sequencer.ID, class),
				Expected: "a registered node",
				Why:      "nobody can append to this segment; the log waits until a new leader seals and extends it",
				At:       log.SequencerAt(i),
				Related:  relatedNode(pass, sequencer.ID),
				Remedy:   []string{reconfigure(log.ID), fmt.Sprintf("restatectl logs find-tail %d", log.ID)},
				Cause:    sequencer.ID.String(),
			}
			if class == cluster.Unknown {
				f.Title = fmt.Sprintf("%s: sequencer %v is on a node that the nodes configuration does not know", segmentTitle(log, i), sequencer)
			}
			if judged(pass, log, i) != nil && !segment.Placement.Verdict.Seal.Passed() {
				f.Severity = Error
				f.Why = "nobody can append to this segment, and it cannot be sealed either: the log is stuck"
				if segment.Placement.Verdict.Seal == cluster.BestEffort {
					f.Why = "nobody can append to this segment, and when it is sealed its tail may be too low: records can be missing"
				}
			}
			pass.Report(f)
		})
		pass.Finally(func() {
			for node := range nodes.All() {
				if s := stale[node.ID]; s != nil {
					pass.Report(s.finding(node))
				}
			}
		})
	},
}

// A staleSequencer gathers the tails of the earlier runs of a node. The log with the lowest id stands for all.
type staleSequencer struct {
	logTally
	runs   []uint32 // the generations, ascending
	lowest cluster.LogID
	at     snapshots.Position
}

func (s *staleSequencer) add(log *snapshots.Log, i int) {
	if log.ID < s.lowest {
		s.lowest, s.at = log.ID, log.SequencerAt(i)
	}
	generation := log.Segments[i].Sequencer.Generation
	if place, found := slices.BinarySearch(s.runs, generation); !found {
		s.runs = slices.Insert(s.runs, place, generation)
	}
	s.logTally.add(log, i)
}

func (s *staleSequencer) finding(node *snapshots.Node) Finding {
	first := cluster.GenerationalNodeID{ID: node.ID, Generation: s.runs[0]}
	f := Finding{
		Severity: Note,
		Subject:  Subject{Node: node.ID.String()},
		Title:    fmt.Sprintf("%v, an earlier run of %v, is the sequencer of %v", first, node.Generation, &s.tally),
		Observed: fmt.Sprintf("sequencer generation %d", first.Generation),
		Expected: fmt.Sprintf("generation %d", node.Generation.Generation),
		Why:      "normal right after a restart: the next leader seals the segment and adds a new one",
		At:       s.at,
		Related:  []Related{{Message: fmt.Sprintf("%v is registered as %v", node.ID, node.Generation), At: node.At}},
		Remedy:   []string{reconfigureAll(s.openLogs)},
	}
	if len(s.runs) > 1 {
		last := cluster.GenerationalNodeID{ID: node.ID, Generation: s.runs[len(s.runs)-1]}
		f.Title = fmt.Sprintf("%d earlier runs of %v, %v to %v, are the sequencers of %v", len(s.runs), node.Generation, first, last, &s.tally)
		f.Observed = fmt.Sprintf("sequencer generations %d to %d", first.Generation, last.Generation)
	}
	return f
}
