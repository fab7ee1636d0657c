package snapshots

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	multierror "github.com/hashicorp/go-multierror"

	"restate-lint/snapshots/cluster"
	"restate-lint/snapshots/stores"
)

// A Snapshot is the captured state of one cluster at one moment: some documents, possibly incomplete. Whatever was
// not captured is nil: its absence from the capture says nothing about the cluster.
type Snapshot struct {
	Name string
	// Documents are sorted by key.
	Documents []*Document
	// Gaps are what is missing or could not be read; more may come to light when the logs are read (see Logs.Each).
	Gaps []Gap
	// Oddities are the values that are not as Restate writes them; those of logs are in Log.Oddities.
	Oddities []Oddity
	// Rivals are documents that were captured twice; only the newer one is used.
	Rivals []Rival

	Nodes      *Nodes
	Logs       *Logs
	Partitions *Partitions
	// Epochs are in ascending order of partitions.
	Epochs []*Epoch
	Schema *Document
	// Markers are the cluster markers, by the names of their sources.
	Markers []*Marker
	// Configs are the servers' configuration files, and Listings those of data directories; neither are documents of the
	// metadata. Both are in the order in which the sources were read.
	Configs  []*ServerConfig
	Listings []*Listing
	// Stores are the stores of metadata that documents were read from, or should have been.
	Stores []*stores.Store
	// Registry is what the schema registry says of deployments and services.
	Registry *Registry
	// Repository is what was captured of the repository of partition snapshots.
	Repository *Repository
	// Live is what running servers said; nil when no result of `restatectl sql` was captured.
	Live *Live

	release cluster.Release
}

// A Rival is a second document of the same key.
type Rival struct {
	Kept, Other *Document
	// ClusterNames are those of the two documents, where they state one.
	ClusterNames [2]string
}

// Read reads the documents in the named files of a file system, which make up one snapshot. Names that cannot be
// read, or hold nothing that is known, become gaps. The error is non-nil only when no document was found at all; it
// then carries every reason. It does not repeat the name of the snapshot, nor that of its only file if both are the same.
func Read(name string, fsys fs.FS, files ...string) (*Snapshot, error) {
	return readWith(name, fsys, files, nil)
}

// readWith is Read with gaps that are known only then.
func readWith(name string, fsys fs.FS, files []string, more func() []Gap) (*Snapshot, error) {
	s := &Snapshot{Name: name}
	r := &reader{snapshot: s, epochs: make(map[cluster.PartitionID]int)}
	for _, file := range r.databases(fsys, files) {
		r.source(fsys, file, len(files) == 1)
	}
	r.storedDocuments()
	if more != nil {
		why := more()
		s.Gaps = slices.DeleteFunc(s.Gaps, func(gap Gap) bool { // there is more to say
			return gap.Reason == emptyReason && slices.ContainsFunc(why, func(other Gap) bool { return other.Source == gap.Source })
		})
		s.Gaps = append(s.Gaps, why...)
	}
	s.settle()
	if len(s.Documents) > 0 {
		return s, nil
	}
	var problems *multierror.Error
	for _, gap := range s.Gaps {
		switch {
		case gap.Source == "":
		case gap.Source == path.Base(name) && (len(files) == 1 || gap.Key == ""):
			problems = multierror.Append(problems, errors.New(gap.Reason))
		default:
			problems = multierror.Append(problems, errors.New(gap.String()))
		}
	}
	if problems == nil {
		problems = multierror.Append(problems, errors.New("no document of Restate's metadata found"))
	}
	problems.ErrorFormat = listErrors
	return s, problems
}

func listErrors(problems []error) string {
	text := problems[0].Error()
	for _, problem := range problems[1:] {
		text += "; " + problem.Error()
	}
	return text
}

// settle orders what was read and finds what is missing.
func (s *Snapshot) settle() {
	slices.SortFunc(s.Documents, func(a, b *Document) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Partition, b.Partition),
			cmp.Compare(a.Source.Name, b.Source.Name), cmp.Compare(a.Offset, b.Offset)) // the same table may be there twice
	})
	slices.SortFunc(s.Epochs, func(a, b *Epoch) int { return cmp.Compare(a.Partition, b.Partition) })
	slices.SortFunc(s.Markers, func(a, b *Marker) int {
		return cmp.Or(cmp.Compare(a.Document.Source.Name, b.Document.Source.Name), cmp.Compare(a.Document.Offset, b.Document.Offset))
	})
	if s.Nodes != nil {
		s.release = s.Nodes.Release()
	}
	if s.Live != nil {
		s.Live.settle()
	}
	if s.Repository != nil {
		s.Repository.settle(s.ClusterName())
	}
	noted := make(map[string]bool) // by a source that failed to give it
	for _, gap := range s.Gaps {
		noted[gap.Key] = true
	}
	missing := func(key string, kind Kind) {
		if !noted[key] {
			s.Gaps = append(s.Gaps, Gap{Key: key, Kind: kind, Reason: "not captured"})
		}
	}
	for _, kind := range expectedKinds {
		if kind == EpochMetadata && s.Partitions != nil && len(s.Epochs) > 0 {
			for id := range s.Partitions.ids() {
				if s.Epoch(id) == nil {
					missing(fmt.Sprintf("pp_epoch_%d", id), kind)
				}
			}
			continue
		}
		if !slices.ContainsFunc(s.Documents, func(d *Document) bool { return d.Kind == kind }) {
			missing(string(kind), kind)
		}
	}
}

// Epoch returns the epoch metadata of a partition, or nil when it was not captured.
func (s *Snapshot) Epoch(id cluster.PartitionID) *Epoch {
	i, ok := slices.BinarySearchFunc(s.Epochs, id, func(e *Epoch, id cluster.PartitionID) int { return cmp.Compare(e.Partition, id) })
	if !ok {
		return nil
	}
	return s.Epochs[i]
}

// Document returns the document of a kind, or nil; for EpochMetadata, the first one.
func (s *Snapshot) Document(kind Kind) *Document {
	for _, d := range s.Documents {
		if d.Kind == kind {
			return d
		}
	}
	return nil
}

// DocumentOf returns the document of a metadata key, or nil.
func (s *Snapshot) DocumentOf(key string) *Document {
	for _, d := range s.Documents {
		if d.Kind.Stored() && d.Key() == key {
			return d
		}
	}
	return nil
}

// Captured reports whether a kind of document is there as a whole: only then does the absence of something from it
// mean anything. For EpochMetadata every partition's document must be there. A document of logs counts as captured
// until reading its logs shows a gap.
func (s *Snapshot) Captured(kind Kind) bool {
	found := false
	for _, d := range s.Documents {
		if d.Kind == kind {
			if !d.Complete {
				return false
			}
			found = true
		}
	}
	if kind == SnapshotRepository && slices.ContainsFunc(s.Gaps, func(g Gap) bool { return g.Kind == SnapshotRepository }) {
		return false
	}
	if kind == EpochMetadata && s.Partitions != nil {
		for id := range s.Partitions.ids() {
			if s.Epoch(id) == nil {
				return false
			}
		}
	}
	return found
}

// ClusterName is the name that the nodes configuration states; empty without one.
func (s *Snapshot) ClusterName() string {
	if s.Nodes == nil {
		return ""
	}
	return s.Nodes.ClusterName
}

// Release is the oldest release that a registered node runs; the zero Release when it cannot be told.
func (s *Snapshot) Release() cluster.Release { return s.release }
