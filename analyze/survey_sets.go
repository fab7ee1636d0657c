package analyze

import (
	"cmp"
	"encoding/json"
	"iter"
	"math/bits"
	"slices"
)

// places is a set of nodes by their places.
type places []uint64

func newPlaces(nodes int) places { return make(places, (nodes+63)/64) }

// An arena makes sets that live until it is reset.
type arena struct {
	nodes, used int
	words       []uint64
}

func (a *arena) reset() { a.used = 0 }

// places returns an empty set.
func (a *arena) places() places {
	size := (a.nodes + 63) / 64
	if a.used+size > len(a.words) {
		a.words, a.used = make([]uint64, max(2*len(a.words), 64*size)), 0 // the sets that were made keep the old words
	}
	set := places(a.words[a.used : a.used+size : a.used+size])
	a.used += size
	clear(set)
	return set
}

func (p places) add(place int32) { p[place>>6] |= 1 << (place & 63) }

func (p places) remove(place int32) { p[place>>6] &^= 1 << (place & 63) }

func (p places) has(place int32) bool { return p[place>>6]>>(place&63)&1 != 0 }

// A danger is one way in which the loss of members can be one too many for a group.
type danger struct {
	// least is the fewest members whose loss can do it.
	least func(*shape) int
	// single and pair report whether the loss of one member, or of two, does it.
	single func(group *tailGroup, position int) bool
	pair   func(group *tailGroup, i, j int) bool
	// thirds adds to a set the nodes whose loss does it together with that of two members, which do not do it alone.
	thirds func(prepared *preparedGroup, i, j int, into places)
}

// smallestSets finds the smallest sets of nodes whose loss is one too many.
func (y *surveyor) smallestSets() SmallestSets {
	y.prepareNaming()
	if y.snapshot.Logs == nil || len(y.nodes) > mostNodes {
		return SmallestSets{Leaders: y.leaderSets(), Metadata: y.metadataSets()}
	}
	return SmallestSets{
		Writes: y.minimalSets(danger{
			least:  func(s *shape) int { return s.writesLeast },
			single: func(group *tailGroup, position int) bool { return group.shape.single[position].writes },
			pair:   func(group *tailGroup, i, j int) bool { return group.shape.stopsWrites(i, j) },
			thirds: (*preparedGroup).writeThirds,
		}),
		Seals: y.minimalSets(danger{
			least:  func(s *shape) int { return s.sealsLeast },
			single: func(group *tailGroup, position int) bool { return group.shape.single[position].seals },
			pair:   func(group *tailGroup, i, j int) bool { return group.shape.stopsSealing(i, j) },
			thirds: (*preparedGroup).sealThirds,
		}),
		Leaders:  y.leaderSets(),
		Metadata: y.metadataSets(),
	}
}

func (y *surveyor) prepareNaming() {
	if y.naming == nil {
		y.naming = make([][]*tailGroup, len(y.nodes))
	}
}

// minimalSets finds the sets of up to three nodes that are too many for some group with an open segment, and have no
// smaller such set in them. Losing more never helps, so what is too many for a group are the supersets of its own
// smallest sets; those of all groups are put together in bit sets, so that each pair of members costs some words.
func (y *surveyor) minimalSets(d danger) *NodeSets {
	n := len(y.nodes)
	result := &NodeSets{nodes: y.nodes}
	singles := newPlaces(n)
	y.eachTail(func(group *tailGroup) {
		for position, place := range group.members {
			if d.single(group, position) {
				singles.add(place)
			}
		}
	})
	pairs := make([]places, n) // of each node, those that come behind it
	for i := range pairs {
		pairs[i] = newPlaces(n)
	}
	y.eachTail(func(group *tailGroup) {
		if d.least(group.shape) > 2 {
			return
		}
		for i, a := range group.members {
			for j, b := range group.members[:i] {
				if !singles.has(a) && !singles.has(b) && d.pair(group, i, j) {
					pairs[min(a, b)].add(max(a, b))
				}
			}
		}
	})
	for place := range int32(n) {
		if singles.has(place) {
			result.sets = append(result.sets, nodeSet{place, -1, -1})
		}
	}
	for place := range int32(n) {
		for other := range pairs[place].all() {
			result.sets = append(result.sets, nodeSet{place, other, -1})
		}
	}
	search := &tripleSearch{surveyor: y, danger: d, singles: singles, pairs: pairs, rows: make([]places, n), full: newPlaces(n), members: newPlaces(n)}
	for i := range search.rows {
		search.rows[i] = newPlaces(n)
	}
	for place, groups := range y.naming {
		if len(groups) > 0 {
			search.members.add(int32(place))
		}
	}
	for a := range int32(n) {
		if !singles.has(a) {
			result.sets = search.from(a, result.sets)
		}
	}
	return result
}

// A tripleSearch looks for sets of three nodes with no smaller set in them.
type tripleSearch struct {
	*surveyor
	danger  danger
	singles places
	pairs   []places
	rows    []places // for each second node the third ones; empty between the first nodes
	full    places   // the second nodes with all third ones that are possible
	members places   // of any group
	group   preparedGroup
}

// from adds the sets whose first node is a.
func (t *tripleSearch) from(a int32, sets []nodeSet) []nodeSet {
	clear(t.full)
	open := 0 // second nodes that may still find third ones
	for b := a + 1; int(b) < len(t.rows); b++ {
		if t.singles.has(b) || t.pairs[a].has(b) || t.isFull(a, b) {
			t.full.add(b)
		} else {
			open++
		}
	}
	for _, group := range t.naming[a] {
		if open == 0 {
			break
		}
		if t.danger.least(group.shape) > setLimit || !group.shape.writes && !group.shape.seals {
			continue
		}
		prepared := false
		i := slices.Index(group.members, a)
		for j, b := range group.members {
			if b <= a || t.full.has(b) {
				continue
			}
			if !prepared {
				t.group.prepare(group, len(t.nodes))
				prepared = true
			}
			t.danger.thirds(&t.group, i, j, t.rows[b])
			if t.isFull(a, b) {
				t.full.add(b)
				open--
			}
		}
	}
	for b := a + 1; int(b) < len(t.rows); b++ {
		row := t.rows[b]
		for word := range row {
			row[word] &= t.wanted(a, b, word)
		}
		for c := range row.all() {
			sets = append(sets, nodeSet{a, b, c})
		}
		clear(row)
	}
	return sets
}

// wanted is a word of the set of third nodes that are possible behind two others: no smaller set would be in the three.
func (t *tripleSearch) wanted(a, b int32, word int) uint64 {
	behind := ^uint64(0)
	switch {
	case t.singles.has(b) || t.pairs[a].has(b) || word < int(b>>6):
		return 0
	case word == int(b>>6):
		behind = ^uint64(0) << (b & 63) << 1
	}
	return behind & t.members[word] &^ t.singles[word] &^ t.pairs[a][word] &^ t.pairs[b][word]
}

func (t *tripleSearch) isFull(a, b int32) bool {
	row := t.rows[b]
	for word := int(b >> 6); word < len(row); word++ {
		if t.wanted(a, b, word)&^row[word] != 0 {
			return false
		}
	}
	return true
}

// eachTail visits the groups that have an open segment.
func (y *surveyor) eachTail(visit func(*tailGroup)) {
	for _, group := range y.groups {
		if len(group.tails) > 0 {
			visit(group)
		}
	}
}

// all yields the places in the set in order.
func (p places) all() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for word, set := range p {
			for ; set != 0; set &= set - 1 {
				if !yield(int32(word*64 + bits.TrailingZeros64(set))) {
					return
				}
			}
		}
	}
}

// A preparedGroup has the domains of a group as sets of places.
type preparedGroup struct {
	*tailGroup
	scopes []preparedScope
	arena  arena
	third  places // for the use of one call
}

type preparedScope struct {
	*scopeStake
	// writers has the members of each domain that take writes, alone those that are the only one of their domain, and
	// complete those whose domains are complete.
	writers, domains []places
	alone, complete  places
}

// prepare makes the sets of a group, in place of those of the one before. At the scope of nodes each domain is one
// member, and needs no set of its own.
func (p *preparedGroup) prepare(group *tailGroup, nodes int) {
	p.tailGroup = group
	p.arena.nodes = nodes
	p.arena.reset()
	p.third = p.arena.places()
	p.scopes = slices.Grow(p.scopes[:0], len(group.shape.scopes))[:len(group.shape.scopes)]
	for i := range p.scopes {
		scope := &p.scopes[i]
		scope.scopeStake = &group.shape.scopes[i]
		scope.alone, scope.complete = p.arena.places(), p.arena.places()
		scope.writers, scope.domains = scope.writers[:0], scope.domains[:0]
		if i > 0 {
			for range scope.scopeStake.writers {
				scope.writers, scope.domains = append(scope.writers, p.arena.places()), append(scope.domains, p.arena.places())
			}
		}
		for position, place := range group.members {
			domain := scope.domain[position]
			if domain < 0 {
				continue
			}
			writes := group.shape.writer[position]
			if writes && scope.scopeStake.writers[domain] == 1 {
				scope.alone.add(place)
			}
			if scope.scopeStake.complete[domain] {
				scope.complete.add(place)
			}
			if i > 0 {
				scope.domains[domain].add(place)
				if writes {
					scope.writers[domain].add(place)
				}
			}
		}
	}
}

// sealThirds: a third node has to break another complete domain at every scope at which two are one too few.
func (p *preparedGroup) sealThirds(i, j int, into places) {
	if !p.shape.seals {
		return
	}
	third := p.third
	for word := range third {
		third[word] = ^uint64(0)
	}
	limited := false
	for k := range p.scopes {
		scope := &p.scopes[k]
		left := scope.sealSlack
		a, b := scope.domain[i], scope.domain[j]
		if a >= 0 && scope.complete.has(p.members[i]) {
			left--
		}
		if b >= 0 && b != a && scope.complete.has(p.members[j]) {
			left--
		}
		if left > 1 {
			return
		}
		if left < 1 {
			continue
		}
		limited = true
		for word := range third {
			third[word] &= scope.complete[word]
		}
		for _, position := range [...]int{i, j} {
			domain := scope.domain[position]
			switch {
			case domain < 0:
			case k == 0:
				third.remove(p.members[position])
			default:
				for word := range third {
					third[word] &^= scope.domains[domain][word]
				}
			}
		}
	}
	if limited {
		into.union(third)
	}
}

// writeThirds: a third node has to be the last one that takes writes in one more domain, at one scope.
func (p *preparedGroup) writeThirds(i, j int, into places) {
	if !p.shape.writes {
		return
	}
	for k := range p.scopes {
		scope := &p.scopes[k]
		third := p.third
		copy(third, scope.alone)
		third.remove(p.members[i])
		third.remove(p.members[j])
		left := scope.writeSlack
		if k == 0 {
			for _, position := range [...]int{i, j} {
				if scope.alone.has(p.members[position]) {
					left--
				}
			}
		} else {
			left -= scope.wipe(p, i, j, third)
			if scope.domain[j] != scope.domain[i] {
				left -= scope.wipe(p, j, i, third)
			}
		}
		if left == 1 {
			into.union(third)
		}
	}
}

// wipe returns 1 if the domain of the i-th member has no members left that take writes without the i-th and j-th, and adds
// the last one to a set if there is but one.
func (s *preparedScope) wipe(p *preparedGroup, i, j int, last places) int {
	domain := s.domain[i]
	if domain < 0 || s.scopeStake.writers[domain] == 0 {
		return 0
	}
	writers := s.writers[domain]
	left := s.scopeStake.writers[domain]
	for _, position := range [...]int{i, j} {
		if writers.has(p.members[position]) {
			left--
		}
	}
	switch left {
	case 0:
		return 1
	case 1:
		for place := range writers.all() {
			if place != p.members[i] && place != p.members[j] {
				last.add(place)
			}
		}
	}
	return 0
}

func (p places) union(other places) {
	for word := range p {
		p[word] |= other[word]
	}
}

// taken counts the logs for which a smallest set is too many.
func (y *surveyor) taken(writes bool, set *nodeSet) (logs int) {
	size := set.size()
	var positions [setLimit]int
	for _, group := range y.naming[set[0]] {
		named := true
		for k := range size {
			positions[k] = slices.Index(group.members, set[k])
			named = named && positions[k] >= 0
		}
		if named && (writes && group.shape.stopsWrites(positions[:size]...) || !writes && group.shape.stopsSealing(positions[:size]...)) {
			logs += len(group.tails)
		}
	}
	return logs
}

// leaderSets are the smallest sets of nodes that alone can lead some partition.
func (y *surveyor) leaderSets() *NodeSets {
	if len(y.snapshot.Epochs) == 0 {
		return nil
	}
	result := &NodeSets{nodes: y.nodes}
	for _, leaders := range y.leaders {
		if len(leaders) <= setLimit {
			set := nodeSet{-1, -1, -1}
			copy(set[:], leaders)
			result.sets = append(result.sets, set)
		}
	}
	slices.SortFunc(result.sets, compareSets)
	result.sets = slices.Compact(result.sets)
	minimal := result.sets[:0]
	for _, set := range result.sets {
		if !slices.ContainsFunc(minimal, func(smaller nodeSet) bool { return set.contains(smaller) }) {
			minimal = append(minimal, set)
		}
	}
	result.sets = minimal
	return result
}

// contains reports whether every node of the smaller set is in the set.
func (set *nodeSet) contains(smaller nodeSet) bool {
	for _, place := range smaller[:smaller.size()] {
		if !slices.Contains(set[:], place) {
			return false
		}
	}
	return true
}

func compareSets(a, b nodeSet) int {
	return cmp.Or(cmp.Compare(a.size(), b.size()), slices.Compare(a[:], b[:]))
}

// metadataSets are the smallest sets of members that leave too few for a quorum.
func (y *surveyor) metadataSets() *NodeSets {
	if y.external {
		return nil
	}
	result := &NodeSets{nodes: y.nodes}
	size := len(y.members) - y.quorum + 1
	if y.quorum == 0 || size > setLimit {
		return result
	}
	var extend func(set nodeSet, have, from int)
	extend = func(set nodeSet, have, from int) {
		if have == size {
			result.sets = append(result.sets, set)
			return
		}
		for k := from; k < len(y.members); k++ {
			set[have] = y.members[k]
			extend(set, have+1, k+1)
		}
	}
	extend(nodeSet{-1, -1, -1}, 0, 0)
	return result
}

func marshalSeq[T any](all iter.Seq[T], size int) ([]byte, error) {
	return json.Marshal(collect(all, size))
}
