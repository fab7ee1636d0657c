package analyze_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing/fstest"

	"pgregory.net/rapid"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A madeUp is a small cluster that a test makes up.
type madeUp struct {
	nodes      []madeUpNode
	logs       [][]madeUpSegment // the last segment of each is open
	replicas   [][]uint32        // of each partition
	frozen     []int             // the partitions whose elections are frozen; the first replica led last
	provider   string            // the default replication
	partitions string            // the default replication of partitions
}

type madeUpNode struct {
	id                        uint32
	removed                   bool
	unreadable                bool
	storage, worker, metadata string
	location                  string
	roles                     []string
}

type madeUpSegment struct {
	replication cluster.Replication
	nodeset     []uint32
}

// files are the documents of the cluster.
func (m *madeUp) files() fstest.MapFS {
	files := fstest.MapFS{}
	add := func(name, format string, args ...any) {
		files[name] = &fstest.MapFile{Data: fmt.Appendf(nil, format, args...)}
	}
	var nodes, logs []string
	for _, n := range m.nodes {
		if n.unreadable {
			nodes = append(nodes, fmt.Sprintf(`[%d,{"Member":{}}]`, n.id))
			continue
		}
		if n.removed {
			nodes = append(nodes, fmt.Sprintf(`[%d,"Tombstone"]`, n.id))
			continue
		}
		roles, _ := json.Marshal(n.roles)
		nodes = append(nodes, fmt.Sprintf(`[%d,{"Node":{"name":"n%[1]d","current_generation":[%[1]d,1],"address":"http://n%[1]d:5122/","roles":%[2]s,"location":%[3]q,"binary_version":"1.7.12",
 "log_server_config":{"storage_state":%[4]q},"worker_config":{"worker_state":%[5]q},"metadata_server_config":{"metadata_server_state":%[6]q}}}]`,
			n.id, roles, n.location, n.storage, n.worker, n.metadata))
	}
	add("nodes_config.json", `{"version":1,"cluster_name":"c","name_lookup":{},"nodes":[%s]}`, strings.Join(nodes, ",\n"))
	for log, chain := range m.logs {
		var segments []string
		for i, segment := range chain {
			replication := map[string]uint8{}
			for scope, factor := range map[string]uint8{"node": segment.replication.Node, "zone": segment.replication.Zone, "region": segment.replication.Region} {
				if factor > 0 {
					replication[scope] = factor
				}
			}
			params, _ := json.Marshal(map[string]any{
				"loglet_id": cluster.NewLogletID(cluster.LogID(log), cluster.SegmentIndex(i)), "sequencer": "N1:1", "replication": replication, "nodeset": segment.nodeset,
			})
			segments = append(segments, fmt.Sprintf(`[%d,{"index":%d,"kind":"replicated","params":%q}]`, 1+10*i, i, params))
		}
		logs = append([]string{fmt.Sprintf(`[%d,{"chain":[%s]}]`, log, strings.Join(segments, ","))}, logs...)
	}
	add("bifrost_config.json", `{"version":1,"config":{"default_provider":{"replicated":{"replication_property":%q,"target_nodeset_size":0}}},"logs":[%s]}`, m.provider, strings.Join(logs, ",\n"))
	var table []string
	for partition, replicas := range m.replicas {
		table = append(table, fmt.Sprintf(`[%d,{"key_range":{"start":%d,"end":%d}}]`, partition, partition, partition))
		set, _ := json.Marshal(replicas)
		policy := ""
		for _, frozen := range m.frozen {
			if frozen == partition {
				policy = `"leadership_policy":{"freeze":{"reason":"test"}},`
			}
		}
		add(fmt.Sprintf("pp_epoch_%d.json", partition), `{"version":3,"epoch":2,%s"leader_metadata":{"node_id":[%d,1],"partition_id":%d},"current":{"version":1,"replication":"{node: 2}","replica_set":%s},"next":null}`,
			policy, replicas[0], partition, set)
	}
	add("partition_table.json", `{"version":1,"num_partitions":%d,"partitions":[%s],"replication":{"limit":%q}}`, len(m.replicas), strings.Join(table, ","), m.partitions)
	return files
}

func (m *madeUp) snapshot(t interface{ Fatal(...any) }) *snapshots.Snapshot {
	files := m.files()
	var names []string
	for name := range files {
		names = append(names, name)
	}
	s, err := snapshots.Read("made up", files, names...)
	if err != nil && !slices.ContainsFunc(m.nodes, func(n madeUpNode) bool { return n.unreadable }) {
		t.Fatal(err)
	}
	return s
}

// drawCluster draws a cluster of up to 8 nodes in any state, with nodesets that also name removed and unknown ones.
func drawCluster(t *rapid.T) *madeUp {
	m := &madeUp{provider: "{node: 2}", partitions: "{node: 2}"}
	size := rapid.IntRange(1, 8).Draw(t, "nodes")
	for id := range uint32(size) {
		m.nodes = append(m.nodes, drawNode(t, id+1))
	}
	member := rapid.Uint32Range(1, uint32(size)+uint32(rapid.IntRange(0, 1).Draw(t, "unknown"))) // the id behind the last is unknown
	for range rapid.IntRange(1, 4).Draw(t, "logs") {
		var chain []madeUpSegment
		for range rapid.IntRange(1, 2).Draw(t, "segments") {
			r := cluster.Replication{Node: uint8(rapid.IntRange(1, 4).Draw(t, "copies"))}
			if rapid.Bool().Draw(t, "zones") {
				r.Zone = uint8(rapid.IntRange(1, int(r.Node)).Draw(t, "zone"))
			}
			if rapid.IntRange(0, 3).Draw(t, "regions") == 0 {
				r.Region = uint8(rapid.IntRange(1, int(max(1, min(r.Node, r.Zone)))).Draw(t, "region"))
			}
			nodeset := rapid.SliceOfNDistinct(member, 1, size, rapid.ID[uint32]).Draw(t, "nodeset")
			chain = append(chain, madeUpSegment{r, nodeset})
		}
		m.logs = append(m.logs, chain)
	}
	for partition := range rapid.IntRange(1, 3).Draw(t, "partitions") {
		m.replicas = append(m.replicas, rapid.SliceOfNDistinct(member, 1, size, rapid.ID[uint32]).Draw(t, "replicas"))
		if rapid.IntRange(0, 3).Draw(t, "frozen") == 0 {
			m.frozen = append(m.frozen, partition)
		}
	}
	return m
}

func drawNode(t *rapid.T, id uint32) madeUpNode {
	return madeUpNode{
		id:       id,
		removed:  rapid.IntRange(0, 9).Draw(t, "removed") == 0,
		storage:  rapid.SampledFrom([]string{"read-write", "read-write", "read-write", "read-write", "read-only", "gone", "data-loss", "provisioning", "disabled"}).Draw(t, "storage"),
		worker:   rapid.SampledFrom([]string{"active", "active", "draining", "disabled"}).Draw(t, "worker"),
		metadata: rapid.SampledFrom([]string{"member", "member", "standby"}).Draw(t, "metadata"),
		location: rapid.SampledFrom([]string{"r.a", "r.a", "r.b", "r.c", "s.a", "r", ""}).Draw(t, "location"),
		roles:    rapid.SampledFrom([][]string{{"worker", "log-server", "metadata-server"}, {"log-server", "metadata-server"}, {"worker"}}).Draw(t, "roles"),
	}
}
