package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&secretsInSnapshot)

var secretsInSnapshot = Rule{
	ID:       "secrets-in-snapshot",
	Severity: Warning,
	Category: Services,
	Needs:    []snapshots.Kind{snapshots.SchemaRegistry},
	Summary:  "the capture holds what seem to be secrets",
	Doc: Doc{
		Checks: "The names of headers of deployments, of properties of Kafka clusters and options of subscriptions, and the addresses of deployments: a **warning** for each deployment, subscription or Kafka cluster with names such as authorization, token, password or secret, " +
			"or with a password or a signature in the address. Only the place is named. Neither this tool's reports nor the excerpts in them ever show a value.",
		Why:   "The metadata store keeps these values in clear, and `restatectl metadata get` prints them. Captures are attached to issues and mailed around.",
		Legal: "As long as the capture stays where the secrets may be.",
		Fix:   "Take the values out before the capture is given away, and renew them if it was. Request identity keys do without secrets in headers.",
		Evidence: []string{
			"Restate 1.7.12: a header of a deployment came back from `restatectl metadata get -k schema_registry` as it had been given",
		},
	},
	Run: func(pass *Pass) {
		registry := pass.Snapshot.Registry
		report := func(subject Subject, of string, secrets []snapshots.Secret) {
			var places []string
			for _, secret := range secrets {
				if len(places) == 0 || places[len(places)-1] != secret.What {
					places = append(places, secret.What)
				}
			}
			pass.Report(Finding{
				Subject:  subject,
				Title:    fmt.Sprintf("%s: the capture has what seems to be a secret: %s", of, shorten(places)),
				Observed: shorten(places) + " (the value is not shown)",
				Expected: "a capture without secrets",
				Why:      "whoever gets the capture gets it too",
				At:       secrets[0].At,
				Remedy:   []string{"take the value out of the capture before it is given away, and renew it if it was"},
			})
		}
		for i := range registry.Deployments {
			if d := &registry.Deployments[i]; len(d.Secrets) > 0 {
				report(subjectDeployment(d), "deployment "+d.ID, d.Secrets)
			}
		}
		for i := 0; i < len(registry.Secrets); {
			of, end := registry.Secrets[i].Of, i+1
			for end < len(registry.Secrets) && registry.Secrets[end].Of == of {
				end++
			}
			report(Subject{Document: string(snapshots.SchemaRegistry), Part: partName(of)}, of, registry.Secrets[i:end])
			i = end
		}
	},
}
