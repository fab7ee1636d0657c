package format_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var everything = analyze.View{Nodes: true, Logs: true, Partitions: true}

func describe(t *testing.T, s *snapshots.Snapshot, view analyze.View) *analyze.Description {
	t.Helper()
	d, err := analyze.Describe("1.2.3", s, view)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func describeText(t *testing.T, text format.Text, s *snapshots.Snapshot, view analyze.View) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := text.Describe(&out, describe(t, s, view)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// open reads the metadata of a capture, or one document of it.
func open(t *testing.T, capture string) *snapshots.Snapshot {
	t.Helper()
	if filepath.Ext(capture) != ".json" {
		capture += "/metadata"
	}
	s, err := snapshots.Open(filepath.FromSlash(captures + capture))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func viewLog(id cluster.LogID) analyze.View { return analyze.View{Log: &id} }

func viewLoglet(log cluster.LogID, index cluster.SegmentIndex) analyze.View {
	id := cluster.NewLogletID(log, index)
	return analyze.View{Loglet: &id}
}

func TestDescribe(t *testing.T) {
	tests := []struct {
		golden, capture string
		view            analyze.View
	}{
		{"describe-unknown-node.txt", "unknown-node-1.7.12/b-tail-segment", everything},
		{"describe-removed-node.txt", "removed-node-1.7.12/4-tombstone", everything},
		{"describe-zones.txt", "zone-aware-1.7.12/4-impossible-replication", everything},
		{"describe-local.txt", "upgrade-single-local-1.5.3-to-1.7.12/4-mixed-providers", everything},
		{"describe-params-not-json.txt", "patched-faults-1.7.12/10-bifrost-params-not-json", viewLog(0)},
		{"describe-log-removed-node.txt", "removed-node-1.7.12/4-tombstone", viewLog(3)},
		{"describe-log-sealed.txt", "zone-aware-1.7.12/4-impossible-replication", viewLog(2)},
		{"describe-loglet-unknown-node.txt", "unknown-node-1.7.12/b-tail-segment", viewLoglet(1, 2)},
		{"describe-loglet-removed-node.txt", "removed-node-1.7.12/4-tombstone", viewLoglet(3, 5)},
		{"describe-loglet-data-loss.txt", "storage-dataloss-1.7.12/3-data-loss-state", viewLoglet(0, 0)},
		{"describe-loglet-unsatisfiable.txt", "patched-faults-1.7.12/06-bifrost-replication-unsatisfiable", viewLoglet(0, 2)},
	}
	for _, test := range tests {
		t.Run(test.golden, func(t *testing.T) {
			assertGolden(t, test.golden, describeText(t, format.Text{}, open(t, test.capture), test.view))
		})
	}
}

// sequencers has a segment for everything that a sequencer may be, and loglets that are no replicated ones.
const sequencers = `{"version": 3, "logs": [[0, {"chain": [
  [1, {"index": 0, "kind": "replicated", "params": "{\"loglet_id\":0,\"sequencer\":\"N1:2\",\"replication\":{\"node\":2},\"nodeset\":[1,3]}"}],
  [5, {"index": 1, "kind": "replicated", "params": "{\"loglet_id\":1,\"sequencer\":\"N1:1\",\"replication\":{\"node\":2},\"nodeset\":[1,3]}"}],
  [5, {"index": 2, "kind": "replicated", "params": "{\"loglet_id\":2,\"sequencer\":\"N1:9\",\"replication\":{\"node\":2},\"nodeset\":[1,3]}"}],
  [7, {"index": 3, "kind": "replicated", "params": "{\"loglet_id\":3,\"sequencer\":\"N4:1\",\"replication\":{\"node\":2},\"nodeset\":[4,4]}"}],
  [8, {"index": 4, "kind": "replicated", "params": "{\"loglet_id\":4,\"sequencer\":\"N7:1\",\"replication\":{\"node\":2},\"nodeset\":[7,8]}"}],
  [9, {"index": 5, "kind": "local", "params": "1234567890123456789"}],
  [10, {"index": 6, "kind": "from-the-future", "params": "?"}],
  [11, {"index": 7, "kind": "replicated", "params": "{"}],
  [12, {"index": 7, "kind": "sealed", "params": "{\"permanent_seal\":false,\"context\":{}}"}]
]}], [1, {"chain": []}]]}
`

func TestDescribeOfEverySequencerAndKind(t *testing.T) {
	s, err := snapshots.Read("small", fstest.MapFS{"n": {Data: []byte(nodesConfig)}, "b": {Data: []byte(sequencers)}}, "n", "b")
	if err != nil {
		t.Fatal(err)
	}
	text := describeText(t, format.Text{}, s, viewLog(0))
	for index := range cluster.SegmentIndex(5) {
		text = append(text, describeText(t, format.Text{}, s, viewLoglet(0, index))...)
	}
	local, undecodable := cluster.LogletID(1234567890123456789), cluster.NewLogletID(0, 7)
	text = append(text, describeText(t, format.Text{}, s, analyze.View{Loglet: &local})...)
	text = append(text, describeText(t, format.Text{}, s, analyze.View{Loglet: &undecodable})...)
	text = append(text, describeText(t, format.Text{}, s, analyze.View{Logs: true, Nodes: true})...)
	assertGolden(t, "describe-sequencers.txt", text)
}

func TestDescribeWithoutANodesConfigurationJudgesNobody(t *testing.T) {
	s, err := snapshots.Read("small", fstest.MapFS{"b": {Data: []byte(sequencers)}}, "b")
	if err != nil {
		t.Fatal(err)
	}
	text := describeText(t, format.Text{}, s, everything)
	text = append(text, describeText(t, format.Text{}, s, viewLoglet(0, 3))...)
	assertGolden(t, "describe-without-nodes.txt", text)
}

func TestDescribeOfABigClusterIsCut(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"version": 3, "logs": [`)
	for log := range 500 {
		fmt.Fprintf(&b, `%s[%d, {"chain": [`, [2]string{"", ","}[min(log, 1)], log)
		for segment := range 100 {
			id := uint64(log)<<32 | uint64(segment)
			fmt.Fprintf(&b, `%s[%d, {"index": %d, "kind": "replicated", "params": "{\"loglet_id\":%d,\"sequencer\":\"N1:2\",\"replication\":{\"node\":2},\"nodeset\":[1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]}"}]`,
				[2]string{"", ","}[min(segment, 1)], 1+segment, segment, id)
		}
		b.WriteString(`]}]`)
	}
	b.WriteString(`]}`)
	s, err := snapshots.Read("big", fstest.MapFS{"n": {Data: []byte(nodesConfig)}, "b": {Data: []byte(b.String())}}, "n", "b")
	if err != nil {
		t.Fatal(err)
	}
	assertGolden(t, "describe-big.txt", append(describeText(t, format.Text{}, s, everything), describeText(t, format.Text{}, s, viewLog(7))...))
	all := describeText(t, format.Text{All: true}, s, everything)
	if n := bytes.Count(all, []byte("replicated  ")); n != 500 {
		t.Errorf("with All, %d of 500 logs are shown", n)
	}
}

func TestDescribeSaysWhatIsNotThere(t *testing.T) {
	log := cluster.LogID(9)
	tests := []struct {
		s    *snapshots.Snapshot
		view analyze.View
		want string
	}{
		{open(t, "removed-node-1.7.12/4-tombstone"), analyze.View{Log: &log}, "log 9 is not in the snapshot, which has 4 logs"},
		{open(t, "removed-node-1.7.12/4-tombstone"), viewLoglet(0, 1), "loglet 0_1 is not in the snapshot: log 0 has 0_0, 0_8, 0_9"},
		{open(t, "removed-node-1.7.12/4-tombstone/metadata/nodes_config.json"), viewLoglet(0, 1), "loglet 0_1: no bifrost_config was captured"},
	}
	for _, test := range tests {
		if _, err := analyze.Describe("1", test.s, test.view); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestDescribeOfHostileTextDoesNoHarm(t *testing.T) {
	d := describe(t, open(t, "unknown-node-1.7.12/b-tail-segment"), everything)
	log, loglet := describe(t, open(t, "unknown-node-1.7.12/b-tail-segment"), viewLog(1)), describe(t, open(t, "unknown-node-1.7.12/b-tail-segment"), viewLoglet(1, 2))
	d.Log, d.Loglet = log.Log, loglet.Loglet
	d.ClusterName = hostile
	d.Nodes[0].Name, d.Nodes[0].Address, d.Nodes[0].Location, d.Nodes[0].StorageState = hostile, hostile, hostile, hostile
	d.Nodes[0].WorkerState, d.Nodes[0].MetadataState, d.Nodes[0].Roles, d.Nodes[0].Release = hostile, hostile, []string{hostile}, hostile
	d.Logs[0].Tail.Kind, d.Logs[0].Tail.Defect, d.Logs[0].Tail.Replication = hostile, hostile, hostile
	d.Log.Chain[0].Kind, d.Log.Chain[0].Defect = hostile, hostile
	d.Loglet.Kind, d.Loglet.Defect, d.Loglet.Replication = hostile, hostile, hostile
	d.Loglet.Nodeset[0].Name, d.Loglet.Nodeset[0].Label, d.Loglet.Nodeset[0].Location = hostile, hostile, hostile
	d.Partitions[0].Replication, d.Partitions[0].ReplicaSet[0].Label = hostile, hostile
	var text, json bytes.Buffer
	if err := (format.Text{}).Describe(&text, d); err != nil {
		t.Fatal(err)
	}
	harmless(t, text.Bytes())
	if err := format.DescribeJSON(&json, d); err != nil {
		t.Fatal(err)
	}
	harmless(t, json.Bytes())
}

func TestDescriptionOfEveryCaptureFollowsItsSchema(t *testing.T) {
	schema := compile(t, format.DescriptionSchema)
	eachCapture(t, func(t *testing.T, s *snapshots.Snapshot) {
		views := []analyze.View{everything, {}}
		s.Logs.Each(func(log *snapshots.Log) {
			views = append(views, viewLog(log.ID))
			for i := range log.Segments {
				if log.Segments[i].Placement != nil {
					id := log.Segments[i].Loglet
					views = append(views, analyze.View{Loglet: &id})
				}
			}
		})
		for _, view := range views {
			d := describe(t, s, view)
			if err := d.Hash(); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := format.DescribeJSON(&out, d); err != nil {
				t.Fatal(err)
			}
			validate(t, schema, out.Bytes())
		}
	})
}

func TestDescriptionOfStoresFollowsItsSchema(t *testing.T) {
	schema := compile(t, format.DescriptionSchema)
	for _, store := range []string{"datadir/testdata/killed-cluster", "rocksdb/testdata/log-server-killed", "rocksdb/testdata/raft-crash", "etcd/testdata/killed.tar.gz", "objects/testdata/bucket"} {
		s, err := snapshots.Open("../../snapshots/stores/" + store)
		if s == nil {
			t.Fatal(store, err)
		}
		d := describe(t, s, analyze.View{Documents: true})
		if err := d.Hash(); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := format.DescribeJSON(&out, d); err != nil || len(d.Stores) == 0 {
			t.Fatal(store, err)
		}
		validate(t, schema, out.Bytes())
	}
}

func TestDescribeJSON(t *testing.T) {
	var out bytes.Buffer
	if err := format.DescribeJSON(&out, describe(t, open(t, "unknown-node-1.7.12/b-tail-segment"), viewLoglet(1, 2))); err != nil {
		t.Fatal(err)
	}
	assertGolden(t, "describe-loglet.json", out.Bytes())
}
