package analyze_test

import (
	"fmt"
	"slices"
	"testing"

	"restate-lint/analyze"
	"restate-lint/internal/testcluster"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// The nodeset rules find every fault that was planted in a made-up cluster, and nothing else.
func TestPlantedReferencesAreFoundAndNothingElse(t *testing.T) {
	for _, c := range []testcluster.Cluster{
		{Seed: 1, Nodes: 12, Zones: 3, Logs: 200, Segments: 30, Members: 5, Unknown: 300},
		{Seed: 2, Nodes: 9, Removed: 3, Logs: 100, Segments: 40, Members: 7, Nodesets: 50, Unknown: 17},
		{Seed: 3, Nodes: 9, Removed: 2, Logs: 50, Segments: 20, Members: 4, SealedEvery: 3, Unknown: 40, Compact: true},
	} {
		t.Run(fmt.Sprintf("seed %d", c.Seed), func(t *testing.T) {
			dir := t.TempDir()
			writeCapture(t, dir, c)
			snapshot, err := snapshots.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			result := analyze.Check(snapshot, []*rules.Rule{rules.Find("nodeset-unknown-node"), rules.Find("nodeset-removed-node")})
			for rule, planted := range map[string][]testcluster.Reference{
				"nodeset-unknown-node": c.UnknownReferences(),
				"nodeset-removed-node": c.RemovedReferences(),
			} {
				var want, got []string
				for _, reference := range planted {
					want = append(want, fmt.Sprintf("%d/%d/N%d", reference.Log, reference.Segment, reference.Node))
				}
				for _, f := range result.Findings {
					if f.Rule == rule {
						var place int
						if _, err := fmt.Sscanf(f.Location.Pointer[len("/logs/"):], "%d/1/chain/%d/1/params", new(int), &place); err != nil {
							t.Fatal(err)
						}
						got = append(got, fmt.Sprintf("%d/%d/%s", *f.Subject.Log, place, f.Subject.Node))
					}
				}
				slices.Sort(want)
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("%s: %d findings, %d references were planted", rule, len(got), len(want))
				}
			}
		})
	}
}
