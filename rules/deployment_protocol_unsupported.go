package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
)

// firstProtocol is the lowest service protocol that Restate 1.6 and later start new invocations with.
const firstProtocol = 5

// highestProtocols are the highest service protocols by release, newest first (service_protocol.rs of each).
var highestProtocols = []struct {
	minor   int
	highest uint64
}{{7, 7}, {6, 6}, {5, 6}, {4, 5}, {3, 5}, {2, 4}, {1, 2}, {0, 1}}

var _ = register(&deploymentProtocolUnsupported)

var deploymentProtocolUnsupported = Rule{
	ID:       "deployment-protocol-unsupported",
	Severity: Error,
	Category: Services,
	Needs:    []snapshots.Kind{snapshots.SchemaRegistry},
	Summary:  "a deployment speaks no service protocol that Restate starts invocations with",
	Doc: Doc{
		Checks: "The service protocols of every deployment. For Restate 1.6 and later (the release that an upgrade aims at, otherwise the one that runs), an **error** for each deployment below protocol 5 that new invocations of a public service go to; " +
			"a **warning** for each other deployment below protocol 5, and for all of them if the release is 1.5 or not known. " +
			"An **error** for a deployment whose lowest protocol is above the highest one of the release, as after a rollback.",
		Why: "From 1.6 on new invocations of such a deployment fail with RT0020. 1.5 refuses to register it; what is registered goes on. " +
			"A deployment that only old invocations still run on has to be drained before its protocol is dropped.",
		Legal: "For deployments that are being drained.",
		Fix: "Upgrade the SDK (TypeScript 1.5, Java 2.0, Go 0.16, Python 0.6, Rust 0.4 or later), deploy it under a new address, `restate deployments register URI`, " +
			"and remove the old deployment once it is drained: `restate deployments remove ID`.",
		Evidence: []string{
			"Restate release notes 1.5.0 and 1.6.0; error RT0020; restatedev/restate #3184, #3877",
			"highest protocols: 1.0 V1, 1.1 V2, 1.2 V4, 1.3 and 1.4 V5, 1.5 and 1.6 V6, 1.7 V7; from 1.5 discovery needs V5",
		},
	},
	Run: func(pass *Pass) {
		registry := pass.Snapshot.Registry
		release := effectiveRelease(pass)
		highest := uint64(0)
		if release.Major == 1 && !release.IsZero() {
			for _, of := range highestProtocols {
				if of.minor == release.Minor {
					highest = of.highest
				}
			}
		}
		name := "Restate " + release.String()
		if release.IsZero() {
			name = "Restate 1.6"
		}
		latest := latestServices(registry)
		for i := range registry.Deployments {
			deployment := &registry.Deployments[i]
			services := latest[deployment.ID]
			f := Finding{
				Subject:  subjectDeployment(deployment),
				Observed: fmt.Sprintf("protocol %s, %s", protocols(deployment), sdk(deployment)),
				At:       deployment.ProtocolAt,
				Remedy:   []string{"restate deployments register URI   # of the services with a newer SDK", "restate deployments remove " + partID(deployment.ID) + "   # once it is drained"},
				Cause:    "service protocol " + protocols(deployment),
			}
			switch {
			case deployment.ProtocolEnd == 0:
				pass.Lacks(snapshots.SchemaRegistry)
				continue
			case highest > 0 && deployment.ProtocolStart > highest:
				f.Title = fmt.Sprintf("deployment %s speaks protocol %s, and %s no more than V%d", deployment.ID, protocols(deployment), name, highest)
				f.Expected = fmt.Sprintf("protocol V%d or lower", highest)
				f.Why = "no invocation of it can go on"
				f.Remedy = []string{"restate deployments register URI   # of the services with an older SDK"}
			case deployment.ProtocolEnd >= firstProtocol || !release.IsZero() && !release.AtLeast(1, 5, 0):
				continue
			default:
				f.Title = fmt.Sprintf("deployment %s speaks service protocol %s, and %s starts new invocations with V%d or higher only", deployment.ID, protocols(deployment), name, firstProtocol)
				f.Expected = fmt.Sprintf("protocol V%d or higher", firstProtocol)
				public := slices.ContainsFunc(services, func(s *snapshots.ServiceRevision) bool { return s.Public })
				switch {
				case !release.AtLeast(1, 6, 0):
					f.Severity = Warning
					f.Title = fmt.Sprintf("deployment %s speaks service protocol %s: Restate 1.5 registers no such deployment, 1.6 starts no invocation with it", deployment.ID, protocols(deployment))
					f.Why = "it cannot be registered again, and stands in the way of the upgrade to 1.6"
				case !public:
					f.Severity = Warning
					f.Why = "it is the latest one of no public service: what still runs on it has to be drained"
				default:
					f.Why = "new invocations of " + serviceNames(services) + " fail with RT0020"
				}
			}
			pass.Report(f)
		}
	},
}

// partID is an id as it is safe in a command.
func partID(id string) string {
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' {
			return "ID"
		}
	}
	return id
}
