package analyze

import (
	"cmp"
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A ReplicationAnswer says whether a cluster could fulfil a replication property as the default of new segments and of
// partitions, by the registered nodes and their states.
type ReplicationAnswer struct {
	SchemaVersion int    `json:"schema_version"`
	Tool          Tool   `json:"tool"`
	Name          string `json:"name"`
	ClusterName   string `json:"cluster_name"`
	// Without are the nodes that are taken as silent, and are no candidates.
	Without     []string        `json:"without"`
	Replication string          `json:"replication"`
	Logs        SelectionAnswer `json:"logs"`
	// Partitions is nil when no worker is registered.
	Partitions *SelectionAnswer `json:"partitions"`
	Undecided  []UndecidedPart  `json:"undecided"`
	Gaps       []Gap            `json:"gaps"`
}

// A SelectionAnswer says what Restate could choose out of the nodes that are there.
type SelectionAnswer struct {
	Possible bool `json:"possible"`
	// Now is the default in the snapshot; empty when it is not known, or is not a replication property.
	Now string `json:"now,omitempty"`
	// Weaker says that the property promises less than the present default does at some scope.
	Weaker bool `json:"weaker,omitempty"`
	// Candidates are the log servers in read-write, or the active workers, by id.
	Candidates []string `json:"candidates"`
	// Missing are the scopes at which there are too few domains, such as "1 of 2 zones".
	Missing []string `json:"missing"`
	// Unlocated are candidates without a location that the property asks for. One of them is enough to stop every choice
	// of a nodeset; the choice of a replica set passes them over.
	Unlocated []string `json:"without_location"`
	// Size is the number of nodes that are chosen, 0 when it is not possible; Target the configured size of nodesets, 0 for
	// automatic.
	Size   int `json:"size"`
	Target int `json:"target_size,omitempty"`
	// Example are nodes that Restate might choose for one segment. It prefers others for others.
	Example []string `json:"example,omitempty"`
	// Survives is what such a nodeset survives, in the worst case; nil for replica sets, in which any one member is enough
	// to lead, and when it is not possible.
	Survives *Survival `json:"survives,omitempty"`
}

// A Survival counts the domains that a nodeset can lose at once, whichever they are.
type Survival struct {
	Nodes   Losable  `json:"nodes"`
	Zones   *Losable `json:"zones,omitempty"`   // nil where no member is in a zone
	Regions *Losable `json:"regions,omitempty"` // nil where no member is in a region
}

// Losable counts domains: how many can be lost before writes stop, and before sealing does. Zones and regions beyond the
// third are not tried where there are very many.
type Losable struct {
	Writes  int `json:"writes"`
	Sealing int `json:"sealing"`
}

// Both is the number of domains whose loss stops neither.
func (l Losable) Both() int { return min(l.Writes, l.Sealing) }

// Possible reports whether the property could be fulfilled, for logs and for partitions. Where no worker is registered,
// as in a capture from the time of a metadata migration, nothing is said about partitions.
func (r *ReplicationAnswer) Possible() bool {
	return r.Logs.Possible && (r.Partitions == nil || r.Partitions.Possible)
}

// NewReplicationAnswer judges a replication property as the default of a cluster. The words name nodes that are taken as
// silent, as for NewWhatIf.
func NewReplicationAnswer(version string, s *snapshots.Snapshot, replication cluster.Replication, words []string) (*ReplicationAnswer, error) {
	given, err := silenceOf(s, words)
	if err != nil {
		return nil, err
	}
	if err := readNodes(s, "what Restate could choose"); err != nil {
		return nil, err
	}
	if err := given.unverified(s); err != nil {
		return nil, err
	}
	r := &ReplicationAnswer{
		SchemaVersion: SchemaVersion,
		Tool:          Tool{Name: toolName, Version: version},
		Name:          s.Name,
		ClusterName:   s.ClusterName(),
		Without:       given.names(),
		Replication:   replication.String(),
		Logs:          nodesetsWith(s, replication, given),
		Partitions:    replicaSetsWith(s, replication, given),
		Undecided:     []UndecidedPart{},
		Gaps:          gapsOf(s.Gaps),
	}
	if s.Logs == nil {
		r.Undecided = append(r.Undecided, undecided("logs", "the configured size of nodesets is not known: it is taken as automatic", snapshots.BifrostConfig))
	}
	if r.Partitions == nil {
		r.Undecided = append(r.Undecided, undecided("partitions", "no node has the role of a worker"))
	}
	return r, nil
}

func nodesetsWith(s *snapshots.Snapshot, replication cluster.Replication, given *silence) SelectionAnswer {
	candidates := candidatesOf(s.Nodes, func(node *snapshots.Node) bool { return logCandidate(node) && !given.has(node.ID) })
	answer := SelectionAnswer{}
	if s.Logs != nil && s.Logs.DefaultProvider != nil && s.Logs.DefaultProvider.Kind == snapshots.Replicated {
		answer.Target = int(s.Logs.DefaultProvider.TargetNodesetSize)
		answer.compare(replication, s.Logs.DefaultProvider.Replication)
	}
	answer.take(candidates, cluster.SelectNodeset(candidates, replication, answer.Target))
	if answer.Possible {
		nodeset := spread(candidates, replication, answer.Size)
		answer.Example = memberNames(nodeset)
		answer.Survives = survival(nodeset, replication)
	}
	return answer
}

func replicaSetsWith(s *snapshots.Snapshot, replication cluster.Replication, given *silence) *SelectionAnswer {
	candidate, found := partitionCandidate(s.Nodes)
	if !found {
		return nil
	}
	candidates := candidatesOf(s.Nodes, func(node *snapshots.Node) bool { return candidate(node) && !given.has(node.ID) })
	answer := &SelectionAnswer{}
	if s.Partitions != nil {
		answer.compare(replication, s.Partitions.Replication)
	}
	answer.take(candidates, cluster.SelectReplicas(candidates, replication))
	return answer
}

func (a *SelectionAnswer) compare(replication, now cluster.Replication) {
	if now != (cluster.Replication{}) {
		a.Now, a.Weaker = now.String(), replication.Weaker(now)
	}
}

func (a *SelectionAnswer) take(candidates []cluster.Member, selection cluster.Selection) {
	a.Possible, a.Size = selection.Possible(), selection.Size
	a.Candidates, a.Missing, a.Unlocated = memberNames(candidates), shortfallWords(selection.Missing), nodeNames(selection.Unlocated)
}

// logCandidate reports whether a node can be chosen for the nodeset of a new segment. Roles are not looked at.
func logCandidate(node *snapshots.Node) bool {
	return !node.Removed && node.Storage == cluster.StorageReadWrite
}

// partitionCandidate tells which nodes can be chosen for the replica set of a partition: the active workers, or all of
// them where none has a state, as up to Restate 1.3. It also tells whether there is any worker.
func partitionCandidate(nodes *snapshots.Nodes) (is func(*snapshots.Node) bool, found bool) {
	stateless := true
	for node := range nodes.All() {
		if hasRole(node, cluster.RoleWorker) {
			found = true
			stateless = stateless && node.Worker == cluster.WorkerProvisioning
		}
	}
	return func(node *snapshots.Node) bool {
		return hasRole(node, cluster.RoleWorker) && (stateless || node.Worker == cluster.WorkerActive)
	}, found
}

func hasRole(node *snapshots.Node, role cluster.Role) bool {
	return node != nil && !node.Removed && slices.Contains(node.Roles, role)
}

func candidatesOf(nodes *snapshots.Nodes, is func(*snapshots.Node) bool) (candidates []cluster.Member) {
	for node := range nodes.All() {
		if is(node) {
			candidates = append(candidates, nodes.Member(node.ID))
		}
	}
	return candidates
}

func memberNames(members []cluster.Member) []string {
	names := make([]string, len(members))
	for i, member := range members {
		names[i] = member.Node.String()
	}
	return names
}

// shortfallWords are "1 of 2 zones" for each shortfall.
func shortfallWords(shortfalls []cluster.Shortfall) []string {
	words := make([]string, len(shortfalls))
	for i, shortfall := range shortfalls {
		words[i] = fmt.Sprintf("%d of %s", shortfall.Have, plural(shortfall.Want, shortfall.Scope.String()))
	}
	return words
}

// spread takes members in turn from the domain that has given fewest, as Restate does at the widest scope of the property,
// but in the order of ids within a domain.
func spread(candidates []cluster.Member, replication cluster.Replication, size int) (chosen []cluster.Member) {
	across := cluster.NodeScope
	for _, scope := range []cluster.Scope{cluster.ZoneScope, cluster.RegionScope} {
		if _, constrained := replication.Factor(scope); constrained {
			across = scope
		}
	}
	if across == cluster.NodeScope {
		return candidates[:size]
	}
	picks := make(map[cluster.Location]int)
	rest := slices.Clone(candidates)
	domainOf := func(member cluster.Member) cluster.Location {
		domain, _ := member.Location.Domain(across)
		return domain
	}
	for len(chosen) < size {
		best := 0
		for i := range rest {
			if picks[domainOf(rest[i])] < picks[domainOf(rest[best])] {
				best = i
			}
		}
		picks[domainOf(rest[best])]++
		chosen = append(chosen, rest[best])
		rest = slices.Delete(rest, best, best+1)
	}
	slices.SortFunc(chosen, func(a, b cluster.Member) int { return cmp.Compare(a.Node, b.Node) })
	return chosen
}

// survival counts what a nodeset of writable members survives.
func survival(nodeset []cluster.Member, replication cluster.Replication) *Survival {
	members := slices.Clone(nodeset)
	sortByLocation(members)
	checker := cluster.NewChecker(members, replication)
	result := &Survival{Nodes: losableNodes(members, replication, checker)}
	result.Zones = losableDomains(members, cluster.ZoneScope, checker)
	result.Regions = losableDomains(members, cluster.RegionScope, checker)
	return result
}

// losableDomains tries which zones or regions a nodeset can lose; nil when no member is in one.
func losableDomains(members []cluster.Member, scope cluster.Scope, checker *cluster.Checker) *Losable {
	of, firsts := domainsOf(members, scope)
	if len(firsts) == 0 {
		return nil
	}
	rest := func(lost []int) cluster.Set {
		set := checker.SetOf(func(cluster.Member) bool { return true })
		for position := range members {
			if of[position] >= 0 && slices.Contains(lost, int(of[position])) {
				set.Remove(position)
			}
		}
		return set
	}
	return &Losable{
		Writes:  mostLosable(len(firsts), func(lost []int) bool { return checker.WriteQuorumOf(rest(lost)) }),
		Sealing: mostLosable(len(firsts), func(lost []int) bool { return checker.FMajorityOf(rest(lost)).Passed() }),
	}
}

// losableNodes counts the nodes that a nodeset can lose when all of its members work: writes stop when at some scope too
// few domains are left, and it takes the smallest domains to get there; sealing stops when at every scope too few
// domains are complete, and one node breaks one domain of each.
func losableNodes(members []cluster.Member, replication cluster.Replication, checker *cluster.Checker) Losable {
	all := checker.SetOf(func(cluster.Member) bool { return true })
	writes, seals := len(members)+1, 0
	for _, scope := range []cluster.Scope{cluster.NodeScope, cluster.ZoneScope, cluster.RegionScope} {
		factor, constrained := replication.Factor(scope)
		if !constrained {
			continue
		}
		stake := newScopeStake(members, scope, factor, all, all)
		sizes := slices.Sorted(slices.Values(stake.writers))
		nodes := 0
		for _, size := range sizes[:min(stake.writeSlack, len(sizes))] {
			nodes += int(size)
		}
		writes, seals = min(writes, nodes), max(seals, stake.sealSlack)
	}
	return Losable{Writes: max(writes-1, 0), Sealing: max(seals-1, 0)}
}

// manyDomains bounds the number of domains of which every subset is tried.
const manyDomains = 12

// mostLosable is the greatest number such that whichever so many domains are lost, something still works.
func mostLosable(domains int, works func(lost []int) bool) int {
	for size := 1; size <= domains; size++ {
		if size > setLimit && domains > manyDomains || !everySubset(domains, size, works) {
			return size - 1
		}
	}
	return domains
}

// everySubset reports whether something holds for all subsets of a size of the numbers below n.
func everySubset(n, size int, holds func([]int) bool) bool {
	subset := make([]int, size)
	var extend func(have, from int) bool
	extend = func(have, from int) bool {
		if have == size {
			return holds(subset)
		}
		for i := from; i < n; i++ {
			subset[have] = i
			if !extend(have+1, i+1) {
				return false
			}
		}
		return true
	}
	return extend(0, 0)
}
