package format_test

import (
	"bytes"
	"testing"

	"restate-lint/analyze/format"
	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// someRules are not in the registry, so that no change of a real rule matters here.
var someRules = []*rules.Rule{
	{
		ID:       "first-rule",
		Severity: rules.Error,
		Category: rules.Logs,
		Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
		Summary:  "something about a log is wrong",
		Options:  []rules.Option{{Name: "max-logs", Default: 50, Min: 1, Max: 1_000_000, Doc: "There may be so many logs before anything is reported."}},
		Doc: rules.Doc{
			Checks:   "Everything that there is to check about a log is checked by this rule, one **error** for each, so that this text is longer than a line.",
			Why:      "Because it matters.\n\nAnd because of `that`.",
			Legal:    "Never.",
			Fix:      "Run `restatectl logs describe`.",
			Evidence: []string{"restatedev/restate #1: a long story that needs more than one line to be told to somebody who reads it at three in the morning", "Restate 1.7.12"},
		},
	},
	{ID: "a-much-longer-rule-id", Severity: rules.Note, Category: rules.Metadata, Summary: "something else is wrong", Since: cluster.Release{Major: 1, Minor: 5}},
	{ID: "third", Severity: rules.Warning, Category: rules.Capture, Summary: "and this"},
}

func TestRulesAreListedAndExplained(t *testing.T) {
	var table, json, text, markdown bytes.Buffer
	if err := format.RuleTable(&table, format.Palette{}, someRules); err != nil {
		t.Fatal(err)
	}
	if err := format.RulesJSON(&json, format.Palette{}, someRules); err != nil {
		t.Fatal(err)
	}
	format.ExplainText(&text, format.Palette{}, someRules[0])
	format.ExplainMarkdown(&markdown, format.Palette{}, someRules[0])
	assertGolden(t, "rules.txt", table.Bytes())
	assertGolden(t, "rules.json", json.Bytes())
	assertGolden(t, "explain.txt", text.Bytes())
	assertGolden(t, "explain.md", markdown.Bytes())
}
