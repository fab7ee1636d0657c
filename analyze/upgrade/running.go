package upgrade

import (
	"fmt"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// firstStating is the first minor release whose nodes state what they run, firstFingerprint the first that makes one.
var firstStating, firstFingerprint = Minor{1, 6}, Minor{1, 5}

// running finds out what the cluster runs: the least of what nodes, markers and the user say.
func (j *judge) running() {
	say := func(format string, args ...any) {
		j.report.FromEvidence = append(j.report.FromEvidence, fmt.Sprintf(format, args...))
	}
	consider := func(release cluster.Release, at ...snapshots.Position) {
		if release.IsZero() {
			return
		}
		if j.oldest.IsZero() || release.Compare(j.oldest) < 0 {
			j.oldest, j.where = release, at
		}
		if release.Compare(j.newest) > 0 {
			j.newest = release
		}
	}
	nodes, whole := j.evidence.active()
	stated := make(map[cluster.Release][]string)
	var silent []string
	for _, node := range nodes {
		consider(node.Release, node.ReleaseAt)
		if node.Release.IsZero() {
			silent = append(silent, node.ID.String())
		} else {
			stated[node.Release] = append(stated[node.Release], node.ID.String())
		}
	}
	for _, release := range sortedKeys(stated) {
		say("binary_version of %s: %v", strings.Join(abridged(stated[release]), ", "), release)
	}
	for _, m := range j.snapshot.Markers {
		consider(m.Current, m.CurrentAt)
		if m.Max.Compare(j.newest) > 0 {
			j.newest = m.Max
		}
		if !m.Current.IsZero() {
			say("%s: %v", m.Document.Source.Name, m.Current)
		}
	}
	evidenced := j.oldest
	if !j.request.From.IsZero() {
		if j.request.FromPatch || MinorOf(evidenced) != MinorOf(j.request.From) {
			consider(j.request.From)
		}
		j.minorOnly = !j.request.FromPatch && j.oldest == j.request.From && evidenced != j.oldest
		say("you: %s", named(j.request.From, j.request.FromPatch))
		if !evidenced.IsZero() && MinorOf(evidenced) != MinorOf(j.request.From) {
			j.warn(Item{Check: "upgrade-skips-minor", Row: "from-contradicted", Message: fmt.Sprintf("you say that the cluster runs %s, the capture says %v; the older one counts", named(j.request.From, j.request.FromPatch), evidenced),
				Locations: locations(j.where), Remedy: []string{"restatectl nodes list"}})
		}
	}
	// A node that states nothing runs a release before 1.6, or one that does wrote the nodes configuration last.
	if len(silent) > 0 && whole && len(j.snapshot.Markers) == 0 && (j.oldest.IsZero() || !MinorOf(j.oldest).less(firstStating)) {
		fingerprint := j.snapshot.Nodes.Fingerprint != 0
		j.atMost = firstFingerprint
		j.where = []snapshots.Position{j.snapshot.Nodes.Document.At(j.snapshot.Nodes.Document.Offset, "")}
		if !j.request.From.IsZero() {
			j.warn(Item{Check: "upgrade-skips-minor", Row: "from-contradicted", Message: fmt.Sprintf("you say that the cluster runs %s, but %s no release, as all do from %v on; the older one counts", named(j.request.From, j.request.FromPatch), statesNone(silent), firstStating),
				Locations: locations(j.where), Remedy: []string{"restatectl nodes list"}})
		}
		j.oldest, j.minorOnly = cluster.Release{}, false
		if fingerprint {
			j.oldest, j.minorOnly, j.inferred = j.atMost.release(), true, true
			if j.newest.IsZero() {
				j.newest = j.oldest
			}
			say("concluded: %v, as %s no release (%v is the first to) and the cluster has a fingerprint (%v is the first to make one)", j.atMost, statesNone(silent), firstStating, firstFingerprint)
		} else {
			say("concluded: %v or older, as %s no release (%v is the first to)", j.atMost, statesNone(silent), firstStating)
		}
	}
	if !j.oldest.IsZero() {
		j.report.From = named(j.oldest, !j.minorOnly)
	}
	if j.inferred {
		j.undecided(Item{Check: "upgrade-skips-minor", Row: "from-concluded", Message: fmt.Sprintf("the cluster was concluded to run %v: no node states it", MinorOf(j.oldest)),
			Missing: ".cluster-marker, or --from"})
	}
	if j.snapshot.Nodes != nil && !whole {
		j.undecided(Item{Check: "upgrade-skips-minor", Row: "from-incomplete", Message: "some nodes could not be read: one of them may run an older release", Missing: "nodes_config"})
	}
}

func statesNone(silent []string) string {
	if len(silent) == 1 {
		return silent[0] + " states"
	}
	return strings.Join(abridged(silent), ", ") + " state"
}

func sortedKeys(m map[cluster.Release][]string) []cluster.Release {
	var keys []cluster.Release
	for release := range m {
		keys = append(keys, release)
	}
	slices.SortFunc(keys, cluster.Release.Compare)
	return keys
}
