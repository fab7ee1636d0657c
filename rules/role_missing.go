package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&roleMissing)

var roleMissing = Rule{
	ID:       "role-missing",
	Severity: Error,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "no node of the cluster has a role that somebody must have",
	Doc: Doc{
		Checks: "The roles of all registered nodes. An **error** for each role that nobody has: `admin`, `worker`, `log-server` if the default log provider is replicated, and `http-ingress` if some node runs Restate 1.5 or later. " +
			"A **warning** for `admin` and for `http-ingress` if only one node of three or more has it. " +
			"If every node has exactly the roles `admin` and `metadata-server`, one **warning** for the cluster: the metadata store is being migrated.",
		Why: "Without `admin` there is no cluster controller and no admin API: nothing is moved when nodes fail. Without `worker` nothing is processed, without `log-server` no replicated segment can be created. " +
			"Without `http-ingress` no request comes in: up to 1.4 every worker started it, from 1.5 on only nodes with the role do. What a single node does, its loss stops.",
		Legal: "When a service runs on purpose on one node, or the ingress in another system. The migration of the metadata store takes all other roles from all nodes until they are started normally.",
		Fix:   "Set `roles` in the configuration of the nodes, or leave the option out to get all roles, and restart them.",
		Evidence: []string{
			"Restate release notes 1.5.0: nodes need the role http-ingress; documentation, roles",
			"Restate 1.7.12: with `--metadata-migration-mode` all nodes have the roles admin and metadata-server",
			"the metadata does not tell 1.4 from 1.5: nodes state their release from 1.6 on, so older clusters are not checked for http-ingress",
		},
	},
	Run: func(pass *Pass) {
		nodes := registered(pass.Snapshot.Nodes, everyNode)
		if len(nodes) == 0 {
			return
		}
		if inMigration(nodes) {
			pass.Report(Finding{
				Severity: Warning,
				Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "migration"},
				Title:    "all nodes have given up all roles but admin and metadata-server: the metadata store is being migrated",
				Observed: "roles admin and metadata-server on " + nodeList(nodes),
				Expected: "workers and log servers",
				Why:      "nothing is processed until the nodes are started without --metadata-migration-mode",
				At:       nodes[0].RolesAt,
				Remedy:   []string{"start the nodes normally once the migration is done"},
			})
			return
		}
		newest := cluster.Release{}
		for _, node := range nodes {
			if node.Release.Compare(newest) > 0 {
				newest = node.Release
			}
		}
		_, replicated := defaultReplication(pass.Snapshot.Logs)
		if pass.Snapshot.Logs == nil {
			pass.Lacks(snapshots.BifrostConfig)
		}
		for _, duty := range []struct {
			role cluster.Role
			why  string
			// due says whether somebody must have the role, alone whether a single node is too few.
			due, alone bool
		}{
			{cluster.RoleAdmin, "there is no cluster controller and no admin API", true, true},
			{cluster.RoleHTTPIngress, "no request can come in", newest.AtLeast(1, 5, 0), newest.AtLeast(1, 5, 0)},
			{cluster.RoleWorker, "no partition is processed", true, false},
			{cluster.RoleLogServer, "no replicated segment can be created", replicated, false},
		} {
			has := registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool { return hasRole(node, duty.role) })
			f := Finding{
				Subject:  Subject{Document: string(snapshots.NodesConfig), Part: string(duty.role)},
				Title:    fmt.Sprintf("no node has the role %s", duty.role),
				Observed: fmt.Sprintf("%s without it", plural(len(nodes), "node")),
				Expected: fmt.Sprintf("nodes with the role %s", duty.role),
				Why:      duty.why,
				At:       nodes[0].RolesAt,
				Remedy:   []string{fmt.Sprintf("add %s to the roles of some nodes and restart them", duty.role)},
			}
			switch {
			case duty.due && len(has) == 0:
			case duty.alone && len(has) == 1 && len(nodes) >= 3:
				f.Severity = Warning
				f.Title = fmt.Sprintf("only %s has the role %s in a cluster of %d nodes", nodeTitle(has[0]), duty.role, len(nodes))
				f.Observed = "one node with it"
				f.Why = "when it is down " + duty.why
				f.At = has[0].RolesAt
			default:
				continue
			}
			pass.Report(f)
		}
	},
}
