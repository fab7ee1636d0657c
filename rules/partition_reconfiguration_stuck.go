package rules

import (
	"fmt"
	"time"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&partitionReconfigurationStuck)

var partitionReconfigurationStuck = Rule{
	ID:       "partition-reconfiguration-stuck",
	Severity: Warning,
	Category: Partitions,
	Since:    cluster.Release{Major: 1, Minor: 4},
	Needs:    []snapshots.Kind{snapshots.EpochMetadata},
	Summary:  "a partition does not get to its next replica set",
	Doc: Doc{
		Checks: "Partitions with a pending replica set (`next`): a **warning** if it is pending for more than 10 minutes, if none of its members can serve, or if its version is not above that of the current one. " +
			"Partitions that share the cause are one finding. The age is measured against the newest moment that the capture knows of (modification times, reports of processors), and may be more.",
		Why: "A reconfiguration ends when a member of the next replica set has caught up. Until then the old members cannot leave. New replicas that never become active usually find no snapshot to start from, " +
			"crash, or do not run.",
		Legal: "While a large snapshot is being downloaded.",
		Fix:   "Look for `trim-gap`, `trimmed-without-snapshot` and `node-dead`, and at `restatectl partitions list`; `restatectl partitions placement show P` says what is pending.",
		Evidence: []string{
			"restatedev/restate #3235, #5150; Restate 1.7, scheduler: a reconfiguration completes when `next` is empty, all current workers are disabled, or a member of `next` is caught up",
			"Restate 1.4 to 1.7: next.version is that of the configuration before it plus 1",
		},
	},
	Options: []Option{{
		Name: "max-minutes", Default: 10, Min: 1, Max: 60 * 24 * 365,
		Doc: "New replicas may take so many minutes to catch up before anything is reported.",
	}},
	Run: func(pass *Pass) {
		patience := time.Duration(pass.Option("max-minutes")) * time.Minute
		nodes := pass.Snapshot.Nodes
		now := captureTime(pass.Snapshot)
		recorded := false
		if nodes == nil {
			pass.Lacks(snapshots.NodesConfig)
		} else {
			recorded = workerStatesRecorded(nodes)
		}
		type stuck struct{ what, why string }
		causes := make(map[string]stuck)
		groups := make(partitionGroups)
		for _, epoch := range pass.Snapshot.Epochs {
			next := epoch.Next
			if next == nil {
				continue
			}
			add := func(key string, cause stuck) {
				causes[key] = cause
				groups.add(key, epoch.Partition, next.At)
			}
			age := time.Duration(0)
			if !next.ModifiedAt.IsZero() {
				age = now.Sub(next.ModifiedAt)
			}
			if epoch.Current != nil && epoch.Current.Version > 0 && next.Version <= epoch.Current.Version {
				add("a", stuck{
					fmt.Sprintf("the next configuration is %v, and the current one is %v already", next.Version, epoch.Current.Version),
					"versions only grow: somebody edited the epoch metadata, or an old release rewrote it",
				})
				continue
			}
			if nodes != nil && len(next.ReplicaSet) > 0 {
				left := 0
				for _, id := range next.ReplicaSet {
					if whyNoReplica(nodes, recorded, id) == "" {
						left++
					}
				}
				if left == 0 {
					set := replicaList(nodes, recorded, next.ReplicaSet)
					add("b"+set, stuck{"no node of the next replica set can serve: " + set, "no member of it can ever catch up"})
					continue
				}
			}
			if age > patience {
				add("c", stuck{
					fmt.Sprintf("a next replica set is pending for %v or more", age.Truncate(time.Minute)),
					"its members do not become active: they may have no snapshot to start from, or not run",
				})
			}
		}
		for key, group := range groups.all {
			epoch := pass.Snapshot.Epoch(group.ids[0])
			f := Finding{
				Subject:  group.subject(""),
				Title:    fmt.Sprintf("%s: %s", group.title(), causes[key].what),
				Observed: fmt.Sprintf("next %v: %s", epoch.Next.Version, idList(epoch.Next.ReplicaSet)),
				Expected: "a reconfiguration that completes within minutes",
				Why:      causes[key].why,
				At:       group.at,
				Remedy:   []string{"restatectl partitions list", fmt.Sprintf("restatectl partitions placement show %d   # 1.7.3 and later", group.ids[0])},
			}
			if epoch.Current != nil {
				f.Related = []Related{{Message: fmt.Sprintf("current %v: %s", epoch.Current.Version, idList(epoch.Current.ReplicaSet)), At: epoch.Current.At}}
			}
			pass.Report(f)
		}
	},
}
