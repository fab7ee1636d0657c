package rules

import (
	"fmt"
	"net/url"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&locationInconsistent)

var locationInconsistent = Rule{
	ID:       "location-inconsistent",
	Severity: Warning,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "the locations of the nodes do not fit together",
	Doc: Doc{
		Checks: "The locations of registered log servers and workers. A **warning** for the cluster if some have a location and others have none, or if some have a zone and others only a region. " +
			"A **note** if a zone of the same name exists in several regions. " +
			"Nodes that a configured replication fails on or passes over are left to `domain-location-missing`, and so is every cluster in which no node has a location.",
		Why: "A node without a label belongs to no zone or region. As long as replication counts nodes only, nothing happens; but the day somebody asks for {zone: 2}, the first such log server makes every new nodeset fail. " +
			"Restate tells zones apart by region *and* zone: `eu.a` and `us.a` are two zones, even if a typing error made them so.",
		Legal: "While locations are being introduced node by node. Zones of one name in several regions are normal in a cluster that spans regions.",
		Fix:   "Set the option `location` of the named nodes and restart them. A location can be added later, but not be taken away, and changing it under data moves the data's failure domain.",
		Evidence: []string{
			"Restate 1.3 to 1.7: setting an empty location is allowed, clearing one is refused, changing one is warned about",
			"restatedev/restate #2498; restatedev/restate-operator #195",
		},
	},
	Run: func(pass *Pass) {
		forLogs, forPartitions := unlocated(pass)
		nodes := registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool {
			return (hasRole(node, cluster.RoleLogServer) || hasRole(node, cluster.RoleWorker)) && !forLogs[node.ID] && !forPartitions[node.ID]
		})
		var nowhere, regions, zones []*snapshots.Node
		byZone := make(map[string][]string) // the regions that have a zone of this name
		seen := make(map[cluster.Location]bool)
		for _, node := range nodes {
			switch location := node.Location; {
			case location == cluster.Location{}:
				nowhere = append(nowhere, node)
			case location.Zone == "":
				regions = append(regions, node)
			default:
				zones = append(zones, node)
				if !seen[location] {
					seen[location] = true
					byZone[location.Zone] = append(byZone[location.Zone], location.Region)
				}
			}
		}
		located := len(regions) + len(zones)
		if len(nowhere) > 0 && located > 0 {
			pass.Report(locationFinding("none", fmt.Sprintf("%s no location, %s one", have(len(nowhere), "node"), have(located, "node")), nowhere, append(zones, regions...)[0]))
		}
		if len(regions) > 0 && len(zones) > 0 {
			pass.Report(locationFinding("no-zone", fmt.Sprintf("%s a region only, %s a zone", have(len(regions), "node"), have(len(zones), "node")), regions, zones[0]))
		}
		for _, node := range zones {
			zone := node.Location.Zone
			in := byZone[zone]
			if len(in) < 2 {
				continue
			}
			delete(byZone, zone)
			slices.Sort(in)
			pass.Report(Finding{
				Severity: Note,
				Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "zone-" + url.PathEscape(zone)},
				Title:    fmt.Sprintf("zone %q exists in %s, and each of them is a zone of its own", zone, plural(len(in), "region")),
				Observed: "regions " + shorten(in),
				Expected: "names that are meant to be different zones",
				Why:      "copies in two of them count as copies in two zones",
				At:       node.LocationAt,
			})
		}
	},
}

// have is "1 node has" or "2 nodes have".
func have(n int, noun string) string {
	if n == 1 {
		return plural(n, noun) + " has"
	}
	return plural(n, noun) + " have"
}

func locationFinding(part, title string, odd []*snapshots.Node, other *snapshots.Node) Finding {
	return Finding{
		Subject:  Subject{Document: string(snapshots.NodesConfig), Part: part},
		Title:    "locations differ: " + title,
		Observed: nodeList(odd),
		Expected: "locations of one form, such as region.zone, on all nodes",
		Why:      "the nodes belong to no failure domain: replication over zones cannot be switched on, and nothing spreads over them",
		At:       odd[0].LocationAt,
		Related:  []Related{{Message: fmt.Sprintf("%v has the location %q", other.ID, other.Location.String()), At: other.LocationAt}},
		Remedy:   []string{"set the option `location` of " + nodeList(odd) + " and restart them"},
	}
}
