package cluster

import (
	"math/bits"
	"slices"
	"strconv"
)

// Member is one entry of a nodeset together with what the nodes configuration says of it. Only an Active member has a
// State and a Location that mean something.
type Member struct {
	Node     NodeID
	Class    Class
	State    StorageState
	Location Location
}

// effective reports whether the member counts for quorums, and returns it as Restate's checker sees it.
func (member Member) effective() (Member, bool) {
	switch {
	case member.Class == Removed:
		return Member{}, false
	case member.Class == Unknown:
		return Member{Node: member.Node, Class: Unknown, State: StorageProvisioning}, true
	}
	return member, !member.State.Empty()
}

// FMajority says whether a set of nodes that answered is enough to rule out a write quorum among the others: whether they
// can seal a loglet, find its tail or read past a gap. The constants are in the order of their strength.
type FMajority uint8

const (
	// None says that too few members are in the set.
	None FMajority = iota
	// BestEffort says that every authoritative member is in the set, and yet it does not rule a write quorum out.
	BestEffort
	// SuccessWithRisk says that the set is an f-majority, but only if members that lost data are counted.
	SuccessWithRisk
	// Success says that the set is an f-majority.
	Success
)

// Passed reports whether the set is an f-majority, with or without risk.
func (majority FMajority) Passed() bool { return majority >= SuccessWithRisk }

// String returns the result as reports print it.
func (majority FMajority) String() string {
	switch majority {
	case None:
		return "none"
	case BestEffort:
		return "best-effort"
	case SuccessWithRisk:
		return "success-with-risk"
	case Success:
		return "success"
	}
	return "f-majority(" + strconv.Itoa(int(majority)) + ")"
}

// Checker answers which sets of nodes are quorums of one nodeset under one replication property, as Restate's own checker
// does since 1.2; that checker's answers for 3,000 clusters are among the tests. A Checker does not change once made, so
// goroutines may share it.
type Checker struct {
	replication   Replication
	effective     []Member
	authoritative Set
	// domains is indexed by scope, and filled for those scopes above the node that the replication property constrains.
	domains [len(scopes)]domains
}

// NewChecker returns the checker for the effective nodeset: the members that are neither Removed nor in an empty state.
// Unknown members count as provisioning nodes without a location, whatever their other fields say; Undetermined ones
// by the fields they have. The first of several members with the same node counts. Making a checker costs n log n.
func NewChecker(members []Member, replication Replication) *Checker {
	checker := makeChecker(distinct(members), replication, nil)
	return &checker
}

// distinct returns a copy of the members in which each node occurs once, at its first place: Restate reads a nodeset as
// a set.
func distinct(members []Member) []Member {
	if !repeats(members) {
		return slices.Clone(members)
	}
	seen := make(map[NodeID]struct{}, len(members))
	kept := make([]Member, 0, len(members))
	for _, member := range members {
		if _, again := seen[member.Node]; !again {
			seen[member.Node] = struct{}{}
			kept = append(kept, member)
		}
	}
	return kept
}

// repeats reports whether a node occurs twice; in no nodeset that Restate wrote one does.
func repeats(members []Member) bool {
	if len(members) <= 16 { // looking at all pairs is faster than sorting
		for i := range members {
			for k := range i {
				if members[k].Node == members[i].Node {
					return true
				}
			}
		}
		return false
	}
	var few [128]NodeID
	ids := few[:0]
	for i := range members {
		ids = append(ids, members[i].Node)
	}
	slices.Sort(ids)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return true
		}
	}
	return false
}

// a roomForMembers has room for more members than most nodesets have.
type roomForMembers [16]Member

// makeChecker returns a checker that keeps the members, of which each has a node of its own. Where not all of them are effective
// as they are, the effective ones are in the given room, which has to live as long as the checker, if there is enough of it.
func makeChecker(members []Member, replication Replication, room []Member) Checker {
	checker := Checker{replication: replication, effective: members}
	if i := slices.IndexFunc(members, func(member Member) bool { return member.Class != Active || member.State.Empty() }); i >= 0 {
		checker.effective = append(slices.Grow(room[:0], len(members)), members[:i]...)
		for _, member := range members[i:] {
			if member, ok := member.effective(); ok {
				checker.effective = append(checker.effective, member)
			}
		}
	}
	checker.authoritative = checker.none()
	for position := range checker.effective {
		if checker.effective[position].State.Authoritative() {
			checker.authoritative.Add(position)
		}
	}
	for _, scope := range scopes[1:] {
		if _, constrained := replication.Factor(scope); constrained {
			checker.domains[scope] = domainsAt(scope, checker.effective)
		}
	}
	return checker
}

// domains are the domains of a set of members at the zone or region scope, in no particular order.
type domains struct {
	// positions are those of the members that have a label at the scope, domain by domain.
	positions []int32
	// ends has the end of each domain in positions.
	ends []int32
}

// searchable is how many domains are looked for one by one; real clusters have fewer.
const searchable = 64

func domainsAt(scope Scope, members []Member) domains {
	var few [searchable]Location
	found := few[:0]
	var positions [128]int32
	labelled := positions[:0]
	var places [len(positions)]uint8 // in found, of the labelled members
	for position := range members {
		domain, ok := members[position].Location.Domain(scope)
		if !ok {
			continue
		}
		place := slices.Index(found, domain)
		if place < 0 {
			place = len(found)
			found = append(found, domain)
		}
		if len(labelled) == len(places) || len(found) > searchable {
			return sortedDomains(scope, members)
		}
		places[len(labelled)] = uint8(place)
		labelled = append(labelled, int32(position))
	}
	both := make([]int32, len(labelled)+len(found))
	result := domains{positions: both[:0:len(labelled)], ends: both[len(labelled):len(labelled)]}
	for place := range found {
		for i, position := range labelled {
			if int(places[i]) == place {
				result.positions = append(result.positions, position)
			}
		}
		result.ends = append(result.ends, int32(len(result.positions)))
	}
	return result
}

// sortedDomains is domainsAt for any number of members and domains.
func sortedDomains(scope Scope, members []Member) domains {
	labelled := make([]int32, 0, len(members))
	for position, member := range members {
		if _, ok := member.Location.Domain(scope); ok {
			labelled = append(labelled, int32(position))
		}
	}
	domainOf := func(position int32) Location {
		domain, _ := members[position].Location.Domain(scope)
		return domain
	}
	slices.SortFunc(labelled, func(a, b int32) int { return domainOf(a).Compare(domainOf(b)) })
	var ends []int32
	for i := range labelled {
		if i+1 == len(labelled) || domainOf(labelled[i]) != domainOf(labelled[i+1]) {
			ends = append(ends, int32(i+1))
		}
	}
	return domains{positions: labelled, ends: ends}
}

// Effective returns the effective nodeset in the order of the nodeset. The caller must not change it.
func (checker *Checker) Effective() []Member { return checker.effective }

// Domains returns the number of distinct domains of the effective nodeset at a scope, constrained or not. Members without
// a label at the scope belong to none.
func (checker *Checker) Domains(scope Scope) int {
	if scope == NodeScope {
		return len(checker.effective)
	}
	if _, constrained := checker.replication.Factor(scope); constrained {
		return len(checker.domains[scope].ends)
	}
	return len(domainsAt(scope, checker.effective).ends)
}

// Set is a set of members of one checker's effective nodeset, by their positions in it. Positions outside of it are the
// caller's mistake. Assigning a Set shares it; slices.Clone copies it.
type Set []uint64

const setWord = 64

// SetOf returns the set of those effective members for which in reports true.
func (checker *Checker) SetOf(in func(Member) bool) Set {
	set := checker.none()
	for position, member := range checker.effective {
		if in(member) {
			set.Add(position)
		}
	}
	return set
}

// none is the set without a member.
func (checker *Checker) none() Set { return make(Set, (len(checker.effective)+setWord-1)/setWord) }

// Has reports whether the member at the position is in the set.
func (set Set) Has(position int) bool { return set[position/setWord]>>(position%setWord)&1 != 0 }

// Add puts the member at the position into the set.
func (set Set) Add(position int) { set[position/setWord] |= 1 << (position % setWord) }

// Remove takes the member at the position out of the set.
func (set Set) Remove(position int) { set[position/setWord] &^= 1 << (position % setWord) }

// tally counts the domains of one scope by how much of them is in a set.
type tally struct {
	touched       int // at least one member in the set
	authoritative int // all members in the set, none of them lost data
	others        int // all members in the set, all of them lost data
}

func (checker *Checker) tally(scope Scope, set Set) tally {
	if scope != NodeScope {
		return checker.tallyDomains(checker.domains[scope], set)
	}
	var nodes tally
	for word, authoritative := range checker.authoritative {
		nodes.touched += bits.OnesCount64(set[word])
		nodes.authoritative += bits.OnesCount64(set[word] & authoritative)
	}
	nodes.others = nodes.touched - nodes.authoritative
	return nodes
}

func (checker *Checker) tallyDomains(domains domains, set Set) tally {
	var result tally
	start := int32(0)
	for _, end := range domains.ends {
		members, in, authoritative := int(end-start), 0, 0
		for _, position := range domains.positions[start:end] {
			if set.Has(int(position)) {
				in++
				if checker.authoritative.Has(int(position)) {
					authoritative++
				}
			}
		}
		start = end
		if in > 0 {
			result.touched++
		}
		if in == members && authoritative == members {
			result.authoritative++
		}
		if in == members && authoritative == 0 {
			result.others++
		}
	}
	return result
}

// WriteQuorum reports whether the effective members for which in reports true can hold all copies of a record: whether
// they touch as many domains as the replication property asks for, at every scope it constrains. States play no part:
// the caller counts in only members that were or could be written. No set is a write quorum if no scope is given.
func (checker *Checker) WriteQuorum(in func(Member) bool) bool {
	return checker.WriteQuorumOf(checker.SetOf(in))
}

// WriteQuorumOf is WriteQuorum for a set that SetOf of this checker returned. It allocates nothing.
func (checker *Checker) WriteQuorumOf(set Set) bool {
	for _, scope := range scopes {
		factor, constrained := checker.replication.Factor(scope)
		if constrained && checker.tally(scope, set).touched < factor {
			return false
		}
	}
	return checker.replication != Replication{}
}

// FMajority reports whether the effective members for which in reports true are an f-majority: whether, at some constrained
// scope, so many domains are completely among them that the others are fewer than the replication property asks for.
//
// As in Restate, two kinds of sets do not pass although no write quorum exists among the other members: where the
// effective nodeset has no write quorum at all, at least one domain must still be complete; and a zone or region in
// which some members lost data and others did not is never complete. No set passes if no scope is given.
func (checker *Checker) FMajority(in func(Member) bool) FMajority {
	return checker.FMajorityOf(checker.SetOf(in))
}

// FMajorityOf is FMajority for a set that SetOf of this checker returned. It allocates nothing.
func (checker *Checker) FMajorityOf(set Set) FMajority {
	if checker.replication == (Replication{}) {
		return None
	}
	for _, scope := range scopes {
		factor, constrained := checker.replication.Factor(scope)
		if !constrained {
			continue
		}
		needed := max(checker.Domains(scope)-factor, 0) + 1
		complete := checker.tally(scope, set)
		switch {
		case complete.authoritative >= needed:
			return Success
		case complete.authoritative+complete.others >= needed:
			return SuccessWithRisk
		}
	}
	for word, authoritative := range checker.authoritative {
		if authoritative&^set[word] != 0 {
			return None
		}
	}
	return BestEffort
}
