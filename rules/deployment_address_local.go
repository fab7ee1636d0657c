package rules

import (
	"fmt"
	"net/url"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&deploymentAddressLocal)

var deploymentAddressLocal = Rule{
	ID:       "deployment-address-local",
	Severity: Warning,
	Category: Services,
	Needs:    []snapshots.Kind{snapshots.SchemaRegistry, snapshots.NodesConfig},
	Summary:  "deployments have addresses that mean another machine on every node",
	Doc: Doc{
		Checks: "The addresses of HTTP deployments in clusters of two or more workers: one **warning** for those that are loopback addresses, `localhost` or `host.docker.internal`, and a **note** for deployments that share one address. " +
			"A cluster that runs on one machine, with loopback addresses on all nodes, has only the note.",
		Why:   "Every worker calls its own machine. Invocations of partitions that are led elsewhere fail, and move from working to failing with the leader.",
		Legal: "If the service runs beside every node, as a sidecar. A shared address, where something in front tells the deployments apart by path or header.",
		Fix:   "Register the services under an address that all nodes reach: `restate deployments register URI`.",
		Evidence: []string{
			"Restate documentation, deployments: the address must be reachable from every worker",
			"Restate 1.7: invocations are run by the leader of their partition",
		},
	},
	Run: func(pass *Pass) {
		registry := pass.Snapshot.Registry
		reportSharedEndpoints(pass)
		workers := registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool { return hasRole(node, cluster.RoleWorker) })
		elsewhere := false
		for _, node := range workers {
			if e, ok := parseEndpoint(node.Address); ok && !e.local() {
				elsewhere = true
			}
		}
		if len(workers) < 2 || !elsewhere {
			return
		}
		var local []*snapshots.Deployment
		var ids []string
		for i := range registry.Deployments {
			if d := &registry.Deployments[i]; isLocal(d.Endpoint) {
				local, ids = append(local, d), append(ids, d.ID)
			}
		}
		if len(local) == 0 {
			return
		}
		pass.Report(Finding{
			Subject:  subjectDeployment(local[0]),
			Title:    fmt.Sprintf("%s an address that is local to each of %s: %s", have(len(local), "deployment"), plural(len(workers), "worker"), shorten(ids)),
			Observed: fmt.Sprintf("%s at %s", local[0].ID, local[0].Endpoint),
			Expected: "an address that leads to the same service from every node",
			Why:      "whether an invocation works depends on the node that leads its partition",
			At:       local[0].EndpointAt,
			Remedy:   []string{"restate deployments register URI   # with an address that all nodes reach"},
		})
	},
}

func isLocal(address string) bool {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" {
		return false
	}
	e, ok := parseEndpoint(address)
	return ok && (e.local() || e.unspecified() || strings.HasSuffix(e.host, ".docker.internal"))
}

func reportSharedEndpoints(pass *Pass) {
	registry := pass.Snapshot.Registry
	first := make(map[string]*snapshots.Deployment)
	var shared []string
	var one, other *snapshots.Deployment
	for i := range registry.Deployments {
		d := &registry.Deployments[i]
		if d.Endpoint == "" || d.Path {
			continue
		}
		if before := first[d.Endpoint]; before == nil {
			first[d.Endpoint] = d
		} else {
			if one == nil {
				one, other = before, d
			}
			shared = append(shared, d.ID)
		}
	}
	if one == nil {
		return
	}
	subject := subjectDeployment(other)
	subject.Part = "shared"
	pass.Report(Finding{
		Severity: Note,
		Subject:  subject,
		Title:    fmt.Sprintf("%s registered under the address of another one: %s", are(len(shared), "deployment"), shorten(shared)),
		Observed: fmt.Sprintf("%s and %s at %s", one.ID, other.ID, one.Endpoint),
		Expected: "an address of its own for every version of a service",
		Why:      "invocations that started on one version may go on with the code of another one",
		At:       other.EndpointAt,
		Related:  []Related{{Message: one.ID + " has the same address", At: one.EndpointAt}},
	})
}
