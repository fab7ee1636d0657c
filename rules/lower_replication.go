package rules

import "restate-lint/snapshots/cluster"

// lowerForLogs is the nearest log replication that the log servers can meet; false where there is none. Factors that are
// met are kept. The others become the most of which one domain can be lost, two of three zones or three of five nodes, and no less than two where there are two. Where
// all log servers have a zone, flat replication comes out with as many zones: fewer copies that lie together would be worse
// than what was asked for.
func lowerForLogs(replication cluster.Replication, servers []cluster.Member) (cluster.Replication, bool) {
	lowered := lower(replication, servers, mostForLogs)
	return lowered, cluster.SelectNodeset(servers, lowered, 0).Possible()
}

// lowerForPartitions is the same for the partition replication and workers: of what cannot be met two are left, as more are
// not recommended.
func lowerForPartitions(replication cluster.Replication, workers []cluster.Member) (cluster.Replication, bool) {
	lowered := lower(replication, workers, mostForPartitions)
	return lowered, cluster.SelectReplicas(workers, lowered).Possible()
}

func mostForLogs(have int) int { return max(min(have, 2), (have+1)/2) }

func mostForPartitions(have int) int { return min(have, 2) }

// lower replaces the factors that there are too few domains for by the most that so many allow.
func lower(replication cluster.Replication, members []cluster.Member, most func(have int) int) (lowered cluster.Replication) {
	nodes := len(members)
	zones, everyZone := domains(members, cluster.ZoneScope)
	regions, _ := domains(members, cluster.RegionScope)
	least := func(wanted, have int) int {
		if wanted > have {
			return most(have)
		}
		return wanted
	}
	// A factor of a bigger scope is one of each smaller scope as well: two regions are two zones.
	region := least(int(replication.Region), regions)
	zone := max(least(max(int(replication.Zone), int(replication.Region)), zones), region)
	copies := replication.Copies()
	if replication.Zone == 0 && replication.Region == 0 && everyZone && copies > nodes {
		zone = min(most(zones), most(nodes))
	}
	node := max(least(copies, nodes), zone, 1)
	if region > 1 {
		lowered.Region = uint8(region)
	}
	if zone > max(region, 1) {
		lowered.Zone = uint8(zone)
	}
	if smallest := max(zone, region); node > smallest || smallest <= 1 {
		lowered.Node = uint8(min(node, 255))
	}
	return lowered
}

// domains counts the domains of a scope, and says whether every member is in one.
func domains(members []cluster.Member, scope cluster.Scope) (count int, every bool) {
	seen := make(map[cluster.Location]bool)
	every = true
	for _, member := range members {
		domain, located := member.Location.Domain(scope)
		if located {
			seen[domain] = true
		}
		every = every && located
	}
	return len(seen), every
}
