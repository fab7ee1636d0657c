package rules

import (
	"strings"

	"restate-lint/snapshots"
)

var _ = register(&metadataValuesInvalid)

var metadataValuesInvalid = Rule{
	ID:       "metadata-values-invalid",
	Severity: Error,
	Category: Metadata,
	Summary:  "a document has a value that Restate cannot have written",
	Doc: Doc{
		Checks: "Values that are missing though required, of the wrong type, out of range or otherwise impossible, such as version 0 or more than 65,536 partitions: an **error** each. " +
			"A spelling of a role, a state or a kind that is not known is a **warning**: perhaps a newer Restate wrote it. Reading goes on behind such a value, and other rules judge the rest.",
		Why:   "Servers decode whole documents: an unknown spelling or an impossible value makes the document unreadable for them. They go on with an older version from memory until they restart.",
		Legal: "An unknown spelling, when the cluster runs a release newer than this tool.",
		Fix:   "If the cluster runs a newer Restate, use a newer restate-lint. Otherwise capture again with `restatectl metadata get`; if the value stays, the metadata was edited: restore it together with Restate's developers.",
		Evidence: []string{
			"Restate 1.7: readers ignore unknown fields and fail on unknown spellings, while `restatectl metadata get` prints both",
			"restatedev/restate #3728: stores corrupted by a manual change",
		},
	},
	Run: func(pass *Pass) {
		eachOddity(pass, func(oddity snapshots.Oddity, subject Subject) {
			f := Finding{
				Subject:  subject,
				Observed: oddity.Value,
				Expected: oddity.Want,
				At:       oddity.At,
			}
			what := subject.Document + ": " + oddity.What
			switch oddity.Kind {
			case snapshots.InvalidValue:
				f.Title = what + " is " + oddity.Value + ", not " + oddity.Want
				f.Why = "a server that reads this document fails on it"
				f.Remedy = []string{captureAgain(oddity.Document), untilRepaired("any node")}
			case snapshots.UnknownValue:
				f.Severity = Warning
				f.Title = what + " is " + oddity.Value + ", which is not known"
				f.Why = "a newer Restate may have written it; releases that do not know it cannot read the document, and rules that depend on it take the best case"
				f.Remedy = []string{"check with a newer restate-lint, if the cluster runs a newer Restate", captureAgain(oddity.Document)}
			default:
				return
			}
			pass.Report(f)
		})
	},
}

// eachOddity calls report for every odd value of the documents that were captured. What could not be read of one may
// be as odd: without a finding the rule is undecided then.
func eachOddity(pass *Pass, report func(oddity snapshots.Oddity, subject Subject)) {
	for _, document := range pass.Snapshot.Documents {
		if !document.Complete && document.Kind != snapshots.BifrostConfig { // reading the logs tells about those
			pass.Lacks(document.Kind)
		}
	}
	for _, oddity := range pass.Snapshot.Oddities {
		report(oddity, oddSubject(oddity))
	}
	pass.Logs(func(log *snapshots.Log) {
		for _, oddity := range log.Oddities {
			subject := oddSubject(oddity)
			subject.Log = SubjectLog(log).Log
			report(oddity, subject)
		}
	})
}

// oddSubject names an odd value by what it is, not by where it stands: lists come in any order.
func oddSubject(oddity snapshots.Oddity) Subject {
	return Subject{Document: oddity.Document.Key(), Part: strings.ReplaceAll(oddity.What, " ", "-")}
}
