package analyze

import (
	"cmp"
	"slices"

	"restate-lint/snapshots"
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
		described = append(described, StoreDescription{
			Store: s.StoreName(store), Kind: string(store.Kind), Format: store.Format, Bytes: store.Size,
			Values: len(store.Values), History: len(store.History), Others: store.Others, Problems: len(store.Problems),
		})
	}
	return described
}
