package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&replicationUnsatisfiable)

var replicationUnsatisfiable = Rule{
	ID:       "replication-unsatisfiable",
	Severity: Error,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "the cluster has too few nodes, zones or regions for its configured replication",
	Doc: Doc{
		Checks: "The default log replication against the nodes that Restate picks for new nodesets: those in storage state `read-write`, whatever their roles. " +
			"The partition replication against those it picks for replica sets: those with the role `worker` in worker state `active` that have a label at every scope that the replication names. " +
			"At each scope there must be as many distinct nodes, zones or regions as the factor says. One **error** for each of the two; " +
			"a **warning** if nodes that are still `provisioning` would make up for what is missing. " +
			"A log server without a location is another reason why no nodeset can be chosen: `domain-location-missing` says so. Worker states are not looked at in clusters that never recorded one (Restate before 1.4).",
		Why: "Restate accepts such a configuration without a word. From then on no segment and no replica set can be created. Leaders try to improve their logs, which seals the tails: " +
			"within seconds **all** logs are sealed and cannot be extended, and nothing is written any more. Before 1.4.3 an invalid nodeset was even used.",
		Legal: "For the minutes in which nodes are being added or restarted with new locations. What is running goes on until the next failover or reconfiguration, if there has been none yet.",
		Fix: "Add log servers or workers in the missing zones, or lower the replication: `restatectl config set --log-replication R`, `restatectl config set --partition-replication R` (Restate 1.3 and later). " +
			"The finding names the nearest property that the nodes can meet: only what cannot be met is lowered, to what still works after the loss of a node, zone or region where that is possible; zones are kept, and used where every node has one. " +
			"Sealed logs then continue by themselves; otherwise `restatectl logs reconfigure --log-id L`.",
		Evidence: []string{
			"Restate 1.7.12: `config set --log-replication 5` on three log servers was accepted; all tails were sealed within 10 s, and 0 of 160 invocations worked in 40 s",
			"Restate 1.7.12: `config set --partition-replication '{region: 2}'` was accepted in a cluster of one region",
			"restatedev/restate #3564: {region: 2} in one region made a cluster before 1.4.3 unusable",
		},
	},
	Run: func(pass *Pass) {
		checkLogReplication(pass)
		checkPartitionReplication(pass)
	},
}

func checkLogReplication(pass *Pass) {
	logs := pass.Snapshot.Logs
	if logs == nil {
		pass.Lacks(snapshots.BifrostConfig)
		return
	}
	selection, ok := selectDefault(pass)
	if !ok || len(selection.Missing) == 0 {
		return
	}
	replication, _ := defaultReplication(logs)
	candidates := registered(pass.Snapshot.Nodes, mayTakeSegments)
	have, want := shortfalls(selection.Missing)
	have = exist(selection.Missing[0].Have, have)
	f := Finding{
		Subject:  Subject{Document: string(snapshots.BifrostConfig)},
		Title:    fmt.Sprintf("default log replication %v cannot be met: it needs %s, and there %s to choose from", replication, want, have),
		Observed: fmt.Sprintf("log servers in state read-write: %s", nodeList(candidates)),
		Expected: "at least " + want,
		Why:      "no new segment can be created: a log that is sealed, be it only to improve it, stays sealed and takes no records",
		At:       logs.DefaultProvider.At,
		Remedy:   alternatives(lowerReplication("log", replication, candidates)...),
	}
	starting := registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool {
		return mayTakeSegments(node) || hasRole(node, cluster.RoleLogServer) && node.Storage == cluster.StorageProvisioning
	})
	if len(cluster.SelectNodeset(asMembers(starting), replication, 0).Missing) == 0 {
		f.Severity = Warning
		f.Observed += "; others are still provisioning and would make up for it"
	}
	for node := range pass.Snapshot.Nodes.All() {
		if !node.Removed && hasRole(node, cluster.RoleLogServer) && !mayTakeSegments(node) && len(f.Related) < listShown {
			f.Related = append(f.Related, relatedNode(pass, node.ID)...)
		}
	}
	var all int
	var sealed tails
	pass.Logs(func(log *snapshots.Log) {
		all++
		if tail := log.Tail(); tail != nil && tail.Kind == snapshots.SealMarker {
			sealed.add(log, len(log.Segments)-1, log.SegmentAt)
		}
	})
	pass.Finally(func() {
		if n := sealed.count(); n > 0 {
			verb := "are"
			if n == 1 {
				verb = "is"
			}
			f.Title += fmt.Sprintf("; %d of %s %s sealed and cannot be extended", n, plural(all, "log"), verb)
			f.Observed += fmt.Sprintf("; sealed: %d of %s", n, plural(all, "log"))
			f.Why = "no new segment can be created: the sealed logs take no records, and the others follow with their next failover or reconfiguration"
			if n == all && pass.Whole(snapshots.BifrostConfig) {
				f.Why = "no new segment can be created, and the tails are sealed already: no log takes records, and nothing is processed"
			}
			f.Related = append(f.Related, Related{Message: fmt.Sprintf("log %d ends with a seal marker", sealed.lowest), At: sealed.at})
			f.Remedy = append(f.Remedy, "# then, where a log stays sealed:", reconfigureAll(sealed.logs))
		}
		pass.Report(f)
	})
}

func checkPartitionReplication(pass *Pass) {
	table := pass.Snapshot.Partitions
	if table == nil {
		pass.Lacks(snapshots.PartitionTable)
		return
	}
	workers := registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool { return hasRole(node, cluster.RoleWorker) })
	recorded := false
	var candidates, starting []*snapshots.Node
	for _, node := range workers {
		recorded = recorded || node.Worker != cluster.WorkerProvisioning
		if mayTakePartitions(node) {
			candidates = append(candidates, node)
		}
		if mayTakePartitions(node) || node.Worker == cluster.WorkerProvisioning {
			starting = append(starting, node)
		}
	}
	if table.Replication.Copies() == 0 || !recorded {
		return
	}
	selection := cluster.SelectReplicas(asMembers(candidates), table.Replication)
	if selection.Possible() {
		return
	}
	have, want := shortfalls(selection.Missing)
	have = exist(selection.Missing[0].Have, have)
	f := Finding{
		Subject:  Subject{Document: string(snapshots.PartitionTable)},
		Title:    fmt.Sprintf("partition replication %v cannot be met: it needs %s, and there %s to choose from", table.Replication, want, have),
		Observed: fmt.Sprintf("workers in state active: %s", nodeList(candidates)),
		Expected: "at least " + want,
		Why:      "no new replica set can be chosen: partitions stay on the nodes that they are on, even if those are lost or being drained",
		At:       table.ReplicationAt,
	}
	if len(selection.Unlocated) > 0 {
		f.Observed += "; without the locations that the replication needs: " + idList(selection.Unlocated)
	}
	var back []cluster.NodeID
	returned := slices.Clone(candidates)
	for _, node := range workers {
		if node.Worker == cluster.WorkerDraining || node.Worker == cluster.WorkerDisabled {
			returned = append(returned, node)
			back = append(back, node.ID)
		}
	}
	ways := lowerReplication("partition", table.Replication, candidates)
	if cluster.SelectReplicas(asMembers(returned), table.Replication).Possible() {
		ways = append([]way{{"take the workers back", []string{setWorkerActive(back...)}}}, ways...)
	}
	f.Remedy = alternatives(ways...)
	if cluster.SelectReplicas(asMembers(starting), table.Replication).Possible() {
		f.Severity = Warning
		f.Observed += "; others are still provisioning and would make up for it"
	}
	for _, node := range workers {
		if (node.Worker == cluster.WorkerDraining || node.Worker == cluster.WorkerDisabled) && len(f.Related) < listShown {
			f.Related = append(f.Related, Related{Message: fmt.Sprintf("%v has worker state %s", node.ID, node.Worker), At: node.WorkerAt})
		}
	}
	pass.Report(f)
}

// replicasUnsatisfiable reports whether the workers in service cannot meet the partition replication.
func replicasUnsatisfiable(pass *Pass, table *snapshots.Partitions) bool {
	return table.Replication.Copies() > 0 &&
		!cluster.SelectReplicas(asMembers(registered(pass.Snapshot.Nodes, mayTakePartitions)), table.Replication).Possible()
}

func setWorkerActive(ids ...cluster.NodeID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	return "restatectl nodes set-worker-state --nodes " + strings.Join(names, ",") + " --worker-state active"
}

// lowerReplication are the ways to a replication that the candidates meet: one that asks for less, and, where it is about
// zones or regions, more of those.
func lowerReplication(what string, replication cluster.Replication, candidates []*snapshots.Node) (ways []way) {
	server := "log servers"
	lowered := lowerForLogs
	if what == "partition" {
		server = "workers"
		lowered = lowerForPartitions
	}
	if lower, ok := lowered(replication, asMembers(candidates)); ok {
		when := "ask for less"
		if max(replication.Zone, replication.Region) > 1 && max(lower.Zone, lower.Region) <= 1 {
			when += ", and let copies lie together"
		}
		ways = append(ways, way{when, []string{"restatectl config set --" + what + "-replication " + replicationArgument(lower)}})
	}
	if replication.Zone == 0 && replication.Region == 0 {
		if len(ways) == 0 {
			ways = append(ways, way{"have more " + server, []string{"add " + server}})
		}
		return ways
	}
	zones, regions := make(map[cluster.Location]bool), make(map[cluster.Location]bool)
	for _, node := range candidates {
		if zone, ok := node.Location.Domain(cluster.ZoneScope); ok {
			zones[zone] = true
		}
		if region, ok := node.Location.Domain(cluster.RegionScope); ok {
			regions[region] = true
		}
	}
	return append(ways, way{"have more " + server, []string{fmt.Sprintf("add %s where there are none yet: there %s in %s and %s", server,
		exist(len(candidates), plural(len(candidates), "node")), listed(zones, "zone"), listed(regions, "region"))}})
}

// replicationArgument is a property as an argument of a command.
func replicationArgument(replication cluster.Replication) string {
	if replication.Zone == 0 && replication.Region == 0 {
		return strconv.Itoa(replication.Copies())
	}
	return "'" + replication.String() + "'"
}

// exist is "is 1 node" or "are 2 nodes".
func exist(n int, what string) string {
	if n == 1 {
		return "is " + what
	}
	return "are " + what
}

// listed counts domains and names them: "2 zones (eu.a, eu.b)".
func listed(domains map[cluster.Location]bool, noun string) string {
	var names []string
	for domain := range maps.Keys(domains) {
		names = append(names, domain.String())
	}
	if len(names) == 0 {
		return "no " + noun
	}
	slices.Sort(names)
	return plural(len(names), noun) + " (" + shorten(names) + ")"
}
