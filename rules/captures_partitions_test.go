package rules_test

import (
	"slices"
	"testing"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// onCapturedPartitions says what the rules about partitions, snapshots and services find in the captures of real clusters.
// Of errors and warnings they find nothing else, in any capture; notes are listed where they name what was done on purpose.
var onCapturedPartitions = map[string][]string{
	// partition 1 starts 1000 keys too early: no server can decode the table
	"patched-faults-1.7.12/02-partition_table-overlap": {"error key-range-overlap@partition/1"},
	// the leader of partition 2 never existed
	"patched-faults-1.7.12/12-pp_epoch-unknown-leader": {"warning capture-inconsistent@node/N9"},
	// partitions 0, 1 and 2 are frozen, and so is the leadership of partition 5; the pin of partition 3 is met
	"placement-policies-1.7.12/1-policies": {
		"note policy-dangling@partition/0/part/placement-freeze",
		"note policy-dangling@partition/5/part/leadership-freeze",
	},
	// log 1 was trimmed by hand up to LSN 2085, the latest snapshot goes up to 1948
	"snapshots-trim-1.7.12/3-trimmed-beyond-snapshot": {"error trim-gap@partition/1"},
}

func TestRulesFindWhatIsWrongWithRealPartitions(t *testing.T) {
	found, err := snapshots.Find("../snapshots/testdata/captures/...")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, capture := range found {
		names = append(names, capture.Name)
		t.Run(capture.Name, func(t *testing.T) {
			snapshot, err := capture.Read()
			if err != nil {
				t.Fatal(err)
			}
			result := analyze.Check(snapshot, rules.All())
			if err := result.Locate(); err != nil {
				t.Fatal(err)
			}
			want := onCapturedPartitions[capture.Name]
			var got []string
			for _, f := range result.Findings {
				line := f.Severity.String() + " " + f.Fingerprint
				got = append(got, line)
				category := rules.Find(f.Rule).Category
				if (category == rules.Partitions || category == rules.Services) && f.Severity != rules.Note && !slices.Contains(want, line) {
					t.Errorf("unexpected: %s: %s", line, f.Message())
				}
			}
			for _, line := range want {
				if !slices.Contains(got, line) {
					t.Errorf("not found: %s, but %q", line, got)
				}
			}
		})
	}
	for name := range onCapturedPartitions {
		if !slices.Contains(names, name) {
			t.Errorf("there is no capture %s", name)
		}
	}
}

// The trim gap is exact where log servers were captured, and a lower bound where nothing but the chain was.
func TestTrimGapIsExact(t *testing.T) {
	snapshot, err := snapshots.Open("../snapshots/testdata/captures/snapshots-trim-1.7.12/3-trimmed-beyond-snapshot")
	if err != nil {
		t.Fatal(err)
	}
	result := analyze.Check(snapshot, []*rules.Rule{rules.Find("trim-gap")})
	const want = "partition 1: 137 records were trimmed that the latest snapshot does not hold (LSN 1949 to 2085)"
	if len(result.Findings) != 1 || result.Findings[0].Title != want {
		t.Errorf("got %+v, want %q", result.Findings, want)
	}
	if archived := snapshot.Repository.Get(1).Archived(); archived != 963 {
		t.Errorf("archived LSN %d, want 963, the lowest of those that are retained", archived)
	}
}
