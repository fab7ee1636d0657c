package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
)

var _ = register(&subscriptionDangling)

var subscriptionDangling = Rule{
	ID:       "subscription-dangling",
	Severity: Warning,
	Category: Services,
	Needs:    []snapshots.Kind{snapshots.SchemaRegistry},
	Summary:  "a Kafka subscription leads to a service, or comes from a cluster, that is not known",
	Doc: Doc{
		Checks: "Every subscription: a **warning** if no deployment has the service, or its latest one not the handler, that records go to; " +
			"a **note** if the registry configures Kafka clusters and not the one that records come from, or if a cluster of 1.7 or later has none in the registry. In older clusters they are configured on the nodes.",
		Why:   "Records of the topic cannot be delivered. A server may fail to start when the configuration of a Kafka cluster is gone.",
		Legal: "While a service is being replaced. A Kafka cluster that the registry does not know may be configured in `restate.toml`.",
		Fix:   "`restate subscriptions list`, then `restate subscriptions delete ID`, or register the service again; `restate kafka-clusters` for clusters in the registry.",
		Evidence: []string{
			"restatedev/restate #3972 (open): crash at startup when the configuration of a Kafka cluster vanished",
			"Restate 1.7: kafka_clusters in the registry",
		},
	},
	Run: func(pass *Pass) {
		registry := pass.Snapshot.Registry
		services := make(map[string]*snapshots.ServiceRevision)
		for _, list := range latestServices(registry) {
			for _, service := range list {
				services[service.Name] = service
			}
		}
		for i := range registry.Subscriptions {
			subscription := &registry.Subscriptions[i]
			f := Finding{
				Subject:  Subject{Document: string(snapshots.SchemaRegistry), Part: subscription.ID},
				Expected: "a service and handler that are registered",
				Why:      "records of the topic cannot be delivered",
				At:       subscription.At,
				Remedy:   []string{"restate subscriptions list"},
			}
			service := services[subscription.Service]
			switch {
			case subscription.Service == "":
				pass.Lacks(snapshots.SchemaRegistry)
			case service == nil:
				f.Title = fmt.Sprintf("subscription %s leads to service %s, which no deployment has", subscription.ID, subscription.Service)
				f.Observed = "service " + subscription.Service
				pass.Report(f)
				continue
			case subscription.Handler != "" && len(service.Handlers) > 0 && !service.Has(subscription.Handler):
				f.Title = fmt.Sprintf("subscription %s leads to handler %s of service %s, which its latest revision does not have", subscription.ID, subscription.Handler, subscription.Service)
				f.Observed = "handlers " + shorten(service.Handlers)
				pass.Report(f)
				continue
			}
			if subscription.Cluster == "" || slices.Contains(registry.KafkaClusters, subscription.Cluster) {
				continue
			}
			if len(registry.KafkaClusters) > 0 || effectiveRelease(pass).AtLeast(1, 7, 0) {
				f.Severity = Note
				f.Title = fmt.Sprintf("subscription %s reads from Kafka cluster %s, which the registry does not configure", subscription.ID, subscription.Cluster)
				f.Observed = "Kafka clusters in the registry: " + shorten(registry.KafkaClusters)
				f.Expected = "the cluster in the registry, or in restate.toml of every node"
				f.Why = "if it is not in restate.toml either, the subscription cannot start"
				pass.Report(f)
			}
		}
	},
}
