package analyze

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A silence is the set of nodes that somebody says are silent. A nil silence is empty.
type silence struct {
	nodes []cluster.NodeID // ascending
	// stray are the given nodes that the nodes configuration does not know. Somebody may mean them only if a nodeset or a
	// replica set names them, which the logs tell when they are read.
	stray map[cluster.NodeID]bool
}

// Words that name many nodes.
const (
	zoneWord   = "zone:"
	regionWord = "region:"
)

// silenceOf reads the words of a user.
func silenceOf(s *snapshots.Snapshot, words []string) (*silence, error) {
	if err := wholeNodes(s); err != nil {
		return nil, err
	}
	given := &silence{stray: make(map[cluster.NodeID]bool)}
	var problems []string
	there := ""
	for _, word := range words {
		scope, text := cluster.NodeScope, ""
		switch {
		case strings.HasPrefix(word, zoneWord):
			scope, text = cluster.ZoneScope, strings.TrimPrefix(word, zoneWord)
		case strings.HasPrefix(word, regionWord):
			scope, text = cluster.RegionScope, strings.TrimPrefix(word, regionWord)
		}
		if scope == cluster.NodeScope {
			id, err := nodeOf(s.Nodes, word)
			if err != nil {
				problems = append(problems, err.Error())
				there = "; there are " + knownNodes(s.Nodes)
				continue
			}
			given.nodes = append(given.nodes, id)
			if s.Nodes.Get(id) == nil {
				given.stray[id] = true
			}
			continue
		}
		if err := readNodes(s, "which nodes are in "+word); err != nil {
			return nil, err
		}
		members := nodesIn(s.Nodes, scope, text)
		if len(members) == 0 {
			problems = append(problems, noSuchDomain(s.Nodes, scope, text))
		}
		given.nodes = append(given.nodes, members...)
	}
	slices.Sort(given.nodes)
	given.nodes = slices.Compact(given.nodes)
	if len(problems) > 0 {
		return nil, errors.New(strings.Join(problems, "; ") + there)
	}
	return given, nil
}

// nodeOf is the node that a word means: its id, "N3" or "3", or the name that no other registered node has.
func nodeOf(nodes *snapshots.Nodes, word string) (cluster.NodeID, error) {
	if id, err := cluster.ParseNodeID(word); err == nil {
		return id, nil
	}
	var named []cluster.NodeID
	for node := range nodes.All() {
		if !node.Removed && node.Name == word && word != "" {
			named = append(named, node.ID)
		}
	}
	switch len(named) {
	case 0:
		return 0, fmt.Errorf("%q is not a node such as N3, zone:eu.a, region:eu or @FILE, nor the name of one", word)
	case 1:
		return named[0], nil
	}
	return 0, fmt.Errorf("%q is the name of %s: give one of these", word, strings.Join(nodeNames(named), ", "))
}

// nodesIn are the registered nodes in a zone or region.
func nodesIn(nodes *snapshots.Nodes, scope cluster.Scope, name string) (in []cluster.NodeID) {
	for node := range nodes.All() {
		if domain, ok := node.Location.Domain(scope); ok && !node.Removed && domain.String() == name {
			in = append(in, node.ID)
		}
	}
	return in
}

// namesListed bounds lists in messages.
const namesListed = 12

func noSuchDomain(nodes *snapshots.Nodes, scope cluster.Scope, name string) string {
	known := domainNames(nodes, scope)
	if len(known) == 0 {
		return fmt.Sprintf("%v:%s: no node has a %[1]v", scope, name)
	}
	if len(known) > namesListed {
		known = append(known[:namesListed], "…")
	}
	return fmt.Sprintf("%v:%s: no node is in that %[1]v; there are %[3]s", scope, name, strings.Join(known, ", "))
}

// domainNames are the zones or regions of the registered nodes, in order.
func domainNames(nodes *snapshots.Nodes, scope cluster.Scope) (names []string) {
	for node := range nodes.All() {
		if domain, ok := node.Location.Domain(scope); ok && !node.Removed {
			names = append(names, domain.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (given *silence) has(id cluster.NodeID) bool {
	if given == nil {
		return false
	}
	_, ok := slices.BinarySearch(given.nodes, id)
	return ok
}

func (given *silence) names() []string { return nodeNames(given.nodes) }

func nodeNames(ids []cluster.NodeID) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	return names
}

// answers reports whether a member takes part in sealing and finding a tail.
func (given *silence) answers(member cluster.Member) bool {
	return member.Class == cluster.Active && member.State.MayAnswer() && !given.has(member.Node)
}

// writes reports whether a member takes the records of a nodeset that names it.
func (given *silence) writes(member cluster.Member, release cluster.Release) bool {
	return member.Class == cluster.Active && member.State.AcceptsWrites(release) && !given.has(member.Node)
}

// named says that a nodeset names the member.
func (given *silence) named(id cluster.NodeID) {
	if len(given.stray) > 0 {
		delete(given.stray, id)
	}
}

// unverified is the error about given nodes that nothing in the snapshot knows, after its logs were read.
func (given *silence) unverified(s *snapshots.Snapshot) error {
	for _, epoch := range s.Epochs {
		for _, configuration := range []*snapshots.PartitionConfiguration{epoch.Current, epoch.Next} {
			if configuration != nil {
				for _, id := range configuration.ReplicaSet {
					given.named(id)
				}
			}
		}
	}
	if len(given.stray) == 0 {
		return nil
	}
	var unknown []string
	for _, id := range given.nodes {
		if given.stray[id] {
			unknown = append(unknown, id.String())
		}
	}
	return fmt.Errorf("%s: neither the nodes configuration nor a nodeset names it; there are %s", strings.Join(unknown, ", "), knownNodes(s.Nodes))
}

// knownNodes are those of the nodes configuration, shortened.
func knownNodes(nodes *snapshots.Nodes) string {
	var known []string
	for node := range nodes.All() {
		if len(known) == namesListed {
			known = append(known, "…")
			break
		}
		known = append(known, node.ID.String())
	}
	return strings.Join(known, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
