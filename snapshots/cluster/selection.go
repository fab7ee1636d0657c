package cluster

// MaxNodesetSize is the most members that Restate gives to a nodeset, and the highest target size it reads.
const MaxNodesetSize = 128

// Selection says what Restate can choose out of a set of candidates by their number and their locations.
type Selection struct {
	// Size is the number of nodes that are chosen; 0 when the choice fails.
	Size int
	// Missing has every constrained scope at which the candidates have fewer domains than the replication property asks
	// for, from small to big. If it is not empty, the choice fails.
	Missing []Shortfall
	// Unlocated are the candidates without a label that the choice looks at, in the order of the candidates. A single
	// one makes the choice of a nodeset fail; the choice of a replica set passes them over.
	Unlocated []NodeID
}

// Possible reports whether the choice succeeds.
func (selection Selection) Possible() bool { return selection.Size > 0 }

// SelectNodeset says which choice Restate has for the nodeset of a new segment. The candidates are the log servers that
// take new segments, which are those in StorageReadWrite (Restate 1.2 to 1.7; roles are not looked at); their classes
// and states play no part here. The target is the configured size, 0 for automatic.
//
// As in Restate, every candidate must have a label at the biggest scope of the property, and the nodeset takes as many
// nodes of each domain of that scope as one of them may have to hold. If both zones and regions are constrained, the
// nodes that Restate happens to take may touch fewer zones than there are; then it refuses what is called possible here.
func SelectNodeset(candidates []Member, replication Replication, target int) Selection {
	candidates = distinct(candidates)
	copies := replication.Copies()
	if copies == 0 {
		return Selection{}
	}
	across, factor := NodeScope, copies
	for _, scope := range scopes[1:] {
		if given, constrained := replication.Factor(scope); constrained {
			across, factor = scope, given
		}
	}
	selection := Selection{Missing: shortfalls(candidates, replication)}
	perDomain := make(map[Location]int)
	for _, candidate := range candidates {
		domain, located := candidate.Location.Domain(across)
		if across != NodeScope && !located {
			selection.Unlocated = append(selection.Unlocated, candidate.Node)
			continue
		}
		perDomain[domain]++
	}
	if len(selection.Missing) > 0 || len(selection.Unlocated) > 0 {
		return selection
	}
	if across != NodeScope {
		for _, nodes := range perDomain {
			selection.Size += min(nodes, max(copies-factor+1, 1))
		}
	}
	selection.Size = min(max(selection.Size, min(NodesetSize(replication, target), len(candidates))), MaxNodesetSize)
	return selection
}

// NodesetSize is the number of nodes that Restate wants in a nodeset when there are enough: the target, if it is no less
// than what the number of copies needs to make up for the loss of some of them.
func NodesetSize(replication Replication, target int) int {
	copies := replication.Copies()
	return min(max(target, 2*copies-1, copies+1), MaxNodesetSize)
}

// SelectReplicas says which choice Restate has for the replica set of a partition: as many nodes as there are copies,
// spread as the property asks for. The candidates are the nodes with RoleWorker in WorkerActive (Restate 1.4 to 1.7).
// Those without a label at a constrained scope are passed over.
func SelectReplicas(candidates []Member, replication Replication) Selection {
	var selection Selection
	var located []Member
	for _, candidate := range distinct(candidates) {
		if replication.locates(candidate.Location) {
			located = append(located, candidate)
		} else {
			selection.Unlocated = append(selection.Unlocated, candidate.Node)
		}
	}
	selection.Missing = shortfalls(located, replication)
	if len(selection.Missing) == 0 {
		selection.Size = replication.Copies()
	}
	return selection
}

// locates reports whether a location has a label at every scope that the property constrains.
func (replication Replication) locates(location Location) bool {
	for _, scope := range scopes[1:] {
		if _, constrained := replication.Factor(scope); !constrained {
			continue
		}
		if _, located := location.Domain(scope); !located {
			return false
		}
	}
	return true
}

// shortfalls compares the domains of distinct members with what a property asks for, from small scopes to big ones.
func shortfalls(members []Member, replication Replication) (missing []Shortfall) {
	for _, scope := range scopes {
		want, constrained := replication.Factor(scope)
		if !constrained {
			continue
		}
		have := len(members)
		if scope != NodeScope {
			have = len(domainsAt(scope, members).ends)
		}
		if have < want {
			missing = append(missing, Shortfall{Scope: scope, Have: have, Want: want})
		}
	}
	return missing
}

// Weaker reports whether the property promises less than the other at some scope: fewer copies, or copies in fewer
// zones or regions. Each of two properties may be weaker than the other.
func (replication Replication) Weaker(other Replication) bool {
	mine, others := replication.implied(), other.implied()
	for scope := range mine {
		if mine[scope] < others[scope] {
			return true
		}
	}
	return false
}

// implied returns for each scope the number of domains that are certain to hold a copy: copies in two regions are copies
// in two zones, whether the property mentions zones or not.
func (replication Replication) implied() (domains [len(scopes)]int) {
	least := 0
	if replication.Copies() > 0 {
		least = 1
	}
	for i := len(scopes) - 1; i >= 0; i-- {
		factor, _ := replication.Factor(scopes[i])
		least = max(least, factor)
		domains[i] = least
	}
	return domains
}
