package analyze

import (
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// Afterwards says which nodes a cluster must not lose once some others were removed from it, and everything was moved off
// them: each node is named whose loss alone would be too much, ascending. A list is nil where it is not known, or where
// nothing is left to lose, as a blocker says then.
type Afterwards struct {
	// Writes are those whose loss stops the writes of every new segment with the default replication; no other segment can
	// be made then either. Seals are those of which the loss makes new segments with them unsealable.
	Writes []string `json:"stops_writes"`
	Seals  []string `json:"stops_sealing"`
	// Metadata are those whose loss takes the metadata quorum.
	Metadata []string `json:"loses_metadata_quorum"`
	// Warning says so in a sentence; empty where no such node is known.
	Warning string `json:"warning,omitempty"`
}

// Together says what several removals mean that each node's own answer does not say.
type Together struct {
	Nodes []string `json:"nodes"`
	// Blockers lie in what would be left without all of them.
	Blockers   []Blocker   `json:"blockers"`
	Afterwards *Afterwards `json:"afterwards,omitempty"`
}

// afterwards is nil where the leaving nodes hold neither logs nor metadata, or where it is not known what is left.
func (r *remover) afterwards(leaving *silence) *Afterwards {
	if !r.nodesRead || !r.anyOf(leaving, func(node *snapshots.Node) bool {
		return logCandidate(node) || hasRole(node, cluster.RoleLogServer) || hasRole(node, cluster.RoleMetadataServer)
	}) {
		return nil
	}
	a := &Afterwards{}
	replication := ""
	if logs := r.snapshot.Logs; logs != nil && logs.DefaultProvider != nil && logs.DefaultProvider.Kind == snapshots.Replicated {
		provider := logs.DefaultProvider
		replication = provider.Replication.String()
		if chosen := nodesetsWith(r.snapshot, provider.Replication, leaving); chosen.Possible {
			a.Writes, a.Seals = []string{}, []string{}
			if chosen.Survives.Nodes.Sealing == 0 {
				a.Seals = chosen.Candidates
			}
			candidates := candidatesOf(r.snapshot.Nodes, func(node *snapshots.Node) bool { return logCandidate(node) && !leaving.has(node.ID) })
			a.Writes = append(a.Writes, memberNames(indispensable(candidates, provider.Replication, chosen.Target))...)
		}
	}
	if members, external := metadataMembers(r.snapshot); !external {
		var left []cluster.NodeID
		for _, id := range members {
			if !leaving.has(id) {
				left = append(left, id)
			}
		}
		if len(left) > 0 {
			a.Metadata = []string{}
			if len(left)-1 < metadataQuorum(len(left)) {
				a.Metadata = nodeNames(left)
			}
		}
	}
	rest := 0
	for node := range r.snapshot.Nodes.All() {
		rest += truth(!node.Removed && !leaving.has(node.ID))
	}
	a.Warning = a.warning(replication, rest)
	return a
}

// indispensable are the candidates without each of which no nodeset could be chosen.
func indispensable(candidates []cluster.Member, replication cluster.Replication, target int) (needed []cluster.Member) {
	// All that counts is whether a candidate is the only one in its zone, and in its region.
	type kind [2]bool
	inDomain := make(map[cluster.Location]int)
	scopes := [...]cluster.Scope{cluster.ZoneScope, cluster.RegionScope}
	for _, candidate := range candidates {
		for _, scope := range scopes {
			if domain, ok := candidate.Location.Domain(scope); ok {
				inDomain[domain]++
			}
		}
	}
	stops := make(map[kind]bool)
	for i, candidate := range candidates {
		var alone kind
		for k, scope := range scopes {
			domain, ok := candidate.Location.Domain(scope)
			alone[k] = ok && inDomain[domain] == 1
		}
		stop, known := stops[alone]
		if !known {
			rest := append(append([]cluster.Member{}, candidates[:i]...), candidates[i+1:]...)
			stop = !cluster.SelectNodeset(rest, replication, target).Possible()
			stops[alone] = stop
		}
		if stop {
			needed = append(needed, candidate)
		}
	}
	return needed
}

// warning says what a single further loss would do, of a rest of so many nodes.
func (a *Afterwards) warning(replication string, rest int) string {
	var clauses []string
	add := func(nodes []string, what string) {
		if len(nodes) == 0 {
			return
		}
		subject := "the loss of " + either(nodes) + " "
		if last := len(clauses) - 1; last >= 0 && strings.HasPrefix(clauses[last], subject) {
			what = clauses[last] + " and " + what
			clauses, subject = clauses[:last], ""
		}
		clauses = append(clauses, subject+what)
	}
	add(a.Writes, "stops the writes of every new segment (replication "+replication+")")
	add(a.Seals, "makes new segments unsealable (replication "+replication+")")
	add(a.Metadata, "takes the metadata quorum")
	if len(clauses) == 0 {
		return ""
	}
	intro, advice := "after this ", "; consider adding a node first"
	if needed := slices.Concat(a.Writes, a.Seals, a.Metadata); len(slices.Compact(slices.Sorted(slices.Values(needed)))) == rest {
		intro = "after this no further node may fail: "
	}
	if len(a.Writes)+len(a.Seals) == 0 {
		advice = "; consider adding a member to the metadata store first"
	}
	return intro + strings.Join(clauses, ", ") + advice
}

// either is "N1", "N1 or N3" or "N1, N2 or N3", shortened.
func either(names []string) string {
	last := len(names) - 1
	switch {
	case last == 0:
		return names[0]
	case len(names) > namesListed:
		return "any one of " + strings.Join(names[:namesListed], ", ") + ", …"
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// together judges the removal of several registered nodes; nil where less than two are to leave.
func (r *remover) together(ids []cluster.NodeID) *Together {
	leaving := &silence{}
	for _, id := range ids {
		if node := r.snapshot.Nodes.Get(id); node != nil && !node.Removed && !node.Unreadable {
			leaving.nodes = append(leaving.nodes, id)
		}
	}
	if len(leaving.nodes) < 2 {
		return nil
	}
	return &Together{Nodes: leaving.names(), Blockers: append([]Blocker{}, r.shortages(leaving)...), Afterwards: r.afterwards(leaving)}
}

// anyOf reports whether something holds for a registered node among those that leave.
func (r *remover) anyOf(leaving *silence, holds func(*snapshots.Node) bool) bool {
	for _, id := range leaving.nodes {
		if node := r.snapshot.Nodes.Get(id); node != nil && holds(node) {
			return true
		}
	}
	return false
}
