package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&nodesetRemovedNode)

var nodesetRemovedNode = Rule{
	ID:       "nodeset-removed-node",
	Severity: Warning,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "the nodeset of a segment names a node that was removed from the cluster",
	Doc: Doc{
		Checks: "Every member of every replicated segment's nodeset whose entry in `nodes_config` is a tombstone: one **warning** for each segment and member, whether the rest of the nodeset suffices or not. " +
			"What the loss does to quorums is said by `segment-under-replicated`, `segment-no-readable-node`, `tail-write-quorum-lost` and `segment-unsealable`." + trimmedNote,
		Why: "The node left before its segments were trimmed. The copies it held are gone. Restate treats it as disabled, which drops it from the nodeset: quorums are computed as if it had never been a member, " +
			"records whose copies were only on removed nodes are lost without an error, and a tail that is too low can be accepted.",
		Legal: "When the whole segment lies below the trim point: trimming removes segments from the chain some time later. The trim point is in `sql/loglet_workers`, not in the metadata.",
		Fix: "Create a snapshot and trim, `restatectl snapshots create P --trim-log`, then look whether the segment is gone with `restatectl logs describe L`; repeat if it is not. " +
			"Do not set the storage state of the removed node: Restate refuses it for ids that are gone.",
		Evidence: []string{
			"restatedev/restate #3081: a sealed segment naming a removed node made `restatectl replicated-loglet info` panic in 1.2; fixed in 1.3.0 (#3082)",
			"restatedev/restate #4463: sealed segments that refer to permanently lost nodes stay and cannot be repaired",
			"Restate 1.7.12: `restatectl nodes remove` accepts a disabled node without looking at the nodesets it is in",
		},
	},
	Run: memberProblem{
		count: func(verdict *cluster.Verdict) int { return verdict.Removed },
		has:   func(member cluster.Member) bool { return member.Class == cluster.Removed },
		finding: func(pass *Pass, log *snapshots.Log, i int, member cluster.Member) Finding {
			segment := &log.Segments[i]
			f := Finding{
				Title:    fmt.Sprintf("%s: nodeset contains %v, which was removed from the cluster", segmentTitle(log, i), member.Node),
				Observed: membersLeft(segment.Placement),
				Expected: "no removed node in a segment that is not trimmed",
				Why:      fmt.Sprintf("the copies %v held are gone, and Restate computes quorums as if it had never been a member", member.Node),
				Related:  relatedNode(pass, member.Node),
				Remedy:   segmentRemedy(pass, log, i),
			}
			if segment.Sequencer.ID == member.Node {
				f.Observed += fmt.Sprintf("; its sequencer was %v", segment.Sequencer)
			}
			return f
		},
	}.run,
}
