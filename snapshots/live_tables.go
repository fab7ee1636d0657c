package snapshots

import (
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// A table is one that `restatectl sql` prints and a Live keeps something of. Columns came and went over the releases, and
// a column that is null is left out of its row, so a table is told by any of a few columns that no other table has.
type table struct {
	kind Kind
	// keys must all be in a row, and one of the marks, but none of without.
	keys, marks, without []string
	// version says that only a version is kept of the table.
	version bool
	// add takes over a row. It reports whether the row says what it is about.
	add func(*Live, *cells) bool
}

var tables = []table{
	{
		kind:    LiveNodes,
		keys:    []string{"plain_node_id"},
		marks:   []string{"has_worker_role", "has_log_server_role", "has_admin_role", "nodes_configuration_version", "state", "status"},
		without: []string{"log_id", "loglet_id", "partition_id"},
		add:     (*Live).addNode,
	},
	{
		kind:  LiveProcessors,
		keys:  []string{"partition_id", "plain_node_id"},
		marks: []string{"effective_mode", "replay_status", "applied_log_lsn", "broken_reason"},
		add:   (*Live).addProcessor,
	},
	{
		kind:  LiveReplicaSets,
		keys:  []string{"partition_id", "plain_node_id"},
		marks: []string{"membership", "membership_version"},
		add:   (*Live).addReplica,
	},
	{
		kind:  LiveLoglets,
		keys:  []string{"plain_node_id", "loglet_id"},
		marks: []string{"trim_point", "local_tail", "known_global_tail"},
		add:   (*Live).addLogletWorker,
	},
	{
		kind:  LiveConfig,
		keys:  []string{"plain_node_id", "key", "value"},
		marks: []string{"gen_node_id"},
		add:   (*Live).addSetting,
	},
	{
		kind:    LiveLogs,
		version: true,
		keys:    []string{"log_id"},
		marks:   []string{"logs_metadata_version", "base_lsn"},
		add: func(l *Live, c *cells) bool {
			return l.addView(BifrostConfig, c, "logs_metadata_version", "metadata_ver")
		},
	},
	{
		kind:    LivePartitions,
		version: true,
		keys:    []string{"partition_id"},
		marks:   []string{"partition_table_version", "start_key"},
		add: func(l *Live, c *cells) bool {
			return l.addView(PartitionTable, c, "partition_table_version", "metadata_ver")
		},
	},
}

// rowColumn reports whether a column may come first in a row, but for "replication": see rowNext. No document of metadata
// starts with one of them.
func rowColumn(name []byte) bool {
	switch string(name) {
	case "address", "alive_gen_node_id", "applied_log_lsn", "applied_rule_book_version", "applied_schema_version",
		"archived_log_lsn", "accepting_writes", "base_lsn", "binary_version", "broken_reason", "cf_name",
		"ctrl_address", "current_replica_set", "db_name", "durable_log_lsn", "durable_lsn", "effective_mode",
		"enabled_features", "enabled_storage_features", "end_key", "gen_node_id", "has_admin_role",
		"has_ingress_role", "has_log_server_role", "has_metadata_server_role", "has_worker_role", "is_active",
		"is_leader", "is_sealed", "key", "kind", "known_global_tail", "last_attempt_at", "last_record_applied_at",
		"last_request_at", "last_seen_at", "leader", "leader_epoch", "leader_gen_node_id", "leader_plain_node_id",
		"local_tail", "location", "log_id", "loglet_id", "logs_metadata_version", "membership",
		"membership_version", "metadata_server_state", "metadata_ver", "name", "next_replica_set",
		"nodes_configuration_version", "nodeset", "partition_id", "partition_table_version",
		"pending_repair_stores", "pending_seals", "pending_stores", "pending_tail_waiters", "pending_trims",
		"persisted_log_lsn", "plain_node_id", "replay_status", "seal_enqueued", "segment_index", "sequencer",
		"skipped_records", "staging_local_tail", "start_key", "state", "status", "storage_state", "storage_version",
		"target_mode", "target_tail_lsn", "trim_point", "updated_at", "uptime", "v_current", "v_next",
		"worker_state":
		return true
	}
	return false
}

// tableOf tells which table a row is of; nil when it is none that is kept.
func tableOf(o object) *table {
	has := func(column string) bool { _, ok := o.find(column); return ok }
	for i := range tables {
		if t := &tables[i]; !slices.ContainsFunc(t.without, has) && slices.ContainsFunc(t.marks, has) &&
			!slices.ContainsFunc(t.keys, func(key string) bool { return !has(key) }) {
			return t
		}
	}
	return nil
}

func (l *Live) addNode(c *cells) bool {
	node, ok := c.node()
	if !ok {
		return false
	}
	state := c.word("state")
	if state == "" {
		state = c.word("status") // node_state of Restate 1.3
	}
	if c.has("nodes_configuration_version") || c.has("metadata_ver") {
		l.addView(NodesConfig, c, "nodes_configuration_version", "metadata_ver")
	}
	l.Nodes = append(l.Nodes, LiveNode{
		row: c.row, ID: node.ID, Generation: node.Generation, said: node.Generation, State: Liveness(state),
		version: max(c.version("nodes_configuration_version"), c.version("metadata_ver")),
	})
	return true
}

func (l *Live) addProcessor(c *cells) bool {
	node, isNode := c.node()
	partition, isPartition := c.required("partition_id", math.MaxUint16)
	if !isNode || !isPartition {
		return false
	}
	leader, _ := c.generational("leader")
	if at := c.cell("updated_at").result; at.Type == gjson.String && len(at.Str) <= wordLength && at.Str > l.updatedAt {
		l.updatedAt = strings.Clone(at.Str)
	}
	l.Processors = append(l.Processors, Processor{
		row:          c.row,
		Partition:    cluster.PartitionID(partition),
		Node:         node,
		Target:       c.word("target_mode"),
		Effective:    c.word("effective_mode"),
		ReplayStatus: c.word("replay_status"),
		Broken:       c.word("broken_reason"),
		LeaderEpoch:  c.epoch("leader_epoch"),
		Leader:       leader,
		Applied:      c.lsn("applied_log_lsn"),
		Durable:      max(c.lsn("durable_log_lsn"), c.lsn("persisted_log_lsn")), // the name up to Restate 1.3
		Archived:     c.lsn("archived_log_lsn"),
		TargetTail:   c.lsn("target_tail_lsn"),
	})
	return true
}

func (l *Live) addReplica(c *cells) bool {
	plain := c.cell("plain_node_id")
	id, err := cluster.ParseNodeID(plain.result.Str)
	partition, isPartition := c.required("partition_id", math.MaxUint16)
	if err != nil || !isPartition {
		return false
	}
	l.Replicas = append(l.Replicas, Replica{
		row:       c.row,
		Partition: cluster.PartitionID(partition),
		Node:      id,
		Next:      c.word("membership") == "next",
		Version:   c.version("membership_version"),
		Alive:     c.has("alive_gen_node_id"),
		Leader:    c.bool("is_leader"),
		Durable:   c.lsn("durable_lsn"),
	})
	return true
}

func (l *Live) addLogletWorker(c *cells) bool {
	node, isNode := c.node()
	id, err := cluster.ParseLogletID(c.cell("loglet_id").result.Str)
	if !isNode || err != nil {
		return false
	}
	l.Loglets = append(l.Loglets, LogletWorker{
		row:        c.row,
		Loglet:     id,
		Node:       node,
		LocalTail:  c.offsetOf("local_tail"),
		GlobalTail: c.offsetOf("known_global_tail"),
		TrimPoint:  c.offsetOf("trim_point"),
		Sealed:     c.bool("is_sealed"),
		said:       node.Generation,
	})
	return true
}

func (l *Live) addSetting(c *cells) bool {
	c.row.document.Source.Secret = true
	if key := c.cell("key").result; key.Str != "worker.snapshots.destination" {
		return true
	}
	node, ok := c.node()
	if !ok {
		return false
	}
	value := c.cell("value").result.Str
	setting := SnapshotSetting{row: c.row, Node: node.ID, Set: value != "" && value != "null"}
	if setting.Set {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(value)) // which never fails
		setting.Destination = hash.Sum64()
	}
	l.SnapshotSettings = append(l.SnapshotSettings, setting)
	return true
}

// addView takes over the version of a metadata document from the first of the columns that a row has. A result may have
// millions of rows that all say the same.
func (l *Live) addView(kind Kind, c *cells, columns ...string) bool {
	for _, column := range columns {
		if !c.has(column) {
			continue
		}
		view := View{row: c.row, Version: c.version(column)}
		if known := l.views[kind]; view.Version > 0 && (known == nil || view.Version > known.Version ||
			view.Version == known.Version && view.before(&known.row) < 0) {
			l.views[kind] = &view
		}
		break
	}
	return true
}
