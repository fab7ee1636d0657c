package snapshots

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"restate-lint/snapshots/cluster"
)

// A Repository is what was captured of the place that partition snapshots are kept in (Restate 1.2 and later):
//
//	<prefix>/<partition>/latest.json
//	<prefix>/<partition>/lsn_<20 digits>-<snapshot id>/metadata.json
//	<prefix>/<partition>/lsn_<20 digits>-<snapshot id>/<NNNNNN>.sst
//
// It is put together from the two kinds of JSON files and from listings of the bucket. A bucket may hold the repositories
// of several clusters under different prefixes: those that never name the cluster are left out if another one does.
type Repository struct {
	// Latest are the pointers, in ascending order of partitions; one for each, the furthest where a partition has several.
	Latest []*LatestSnapshot
	// Stored are the snapshots whose metadata.json was captured, in ascending order of partitions, then LSNs.
	Stored []*StoredSnapshot
	// Listed is true when a listing of snapshots was captured, so that what is not in it is not there.
	Listed bool

	folders    map[string]*SnapshotFolder // by their path from the partition on
	partitions map[cluster.PartitionID]bool
}

// A PartitionSnapshot is what a repository says of one snapshot, wherever it says it.
type PartitionSnapshot struct {
	// ID is the snapshot's id, such as "snap_134PD57Pr1wIREDZAvU3LpL".
	ID string
	// MinAppliedLSN is a lower bound of the last record that the snapshot holds.
	MinAppliedLSN cluster.LSN
	// CreatedAt is the zero time where it is left out or cannot be read.
	CreatedAt time.Time
	// Path is the name of the snapshot's folder, relative to that of the partition.
	Path string
	At   Position
}

// An Origin says which cluster wrote a file of a repository.
type Origin struct {
	Document    *Document
	Partition   cluster.PartitionID
	ClusterName string
	// Fingerprint is 0 where there is none (Restate before 1.4, and clusters without one).
	Fingerprint cluster.Fingerprint
	// Log is the log that the snapshot continues with; HasLog is false where it is not stated (latest.json before 1.6).
	Log    cluster.LogID
	HasLog bool
	// Labelled is the partition that the file lies under, Under says whether its path tells one.
	Labelled cluster.PartitionID
	Under    bool
	// ClusterAt, FingerprintAt and LogAt are those fields, or the document where they are left out.
	ClusterAt, FingerprintAt, LogAt Position

	root string // the path of the repository
}

// A LatestSnapshot is a latest.json: the one snapshot that a replica without data starts from. No other is ever tried.
type LatestSnapshot struct {
	Origin
	PartitionSnapshot
	// Format is "V1" (Restate 1.2 to 1.5) or "V2" (1.6 and later).
	Format   string
	FormatAt Position
	// Retained are the snapshots that are kept, newest first; the first one is the latest again. V1 has none.
	Retained []PartitionSnapshot
}

// Archived is the LSN up to which records may be trimmed: the lowest one over the retained snapshots.
func (l *LatestSnapshot) Archived() cluster.LSN {
	lsn := l.MinAppliedLSN
	for _, s := range l.Retained {
		lsn = min(lsn, s.MinAppliedLSN)
	}
	return lsn
}

// A StoredSnapshot is the metadata.json of one snapshot.
type StoredSnapshot struct {
	Origin
	PartitionSnapshot
	// Start and End are the keys that the snapshot holds; HasRange is false where they cannot be read.
	Start, End uint64
	HasRange   bool
	RangeAt    Position
}

// A SnapshotFolder is what is known of the folder of one snapshot.
type SnapshotFolder struct {
	// Metadata is true when its metadata.json is there, be it in a listing only.
	Metadata bool
	// Files counts the other files that a listing names.
	Files int
}

// Get returns the pointer of a partition, or nil. It may be called on nil.
func (r *Repository) Get(id cluster.PartitionID) *LatestSnapshot {
	if r == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(r.Latest, id, func(l *LatestSnapshot, id cluster.PartitionID) int { return cmp.Compare(l.Partition, id) })
	if !ok {
		return nil
	}
	return r.Latest[i]
}

// Holds reports whether anything was captured that belongs to a partition: a file, or a line of a listing.
func (r *Repository) Holds(id cluster.PartitionID) bool { return r.partitions[id] }

func (r *Repository) hold(id cluster.PartitionID) {
	if r.partitions == nil {
		r.partitions = make(map[cluster.PartitionID]bool)
	}
	r.partitions[id] = true
}

// Folder returns what is known of the folder of a snapshot that a pointer names. known is false when the capture cannot
// tell whether it is there: nothing but the pointers was captured.
func (r *Repository) Folder(latest *LatestSnapshot, path string) (folder SnapshotFolder, known bool) {
	if found := r.folders[join(uitoa(uint64(latest.Partition)), path)]; found != nil {
		return *found, true
	}
	return SnapshotFolder{}, latest.Under && (r.Listed || len(r.Stored) > 0)
}

func (r *Repository) folder(path string) *SnapshotFolder {
	found := r.folders[path]
	if found == nil {
		found = &SnapshotFolder{}
		if r.folders == nil {
			r.folders = make(map[string]*SnapshotFolder)
		}
		if len(r.folders) < 16*maxElements {
			r.folders[path] = found
		}
	}
	return found
}

// settle brings what was read into order.
func (r *Repository) settle(clusterName string) {
	own := make(map[string]bool)
	note := func(o *Origin) { own[o.root] = own[o.root] || o.ClusterName == clusterName }
	for _, l := range r.Latest {
		note(&l.Origin)
	}
	for _, s := range r.Stored {
		note(&s.Origin)
	}
	some := false
	for _, is := range own {
		some = some || is
	}
	if some && clusterName != "" {
		r.Latest = slices.DeleteFunc(r.Latest, func(l *LatestSnapshot) bool { return !own[l.root] })
		r.Stored = slices.DeleteFunc(r.Stored, func(s *StoredSnapshot) bool { return !own[s.root] })
	}
	slices.SortStableFunc(r.Latest, func(a, b *LatestSnapshot) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), -cmp.Compare(a.MinAppliedLSN, b.MinAppliedLSN),
			cmp.Compare(a.Document.Source.Name, b.Document.Source.Name))
	})
	r.Latest = slices.CompactFunc(r.Latest, func(a, b *LatestSnapshot) bool { return a.Partition == b.Partition })
	slices.SortStableFunc(r.Stored, func(a, b *StoredSnapshot) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.MinAppliedLSN, b.MinAppliedLSN),
			cmp.Compare(a.Document.Source.Name, b.Document.Source.Name))
	})
}

// join puts a path together, without the steps that are empty.
func join(steps ...string) string {
	return strings.Join(slices.DeleteFunc(steps, func(step string) bool { return step == "" }), "/")
}
