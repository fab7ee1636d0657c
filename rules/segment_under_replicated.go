package rules

import (
	"fmt"
	"strings"

	"restate-lint/snapshots"
)

var _ = register(&segmentUnderReplicated)

var segmentUnderReplicated = Rule{
	ID:       "segment-under-replicated",
	Severity: Error,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "a segment has fewer nodes, zones or regions left than its replication asks for",
	Doc: Doc{
		Checks: "The effective nodeset of every replicated segment (without removed and disabled nodes; unknown ones count) against its replication property: at each scope that the property constrains there must be " +
			"at least as many distinct nodes, zones or regions as the factor says. One **error** for each segment. A node without a label at a scope belongs to no domain of that scope." + trimmedNote,
		Why:   "No set of nodes can hold the copies that the property promises. An open tail cannot be written. In a sealed segment repair can never succeed, and a single node may decide where the tail is.",
		Legal: "When the whole segment lies below the trim point and the metadata has not been cleaned up yet.",
		Fix: "Bring back the missing nodes if they are only down or disabled with their data intact. Otherwise replace an open tail with `restatectl logs reconfigure --log-id L`, " +
			"and let a snapshot cover a sealed segment: `restatectl snapshots create P --trim-log`. There is no supported tool for data that is really lost.",
		Evidence: []string{
			"restatedev/restate #4463 (1.6.2, {node: 2}), #2689",
			"restatedev/restate #3510: no tooling for recovery from data loss",
			"Restate 1.7.12 accepted a hand-patched {node: 5} over three nodes, sealed the segment by itself and left it in the chain",
		},
	},
	Run: func(pass *Pass) {
		short := func(placement *snapshots.Placement) bool { return len(placement.Verdict.Missing) > 0 }
		pass.Segments(computable(pass, short), func(log *snapshots.Log, i int) {
			placement := log.Segments[i].Placement
			var short, want []string
			for _, s := range placement.Verdict.Missing {
				short = append(short, plural(s.Have, s.Scope.String()))
				want = append(want, plural(s.Want, s.Scope.String()))
			}
			f := Finding{
				Subject:  SubjectSegment(log, i),
				Title:    fmt.Sprintf("%s: only %s where replication %v needs %s", segmentTitle(log, i), strings.Join(short, " and "), placement.Replication, strings.Join(want, " and ")),
				Nodeset:  placement.Verdict.Nodeset(),
				Observed: strings.Join(short, ", ") + " in the effective nodeset",
				Expected: "at least " + strings.Join(want, ", "),
				Why:      "records of this segment cannot have the copies they were promised, and repair can never succeed",
				At:       log.ReplicationAt(i),
				Remedy:   segmentRemedy(pass, log, i),
				Cause:    describe(placement.Verdict.Members, dropped),
			}
			if log.Open(i) {
				f.Why = "no record can be stored with the copies it was promised: the log does not take writes"
			}
			if placement.Distinct < placement.Replication.Copies() {
				f.Why += "; the nodeset never had enough nodes, so somebody edited the metadata"
			}
			for _, member := range placement.Verdict.Members {
				if dropped(member) {
					f.Related = append(f.Related, relatedNode(pass, member.Node)...)
				}
			}
			pass.ReportSegment(log, i, f)
		})
	},
}
