package analyze_test

import (
	"testing"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// Whatever becomes of a rule, its outcome has its revision: accepted reports are compared by it.
func TestOutcomesHaveTheRevisionOfTheRule(t *testing.T) {
	snapshot, err := snapshots.Open("../snapshots/testdata/captures/removed-node-1.7.12/4-tombstone/metadata/nodes_config.json")
	if err != nil {
		t.Fatal(err)
	}
	made := func(id string, revision int, run func(*rules.Pass), needs ...snapshots.Kind) *rules.Rule {
		return &rules.Rule{ID: id, Severity: rules.Note, Revision: revision, Needs: needs, Run: run}
	}
	result := analyze.Check(snapshot, []*rules.Rule{
		made("crashes", 1, func(*rules.Pass) { panic("on purpose") }),
		made("first", 0, func(*rules.Pass) {}),
		made("lacks", 2, func(*rules.Pass) {}, snapshots.BifrostConfig),
		made("passes", 3, func(*rules.Pass) {}, snapshots.NodesConfig),
	})
	want := []analyze.State{analyze.Crashed, analyze.Passed, analyze.Undecided, analyze.Passed}
	for i, revision := range []int{1, 0, 2, 3} {
		if o := result.Outcomes[i]; o.Revision != revision || o.State != want[i] {
			t.Errorf("%s is %s with revision %d, want %s with %d", o.Rule, o.State, o.Revision, want[i], revision)
		}
	}
}
