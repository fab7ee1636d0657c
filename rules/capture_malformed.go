package rules

import (
	"restate-lint/snapshots"
)

var _ = register(&captureMalformed)

var captureMalformed = Rule{
	ID:       "capture-malformed",
	Severity: Warning,
	Category: Capture,
	Summary:  "a document is not as restatectl prints it",
	Doc: Doc{
		Checks: "Duplicate keys in an object (the first value is used), raw control characters in a string, text that is not UTF-8, and other text before a document: one **warning** for each place.",
		Why: "`restatectl metadata get` prints clean JSON. Whatever is not came from something else: a file put together or edited by hand, a damaged copy, or standard error captured into the same file. " +
			"Other tools may read such a document differently.",
		Legal: "Log lines before a document, when standard error went to the same file.",
		Fix:   "Capture again, standard output alone: `restatectl metadata get -k KEY > KEY.json`.",
		Evidence: []string{
			"Restate 1.7.12: standard error of restatectl carries colour codes even when it is no terminal",
			"RFC 8259: names within an object should be unique; control characters must be escaped",
		},
	},
	Run: func(pass *Pass) {
		titles := map[snapshots.OddityKind]string{
			snapshots.DuplicateKey:     "the same key twice",
			snapshots.ControlCharacter: "a raw control character in a string",
			snapshots.InvalidUTF8:      "text that is not UTF-8",
			snapshots.ForeignText:      "other text before the document",
		}
		eachOddity(pass, func(oddity snapshots.Oddity, subject Subject) {
			title, ok := titles[oddity.Kind]
			if !ok {
				return
			}
			f := Finding{
				Subject:  subject,
				Title:    subject.Document + ": " + title,
				Observed: oddity.Value,
				Expected: oddity.Want,
				Why:      "restatectl prints no such text: the file was edited, put together or damaged",
				At:       oddity.At,
				Remedy:   []string{captureAgain(oddity.Document)},
			}
			if oddity.Kind == snapshots.ForeignText {
				f.Expected = "the document alone"
			}
			if oddity.Kind == snapshots.DuplicateKey {
				f.Title += ": " + oddity.Value
				f.Expected = "every key once"
				f.Why += "; the first value is used, other tools may use the last"
			}
			pass.Report(f)
		})
	},
}

// captureAgain is the command that captures a document.
func captureAgain(d *snapshots.Document) string {
	if table, ok := d.Kind.Table(); ok {
		return "restatectl sql --json 'SELECT * FROM " + table + "' > sql-" + table + ".json"
	}
	return "restatectl metadata get -k " + d.Key() + " > " + d.Key() + ".json"
}
