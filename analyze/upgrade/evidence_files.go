package upgrade

import (
	"slices"
	"strings"

	"restate-lint/snapshots"
)

// What follows asks the files beside the metadata: markers, partition snapshots, configurations and listings.

func (e *evidence) multiDB([]string) answer {
	for _, m := range e.snapshot.Markers {
		if m.MultiDB {
			return holds(m.Document.Source.Name+": use_multi_db_layout", m.MultiDBAt)
		}
	}
	return e.ofAllNodes(len(e.snapshot.Markers), ".cluster-marker")
}

func (e *evidence) latestFormat(arguments []string) answer {
	repository := e.snapshot.Repository
	if repository == nil {
		return undecided("the repository of partition snapshots")
	}
	for _, latest := range repository.Latest {
		if latest.Format == arguments[0] {
			return holds(latest.FormatAt.Source.Name+" has the format "+latest.Format, latest.FormatAt)
		}
	}
	if len(repository.Latest) == 0 || !e.snapshot.Captured(snapshots.SnapshotRepository) {
		return undecided("latest.json")
	}
	return answer{state: no}
}

// ofAllNodes is no when something was captured of every node, and unknown otherwise.
func (e *evidence) ofAllNodes(captured int, what string) answer {
	nodes, whole := e.active()
	switch {
	case captured == 0:
		return undecided("%s", what)
	case whole && captured < len(nodes):
		return undecided("%s of %d of %d nodes", what, len(nodes)-captured, len(nodes))
	}
	return answer{state: no}
}

func (e *evidence) dataDirectory(arguments []string) answer {
	seen := 0
	for _, l := range e.snapshot.Listings {
		if l.Has(arguments[0]) {
			return holds(l.Source.Name+" lists "+arguments[0], l.At(arguments[0]))
		}
		seen += l.Nodes
	}
	return e.ofAllNodes(seen, "a listing of the data directory")
}

// configs asks every configuration. A file that names no node is that of all of them.
func (e *evidence) configs(look func(*snapshots.ServerConfig) (found []string)) answer {
	var observed []string
	var at []snapshots.Position
	shared := false
	named := make(map[string]bool)
	for _, c := range e.snapshot.Configs {
		for _, setting := range look(c) {
			observed = append(observed, c.Source.Name+" sets "+setting)
			at = append(at, c.At(setting))
		}
		named[c.NodeName] = true
		shared = shared || c.NodeName == ""
	}
	switch nodes, _ := e.active(); {
	case len(observed) > 0:
		return decide(abridged(observed), at[:min(len(at), maxPlaces)])
	case len(e.snapshot.Configs) == 0:
		return undecided("restate.toml")
	case !shared:
		var lacking []string
		for _, node := range nodes {
			if !named[node.Name] {
				lacking = append(lacking, node.ID.String())
			}
		}
		if len(lacking) > 0 {
			return undecided("restate.toml of %s", strings.Join(abridged(lacking), ", "))
		}
	}
	return answer{state: no}
}

func (e *evidence) configKey(arguments []string) answer {
	return e.configs(func(c *snapshots.ServerConfig) []string { return settings(c, arguments) })
}

func settings(c *snapshots.ServerConfig, patterns []string) (found []string) {
	for _, pattern := range patterns {
		found = append(found, c.Find(pattern)...)
	}
	return found
}

func (e *evidence) configText(arguments []string) answer {
	return e.configs(func(c *snapshots.ServerConfig) (found []string) {
		for _, setting := range c.Find(arguments[0]) {
			if slices.ContainsFunc(c.Texts(setting), func(text string) bool { return strings.Contains(text, arguments[1]) }) {
				found = append(found, setting)
			}
		}
		return found
	})
}

func (e *evidence) used(arguments []string) answer {
	name := arguments[0]
	if slices.Contains(e.request.Uses, name) {
		return holds("you said that " + name + " is in use")
	}
	a := undecided("whether %s is in use", name)
	if len(arguments) > 1 {
		a = e.configs(func(c *snapshots.ServerConfig) []string {
			return slices.DeleteFunc(settings(c, arguments[1:]), c.Off)
		})
	}
	if a.state == unknown && slices.Contains(e.request.Uses, NoFeature) {
		return answer{state: no}
	}
	return a
}
