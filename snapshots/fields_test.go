package snapshots

import (
	"strings"
	"testing"
)

// Whoever reports a value points at the place where it stands.
func TestPositionsOfFields(t *testing.T) {
	nodes := `{"version":1,"cluster_name":"c","cluster_fingerprint":7,"features":["f"],"name_lookup":{"a":1},"nodes":[
 [1,{"Node":{"name":"a","address":"http://a:5122/","current_generation":[1,2],"roles":["admin"],"location":"eu.a",
  "log_server_config":{"storage_state":"read-only"},"worker_config":{"worker_state":"draining"},
  "metadata_server_config":{"metadata_server_state":"standby"},"binary_version":"1.7.12"}}],
 [2,{"Node":{"name":"b","current_generation":[2,1]}}],
 [3,"Tombstone"]]}`
	table := `{"version":1,"num_partitions":0,"partitions":[],"replication":{"limit":"{zone: 2}"}}`
	epoch := `{"version":3,"leader_metadata":{"node_id":[1,2],"partition_id":4},"current":{"version":1,"replication":"{node: 2}","replica_set":[1,2]},
 "next":{"version":2},"placement_policy":{"freeze":{"reason":"hardware swap"}}}`
	s, err := read(map[string]string{"nodes": nodes, "table": table, "epoch": epoch})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"nodes": nodes, "table": table, "epoch": epoch}
	a, b, removed := s.Nodes.Get(1), s.Nodes.Get(2), s.Nodes.Get(3)
	e := s.Epoch(4)
	for _, place := range []struct {
		at      Position
		pointer string
		text    string // what stands there
	}{
		{s.Nodes.FingerprintAt, "/cluster_fingerprint", "7"},
		{s.Nodes.FeaturesAt, "/features", `["f"]`},
		{s.Nodes.NameLookup[0].At, "/name_lookup/a", "1"},
		{a.At, "/nodes/0/1", `{"Node":`},
		{a.NameAt, "/nodes/0/1/Node/name", `"a"`},
		{a.GenerationAt, "/nodes/0/1/Node/current_generation", "[1,2]"},
		{a.AddressAt, "/nodes/0/1/Node/address", `"http://a:5122/"`},
		{a.RolesAt, "/nodes/0/1/Node/roles", `["admin"]`},
		{a.LocationAt, "/nodes/0/1/Node/location", `"eu.a"`},
		{a.StorageAt, "/nodes/0/1/Node/log_server_config/storage_state", `"read-only"`},
		{a.WorkerAt, "/nodes/0/1/Node/worker_config/worker_state", `"draining"`},
		{a.MetadataAt, "/nodes/0/1/Node/metadata_server_config/metadata_server_state", `"standby"`},
		{a.ReleaseAt, "/nodes/0/1/Node/binary_version", `"1.7.12"`},

		// What is left out is the entry.
		{b.AddressAt, "/nodes/1/1", `{"Node":`},
		{b.RolesAt, "/nodes/1/1", `{"Node":`},
		{b.LocationAt, "/nodes/1/1", `{"Node":`},
		{b.StorageAt, "/nodes/1/1", `{"Node":`},
		{b.WorkerAt, "/nodes/1/1", `{"Node":`},
		{b.MetadataAt, "/nodes/1/1", `{"Node":`},
		{b.ReleaseAt, "/nodes/1/1", `{"Node":`},
		{removed.StorageAt, "/nodes/2/1", `"Tombstone"`},

		{s.Partitions.ReplicationAt, "/replication/limit", `"{zone: 2}"`},
		{e.Leader.At, "/leader_metadata/node_id", "[1,2]"},
		{e.Current.At, "/current/replica_set", "[1,2]"},
		{e.Current.ReplicationAt, "/current/replication", `"{node: 2}"`},
		{e.Next.At, "/next", `{"version":2}`},
		{e.Next.ReplicationAt, "/next", `{"version":2}`},
		{e.PlacementFreeze.At, "/placement_policy/freeze", `{"reason":`},
	} {
		if place.at.Pointer != place.pointer {
			t.Errorf("pointer %s, want %s", place.at.Pointer, place.pointer)
		}
		if rest := texts[place.at.Source.Name][place.at.Offset:]; !strings.HasPrefix(rest, place.text) {
			t.Errorf("%s: at byte %d stands %.20q, want %q", place.pointer, place.at.Offset, rest, place.text)
		}
	}
}

func TestPositionsOfWhatADocumentLeavesOut(t *testing.T) {
	s, err := read(map[string]string{
		"nodes": `{"version":1,"cluster_name":"c","name_lookup":{},"nodes":[]}`,
		"table": `{"version":1,"num_partitions":0,"partitions":[]}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []Position{s.Nodes.FingerprintAt, s.Nodes.FeaturesAt, s.Partitions.ReplicationAt} {
		if at.Source == nil || at.Offset != 0 || at.Pointer != "" {
			t.Errorf("%+v, want the document", at)
		}
	}
}

func TestPlacementFreeze(t *testing.T) {
	for policy, want := range map[string]*Freeze{
		`{"freeze":{"reason":"hardware swap"}}`: {Reason: "hardware swap"},
		`{"freeze":{}}`:                         {},
		`{"freeze":null}`:                       nil,
		`{}`:                                    nil,
		`null`:                                  nil,
		`"frozen"`:                              nil,
	} {
		s, err := read(map[string]string{"epoch": `{"version":1,"leader_metadata":{"node_id":[1,1],"partition_id":0},"next":null,"placement_policy":` + policy + `}`})
		if err != nil {
			t.Fatal(err)
		}
		got := s.Epoch(0).PlacementFreeze
		if (got == nil) != (want == nil) || got != nil && got.Reason != want.Reason {
			t.Errorf("%s: got %+v, want %+v", policy, got, want)
		}
	}
}
