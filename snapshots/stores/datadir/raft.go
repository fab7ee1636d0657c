package datadir

import (
	"cmp"
	"maps"
	"slices"

	"restate-lint/snapshots/stores"
)

// metadataServers combines the directories of one cluster's metadata servers.
func metadataServers(dirs []directory) *stores.Store {
	slices.SortFunc(dirs, func(a, b directory) int { return cmp.Compare(a.name, b.name) })
	store := &stores.Store{Kind: stores.MetadataServer, Raft: &stores.Raft{}}
	r := store.Raft
	replicas := make([]*replica, len(dirs))
	for i, dir := range dirs {
		replicas[i] = readReplica(dir)
		r.Members = append(r.Members, replicas[i].Member)
		store.Problems = append(store.Problems, replicas[i].problems...)
		store.Size += dir.db.Size()
	}
	r.Used = choose(replicas)
	used := replicas[r.Used]
	store.Name, store.Format = used.Directory, dirs[r.Used].format()
	store.Values = slices.Collect(maps.Values(used.current))
	for _, v := range used.history {
		store.Remember(v)
	}
	r.Rejected = used.rejected
	settle(r, used, slices.DeleteFunc(slices.Clone(replicas), used.foreign))
	for i, other := range replicas {
		switch c, differ := conflict(used, other); {
		case i == r.Used:
		case used.foreign(other):
			r.Conflicts = append(r.Conflicts, stores.Conflict{Member: i, Foreign: true})
		case differ:
			c.Member = i
			r.Conflicts = append(r.Conflicts, c)
		}
	}
	store.Settle()
	return store
}

// choose returns the most advanced one of the cluster that most replicas are of.
func choose(replicas []*replica) (used int) {
	best := 0
	for i, m := range replicas {
		mates := 0
		for _, other := range replicas {
			if !m.foreign(other) {
				mates++
			}
		}
		if mates > best || mates == best && m.Last.Compare(replicas[used].Last) > 0 {
			used, best = i, mates
		}
	}
	return used
}

// foreign reports whether another replica is of another cluster. Fingerprints tell, or names where there is none.
func (m *replica) foreign(other *replica) bool {
	if m.Fingerprint != 0 && other.Fingerprint != 0 {
		return m.Fingerprint != other.Fingerprint
	}
	return m.Cluster != "" && other.Cluster != "" && m.Cluster != other.Cluster
}

// settle finds out what is agreed upon among the replicas of one cluster.
func settle(r *stores.Raft, used *replica, replicas []*replica) {
	for _, m := range replicas {
		// What a member knows to be agreed upon is in the used log, unless they contradict each other.
		r.Committed = max(r.Committed, m.Snapshot.Index, min(m.Commit, m.Last.Index))
	}
	voters := used.Voters
	majority := len(voters)/2 + 1
	known := voterReplicas(replicas, voters)
	r.Committed = min(r.Committed, used.Last.Index)
	r.Settled = len(voters) > 0
	for index := used.Last.Index; index > r.Committed; index-- {
		have := 0
		for _, m := range known {
			if m.has(used, index) {
				have++
			}
		}
		switch {
		case len(voters) == 0:
			return
		case have >= majority: // and so for everything before
			r.Committed = index
			return
		case have+len(voters)-len(known) >= majority:
			r.Settled = false // the others may have it
		}
	}
}

// voterReplicas returns one replica of each voter that has one: the most advanced.
func voterReplicas(replicas []*replica, voters []uint64) []*replica {
	byNode := make(map[uint32]*replica)
	var anonymous []*replica
	for _, m := range replicas {
		if m.NodeID == 0 {
			anonymous = append(anonymous, m)
			continue
		}
		if other := byNode[m.NodeID]; other == nil || m.Last.Compare(other.Last) > 0 {
			byNode[m.NodeID] = m
		}
	}
	var known []*replica
	for _, voter := range voters {
		if m := byNode[uint32(voter)]; m != nil && uint64(m.NodeID) == voter {
			known = append(known, m)
		}
	}
	known = append(known, anonymous...)
	return known[:min(len(known), len(voters))]
}

// has reports whether a replica has an entry of another one's log.
func (m *replica) has(used *replica, index uint64) bool {
	if m == used || index <= m.Snapshot.Index {
		return true
	}
	mine, ok := m.at(index)
	theirs, known := used.at(index)
	return ok && known && mine.term == theirs.term && mine.entry == theirs.entry
}

// conflict finds the first place at which another member contradicts the used one.
func conflict(used, other *replica) (c stores.Conflict, differ bool) {
	from := max(used.Snapshot.Index, other.Snapshot.Index)
	for index := from; index <= min(used.Last.Index, other.Last.Index); index++ {
		mine, ok := used.at(index)
		theirs, known := other.at(index)
		if !ok || !known {
			continue
		}
		sameEntry := mine.term == theirs.term && (mine.entry == theirs.entry || mine.snapshot || theirs.snapshot)
		if sameEntry && mine.state == theirs.state {
			continue
		}
		return stores.Conflict{
			Index: index, Terms: [2]uint64{mine.term, theirs.term},
			// One term has one leader, who proposes one entry for a place; and entries make the same state everywhere.
			Agreed: mine.term == theirs.term || index <= max(used.Snapshot.Index, used.Commit) && index <= max(other.Snapshot.Index, other.Commit),
		}, true
	}
	return stores.Conflict{}, false
}
