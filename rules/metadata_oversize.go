package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
)

const (
	// messageLimit is what a document of metadata may take up in a message by default, in bytes: of Restate 1.6 and later,
	// and of the releases before, where it could not be changed.
	messageLimit, messageLimit15 = 32 << 20, 4 << 20
	// jsonPerByte is how many bytes of JSON, as restatectl prints it, stand for one byte of the stored form: 2.1 to 2.7 in
	// captured clusters. A smaller number errs to the safe side.
	jsonPerByte = 2
)

var _ = register(&metadataOversize)

var metadataOversize = Rule{
	ID:       "metadata-oversize",
	Severity: Error,
	Category: Metadata,
	Summary:  "a metadata document is near the largest that Restate can send",
	Doc: Doc{
		Checks: "The size of `nodes_config`, `bifrost_config`, `partition_table` and `schema_registry` as stored, estimated as half of their JSON, against the limit for messages: 32 MiB by default, " +
			"4 MiB if no node states its release (Restate before 1.6). An **error** from 95 % on, a **warning** from 80 % on, and a **note** from 40 % on, where a compact JSON might stand for that much. One finding for each document. " +
			"The limit can be configured, which is not part of the metadata: set the option `limit-mib` to it.",
		Why:   "A document above the limit cannot be written, or not be sent: no deployment can be registered, no log be extended. Before 1.6 nodes just stopped to receive newer versions.",
		Legal: "With a larger `networking.message-size-limit` on all nodes and in the metadata client.",
		Fix:   "For the schema registry remove old deployments: `restate deployments list`, `restate deployments remove ID`. For the logs, trim chains: `restatectl snapshots create P --trim-log`.",
		Evidence: []string{
			"restatedev/restate #4078 (a schema above 4 MB), #4093 (1.6 warns from 80 % of the limit on and refuses to write above it), #4137 (`networking.message-size-limit`, 32 MiB by default)",
			"the same values as JSON and as stored, from 1.7.12 in etcd: 3,500 and 1,587 bytes of bifrost_config, 2,317 and 1,095 of nodes_config, 3,723 and 1,379 of schema_registry: 2.1 to 2.7 bytes of JSON for each stored one",
		},
	},
	Options: []Option{{
		Name: "limit-mib", Default: 0, Min: 0, Max: 4095,
		Doc: "The `networking.message-size-limit` of the nodes, in MiB; 0 stands for the default of the release.",
	}},
	Run: func(pass *Pass) {
		limit := int64(messageLimit)
		if pass.Snapshot.Nodes != nil && pass.Snapshot.Release().IsZero() {
			limit = messageLimit15
		}
		if set := pass.Option("limit-mib"); set > 0 {
			limit = set << 20
		}
		for _, kind := range []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig, snapshots.PartitionTable, snapshots.SchemaRegistry} {
			d := pass.Snapshot.Document(kind)
			if d == nil {
				if !asked(pass.Snapshot, kind) {
					pass.Lacks(kind)
				}
				continue
			}
			bytes := extent(pass.Snapshot, d)
			estimate := bytes / jsonPerByte
			percent := estimate * 100 / limit
			f := Finding{
				Subject:  Subject{Document: d.Key()},
				Title:    fmt.Sprintf("%s takes up about %d %% of the largest message", d.Key(), percent),
				Observed: fmt.Sprintf("%s of JSON, about %s as stored", mebibytes(bytes), mebibytes(estimate)),
				Expected: fmt.Sprintf("well below %s", mebibytes(limit)),
				Why:      "a document above the limit can be neither written nor sent to the nodes",
				At:       wholeDocument(d),
			}
			switch {
			case percent >= 95:
			case percent >= 80:
				f.Severity = Warning
			case percent >= 40:
				f.Severity = Note
			default:
				continue
			}
			if d.Kind == snapshots.SchemaRegistry {
				f.Remedy = []string{"restate deployments list", "restate deployments remove ID"}
			}
			pass.Report(f)
		}
	},
}

// asked reports whether there is a source for a kind of document, though it holds none: the key does not exist then, as the
// schema registry does not before the first deployment.
func asked(s *snapshots.Snapshot, kind snapshots.Kind) bool {
	return slices.ContainsFunc(s.Gaps, func(gap snapshots.Gap) bool { return gap.Kind == kind && gap.Source != "" })
}

// extent is the size of a document in its source, up to the next document or the end.
func extent(s *snapshots.Snapshot, d *snapshots.Document) int64 {
	end := d.Source.Size
	for _, other := range s.Documents {
		if other.Source == d.Source && other.Offset > d.Offset {
			end = min(end, other.Offset)
		}
	}
	return end - d.Offset
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
