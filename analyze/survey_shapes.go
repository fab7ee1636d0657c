package analyze

import (
	"encoding/binary"

	"restate-lint/snapshots/cluster"
)

// A shape is a nodeset without the names of its members: how many there are, in how many zones and regions, and in which
// states. What a nodeset survives depends on nothing else, so it is found out once for all nodesets of one shape.
type shape struct {
	writes, seals bool     // what works as it is
	dead, writer  []bool   // for each member: it does not answer anyway, it takes writes
	single        []effect // for each member: what its loss does
	// For zones and regions: what the loss of each does, and a member of it.
	domains [2][]effect
	firsts  [2][]int

	scopes []scopeStake
	// The fewest members whose loss can do it; the least of sets that do may be bigger.
	writesLeast, sealsLeast int
}

// An effect is what a loss does to something that works as it is.
type effect struct{ writes, seals bool }

// A scopeStake says how many domains of one constrained scope stand between a nodeset and its limits.
type scopeStake struct {
	domain []int32 // of each member; -1 without
	// writers counts the members of each domain that take writes. When writeSlack domains that have such members have none
	// any more, writes stop, whatever holds at other scopes.
	writers    []int32
	writeSlack int
	// complete tells of each domain whether all of its members answer. When sealSlack complete domains are no longer so,
	// at every scope, the loglet cannot be sealed.
	complete  []bool
	sealSlack int
}

// shapeOf returns the shape of a group, whose effective members are sorted by location.
func (y *surveyor) shapeOf(group *tailGroup) *shape {
	key := []byte{group.replication.Node, group.replication.Zone, group.replication.Region}
	var last cluster.Location
	zone, region := uint32(0), uint32(0)
	for _, member := range group.effective {
		if member.Location.Region != last.Region {
			region++
		}
		if member.Location != last {
			zone++
		}
		last = member.Location
		flags := byte(0)
		for bit, set := range []bool{
			y.given.answers(member), y.given.writes(member, y.release), member.State.Authoritative(),
			member.Location.Region != "", member.Location.Zone != "",
		} {
			if set {
				flags |= 1 << bit
			}
		}
		key = binary.AppendUvarint(binary.AppendUvarint(append(key, flags), uint64(zone)), uint64(region))
	}
	known := y.shapes[string(key)]
	if known == nil {
		known = y.newShape(group)
		y.shapes[string(key)] = known
	}
	return known
}

func (y *surveyor) newShape(group *tailGroup) *shape {
	checker := cluster.NewChecker(group.effective, group.replication)
	answers := checker.SetOf(y.given.answers)
	writes := checker.SetOf(func(member cluster.Member) bool { return y.given.writes(member, y.release) })
	s := &shape{
		writes: checker.WriteQuorumOf(writes),
		seals:  checker.FMajorityOf(answers).Passed(),
		single: make([]effect, len(group.effective)),
		dead:   make([]bool, len(group.effective)),
		writer: make([]bool, len(group.effective)),
	}
	loss := func(lost func(position int) bool) effect {
		keep := func(set cluster.Set) cluster.Set {
			rest := append(cluster.Set{}, set...)
			for position := range group.effective {
				if lost(position) {
					rest.Remove(position)
				}
			}
			return rest
		}
		return effect{
			writes: s.writes && !checker.WriteQuorumOf(keep(writes)),
			seals:  s.seals && !checker.FMajorityOf(keep(answers)).Passed(),
		}
	}
	for position := range group.effective {
		s.dead[position], s.writer[position] = !answers.Has(position), writes.Has(position)
		s.single[position] = loss(func(other int) bool { return other == position })
	}
	for i, scope := range []cluster.Scope{cluster.ZoneScope, cluster.RegionScope} {
		of, firsts := domainsOf(group.effective, scope)
		s.firsts[i] = firsts
		for domain := range firsts {
			s.domains[i] = append(s.domains[i], loss(func(other int) bool { return of[other] == int32(domain) }))
		}
	}
	for _, scope := range []cluster.Scope{cluster.NodeScope, cluster.ZoneScope, cluster.RegionScope} {
		if factor, constrained := group.replication.Factor(scope); constrained {
			s.scopes = append(s.scopes, newScopeStake(group.effective, scope, factor, writes, answers))
		}
	}
	s.writesLeast, s.sealsLeast = setLimit+1, 0
	for i := range s.scopes {
		s.writesLeast = min(s.writesLeast, s.scopes[i].writeSlack)
		s.sealsLeast = max(s.sealsLeast, s.scopes[i].sealSlack)
	}
	return s
}

// domainsOf numbers the domains of members that are sorted by location, and gives the first member of each.
func domainsOf(members []cluster.Member, scope cluster.Scope) (of []int32, firsts []int) {
	of = make([]int32, len(members))
	var last cluster.Location
	for position, member := range members {
		if scope == cluster.NodeScope {
			of[position] = int32(position)
			firsts = append(firsts, position)
			continue
		}
		domain, ok := member.Location.Domain(scope)
		if !ok {
			of[position] = -1
			continue
		}
		if len(firsts) == 0 || domain != last {
			firsts = append(firsts, position)
		}
		last = domain
		of[position] = int32(len(firsts) - 1)
	}
	return of, firsts
}

func newScopeStake(members []cluster.Member, scope cluster.Scope, factor int, writes, answers cluster.Set) scopeStake {
	of, firsts := domainsOf(members, scope)
	stake := scopeStake{domain: of, writers: make([]int32, len(firsts)), complete: make([]bool, len(firsts))}
	for domain := range stake.complete {
		stake.complete[domain] = true
	}
	touched, complete := 0, 0
	for position, domain := range of {
		if domain < 0 {
			continue
		}
		if writes.Has(position) {
			if stake.writers[domain] == 0 {
				touched++
			}
			stake.writers[domain]++
		}
		if !answers.Has(position) {
			stake.complete[domain] = false
		}
	}
	for _, whole := range stake.complete {
		if whole {
			complete++
		}
	}
	needed := max(len(firsts)-factor, 0) + 1
	stake.writeSlack = max(touched-factor+1, 0)
	stake.sealSlack = max(complete-needed+1, 0)
	return stake
}

// stopsWrites reports whether the loss of the members at some positions stops writes that work as it is.
func (s *shape) stopsWrites(lost ...int) bool {
	if !s.writes {
		return false
	}
	for i := range s.scopes {
		scope := &s.scopes[i]
		wiped := 0
		for k, position := range lost {
			domain := scope.domain[position]
			if domain < 0 {
				continue
			}
			writers, first := scope.writers[domain], true
			for j, other := range lost {
				if scope.domain[other] != domain {
					continue
				}
				first = first && j >= k
				if s.writer[other] {
					writers--
				}
			}
			if first && scope.writers[domain] > 0 && writers == 0 {
				wiped++
			}
		}
		if wiped >= scope.writeSlack {
			return true
		}
	}
	return false
}

// stopsSealing reports whether the loss of the members at some positions makes a loglet unsealable that is not so.
func (s *shape) stopsSealing(lost ...int) bool {
	if !s.seals {
		return false
	}
	for i := range s.scopes {
		scope := &s.scopes[i]
		broken := 0
		for k, position := range lost {
			domain := scope.domain[position]
			if domain < 0 || !scope.complete[domain] {
				continue
			}
			first := true
			for _, other := range lost[:k] {
				first = first && scope.domain[other] != domain
			}
			if first {
				broken++
			}
		}
		if broken < scope.sealSlack {
			return false
		}
	}
	return true
}
