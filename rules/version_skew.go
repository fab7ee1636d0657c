package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&versionSkew)

var versionSkew = Rule{
	ID:       "version-skew",
	Severity: Error,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "the nodes run different releases of Restate",
	Doc: Doc{
		Checks: "The releases that registered nodes state. One finding for the cluster: an **error** if they are more than one minor release apart, a **warning** if they are of neighbouring minor releases, " +
			"a **note** if only patches differ, or if some nodes state none while others do. Pre-releases count as the release that they precede. " +
			"Nodes state their release from 1.6 on: nothing can be said of a cluster in which none does.",
		Why:   "Restate supports rolling upgrades from one minor release to the next. Beyond that, nodes may not understand each other's messages and metadata, and an older one that writes a document drops what it does not know from it.",
		Legal: "While a rolling upgrade is under way, for neighbouring minor releases.",
		Fix: "Finish the upgrade: restart the nodes that lag behind with the newer release, one minor release at a time. A node that states no release has not been restarted since 1.5, " +
			"or a node of 1.5 or earlier has written the nodes configuration since; `restatectl nodes list` shows what runs.",
		Evidence: []string{
			"Restate documentation, upgrading: one minor release at a time",
			"Restate 1.6 introduced `binary_version`; it is refreshed when a node starts",
		},
	},
	Run: func(pass *Pass) {
		var silent []*snapshots.Node
		byRelease := make(map[cluster.Release][]*snapshots.Node)
		var oldest, newest *snapshots.Node
		for _, node := range registered(pass.Snapshot.Nodes, everyNode) {
			if node.Release.IsZero() {
				silent = append(silent, node)
				continue
			}
			byRelease[node.Release] = append(byRelease[node.Release], node)
			if oldest == nil || node.Release.Compare(oldest.Release) < 0 {
				oldest = node
			}
			if newest == nil || node.Release.Compare(newest.Release) > 0 {
				newest = node
			}
		}
		if oldest == nil || len(byRelease) == 1 && len(silent) == 0 {
			return
		}
		f := Finding{
			Subject:  Subject{Document: string(snapshots.NodesConfig), Part: "releases"},
			Expected: "one release on all nodes",
			At:       oldest.ReleaseAt,
			Related:  []Related{{Message: fmt.Sprintf("%v runs %v", newest.ID, newest.Release), At: newest.ReleaseAt}},
			Remedy:   []string{"restatectl nodes list"},
		}
		var words []string
		for _, release := range sortedReleases(byRelease) {
			words = append(words, fmt.Sprintf("%v on %s", release, nodeList(byRelease[release])))
		}
		if len(silent) > 0 {
			words = append(words, "not stated by "+nodeList(silent))
		}
		f.Observed = strings.Join(words, ", ")
		apart := newest.Release.Minor - oldest.Release.Minor
		switch {
		case newest.Release.Major != oldest.Release.Major || apart > 1:
			f.Title = fmt.Sprintf("the nodes run releases from %v to %v, more than one minor release apart", oldest.Release, newest.Release)
			f.Why = "they may not understand each other, and older ones drop from the metadata what they do not know"
		case apart == 1:
			f.Severity = Warning
			f.Title = fmt.Sprintf("the nodes run releases of two minor versions, from %v to %v", oldest.Release, newest.Release)
			f.Why = "fine while an upgrade is under way; until it is finished nothing new can be relied on"
		case len(byRelease) > 1:
			f.Severity = Note
			f.Title = fmt.Sprintf("the nodes run different patches, from %v to %v", oldest.Release, newest.Release)
			f.Why = "some lack the fixes that others have"
		default:
			f.Severity = Note
			f.Title = fmt.Sprintf("%s no release, others run %v", state(len(silent), "node"), newest.Release)
			f.Why = "they have not been restarted since 1.5, or a node of 1.5 or earlier has written the nodes configuration since"
			f.At = silent[0].ReleaseAt
		}
		pass.Report(f)
	},
}

// state is "1 node states" or "2 nodes state".
func state(n int, noun string) string {
	if n == 1 {
		return plural(n, noun) + " states"
	}
	return plural(n, noun) + " state"
}

func sortedReleases[V any](m map[cluster.Release]V) []cluster.Release {
	return slices.SortedFunc(maps.Keys(m), cluster.Release.Compare)
}
