package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&segmentNoReadableNode)

var segmentNoReadableNode = Rule{
	ID:       "segment-no-readable-node",
	Severity: Error,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "all nodes of a segment were removed or disabled: nothing can read it",
	Doc: Doc{
		Checks: "Replicated segments whose nodeset is not empty but has only removed and disabled nodes. One **error** for each segment." + trimmedNote,
		Why: "The effective nodeset is empty. Reads fail for good, and the segment's trim point is reported as the highest possible one: Restate *assumes that everything was trimmed*. " +
			"If it was not, the records are lost in silence.",
		Legal: "When the history was really trimmed, or a partition snapshot covers it and no reader needs it.",
		Fix:   "If a node of the nodeset still has its data, disabled or not, bring it back before anything else. Otherwise make sure that a snapshot covers the segment and trim: `restatectl snapshots create P --trim-log`.",
		Evidence: []string{
			"Restate 1.2 to 1.7: with an empty effective nodeset the trim point is the maximum offset and reading fails",
			"restatedev/restate #4463",
		},
	},
	Run: func(pass *Pass) {
		empty := func(placement *snapshots.Placement) bool {
			return len(placement.Nodeset) > 0 && placement.Verdict.Effective == 0
		}
		pass.Segments(empty, func(log *snapshots.Log, i int) {
			placement := log.Segments[i].Placement
			f := Finding{
				Subject:  SubjectSegment(log, i),
				Title:    fmt.Sprintf("%s: no node of the nodeset is left", segmentTitle(log, i)),
				Nodeset:  placement.Verdict.Nodeset(),
				Observed: "an empty effective nodeset",
				Expected: "at least one node that can be read",
				Why:      "reads fail for good, and Restate takes everything in this segment as trimmed",
				At:       log.ParamsAt(i),
				Remedy:   segmentRemedy(pass, log, i),
				Cause:    describe(placement.Verdict.Members, dropped),
			}
			for _, member := range placement.Verdict.Members {
				f.Related = append(f.Related, relatedNode(pass, member.Node)...)
			}
			pass.ReportSegment(log, i, f)
		})
	},
}
