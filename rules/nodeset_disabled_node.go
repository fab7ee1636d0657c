package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&nodesetDisabledNode)

var nodesetDisabledNode = Rule{
	ID:       "nodeset-disabled-node",
	Severity: Warning,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "the nodeset of a segment names a registered node whose storage is disabled",
	Doc: Doc{
		Checks: "Every member of every replicated segment's nodeset that is registered with storage state `disabled`: one **warning** for each segment and member." + trimmedNote,
		Why: "A disabled node is dropped from the nodeset exactly like a removed one: its copies are not read any more, its log server refuses to start, and quorums are computed without it. " +
			"Worse, the state switches off the safety check of removal: `restatectl nodes remove` then accepts the node although segments still name it.",
		Legal: "Only once every segment that names the node has been trimmed, and then none is found here.",
		Fix: "Do not remove the node yet. If its data is intact, set it back with `restatectl nodes set-storage-state --nodes N --storage-state read-only --force` and drain it: " +
			"reconfigure the logs whose tail it is in, `restatectl snapshots create P --trim-log`, and remove it when no segment names it.",
		Evidence: []string{
			"Restate 1.1 to 1.7: `disabled` is the only storage state that makes a member empty",
			"Restate 1.7.12: `nodes remove` of a disabled node is accepted although sealed, untrimmed segments name it",
			"restatedev/restate-operator #74: a user forced `disabled` and removed the node",
		},
	},
	Run: memberProblem{
		count: func(verdict *cluster.Verdict) int { return verdict.Disabled },
		has: func(member cluster.Member) bool {
			return member.Class == cluster.Active && member.State.Empty()
		},
		finding: func(pass *Pass, log *snapshots.Log, i int, member cluster.Member) Finding {
			return Finding{
				Title:    fmt.Sprintf("%s: nodeset contains %v, whose storage is disabled", segmentTitle(log, i), member.Node),
				Observed: membersLeft(log.Segments[i].Placement),
				Expected: "no disabled node in a segment that is not trimmed",
				Why:      fmt.Sprintf("Restate no longer reads the copies on %v and computes quorums without it; restatectl nodes remove would accept %v although this segment names it", member.Node, member.Node),
				Related:  relatedNode(pass, member.Node),
				Remedy:   segmentRemedy(pass, log, i),
			}
		},
	}.run,
}
