package rules_test

import (
	"slices"
	"strings"
	"testing"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

const captures = "../snapshots/testdata/captures"

// onCaptures says which rules find something in the captures of real clusters. Of errors and warnings nothing else may be
// found: a capture without a line is healthy as far as its metadata shows, or has a fault that no rule is about yet. Notes
// are listed only where they name what is wrong, or what its owner did on purpose.
var onCaptures = map[string][]string{
	"etcd-backend-1.7.12/1-healthy": {"note metadata-quorum"},
	"healthy-3node-1.6.2":           {"note advertised-address-unreachable"},
	"healthy-3node-1.7.12":          {"note advertised-address-unreachable"},
	// log replication 5 on three log servers: a total outage within 10 s
	"impossible-replication-1.7.12/1-after-config-set": {"error replication-unsatisfiable", "warning chain-sealed"},
	// the range of partition 1 begins 1000 keys too early in the store
	"patched-faults-1.7.12/02-partition_table-overlap": {"error key-range-overlap"},
	// a log that was removed and created anew: its partition is ahead of it
	"patched-faults-1.7.12/05-bifrost-log3-missing": {"warning chain-sealed"},
	// a sealed segment with replication 5 over a nodeset of three
	"patched-faults-1.7.12/06-bifrost-replication-unsatisfiable": {"error segment-under-replicated"},
	"patched-faults-1.7.12/09-bifrost-bad-index":                 {"error chain-corrupt"},
	"patched-faults-1.7.12/10-bifrost-params-not-json":           {"error chain-corrupt"},
	"patched-faults-1.7.12/12-pp_epoch-unknown-leader":           {"warning capture-inconsistent"},
	"patched-faults-1.7.12/14-nodes_config-name_lookup":          {"error name-lookup-mismatch"},
	// partition 0 is frozen with one replica, partition 1 with three, where two are configured
	"placement-policies-1.7.12/1-policies": {"warning replication-drift", "note replication-drift"},
	"removed-node-1.7.12/0-before":         nil,
	"removed-node-1.7.12/1-read-only":      {"note drain-incomplete"},
	"removed-node-1.7.12/2-gone":           {"warning log-server-gone"},
	"removed-node-1.7.12/3-disabled":       {"warning nodeset-disabled-node", "note log-server-state-role-mismatch"},
	"removed-node-1.7.12/4-tombstone":      {"error removed-too-early", "warning nodeset-removed-node"},
	"sealed-chain-1.7.12/1-sealed-at-once": {"warning chain-sealed"},
	// N3 disabled and N2 draining as workers: one is left for two replicas
	"sealed-chain-1.7.12/5-not-enough-workers":   {"error replication-unsatisfiable", "warning drain-incomplete", "note drain-incomplete"},
	"service-load-1.7.12":                        nil,
	"single-node-default-1.5.3/idle":             nil,
	"single-node-default-1.7.12/idle":            nil,
	"snapshots-trim-1.7.12/2-snapshots-and-trim": nil,
	// log 1 was trimmed by hand beyond the newest snapshot
	"snapshots-trim-1.7.12/3-trimmed-beyond-snapshot":        {"error trim-gap"},
	"storage-dataloss-1.7.12/3-data-loss-state":              {"error log-server-data-loss", "note log-single-failure-domain"},
	"unknown-node-1.7.12/a-sealed-segment":                   {"warning nodeset-unknown-node"},
	"unknown-node-1.7.12/b-tail-segment":                     {"warning nodeset-unknown-node"},
	"upgrade-3node-1.5.3-to-1.7.12/1-on-1.5.3":               nil,
	"upgrade-3node-1.5.3-to-1.7.12/5-on-1.7.12":              nil,
	"upgrade-3node-1.5.3-to-1.7.12/3-on-1.6.2":               nil,
	"upgrade-single-local-1.5.3-to-1.7.12/1-on-1.5.3":        {"note non-replicated-loglet-in-cluster"},
	"upgrade-single-local-1.5.3-to-1.7.12/4-mixed-providers": {"warning non-replicated-loglet-in-cluster"},
	"zone-aware-1.7.12/0-healthy":                            nil,
	// two logs were reconfigured with less than the default, one with as much
	"zone-aware-1.7.12/1-reconfigured": {"warning replication-drift", "note replication-drift"},
	// replication over more nodes and regions than there are; a log is sealed
	"zone-aware-1.7.12/4-impossible-replication": {"error replication-unsatisfiable", "warning chain-sealed"},
}

func TestRulesFindWhatIsWrongWithRealClustersAndNothingElse(t *testing.T) {
	found, err := snapshots.Find(captures + "/...")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, capture := range found {
		names = append(names, capture.Name)
		t.Run(capture.Name, func(t *testing.T) {
			want, listed := onCaptures[capture.Name]
			if !listed {
				t.Fatal("the capture is not in the table")
			}
			snapshot, err := capture.Read()
			if err != nil {
				t.Fatal(err)
			}
			result := analyze.Check(snapshot, rules.All())
			if err := result.Locate(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range result.Findings {
				complete(t, f)
				line := f.Severity.String() + " " + f.Rule
				if !slices.Contains(got, line) {
					got = append(got, line)
				}
				if f.Severity != rules.Note && !slices.Contains(want, line) {
					t.Errorf("unexpected: %s: %s", line, f.Message())
				}
			}
			for _, line := range want {
				if !slices.Contains(got, line) {
					t.Errorf("not found: %s", line)
				}
			}
			for _, outcome := range result.Outcomes {
				if outcome.State == analyze.Crashed {
					t.Errorf("%s crashed: %s", outcome.Rule, outcome.Crash)
				}
			}
		})
	}
	for name := range onCaptures {
		if !slices.Contains(names, name) {
			t.Errorf("there is no capture %s", name)
		}
	}
}

// A cluster on one loopback host gets one note about it, whatever the number of nodes.
func TestOneMachineIsOneNote(t *testing.T) {
	snapshot, err := snapshots.Open(captures + "/zone-aware-1.7.12/0-healthy")
	if err != nil {
		t.Fatal(err)
	}
	result := analyze.Check(snapshot, rules.All())
	if len(result.Findings) != 1 || !strings.HasPrefix(result.Findings[0].Fingerprint, "advertised-address-unreachable@") {
		t.Errorf("got %d findings, want one note: %+v", len(result.Findings), result.Findings)
	}
}
