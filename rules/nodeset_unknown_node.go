package rules

import (
	"strconv"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// nodesetUnknownNode is the founding case: a nodeset names a node that was never registered.
var _ = register(&nodesetUnknownNode)

var nodesetUnknownNode = Rule{
	ID:       "nodeset-unknown-node",
	Severity: Error,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "the nodeset of a segment names a node that the nodes configuration does not know",
	Doc: Doc{
		Checks: "Every member of every replicated segment's nodeset, sealed or open, is looked up in `nodes_config`. A member without an entry, not even a tombstone, " +
			"is reported once for each segment. It is an **error** when the id is not above every known id: ids are given out in order and never taken back, so such an id cannot have been registered. " +
			"It is a **warning** when the id is above every known id: the node may have joined after `nodes_config` was captured.",
		Why: "Restate counts an unknown member as one that is authoritative and never answers. It raises the number of nodes that must answer before the segment can be sealed or its tail be found, " +
			"and it holds no copies. If all members are unknown, the log looks empty. `restatectl replicated-loglet info` and `digest` panic on such a segment (exit code 101), in every release so far.",
		Legal: "Only as an artefact of the capture: `nodes_config` was captured before `bifrost_config` while a node joined. Capture `nodes_config` last.",
		Fix: "Capture `nodes_config` again, last of all documents. If the finding stays, somebody edited the metadata, mixed the documents of two clusters or restored an old `nodes_config`. " +
			"Give the log a new segment with `restatectl logs reconfigure --log-id L --nodeset …`, then remove the old one with `restatectl snapshots create P --trim-log`.",
		Evidence: []string{
			"restatedev/restate #3081: `restatectl replicated-loglet info` panics on a nodeset member that left; affects 1.2",
			"restatedev/restate #3082: the fix of 1.3.0 covers tombstones only; 1.7.12 still panics on ids that were never registered",
			"Restate 1.2 to 1.7: the storage state of an unknown node is taken as `provisioning`",
		},
	},
	Run: memberProblem{
		count: func(verdict *cluster.Verdict) int { return verdict.Unknown },
		has:   func(member cluster.Member) bool { return member.Class == cluster.Unknown },
		finding: func(pass *Pass, log *snapshots.Log, i int, member cluster.Member) Finding {
			placement := log.Segments[i].Placement
			newest := pass.Snapshot.Nodes.Newest()
			f := Finding{
				Title: segmentTitle(log, i) + ": nodeset contains " + member.Node.String() + ", which the nodes configuration does not know",
				Observed: member.Node.String() + " counts as a member that never answers: " + strconv.Itoa(countMembers(placement, answers)) + " of " +
					plural(placement.Verdict.Effective, "effective member") + " can answer, replication " + placement.Replication.String(),
				Expected: "a nodeset of registered nodes",
				Why:      "no copy is on it, and more of the other members have to answer before the segment can be sealed or read past doubt; restatectl replicated-loglet info panics on it",
				Related:  relatedNode(pass, member.Node),
				Remedy:   []string{recapture, ifItStays},
			}
			if log.Open(i) {
				f.Remedy = append(f.Remedy, reconfigure(log.ID)+preferring(pass, placement))
			}
			f.Remedy = append(f.Remedy, trimRemedy(pass, log.ID)...)
			if member.Node > newest {
				f.Severity = Warning
				f.Why = "ids above " + newest.String() + " are not given out yet by this nodes configuration: it is older than the log metadata, or " +
					member.Node.String() + " never existed; if it never did, " + f.Why
			}
			return f
		},
	}.run,
}

func countMembers(placement *snapshots.Placement, want func(cluster.Member) bool) int {
	n := 0
	for _, member := range placement.Verdict.Members {
		if want(member) {
			n++
		}
	}
	return n
}
