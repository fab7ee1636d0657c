package analyze_test

import (
	"testing"
	"testing/fstest"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// A store that was asked for the schema registry and has none is not the same as a registry that nobody captured.
func TestRulesAboutServicesDoNotApplyWhereNothingIsDeployed(t *testing.T) {
	nodes := &fstest.MapFile{Data: []byte(`{"version":1,"cluster_name":"c","name_lookup":{},"nodes":[]}`)}
	for _, test := range []struct {
		name  string
		files fstest.MapFS
		want  analyze.State
	}{
		{"null", fstest.MapFS{"nodes_config.json": nodes, "schema_registry.json": {Data: []byte("null\n")}}, analyze.NotApplicable},
		{"not captured", fstest.MapFS{"nodes_config.json": nodes}, analyze.Undecided},
	} {
		t.Run(test.name, func(t *testing.T) {
			var files []string
			for name := range test.files {
				files = append(files, name)
			}
			snapshot, err := snapshots.Read("c", test.files, files...)
			if err != nil {
				t.Fatal(err)
			}
			outcome := analyze.Check(snapshot, []*rules.Rule{rules.Find("deployment-unused")}).Outcomes[0]
			if outcome.State != test.want {
				t.Errorf("got %s, want %s", outcome.State, test.want)
			}
		})
	}
}
