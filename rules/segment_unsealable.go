package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&segmentUnsealable)

var segmentUnsealable = Rule{
	ID:       "segment-unsealable",
	Severity: Error,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "too many nodes of a segment can never answer: it cannot be sealed, nor its tail be found",
	Doc: Doc{
		Checks: "Every replicated segment with at least one effective member: the members that can still answer must be an f-majority, that is, they must meet every possible write quorum. " +
			"Unknown nodes and those in `gone` or `data-loss` count as members and never answer; removed and disabled ones do not count. " +
			"Without an f-majority (class `none`) it is an **error** for an open tail and a **warning** for a sealed segment. " +
			"If at least all authoritative members answer (class `best-effort`) sealing goes on but the tail cannot be trusted: a **warning** for an open tail, a **note** for a sealed segment." + trimmedNote,
		Why: "Failover, reconfiguration, trimming and the removal of nodes all need an f-majority. Without one, `find-tail` hangs and the partition stays without a leader. " +
			"It is the trap of replication {node: 1}: a nodeset of two then needs both nodes.",
		Legal: "A sealed segment below the trim point needs no answers any more.",
		Fix:   "Bring back the listed nodes that are still registered with their data, then look with `restatectl logs find-tail L`.",
		Evidence: []string{
			"restatedev/restate-operator #195: with {node: 1} the f-majority of a nodeset of two is two, so the tail becomes undeterminable and writes stop",
			"restatedev/restate #2655, #2565, #3385, #3307, #4463",
		},
	},
	Run: func(pass *Pass) {
		unsealable := func(placement *snapshots.Placement) bool {
			return placement.Verdict.Effective > 0 && !placement.Verdict.Seal.Passed()
		}
		pass.Segments(computable(pass, unsealable), func(log *snapshots.Log, i int) {
			placement := log.Segments[i].Placement
			verdict := &placement.Verdict
			enough := func(back func(cluster.Member) bool) bool {
				return cluster.NewChecker(verdict.Members, placement.Replication).FMajority(func(member cluster.Member) bool {
					return answers(member) || back(member)
				}).Passed()
			}
			f := Finding{
				Subject:  SubjectSegment(log, i),
				Title:    fmt.Sprintf("%s: too few members can answer to seal it or to find its tail", segmentTitle(log, i)),
				Nodeset:  verdict.Nodeset(),
				Observed: fmt.Sprintf("f-majority %v: of %s only %s can answer", verdict.Seal, plural(verdict.Effective, "effective member"), names(verdict.Members, answers)),
				Expected: fmt.Sprintf("an f-majority for %v", placement.Replication),
				Why:      "the log cannot fail over, be reconfigured or trimmed past this segment",
				At:       log.ParamsAt(i),
				Remedy:   bringBack(verdict.Members, silent, enough),
				Cause:    describe(verdict.Members, silent),
			}
			if verdict.Unknown > 0 {
				f.Remedy = append(f.Remedy, recapture)
			}
			f.Remedy = append(f.Remedy, fmt.Sprintf("restatectl logs find-tail %d", log.ID))
			if !log.Open(i) {
				f.Severity = Warning
				f.Why = "readers that are in doubt about this segment wait, and it can be neither repaired nor trimmed"
			}
			if verdict.Seal == cluster.BestEffort {
				f.Title = fmt.Sprintf("%s: all trusted members can answer, but they are no f-majority", segmentTitle(log, i))
				f.Why = "sealing goes on, but the tail that is found may be too low: records can be missing"
				f.Severity = Warning
				if !log.Open(i) {
					f.Severity = Note
				}
			}
			for _, member := range verdict.Members {
				if silent(member) {
					f.Related = append(f.Related, relatedNode(pass, member.Node)...)
				}
			}
			pass.ReportSegment(log, i, f)
		})
	},
}
