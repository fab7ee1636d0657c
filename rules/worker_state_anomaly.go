package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&workerStateAnomaly)

var workerStateAnomaly = Rule{
	ID:       "worker-state-anomaly",
	Severity: Warning,
	Category: Partitions,
	Since:    cluster.Release{Major: 1, Minor: 4},
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "the worker state of a node and its role worker contradict each other",
	Doc: Doc{
		Checks: "A **warning** for each node with the role `worker` that is still `provisioning` although other workers have a state, with the partitions that name it as a replica; " +
			"a **note** for each node that is `active` or `draining` without the role. " +
			"Clusters in which no worker ever recorded a state (Restate before 1.4) are not looked at. `draining` and `disabled` workers in a replica set are reported by `drain-incomplete`, " +
			"members of a replica set without the role by `replica-set-dead-members`.",
		Why:   "A worker leaves `provisioning` when it starts for the first time. One that never does takes no partitions: it crashed before, or runs a release that knows no worker states.",
		Legal: "Within seconds of a node's first start, and while a cluster is upgraded from 1.3.",
		Fix:   "Start the node and look at its log; `restatectl nodes list --extra` shows the state. If it is not to be a worker, take the role out of its configuration.",
		Evidence: []string{
			"Restate 1.4 to 1.7: provisioning becomes active at the start of the worker; the field is missing before 1.4 and reads as provisioning",
			"restatedev/restate #3262",
		},
	},
	Run: func(pass *Pass) {
		nodes := pass.Snapshot.Nodes
		if !workerStatesRecorded(nodes) {
			return
		}
		named := make(map[cluster.NodeID]*partitionGroup)
		for _, epoch := range pass.Snapshot.Epochs {
			if epoch.Current == nil {
				continue
			}
			for _, id := range epoch.Current.ReplicaSet {
				if node := nodes.Get(id); node == nil || node.Worker != cluster.WorkerProvisioning {
					continue
				}
				if named[id] == nil {
					named[id] = &partitionGroup{at: epoch.Current.At}
				}
				named[id].ids = append(named[id].ids, epoch.Partition)
			}
		}
		for _, node := range registered(nodes, everyNode) {
			worker := hasRole(node, cluster.RoleWorker)
			f := Finding{Subject: Subject{Node: node.ID.String()}, At: node.WorkerAt, Cause: node.ID.String()}
			switch {
			case worker && node.Worker == cluster.WorkerProvisioning:
				f.Title = fmt.Sprintf("%s has the role worker and is still provisioning", nodeTitle(node))
				f.Observed = "worker state provisioning"
				f.Expected = "worker state active"
				f.Why = "it has never started as a worker, and takes no partitions"
				f.Remedy = []string{"start " + nodeTitle(node) + " and look at its log"}
				if group := named[node.ID]; group != nil {
					f.Observed += fmt.Sprintf("; in the replica set of %s", partitionList(group.ids))
					f.Related = []Related{{Message: fmt.Sprintf("partition %d names it", group.ids[0]), At: group.at}}
				}
			case !worker && slices.Contains([]cluster.WorkerState{cluster.WorkerActive, cluster.WorkerDraining}, node.Worker) && len(node.Roles) > 0 && !inMigration([]*snapshots.Node{node}):
				f.Severity = Note
				f.Title = fmt.Sprintf("%s has worker state %s and not the role worker", nodeTitle(node), node.Worker)
				f.Observed = fmt.Sprintf("roles %v", node.Roles)
				f.Expected = "worker state disabled, or the role worker"
				f.Why = "it was a worker once; nothing is placed on it"
				f.Remedy = []string{fmt.Sprintf("restatectl nodes set-worker-state --nodes %v --worker-state disabled", node.ID)}
			default:
				continue
			}
			pass.Report(f)
		}
	},
}
