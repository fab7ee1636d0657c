package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&noSnapshotRepository)

var noSnapshotRepository = Rule{
	ID:       "no-snapshot-repository",
	Severity: Warning,
	Category: Partitions,
	Since:    cluster.Release{Major: 1, Minor: 7},
	Needs:    []snapshots.Kind{snapshots.LiveConfig, snapshots.NodesConfig},
	Summary:  "workers have no repository to keep partition snapshots in",
	Doc: Doc{
		Checks: "The option `worker.snapshots.destination` of every worker, as the nodes report it (`sql/config`), in clusters of two or more workers: a **warning** if some workers have a destination and others have none, or another one; " +
			"a **note** if none has one.",
		Why: "Without a repository no new replica can be built once a log is trimmed. So nothing is trimmed in a cluster: the logs grow until the disks are full, and nodes cannot be replaced. " +
			"A worker with another destination than the leader's does not find the snapshots.",
		Legal: "In a cluster for trying things out.",
		Fix:   "Set `destination` in `[worker.snapshots]` to a bucket and prefix that all nodes reach, restart the nodes, and run `restatectl snapshots create`.",
		Evidence: []string{
			"Restate 1.7, durability: without archived snapshots the logs of a cluster are not trimmed",
			"Restate documentation, snapshots and backups; restatedev/restate #2808, #2814, #4824",
		},
	},
	Run: func(pass *Pass) {
		d := snapshotDestinations(pass.Snapshot)
		with, without, unsaid, first := d.with, d.without, d.unsaid, d.of
		if len(unsaid) > 0 {
			pass.Lacks(snapshots.LiveConfig)
		}
		if len(with)+len(without)+len(unsaid) < 2 {
			return
		}
		f := Finding{
			Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "snapshots"},
			Expected: "one destination on all workers",
			Remedy:   []string{"set destination in [worker.snapshots] of all workers and restart them", "restatectl snapshots create"},
		}
		switch {
		case len(without) > 0 && len(with) > 0:
			f.Title = fmt.Sprintf("workers without a repository for snapshots: %s", nodeList(without))
			f.Observed = fmt.Sprintf("a destination on %s, none on %s", nodeList(with), nodeList(without))
			f.Why = "they can neither make a snapshot nor start from one"
			f.At = first[without[0].ID].At()
		case len(without) > 0:
			f.Severity = Note
			f.Title = "the cluster has no repository for snapshots"
			f.Observed = fmt.Sprintf("no destination on %s", nodeList(without))
			f.Why = "the logs are never trimmed, and nodes cannot be replaced once they are"
			f.At = first[without[0].ID].At()
		case d.distinct > 1:
			f.Title = "the workers keep their snapshots in different places"
			f.Observed = plural(d.distinct, "destination")
			f.Why = "a replica does not find the snapshots of another worker"
			f.At = first[with[0].ID].At()
		default:
			return
		}
		pass.Report(f)
	},
}

// WithoutSnapshotRepository are the registered workers that say of themselves (sql/config) that they have no repository to
// keep snapshots in, in ascending order. It is empty where nobody was asked.
func WithoutSnapshotRepository(s *snapshots.Snapshot) (ids []cluster.NodeID) {
	if s.Live == nil || s.Nodes == nil {
		return nil
	}
	for _, node := range snapshotDestinations(s).without {
		ids = append(ids, node.ID)
	}
	return ids
}
