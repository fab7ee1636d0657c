package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&captureInconsistent)

var captureInconsistent = Rule{
	ID:       "capture-inconsistent",
	Severity: Warning,
	Category: Capture,
	Summary:  "the documents of the capture do not fit together",
	Doc: Doc{
		Checks: "A document that was captured twice with different content (the newer one is used); epoch metadata of a partition that the partition table does not list; " +
			"a `.cluster-marker` with another cluster name than `nodes_config`, unless `fingerprint-mismatch` reports it already; " +
			"and nodes that the nodes configuration does not know but that are named as leader or replica of a partition, or as sequencer of a sealed segment. One **warning** for each document, cluster name, partition or node. " +
			"Unknown members of nodesets are reported by `nodeset-unknown-node`, unknown sequencers of open tails by `tail-sequencer-gone`.",
		Why: "Documents are captured one after another, not at one moment, and files of two clusters are easily mixed. Conclusions from such a capture may be wrong. " +
			"If the capture is sound, somebody edited the metadata.",
		Legal: "When the cluster changed during the capture.",
		Fix:   "Capture again, into an empty folder, in the order `bifrost_config`, `partition_table`, `pp_epoch_*`, `schema_registry`, `nodes_config`. Any order will do as long as `nodes_config` is last: nodes are registered before anything names them, so a reference to an unknown node is then real.",
		Evidence: []string{
			"Restate 1.2 to 1.7: `restatectl metadata get` reads one key; there is no version of the whole",
			"Restate 1.7.12: a hand-patched epoch metadata that names a node that never existed is accepted",
		},
	},
	Run: func(pass *Pass) {
		s := pass.Snapshot
		reportRivals(pass)
		if s.Captured(snapshots.PartitionTable) && s.Partitions.Len() > 0 {
			for _, epoch := range s.Epochs {
				if id := epoch.Partition; s.Partitions.Get(id) == nil {
					pass.Report(Finding{
						Subject:  Subject{Document: epoch.Document.Key()},
						Title:    fmt.Sprintf("%s: the partition table has no partition %d", epoch.Document.Key(), id),
						Observed: fmt.Sprintf("epoch metadata of partition %d", id),
						Expected: "a partition of the table",
						Why:      "it belongs to another cluster, or the partition table is older or was edited",
						At:       epoch.Document.At(epoch.Document.Offset, ""),
						Remedy:   []string{"capture everything again, into an empty folder"},
					})
				}
			}
		}
		if !s.Captured(snapshots.NodesConfig) {
			pass.Lacks(snapshots.NodesConfig)
			return
		}
		reportMarkerNames(pass)
		strangers := make(map[cluster.NodeID]*stranger)
		meet := func(id cluster.NodeID, at snapshots.Position, as string) {
			if s.Nodes.Class(id) != cluster.Unknown {
				return
			}
			known := strangers[id]
			if known == nil {
				known = &stranger{at: at}
				strangers[id] = known
			}
			if !slices.Contains(known.as, as) {
				known.as = append(known.as, as)
			}
		}
		for _, kind := range []snapshots.Kind{snapshots.BifrostConfig, snapshots.EpochMetadata, snapshots.PartitionTable} {
			if !s.Captured(kind) {
				pass.Lacks(kind)
			}
		}
		for _, epoch := range s.Epochs {
			if epoch.Leader != nil {
				meet(epoch.Leader.Node.ID, epoch.Leader.At, fmt.Sprintf("leader of partition %d", epoch.Partition))
			}
			for _, configuration := range []*snapshots.PartitionConfiguration{epoch.Current, epoch.Next} {
				if configuration == nil {
					continue
				}
				for _, id := range configuration.ReplicaSet {
					meet(id, configuration.At, fmt.Sprintf("replica of partition %d", epoch.Partition))
				}
			}
		}
		pass.Logs(func(log *snapshots.Log) {
			for _, run := range log.Runs {
				segment, id := &log.Segments[run.First], log.Segments[run.First].Sequencer.ID
				if segment.Placement == nil || log.Open(run.First) || s.Nodes.Class(id) != cluster.Unknown {
					continue
				}
				if strangers[id] == nil {
					strangers[id] = &stranger{log: log.ID, at: log.SequencerAt(run.First)}
				}
				strangers[id].sequenced(log, run.First)
			}
		})
		pass.Finally(func() {
			ids := make([]cluster.NodeID, 0, len(strangers))
			for id := range strangers {
				ids = append(ids, id)
			}
			slices.Sort(ids)
			for _, id := range ids {
				pass.Report(strangers[id].finding(pass, id))
			}
		})
	},
}

// A stranger is a node that documents name and the nodes configuration does not know.
type stranger struct {
	at  snapshots.Position
	as  []string
	log cluster.LogID // that it was met in first; epoch metadata comes before all logs
}

// sequenced notes that the node was the sequencer of a segment. The log with the lowest id stands for all.
func (s *stranger) sequenced(log *snapshots.Log, i int) {
	const as = "sequencer of sealed segments"
	if !slices.Contains(s.as, as) {
		s.as = append(s.as, as)
	}
	if log.ID < s.log {
		s.log, s.at = log.ID, log.SequencerAt(i)
	}
}

func (s *stranger) finding(pass *Pass, id cluster.NodeID) Finding {
	named := s.as[0]
	if len(s.as) > 1 {
		named += fmt.Sprintf(" and %d more", len(s.as)-1)
	}
	why := fmt.Sprintf("ids above %v were not given out yet by this nodes configuration: it is older than the other documents, or somebody edited them", pass.Snapshot.Nodes.Newest())
	if id <= pass.Snapshot.Nodes.Newest() {
		why = "ids are never taken back, so this one was never registered: the documents belong to different clusters, or somebody edited them"
	}
	return Finding{
		Subject:  Subject{Node: id.String()},
		Title:    fmt.Sprintf("%v is named as %s, and the nodes configuration does not know it", id, named),
		Observed: "a node without an entry",
		Expected: "a registered or removed node",
		Why:      why,
		At:       s.at,
		Related:  relatedNode(pass, id),
		Remedy:   []string{recapture},
	}
}

// reportRivals reports every document that was captured more than once, unless all say the same.
func reportRivals(pass *Pass) {
	names := make(map[*snapshots.Document]string) // of the clusters
	rivals := make(map[string][]*snapshots.Document)
	for _, rival := range pass.Snapshot.Rivals {
		for i, document := range []*snapshots.Document{rival.Kept, rival.Other} {
			names[document] = rival.ClusterNames[i]
			if key := document.Key(); !slices.Contains(rivals[key], document) {
				rivals[key] = append(rivals[key], document)
			}
		}
	}
	for _, kept := range pass.Snapshot.Documents {
		others := slices.DeleteFunc(rivals[kept.Key()], func(d *snapshots.Document) bool { return d == kept || snapshots.Same(d, kept) })
		if len(others) == 0 {
			continue
		}
		times := "twice"
		if len(others) > 1 {
			times = fmt.Sprintf("%d times", 1+len(others))
		}
		versions, sources := kept.Version.String(), kept.Source.Name
		f := Finding{
			Subject:  Subject{Document: kept.Key()},
			Expected: "one document of each key",
			Why:      fmt.Sprintf("only %v from %s is used", kept.Version, kept.Source.Name),
			At:       kept.At(kept.Offset, ""),
			Remedy:   []string{"capture everything again, into an empty folder"},
		}
		for i, other := range others {
			separator := ", "
			if i == len(others)-1 {
				separator = " and "
			}
			versions += separator + other.Version.String()
			sources += separator + other.Source.Name
			f.Related = append(f.Related, Related{Message: fmt.Sprintf("another one, %v", other.Version), At: other.At(other.Offset, "")})
		}
		f.Title = fmt.Sprintf("%s was captured %s, as %s", kept.Key(), times, versions)
		f.Observed = sources
		if i := slices.IndexFunc(others, func(d *snapshots.Document) bool { return names[d] != names[kept] }); i >= 0 {
			f.Title = fmt.Sprintf("%s was captured from two clusters, %q and %q", kept.Key(), names[kept], names[others[i]])
		}
		pass.Report(f)
	}
}

// reportMarkerNames reports the cluster markers of another cluster than the nodes configuration is of.
func reportMarkerNames(pass *Pass) {
	nodes := pass.Snapshot.Nodes
	seen := make(map[string]bool)
	for _, marker := range pass.Snapshot.Markers {
		told := marker.Fingerprint != 0 && nodes.Fingerprint != 0 && marker.Fingerprint != nodes.Fingerprint
		if marker.ClusterName == "" || nodes.ClusterName == "" || marker.ClusterName == nodes.ClusterName || told || seen[marker.ClusterName] {
			continue
		}
		seen[marker.ClusterName] = true
		pass.Report(Finding{
			Subject:  Subject{Document: marker.Document.Key(), Part: "cluster-name"},
			Title:    fmt.Sprintf("%s is of the cluster %q, and the nodes configuration of %q", marker.Document.Source.Name, marker.ClusterName, nodes.ClusterName),
			Observed: fmt.Sprintf("cluster name %q", marker.ClusterName),
			Expected: fmt.Sprintf("cluster name %q", nodes.ClusterName),
			Why:      "a server refuses to start over the data of another cluster; or files of two clusters are mixed",
			At:       marker.ClusterNameAt,
			Related:  []Related{{Message: "the nodes configuration", At: wholeDocument(nodes.Document)}},
			Remedy:   []string{"find out whose data directory it is, and give the node its own: base-dir, node-name and cluster-name in restate.toml"},
		})
	}
}
