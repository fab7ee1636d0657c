package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&captureLossyNumbers)

var captureLossyNumbers = Rule{
	ID:       "capture-lossy-numbers",
	Severity: Warning,
	Category: Capture,
	Summary:  "the large integers of a document were rounded on the way",
	Doc: Doc{
		Checks: "Integers beyond 2^53 (fingerprint, modification time, ends of key ranges, loglet ids): a number beyond 64 bits or with an exponent was certainly rounded; " +
			"a document is also taken as rounded when *every* large integer in it is just what a 64-bit float would print. One **warning** for each document.",
		Why:   "jq up to 1.6 and everything in JavaScript compute in 64-bit floats. Key ranges then seem to overlap or to leave holes, and fingerprints seem to differ, although the cluster is well.",
		Legal: "Never; but the cluster is not to blame.",
		Fix:   "Capture again and leave the output of `restatectl metadata get` as it is, or use jq 1.7 or newer.",
		Evidence: []string{
			"Restate: `cluster_fingerprint`, `modified_at` and `key_range` exceed 2^53 in every cluster",
			"jq 1.6 prints 18446744073709551615 as 18446744073709552000; jq 1.7 keeps the digits of numbers that it does not change",
		},
	},
	Run: func(pass *Pass) {
		var order []*snapshots.Document
		first := make(map[*snapshots.Document]snapshots.Oddity)
		count := make(map[*snapshots.Document]int)
		eachOddity(pass, func(oddity snapshots.Oddity, _ Subject) {
			if oddity.Kind != snapshots.RoundedNumber {
				return
			}
			if count[oddity.Document]++; count[oddity.Document] == 1 {
				order = append(order, oddity.Document)
				first[oddity.Document] = oddity
			} else if oddity.What < first[oddity.Document].What { // lists come in any order
				first[oddity.Document] = oddity
			}
		})
		pass.Finally(func() {
			for _, document := range order {
				oddity, key := first[document], document.Key()
				pass.Report(Finding{
					Subject:  Subject{Document: key},
					Title:    fmt.Sprintf("%s: %s rounded to what a 64-bit float can hold", key, was(count[document], "integer")),
					Observed: fmt.Sprintf("%s is %s", oddity.What, oddity.Value),
					Expected: "exact 64-bit integers",
					Why:      "the file went through jq 1.6 or older, or through JavaScript; findings about key ranges and fingerprints may be wrong",
					At:       oddity.At,
					Remedy:   []string{"restatectl metadata get -k " + key + " > " + key + ".json"},
				})
			}
		})
	},
}

func was(n int, noun string) string {
	if n == 1 {
		return plural(n, noun) + " was"
	}
	return plural(n, noun) + " were"
}
