package analyze

import (
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A nodes configuration may be there but for some entries that cannot be read: those of a newer Restate, or edited by
// hand. What does not depend on such a node has an answer all the same, and what does is undecided. Where entries may be
// missing that nobody knows of, nothing can be told.

// wholeNodes refuses a nodes configuration that does not say of every node that there is one.
func wholeNodes(s *snapshots.Snapshot) error {
	if s.Nodes == nil {
		return ErrNoNodes
	}
	if _, listed := s.Nodes.Unreadable(); !listed {
		return ErrNoNodes
	}
	return nil
}

// readNodes refuses a nodes configuration with an entry that cannot be read.
func readNodes(s *snapshots.Snapshot, what string) error {
	if ids, _ := s.Nodes.Unreadable(); len(ids) > 0 {
		return unreadError(what + " cannot be told: " + cannotBeRead(ids))
	}
	return nil
}

// An unreadError is ErrNoNodes where the nodes configuration is there and one of its entries cannot be read.
type unreadError string

func (err unreadError) Error() string { return string(err) }

// Is makes it an ErrNoNodes.
func (unreadError) Is(target error) bool { return target == ErrNoNodes }

// cannotBeRead is "what nodes_config says of N3 cannot be read".
func cannotBeRead(ids []cluster.NodeID) string {
	return "what nodes_config says of " + strings.Join(nodeNames(ids), ", ") + " cannot be read"
}

// possibilities are the extremes of what an unreadable entry may be: no member, one that never answers, and one that does
// everything. Where they agree at the node scope, so does every state in between.
var possibilities = []cluster.Member{
	{Class: cluster.Removed},
	{Class: cluster.Active, State: cluster.StorageGone},
	{Class: cluster.Active, State: cluster.StorageReadWrite},
}

// mostPossible bounds how many members of a nodeset may be unreadable: beyond it no answer is looked for.
const mostPossible = 4

// abilities are what a placement can do before and after, if that is the same whatever its unreadable members are.
// Where a location counts it is not looked for: theirs may be any.
func abilities(placement *snapshots.Placement, able func(*cluster.Checker) (before, after ability)) (before, after ability, decided bool) {
	members := slices.Clone(placement.Verdict.Members)
	var open []int
	for i, member := range members {
		if member.Class == cluster.Undetermined {
			open = append(open, i)
		}
	}
	replication := placement.Replication
	if len(open) > 0 && (len(open) > mostPossible || replication.Zone > 0 || replication.Region > 0) {
		return before, after, false
	}
	choices := 1
	for range open {
		choices *= len(possibilities)
	}
	for choice := range choices {
		for rest, k := choice, 0; k < len(open); k++ {
			possible := possibilities[rest%len(possibilities)]
			possible.Node = members[open[k]].Node
			members[open[k]] = possible
			rest /= len(possibilities)
		}
		b, a := able(cluster.NewChecker(members, replication))
		if choice > 0 && (b != before || a != after) {
			return before, after, false
		}
		before, after = b, a
	}
	return before, after, true
}
