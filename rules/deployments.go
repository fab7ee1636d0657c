package rules

import (
	"fmt"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// effectiveRelease is what a cluster is judged by: the release that an upgrade aims at, or the one that runs.
func effectiveRelease(pass *Pass) cluster.Release {
	if !pass.Target.IsZero() {
		return pass.Target
	}
	return pass.Snapshot.Release()
}

func subjectDeployment(d *snapshots.Deployment) Subject { return Subject{Deployment: d.ID} }

// latestServices are the services whose new invocations go to each deployment, by its id.
func latestServices(registry *snapshots.Registry) map[string][]*snapshots.ServiceRevision {
	type place struct {
		deployment string
		service    *snapshots.ServiceRevision
	}
	latest := make(map[string]place)
	var names []string
	for i := range registry.Deployments {
		deployment := &registry.Deployments[i]
		for k := range deployment.Services {
			service := &deployment.Services[k]
			known, seen := latest[service.Name]
			if !seen {
				names = append(names, service.Name)
			}
			if !seen || registry.Newer(deployment, service, known.deployment, known.service) {
				latest[service.Name] = place{deployment.ID, service}
			}
		}
	}
	byDeployment := make(map[string][]*snapshots.ServiceRevision)
	for _, name := range names {
		p := latest[name]
		byDeployment[p.deployment] = append(byDeployment[p.deployment], p.service)
	}
	return byDeployment
}

// serviceNames lists services briefly.
func serviceNames(services []*snapshots.ServiceRevision) string {
	words := make([]string, len(services))
	for i, service := range services {
		words[i] = service.Name
	}
	return shorten(words)
}

// sdk names the SDK of a deployment in messages.
func sdk(d *snapshots.Deployment) string {
	if d.SDK == "" {
		return "an unknown SDK"
	}
	return d.SDK
}

// protocols is the range of service protocols that a deployment speaks: "V1 to V4".
func protocols(d *snapshots.Deployment) string {
	if d.ProtocolStart == d.ProtocolEnd {
		return fmt.Sprintf("V%d", d.ProtocolEnd)
	}
	return fmt.Sprintf("V%d to V%d", d.ProtocolStart, d.ProtocolEnd)
}
