package rules

import (
	"slices"
	"strconv"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// registered returns the nodes that belong to the cluster, in ascending order of ids: all but the removed ones.
func registered(nodes *snapshots.Nodes, want func(*snapshots.Node) bool) []*snapshots.Node {
	var list []*snapshots.Node
	for node := range nodes.All() {
		if !node.Removed && want(node) {
			list = append(list, node)
		}
	}
	return list
}

func everyNode(*snapshots.Node) bool { return true }

// takesSegments is true for the nodes that Restate picks for new nodesets. It does not look at roles.
func takesSegments(node *snapshots.Node) bool { return node.Storage == cluster.StorageReadWrite }

// mayTakeSegments is true for them and for nodes in a state of a newer Restate: what such a node can do is not known, and
// no alarm about what a cluster lacks may rest on a guess.
func mayTakeSegments(node *snapshots.Node) bool { return takesSegments(node) || !node.Storage.Known() }

// takesPartitions is true for the nodes that Restate picks for new replica sets, if their processes run.
func takesPartitions(node *snapshots.Node) bool {
	return hasRole(node, cluster.RoleWorker) && node.Worker == cluster.WorkerActive
}

// mayTakePartitions is to takesPartitions what mayTakeSegments is to takesSegments.
func mayTakePartitions(node *snapshots.Node) bool {
	return hasRole(node, cluster.RoleWorker) && (node.Worker == cluster.WorkerActive || !node.Worker.Known())
}

func hasRole(node *snapshots.Node, role cluster.Role) bool { return slices.Contains(node.Roles, role) }

// asMembers describes nodes as members of a nodeset.
func asMembers(list []*snapshots.Node) []cluster.Member {
	members := make([]cluster.Member, len(list))
	for i, node := range list {
		members[i] = cluster.Member{Node: node.ID, Class: cluster.Active, State: node.Storage, Location: node.Location}
	}
	return members
}

// metadataMember is true for a node that counts in the quorum of the metadata servers. Up to Restate 1.4 a state that is
// left out means that; a node that does not state its release either is taken for one of those.
func metadataMember(node *snapshots.Node) bool {
	leftOut := node.Metadata == "" && node.Release.IsZero() && hasRole(node, cluster.RoleMetadataServer)
	return !node.Removed && (node.Metadata == cluster.MetadataMember || leftOut)
}

// inMigration is true for what the nodes configuration looks like while the metadata store is migrated: all nodes have
// given up all roles but two until they start normally again.
func inMigration(list []*snapshots.Node) bool {
	for _, node := range list {
		if len(node.Roles) != 2 || !hasRole(node, cluster.RoleAdmin) || !hasRole(node, cluster.RoleMetadataServer) {
			return false
		}
	}
	return len(list) > 0
}

// nodeTitle names a node in messages: "N3 (restate-2)".
func nodeTitle(node *snapshots.Node) string {
	if node.Name == "" {
		return node.ID.String()
	}
	return node.ID.String() + " (" + node.Name + ")"
}

// listShown is how many of many things a message names.
const listShown = 8

// shorten joins words and leaves out what is too much: "N1, N2 and 7 more".
func shorten(words []string) string {
	switch {
	case len(words) == 0:
		return "none"
	case len(words) > listShown:
		return strings.Join(words[:listShown], ", ") + " and " + strconv.Itoa(len(words)-listShown) + " more"
	}
	return strings.Join(words, ", ")
}

// nodeList names nodes by their ids: "N1, N2".
func nodeList(list []*snapshots.Node) string {
	words := make([]string, len(list))
	for i, node := range list {
		words[i] = node.ID.String()
	}
	return shorten(words)
}

// idList names nodes that are given in any order, in ascending order.
func idList(ids []cluster.NodeID) string {
	words := make([]string, len(ids))
	for i, id := range slices.Sorted(slices.Values(ids)) {
		words[i] = id.String()
	}
	return shorten(words)
}

// partitionList names partitions: "partitions 1, 2".
func partitionList(ids []cluster.PartitionID) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.FormatUint(uint64(id), 10)
	}
	if len(ids) == 1 {
		return "partition " + words[0]
	}
	return "partitions " + shorten(words)
}

// shortfalls says what is missing: "3 nodes, 1 zone" of "5 nodes, 2 zones".
func shortfalls(missing []cluster.Shortfall) (have, want string) {
	var haves, wants []string
	for _, s := range missing {
		haves = append(haves, plural(s.Have, s.Scope.String()))
		wants = append(wants, plural(s.Want, s.Scope.String()))
	}
	return strings.Join(haves, " and "), strings.Join(wants, " and ")
}

// wholeDocument is the position of a finding that no single value is to blame for.
func wholeDocument(d *snapshots.Document) snapshots.Position { return d.At(d.Offset, "") }

// partName makes a value fit to be a part of a subject: "{node: 3, zone: 2}" becomes "node-3-zone-2".
func partName(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("{}:, ", r) }), "-")
}

// defaultReplication is what new segments are replicated by; false if they are not replicated, or it is not known.
func defaultReplication(logs *snapshots.Logs) (cluster.Replication, bool) {
	if logs == nil || logs.DefaultProvider == nil || logs.DefaultProvider.Kind != snapshots.Replicated {
		return cluster.Replication{}, false
	}
	replication := logs.DefaultProvider.Replication
	return replication, replication.Copies() > 0
}

// selectDefault says which choice the cluster has for the nodeset of a new segment; false as for defaultReplication.
func selectDefault(pass *Pass) (cluster.Selection, bool) {
	replication, ok := defaultReplication(pass.Snapshot.Logs)
	if !ok {
		return cluster.Selection{}, false
	}
	candidates := asMembers(registered(pass.Snapshot.Nodes, mayTakeSegments))
	return cluster.SelectNodeset(candidates, replication, int(pass.Snapshot.Logs.DefaultProvider.TargetNodesetSize)), true
}
