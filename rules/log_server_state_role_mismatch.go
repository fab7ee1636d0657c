package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&logServerStateRoleMismatch)

var logServerStateRoleMismatch = Rule{
	ID:       "log-server-state-role-mismatch",
	Severity: Warning,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "the storage state of a node and its role log-server contradict each other",
	Doc: Doc{
		Checks: "Registered nodes. A **warning** for each that is `read-write` or `read-only` without the role `log-server`, with the open tails that name it, for each that is `provisioning` without the role and named by an open tail, and for each that has the role and is still `provisioning`. " +
			"An **error** for each that has the role and is `disabled`; a **note** if the node is out of service altogether, its worker `draining` or `disabled` and no member of the metadata server. " +
			"Nothing is reported while the metadata store is migrated, which takes all other roles from all nodes for a time.",
		Why: "For new nodesets Restate looks at the state only: a `read-write` node without the role is picked and never answers. A node in `provisioning` is not picked, though somebody counts on it: most likely its log server never started. " +
			"With `disabled` a log server refuses to start, and the whole process with it: after its next restart the node is missing as a worker and as a metadata server, too.",
		Legal: "`provisioning` is normal for a node that is just joining. Nodes without the role are `provisioning` for ever.",
		Fix: "Give the role back (`roles` in the node's configuration, or leave the option out) and restart the node. To take a log server out, drain it first: " +
			"`restatectl nodes set-storage-state --nodes N --storage-state read-only` (Restate 1.4 and later; `restatectl replicated-loglet set-storage-state` in 1.2 and 1.3), reconfigure, trim, and remove the node. " +
			"To start a node that is `disabled` as something else, take `log-server` from its roles.",
		Evidence: []string{
			"Restate 1.2 to 1.7: the filter of candidates for nodesets looks at the storage state and not at the role",
			"Restate 1.7: the log-server role cannot run on disabled nodes",
			"Restate 1.7.12: nodes without the role stay `provisioning`; `nodes remove` accepts them",
		},
	},
	Run: func(pass *Pass) {
		nodes := registered(pass.Snapshot.Nodes, everyNode)
		if inMigration(nodes) {
			return
		}
		roleless := make(map[cluster.NodeID]*tails)
		for _, node := range nodes {
			serves := hasRole(node, cluster.RoleLogServer)
			f := Finding{Subject: Subject{Node: node.ID.String()}, At: node.StorageAt, Related: []Related{{Message: fmt.Sprintf("the roles of %v", node.ID), At: node.RolesAt}}}
			switch {
			case !serves && (node.Storage == cluster.StorageReadWrite || node.Storage == cluster.StorageReadOnly || node.Storage == cluster.StorageProvisioning):
				roleless[node.ID] = &tails{}
				continue
			case serves && node.Storage == cluster.StorageProvisioning:
				f.Title = nodeTitle(node) + " has the role log-server, and its storage was never provisioned"
				f.Observed, f.Expected = "storage state provisioning", "storage state read-write"
				f.Why = "it is not picked for nodesets: its log server has not started yet, or fails to"
				f.Remedy = []string{"restatectl nodes list   # and look at the log of " + nodeTitle(node)}
			case serves && node.Storage == cluster.StorageDisabled:
				f.Severity = Error
				f.Title = nodeTitle(node) + " has the role log-server, and its storage is disabled: it cannot start again"
				f.Observed, f.Expected = "storage state disabled", "another state, or a node without the role"
				f.Why = "the log server refuses to start, and the node's worker and metadata server do not start either"
				f.Remedy = alternatives(
					way{"the node stays", []string{"take log-server from the roles of " + nodeTitle(node) + " and restart it"}},
					way{"it goes", []string{fmt.Sprintf("restate-lint removable %v SNAPSHOT", node.ID)}},
				)
				if node.Worker != cluster.WorkerActive && !metadataMember(node) {
					f.Severity = Note
					f.Why = "its log server refuses to start; nothing else on it is in service"
				}
			default:
				continue
			}
			pass.Report(f)
		}
		if len(roleless) == 0 {
			return
		}
		if pass.Snapshot.Logs == nil {
			pass.Lacks(snapshots.BifrostConfig)
		}
		members := perPlacement[[]*tails]{make: func(placement *snapshots.Placement) (found []*tails) {
			for _, member := range placement.Verdict.Members {
				if t := roleless[member.Node]; t != nil {
					found = append(found, t)
				}
			}
			return found
		}}
		pass.Logs(func(log *snapshots.Log) {
			if i := usableTail(pass, log); i >= 0 {
				for _, t := range members.of(log.Segments[i].Placement) {
					t.add(log, i, log.ParamsAt)
				}
			}
		})
		pass.Finally(func() {
			for _, node := range nodes {
				t := roleless[node.ID]
				if t == nil || node.Storage == cluster.StorageProvisioning && t.count() == 0 {
					continue
				}
				f := Finding{
					Subject:  Subject{Node: node.ID.String()},
					Title:    fmt.Sprintf("%s is %s as a log server and does not have the role", nodeTitle(node), node.Storage),
					Observed: "storage state " + string(node.Storage) + ", no role log-server",
					Expected: "the role log-server, or a drained node",
					Why:      "it is still picked for nodesets and never answers as a log server",
					At:       node.RolesAt,
					Related:  []Related{{Message: fmt.Sprintf("%v has storage state %s", node.ID, node.Storage), At: node.StorageAt}},
					Remedy:   []string{"add log-server to the roles of " + nodeTitle(node) + " and restart it"},
				}
				if node.Storage == cluster.StorageProvisioning {
					f.Title = fmt.Sprintf("%s is no log server and in the nodeset of open tails", nodeTitle(node))
					f.Why = "it never answers as a log server, but counts in the quorums of those tails"
				}
				if node.Storage == cluster.StorageReadOnly {
					f.Why = "segments that name it wait for answers that never come"
				}
				if t.count() > 0 {
					f.Observed += "; it is in the nodeset of " + t.in(pass)
					f.Related = append(f.Related, Related{Message: "an open tail that names it", At: t.at})
				}
				pass.Report(f)
			}
		})
	},
}
