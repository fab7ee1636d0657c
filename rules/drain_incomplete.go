package rules

import (
	"fmt"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&drainIncomplete)

var drainIncomplete = Rule{
	ID:       "drain-incomplete",
	Severity: Warning,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "a node is on its way out and still in use",
	Doc: Doc{
		Checks: "Registered nodes that somebody began to take out. A **warning** for each log server in `read-only` that is in the nodeset of an open tail, and for each worker in `draining` or `disabled` " +
			"that is in a current or next replica set. A **note** for each node that only sealed segments still name while it is `read-only`, " +
			"and for each that is `disabled` as a log server or as a worker but in service as the other. One finding for each node. " +
			"Members in `gone`, `disabled` and `data-loss` are reported by `log-server-gone`, `nodeset-disabled-node` and `log-server-data-loss`.",
		Why: "The next step would be `restatectl nodes remove`, which looks at nodesets and at the metadata server only. It does not see replica sets, and not the nodesets of a node whose storage is `disabled`: " +
			"partitions lose a replica, or segments their copies.",
		Legal: "Within seconds of the command: the leaders have yet to move on. A node that only sealed segments name is as it should be until they are trimmed.",
		Fix: "For open tails `restatectl logs reconfigure --log-id L`. For replica sets wait; where the finding says that they cannot do without the node, see to `replication-unsatisfiable` first, or it stays in them for good; by hand " +
			"`restatectl partitions placement set P --replicas N1,N2` (Restate 1.7.3 and later), `restatectl partitions reconfigure --id P --replicas N1,N2` (1.4 to 1.7.2). " +
			"For sealed segments `restatectl snapshots create P --trim-log`, then `restatectl logs describe L`. Or take the node back: `restatectl nodes set-storage-state --nodes N --storage-state read-write`, " +
			"`restatectl nodes set-worker-state --nodes N --worker-state active`.",
		Evidence: []string{
			"Restate documentation, removing nodes and shrinking clusters; restatedev/restate #2741, #2992, #3341",
			"Restate 1.7.12: with too few workers left, `draining` nodes stay in all replica sets and nothing moves",
			"Restate 1.7.12: `nodes remove` of a live worker in a replica set was accepted",
		},
	},
	Run: func(pass *Pass) {
		leaving := make(map[cluster.NodeID]*leavingNode)
		readOnly := false
		for _, node := range registered(pass.Snapshot.Nodes, everyNode) {
			left := &leavingNode{node: node}
			left.readOnly = node.Storage == cluster.StorageReadOnly
			left.worker = hasRole(node, cluster.RoleWorker) && (node.Worker == cluster.WorkerDraining || node.Worker == cluster.WorkerDisabled)
			left.half = node.Storage == cluster.StorageDisabled && hasRole(node, cluster.RoleWorker) && node.Worker == cluster.WorkerActive ||
				node.Worker == cluster.WorkerDisabled && takesSegments(node)
			if left.readOnly || left.worker || left.half {
				leaving[node.ID] = left
			}
			readOnly = readOnly || left.readOnly
		}
		for _, epoch := range pass.Snapshot.Epochs {
			for _, configuration := range []*snapshots.PartitionConfiguration{epoch.Current, epoch.Next} {
				if configuration == nil {
					continue
				}
				for _, id := range configuration.ReplicaSet {
					if left := leaving[id]; left != nil && left.worker {
						left.meet(epoch.Partition, configuration.At)
					}
				}
			}
		}
		for _, left := range leaving {
			if left.worker && len(left.partitions) == 0 {
				if !pass.Snapshot.Captured(snapshots.EpochMetadata) {
					pass.Lacks(snapshots.EpochMetadata)
				}
				if pass.Snapshot.Partitions == nil { // nobody knows how many epochs there should be
					pass.Lacks(snapshots.PartitionTable)
				}
			}
		}
		if readOnly {
			if pass.Snapshot.Logs == nil {
				pass.Lacks(snapshots.BifrostConfig)
			}
			members := perPlacement[[]*leavingNode]{make: func(placement *snapshots.Placement) (found []*leavingNode) {
				for _, member := range placement.Verdict.Members {
					if left := leaving[member.Node]; left != nil && left.readOnly {
						found = append(found, left)
					}
				}
				return found
			}}
			names := func(placement *snapshots.Placement) bool { return len(members.of(placement)) > 0 }
			pass.Segments(names, func(log *snapshots.Log, i int) {
				for _, left := range members.of(log.Segments[i].Placement) {
					if log.Open(i) {
						left.open.add(log, i, log.ParamsAt)
					} else {
						left.sealed.add(log, i, log.ParamsAt)
					}
				}
			})
		}
		pass.Finally(func() {
			for _, node := range registered(pass.Snapshot.Nodes, everyNode) {
				if left := leaving[node.ID]; left != nil && left.used() {
					pass.Report(left.finding(pass))
				}
			}
		})
	},
}

// A leavingNode is a node that somebody began to take out, and what still uses it.
type leavingNode struct {
	node *snapshots.Node
	// readOnly and worker say what is being drained; half is true when one of two services was switched off for good.
	readOnly, worker, half bool

	open, sealed tails
	partitions   []cluster.PartitionID
	replicaSet   snapshots.Position // of the first one that names it
}

// meet notes a partition that names the node; partitions come in ascending order.
func (l *leavingNode) meet(partition cluster.PartitionID, at snapshots.Position) {
	switch n := len(l.partitions); {
	case n == 0:
		l.replicaSet = at
	case l.partitions[n-1] == partition:
		return
	}
	l.partitions = append(l.partitions, partition)
}

func (l *leavingNode) used() bool {
	return l.half || l.open.count()+l.sealed.count()+len(l.partitions) > 0
}

func (l *leavingNode) finding(pass *Pass) Finding {
	node := l.node
	states := fmt.Sprintf("log server %s, worker %s", node.Storage, node.Worker)
	f := Finding{
		Subject:  Subject{Node: node.ID.String()},
		Observed: states,
		Expected: "nothing that uses a node on its way out",
		Why:      "removing the node now would take copies or replicas with it",
		At:       node.StorageAt,
		Cause:    node.ID.String(),
	}
	var uses []string
	if l.open.count() > 0 {
		uses = append(uses, "in the nodesets of "+l.open.in(pass))
		f.Related = append(f.Related, Related{Message: "an open tail that names it", At: l.open.at})
		f.Remedy = append(f.Remedy, reconfigureAll(l.open.openLogs))
	}
	if len(l.partitions) > 0 {
		uses = append(uses, "in the replica sets of "+partitionList(l.partitions))
		f.At = node.WorkerAt
		f.Related = append(f.Related, Related{Message: fmt.Sprintf("partition %d names it", l.partitions[0]), At: l.replicaSet})
		wait := "restatectl partitions list   # and wait until no replica set names it"
		if table := pass.Snapshot.Partitions; table != nil && replicasUnsatisfiable(pass, table) {
			f.Why += fmt.Sprintf("; and replica sets cannot do without it: the workers in state active do not meet the partition replication %v", table.Replication)
			f.Remedy = append(f.Remedy, alternatives(
				way{"keep the worker", []string{setWorkerActive(node.ID)}},
				way{"let it go, once the other workers meet the partition replication (replication-unsatisfiable says how)", []string{wait}},
			)...)
		} else {
			f.Remedy = append(f.Remedy, wait)
		}
	}
	leaves := string(node.Storage)
	if l.open.count() == 0 && len(l.partitions) > 0 {
		leaves = string(node.Worker)
	}
	f.Title = fmt.Sprintf("%s is %s and still %s", nodeTitle(node), leaves, strings.Join(uses, " and "))
	if len(uses) > 0 {
		if l.sealed.count() > 0 {
			f.Observed += fmt.Sprintf("; also in the nodesets of %s", l.sealed.in(pass))
		}
		return f
	}
	f.Severity = Note
	if l.sealed.count() > 0 {
		f.Title = fmt.Sprintf("%s is read-only and in the nodesets of %s", nodeTitle(node), l.sealed.in(pass))
		f.Expected = "no segment that names it"
		f.Why = "it must not be removed before they are trimmed"
		f.Related = []Related{{Message: "a sealed segment that names it", At: l.sealed.at}}
		f.Remedy = append([]string{trimAll(pass, l.sealed.logs)}, removeUnnamed(pass, node.ID)...)
		return f
	}
	off, on := "log server", "worker"
	if node.Worker == cluster.WorkerDisabled {
		off, on = on, off
		f.At = node.WorkerAt
	}
	f.Title = fmt.Sprintf("%s is disabled as a %s and in service as a %s", nodeTitle(node), off, on)
	f.Expected = "a node that is in service or out of it"
	f.Why = "one half of taking it out is done"
	return f
}
