package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&deploymentUnused)

var deploymentUnused = Rule{
	ID:       "deployment-unused",
	Severity: Note,
	Category: Services,
	Needs:    []snapshots.Kind{snapshots.SchemaRegistry},
	Summary:  "deployments are the latest one of no service",
	Doc: Doc{
		Checks: "Deployments that new invocations of no service go to: one **note** for all of them. Whether old invocations still run on them is not in the metadata.",
		Why:    "They are candidates for removal. Each makes the registry larger, and keeps an old version of a service and its endpoint alive.",
		Legal:  "Always: old invocations go on with the deployment that they started on.",
		Fix:    "`restate deployments list` shows what still runs on them; `restate deployments remove ID` removes one that is drained.",
		Evidence: []string{
			"restatedev/restate #1958, #3144, #3935 (with a query for what still runs)",
		},
	},
	Run: func(pass *Pass) {
		registry := pass.Snapshot.Registry
		latest := latestServices(registry)
		var unused []string
		var first *snapshots.Deployment
		for i := range registry.Deployments {
			if d := &registry.Deployments[i]; len(latest[d.ID]) == 0 {
				if first == nil {
					first = d
				}
				unused = append(unused, d.ID)
			}
		}
		if first == nil {
			return
		}
		pass.Report(Finding{
			Subject:  Subject{Document: string(snapshots.SchemaRegistry), Part: "unused"},
			Title:    fmt.Sprintf("%s the latest one of no service: %s", are(len(unused), "deployment"), shorten(unused)),
			Observed: fmt.Sprintf("%d of %s", len(unused), plural(len(registry.Deployments), "deployment")),
			Expected: "deployments that new invocations go to",
			Why:      "they can be removed once no old invocation runs on them",
			At:       first.At,
			Remedy:   []string{"restate deployments list", "restate deployments remove " + partID(first.ID) + "   # once it is drained"},
		})
	},
}
