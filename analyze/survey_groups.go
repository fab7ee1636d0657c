package analyze

import (
	"cmp"
	"encoding/binary"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A surveyor knows the distinct nodesets of a cluster, and evaluates each once.
type surveyor struct {
	snapshot *snapshots.Snapshot
	release  cluster.Release
	given    *silence

	nodes  []cluster.NodeID // registered ones and members of nodesets, ascending
	places map[cluster.NodeID]int32

	distinct placementIndex
	byNumber []*tailGroup          // of distinct placements; equal nodesets in another order share a group
	byKey    map[string]*tailGroup // by replication and effective members
	groups   []*tailGroup
	shapes   map[string]*shape
	naming   [][]*tailGroup // for each node the groups with an open segment that have it as a member

	logs, undecodable, oversized int
	ended                        []cluster.LogID // logs whose chains end sealed
	unplaced                     int             // logs whose open segment is of kind local or in-memory

	leaders  [][]int32 // for each partition that can have a leader, the nodes that can lead it
	members  []int32   // the members of the metadata store that are left
	quorum   int       // how many of them are needed; 0 when none can be lost
	external bool      // the metadata store is outside of the cluster
}

// Limits of what is tried. Restate has no nodesets of more than 128 members; a damaged capture may.
const (
	mostMembers = 1 << 10 // of a nodeset
	mostNodes   = 1 << 14 // registered and in nodesets, for sets of several nodes
)

// A tailGroup is the segments with one effective nodeset and replication property.
type tailGroup struct {
	replication cluster.Replication
	effective   []cluster.Member
	members     []int32 // places of the effective members, in the order of the shape
	tails       []cluster.LogID
	sealed      int // segments that are not open
	shape       *shape
}

// newSurveyor begins with the registered nodes.
func newSurveyor(s *snapshots.Snapshot, given *silence) *surveyor {
	y := &surveyor{
		snapshot: s,
		release:  s.Release(),
		given:    given,
		places:   make(map[cluster.NodeID]int32),
		byKey:    make(map[string]*tailGroup),
		shapes:   make(map[string]*shape),
	}
	for node := range s.Nodes.All() {
		if !node.Removed {
			y.places[node.ID] = 0
		}
	}
	y.number()
	return y
}

// number gives the nodes their places, in the order of ids.
func (y *surveyor) number() {
	y.nodes = y.nodes[:0]
	for id := range y.places {
		y.nodes = append(y.nodes, id)
	}
	slices.Sort(y.nodes)
	for place, id := range y.nodes {
		y.places[id] = int32(place)
	}
}

// add counts the segments of a log.
func (y *surveyor) add(log *snapshots.Log) {
	switch {
	case endsSealed(log):
		y.ended = append(y.ended, log.ID)
	case isUnplaced(log.Tail()):
		y.unplaced++
	}
	for i := range log.Segments {
		segment := &log.Segments[i]
		if segment.Kind != snapshots.Replicated {
			continue
		}
		if segment.Placement == nil {
			y.undecodable++
			continue
		}
		if len(segment.Placement.Nodeset) > mostMembers {
			y.oversized++
			continue
		}
		number, isNew := y.distinct.of(segment.Placement)
		if isNew {
			y.byNumber = append(y.byNumber, y.group(segment.Placement))
		}
		group := y.byNumber[number]
		if log.Open(i) {
			group.tails = append(group.tails, log.ID)
			y.logs++
		} else {
			group.sealed++
		}
	}
}

// group returns the group of a placement.
func (y *surveyor) group(placement *snapshots.Placement) *tailGroup {
	checker := cluster.NewChecker(placement.Verdict.Members, placement.Replication)
	for _, member := range placement.Verdict.Members {
		y.given.named(member.Node)
	}
	effective := slices.Clone(checker.Effective())
	sortByLocation(effective)
	key := []byte{placement.Replication.Node, placement.Replication.Zone, placement.Replication.Region}
	for _, member := range effective {
		key = binary.LittleEndian.AppendUint32(key, uint32(member.Node))
		if _, ok := y.places[member.Node]; !ok {
			y.places[member.Node] = 0 // until number is called
		}
	}
	group := y.byKey[string(key)]
	if group == nil {
		group = &tailGroup{replication: placement.Replication, effective: effective}
		y.byKey[string(key)] = group
		y.groups = append(y.groups, group)
	}
	return group
}

// sortByLocation puts the members of each region, and of each zone in it, together.
func sortByLocation(members []cluster.Member) {
	slices.SortFunc(members, func(a, b cluster.Member) int {
		return cmp.Or(
			cmp.Compare(a.Location.Region, b.Location.Region),
			cmp.Compare(a.Location.Zone, b.Location.Zone),
			cmp.Compare(a.Node, b.Node),
		)
	})
}

// finish evaluates the groups, when all logs were added.
func (y *surveyor) finish() {
	y.number()
	y.naming = make([][]*tailGroup, len(y.nodes))
	for _, group := range y.groups {
		slices.Sort(group.tails)
		group.shape = y.shapeOf(group)
		group.members = make([]int32, len(group.effective))
		for position, member := range group.effective {
			place := y.places[member.Node]
			group.members[position] = place
			if len(group.tails) > 0 {
				y.naming[place] = append(y.naming[place], group)
			}
		}
	}
	y.byKey, y.byNumber = nil, nil
}

// cell says what the loss of a node does to the group's logs.
func (g *tailGroup) cell(place int32) byte {
	position := slices.Index(g.members, place)
	if position < 0 {
		return CellOutside
	}
	effect := g.shape.single[position]
	switch {
	case g.shape.dead[position]:
		return CellSilent
	case effect.writes && effect.seals:
		return CellBoth
	case effect.writes:
		return CellWrites
	case effect.seals:
		return CellSeals
	}
	return CellSurvives
}

func (y *surveyor) matrix() *Matrix {
	m := &Matrix{surveyor: y}
	for _, group := range y.groups {
		if len(group.tails) > 0 {
			m.groups = append(m.groups, group)
		}
	}
	slices.SortFunc(m.groups, func(a, b *tailGroup) int {
		return cmp.Or(-cmp.Compare(len(a.tails), len(b.tails)), cmp.Compare(a.tails[0], b.tails[0]))
	})
	return m
}

// partitions takes over which nodes can lead which partition.
func (y *surveyor) partitions(answers []PartitionAnswer) {
	for i := range answers {
		if answers[i].Leader == nil || !*answers[i].Leader {
			continue
		}
		var leaders []int32
		for _, id := range leadersOf(y.snapshot, y.snapshot.Epoch(answers[i].Partition)) {
			if !y.given.has(id) {
				leaders = append(leaders, y.places[id])
			}
		}
		slices.Sort(leaders)
		y.leaders = append(y.leaders, leaders)
	}
}

// metadata takes over which nodes are members of the metadata store.
func (y *surveyor) metadata(answer *MetadataAnswer) {
	if y.external = answer.Quorum == nil; y.external {
		return
	}
	for _, name := range answer.Left {
		id, _ := cluster.ParseNodeID(name)
		y.members = append(y.members, y.places[id])
	}
	if *answer.Quorum {
		y.quorum = answer.Needed
	}
}

// nodeLosses are what is lost with each node, by place.
func (y *surveyor) nodeLosses() []Radius {
	losses := make([]Radius, len(y.nodes))
	for _, group := range y.groups {
		for position, place := range group.members {
			losses[place].count(group, group.shape.single[position])
		}
	}
	for _, leaders := range y.leaders {
		if len(leaders) == 1 {
			losses[leaders[0]].Leaders++
		}
	}
	for _, place := range y.members {
		losses[place].Metadata = y.quorum > 0 && len(y.members)-1 < y.quorum
	}
	return losses
}

func (r *Radius) count(group *tailGroup, e effect) {
	r.Tails += len(group.tails)
	if e.writes {
		r.Writes += len(group.tails)
	}
	if e.seals {
		r.Seals += len(group.tails)
		r.History += group.sealed
	}
}

// domainLosses are what is lost with each zone or region, by name.
func (y *surveyor) domainLosses(scope cluster.Scope) []Radius {
	names := domainNames(y.snapshot.Nodes, scope)
	radii := make([]Radius, len(names))
	of := make([]int, len(y.nodes)) // the domain of each node; -1 without
	for place, id := range y.nodes {
		of[place] = -1
		if node := y.snapshot.Nodes.Get(id); node != nil && !node.Removed {
			if domain, ok := node.Location.Domain(scope); ok {
				of[place], _ = slices.BinarySearch(names, domain.String())
				radii[of[place]].Nodes = append(radii[of[place]].Nodes, id.String())
			}
		}
	}
	for i, name := range names {
		if scope == cluster.ZoneScope {
			radii[i].Zone = name
		} else {
			radii[i].Region = name
		}
	}
	for _, group := range y.groups {
		for domain, e := range group.shape.domains[scope-1] {
			first := group.members[group.shape.firsts[scope-1][domain]]
			radii[of[first]].count(group, e)
		}
	}
	for _, leaders := range y.leaders {
		domain := of[leaders[0]]
		if domain >= 0 && !slices.ContainsFunc(leaders, func(place int32) bool { return of[place] != domain }) {
			radii[domain].Leaders++
		}
	}
	if y.quorum > 0 {
		left := make([]int, len(names))
		for _, place := range y.members {
			if of[place] >= 0 {
				left[of[place]]++
			}
		}
		for domain, lost := range left {
			radii[domain].Metadata = lost > 0 && len(y.members)-lost < y.quorum
		}
	}
	return radii
}
