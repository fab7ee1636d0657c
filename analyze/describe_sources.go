package analyze

import (
	"cmp"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
	"restate-lint/snapshots/stores"
)

// A SourceDescription is a document that was read, or another file that says something about the cluster.
type SourceDescription struct {
	Source string `json:"source"`
	// Kind is the metadata key, the table, or what else it is, such as "server configuration".
	Kind    string `json:"kind"`
	Version uint32 `json:"version,omitempty"`
	Bytes   int64  `json:"bytes"`
	// Store is what the source is a value of; empty for a file.
	Store string `json:"store,omitempty"`
	// Instead names the source that is used instead of this one; empty for one that is used.
	Instead string `json:"used_instead,omitempty"`
	// Complete is false when a part could not be read; the gaps say which.
	Complete bool `json:"complete"`
}

// A StoreDescription is a store of metadata.
type StoreDescription struct {
	Store  string `json:"store"`
	Kind   string `json:"kind"`
	Format string `json:"format"`
	Bytes  int64  `json:"bytes"`
	// Values counts the keys of Restate's metadata, Others all that are not; History the older values that are still there.
	Values  int `json:"values"`
	History int `json:"older_values"`
	Others  int `json:"other_keys"`
	// Problems counts what could not be read, or is not as Restate writes it: each is a gap.
	Problems int `json:"problems"`
	// Loglets counts those that a log server has something of.
	Loglets int `json:"loglets,omitempty"`
	// Members are the metadata servers whose directories were read, in the order of these.
	Members []MetadataServerDescription `json:"members,omitempty"`
}

// A MetadataServerDescription is the directory of one metadata server.
type MetadataServerDescription struct {
	Directory string `json:"directory"`
	// Node is the node's id and NodeName its name, where the directory says so.
	Node     string `json:"node,omitempty"`
	NodeName string `json:"node_name,omitempty"`
	// ClusterName and Fingerprint are by the member's own nodes_config.
	ClusterName string `json:"cluster_name"`
	Fingerprint uint64 `json:"cluster_fingerprint,omitempty,string"`
	Bytes       int64  `json:"bytes"`
	// LastEntry and Term are those of the last entry of the member's log.
	LastEntry uint64 `json:"last_entry"`
	Term      uint64 `json:"term"`
	// Behind counts the entries that the used member has and this one does not; it is 0 for one that is not compared.
	Behind uint64 `json:"behind,omitempty"`
	// Used is true for the member whose values are shown. Foreign is one of another cluster, Differs one that contradicts the
	// used one, Torn one whose write-ahead log ends within a record, and Standby one that is none of those who decide.
	Used    bool `json:"used,omitempty"`
	Foreign bool `json:"foreign,omitempty"`
	Differs bool `json:"differs,omitempty"`
	Torn    bool `json:"torn,omitempty"`
	Standby bool `json:"standby,omitempty"`
}

func describeSources(s *snapshots.Snapshot) []SourceDescription {
	sources := []SourceDescription{}
	document := func(d *snapshots.Document, instead string) {
		described := SourceDescription{
			Source: d.Source.Name, Kind: d.Key(), Version: uint32(d.Version), Bytes: d.Source.Size, Instead: instead, Complete: d.Complete,
		}
		if store := s.StoreOf(d.Source); store != nil {
			described.Store = string(store.Kind)
		}
		sources = append(sources, described)
	}
	used := make(map[string]*snapshots.Document, len(s.Documents))
	for _, d := range s.Documents {
		document(d, "")
		if !d.Kind.Live() {
			used[d.Key()] = d
		}
	}
	told := make(map[*snapshots.Document]bool)
	for _, rival := range s.Rivals {
		for _, d := range []*snapshots.Document{rival.Kept, rival.Other} {
			if kept := used[d.Key()]; kept != nil && kept != d && !told[d] {
				told[d] = true
				document(d, kept.Source.Name)
			}
		}
	}
	other := func(source *snapshots.Source, kind string) {
		sources = append(sources, SourceDescription{Source: source.Name, Kind: kind, Bytes: source.Size, Complete: true})
	}
	for _, config := range s.Configs {
		other(config.Source, "server configuration")
	}
	for _, listing := range s.Listings {
		other(listing.Source, "listing of data directories")
	}
	slices.SortStableFunc(sources, func(a, b SourceDescription) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Version, b.Version))
	})
	return sources
}

func describeStores(s *snapshots.Snapshot) []StoreDescription {
	described := []StoreDescription{}
	for _, store := range s.Stores {
		d := StoreDescription{
			Store: s.StoreName(store), Kind: string(store.Kind), Format: store.Format, Bytes: store.Size,
			Values: len(store.Values), History: len(store.History), Others: store.Others, Problems: len(store.Problems),
		}
		if store.LogServer != nil {
			d.Loglets = len(store.LogServer.Loglets)
		}
		if store.Raft != nil {
			d.Members = describeServers(s, store)
		}
		described = append(described, d)
	}
	return described
}

func describeServers(s *snapshots.Snapshot, store *stores.Store) (described []MetadataServerDescription) {
	raft := store.Raft
	used := &raft.Members[raft.Used]
	for i := range raft.Members {
		m := &raft.Members[i]
		d := MetadataServerDescription{
			Directory: s.StoreName(&stores.Store{Name: m.Directory}), NodeName: m.NodeName, ClusterName: m.Cluster, Fingerprint: m.Fingerprint,
			Bytes: m.Size, LastEntry: m.Last.Index, Term: m.Last.Term, Used: i == raft.Used, Torn: m.Torn != nil, Standby: m.Standby,
		}
		if m.NodeID > 0 {
			d.Node = cluster.NodeID(m.NodeID).String()
		}
		for _, conflict := range raft.Conflicts {
			if conflict.Member == i {
				d.Foreign, d.Differs = conflict.Foreign, !conflict.Foreign
			}
		}
		if !d.Foreign && !d.Differs {
			d.Behind = used.Last.Index - min(m.Last.Index, used.Last.Index)
		}
		described = append(described, d)
	}
	return described
}
