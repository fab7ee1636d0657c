package rules

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&logServerUnused)

var logServerUnused = Rule{
	ID:       "log-server-unused",
	Severity: Note,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "a log server is in no nodeset, or in far fewer than its peers",
	Doc: Doc{
		Checks: "Registered nodes with the role `log-server` in storage state `read-write` that no replicated segment names, neither sealed nor open: one **note** for each. Nothing is reported while the cluster has no replicated segment. " +
			"And those of one location whose share of the open tails is very uneven: one **note** for a location where one log server is in the nodesets of 50 or more open tails, and of ten times as many as another.",
		Why: "The node has disk and memory for logs and none, or hardly any, is on it: it joined after the last reconfiguration, its zone is not reached, or it is an entry that nobody removed. " +
			"The others carry its load, and more logs suffer when one of them is lost.",
		Legal: "For a node that has just joined, and in a cluster that has more log servers than nodesets can name.",
		Fix:   "`restatectl logs reconfigure --log-id L` spreads a log anew. `restate-lint describe` counts the open and the sealed segments that name each node, removed ones included. For an entry without a machine, see `ghost-node`.",
		Evidence: []string{
			"restatedev/restate #4808: placement can burden some log servers far more than others",
			"restatedev/restate #2741: `replicated-loglet list-servers` counts the loglets of every log server, but leaves out removed ones",
		},
	},
	Run: func(pass *Pass) {
		unused := make(map[cluster.NodeID]*snapshots.Node)
		for _, node := range registered(pass.Snapshot.Nodes, takesSegments) {
			if hasRole(node, cluster.RoleLogServer) {
				unused[node.ID] = node
			}
		}
		reportUneven(pass, unused)
		unnamed(pass, unused, func(replicated bool) {
			if !replicated {
				return
			}
			for _, node := range registered(pass.Snapshot.Nodes, everyNode) {
				if unused[node.ID] == nil {
					continue
				}
				pass.Report(Finding{
					Subject:  Subject{Node: node.ID.String()},
					Title:    nodeTitle(node) + " is a log server in no nodeset",
					Observed: "storage state read-write, named by no segment",
					Expected: "a log server that holds logs",
					Why:      "it has just joined, or no log has been reconfigured since",
					At:       node.StorageAt,
					Cause:    "unused",
					Remedy:   []string{"restatectl nodes list   # does it run?", "restatectl logs reconfigure --log-id L   # for each log that should spread anew"},
				})
			}
		})
	},
}

// An unevenShare is when the share of the open tails counts as very uneven: one log server has at least busyTails of
// them, and unevenShare times as many as another. Chance alone does not get there.
const (
	busyTails   = 50
	unevenShare = 10
)

// reportUneven compares the log servers of each location: others get another share by the rules of selection. Once all
// logs were read, unused has those that no segment names.
func reportUneven(pass *Pass, unused map[cluster.NodeID]*snapshots.Node) {
	type server struct {
		node *snapshots.Node
		open int // tails
	}
	servers := make(map[cluster.NodeID]*server)
	peers := make(map[cluster.Location][]*server)
	var locations []cluster.Location
	for _, node := range registered(pass.Snapshot.Nodes, takesSegments) {
		if !hasRole(node, cluster.RoleLogServer) {
			continue
		}
		servers[node.ID] = &server{node: node}
		if peers[node.Location] == nil {
			locations = append(locations, node.Location)
		}
		peers[node.Location] = append(peers[node.Location], servers[node.ID])
	}
	members := perPlacement[[]*server]{make: func(placement *snapshots.Placement) (list []*server) {
		for _, member := range placement.Verdict.Members {
			if s := servers[member.Node]; s != nil {
				list = append(list, s)
			}
		}
		return list
	}}
	pass.Logs(func(log *snapshots.Log) {
		tail := log.Tail()
		switch {
		case tail == nil:
		case undecodable(tail):
			pass.Incomplete(snapshots.BifrostConfig)
		case tail.Placement != nil:
			for _, s := range members.of(tail.Placement) {
				s.open++
			}
		}
	})
	pass.Finally(func() {
		if !pass.Whole(snapshots.BifrostConfig) {
			return
		}
		for _, location := range locations {
			list := slices.DeleteFunc(peers[location], func(s *server) bool { return unused[s.node.ID] != nil })
			if len(list) == 0 {
				continue
			}
			byOpen := func(a, b *server) int { return cmp.Compare(a.open, b.open) }
			least, most := slices.MinFunc(list, byOpen), slices.MaxFunc(list, byOpen)
			if most.open < busyTails || most.open < unevenShare*least.open {
				continue
			}
			slices.SortStableFunc(list, byOpen)
			shares := make([]string, len(list))
			for i, s := range list {
				shares[i] = fmt.Sprintf("%v %d", s.node.ID, s.open)
			}
			where, part := "", "membership"
			if location != (cluster.Location{}) {
				where, part = " in "+location.String(), "membership-"+url.PathEscape(location.String())
			}
			pass.Report(Finding{
				Subject:  Subject{Document: string(snapshots.BifrostConfig), Part: part},
				Title:    fmt.Sprintf("the log servers%s share the open tails very unevenly: %v is in %d nodesets, %v in %d", where, least.node.ID, least.open, most.node.ID, most.open),
				Observed: "open tails: " + shorten(shares),
				Expected: "about as many for each log server of a location",
				Why:      "the busy ones carry the load of the others, and more logs suffer when one of them is lost",
				At:       least.node.StorageAt,
				Related:  relatedNode(pass, most.node.ID),
				Remedy:   []string{"restatectl logs reconfigure --log-id L   # for logs that should spread anew"},
			})
		}
	})
}
