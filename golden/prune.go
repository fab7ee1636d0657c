package golden

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"restate-lint/internal/committed"
)

// A Leftover is a file of a store that nothing needs any more.
type Leftover struct {
	// Path is where the file is.
	Path string `json:"path"`
	// Why says, in the words of an operator, why it is not needed.
	Why string `json:"why"`

	store Store
	file  string
}

// Remove removes the file, and the folders that are empty then.
func (l Leftover) Remove() error { return l.store.remove(l.file) }

// leftover describes the report of a snapshot.
func (s Store) leftover(name, why string) Leftover {
	return Leftover{Path: s.Path(name), Why: why, store: s, file: s.file(name)}
}

// Orphaned are the reports of snapshots that are not among the given ones, sorted. Only who knows all snapshots can
// conclude that these are no more.
func (s Store) Orphaned(snapshots []string) ([]Leftover, error) {
	names, err := s.Orphans(snapshots)
	var leftovers []Leftover
	for _, name := range names {
		leftovers = append(leftovers, s.leftover(name, "there is no such snapshot"))
	}
	return leftovers, err
}

// Settled are the pending reports of a store that are as accepted in another, sorted.
func (s Store) Settled(accepted Store) ([]Leftover, error) {
	names, err := s.List()
	var leftovers []Leftover
	for _, name := range names {
		pending, err := s.Read(name)
		if err != nil {
			continue // what it is, nobody knows
		}
		if accepted.Judge(pending).State == Accepted {
			leftovers = append(leftovers, s.leftover(name, "is as accepted"))
		}
	}
	return leftovers, err
}

// Unfinished are the files that a write has left behind which did not come to its end.
func (s Store) Unfinished() ([]Leftover, error) {
	var leftovers []Leftover
	err := s.walk(func(file string) {
		if committed.IsTemporary(path.Base(file)) {
			leftovers = append(leftovers, Leftover{
				Path:  s.path(file),
				Why:   "was not written to its end",
				store: s, file: file,
			})
		}
	})
	slices.SortFunc(leftovers, func(a, b Leftover) int { return natural(a.file, b.file) })
	return leftovers, err
}

// Remove removes the report of a snapshot, and the folders that are empty then. Nothing happens if there is none.
func (s Store) Remove(name string) error {
	if err := s.remove(s.file(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
