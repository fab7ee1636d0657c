package analyze

import (
	"strings"

	"restate-lint/rules"
	"restate-lint/snapshots"
)

// commands are the steps that make the removal of a registered node safe, in the order of Restate's documentation.
func (r *remover) commands(node *snapshots.Node, named *rules.NodeReferences, blockers []Blocker) (commands []string) {
	release := r.snapshot.Release()
	name := node.ID.String()
	blocked := make(map[BlockerKind]bool)
	var shortages []string
	for _, b := range blockers {
		blocked[b.Kind] = true
		switch b.Kind {
		case BlockedByRole, BlockedByLogCapacity, BlockedByPartitionCapacity:
			shortages = append(shortages, b.Message)
		}
	}
	if len(shortages) > 0 {
		commands = append(commands, "# first start another node that takes over: "+strings.Join(shortages, "; "))
	}
	if blocked[BlockedByOpenNodeset] || blocked[BlockedBySealedNodeset] || blocked[BlockedByTrimmedNodeset] || blocked[BlockedByLocalLoglet] {
		commands = append(commands, r.repositoryStep()...)
	}
	if blocked[BlockedByProvider] {
		commands = append(commands, "restatectl config set --log-provider replicated --log-replication 1   # or more, with more log servers")
	}
	if blocked[BlockedByStorageState] {
		set := "restatectl nodes set-storage-state"
		if !release.IsZero() && !release.AtLeast(1, 4, 0) {
			set = "restatectl replicated-loglet set-storage-state"
		}
		commands = append(commands, set+" --nodes "+name+" --storage-state read-only")
	}
	if blocked[BlockedByWorkerState] {
		commands = append(commands, "restatectl nodes set-worker-state --nodes "+name+" --worker-state draining")
	}
	commands = append(commands, r.references.PartitionSteps(named)...)
	if blocked[BlockedByMetadata] {
		commands = append(commands, r.leaveMetadata(name))
	}
	commands = append(commands, r.references.LogSteps(named)...)
	if blocked[BlockedByLocalLoglet] {
		commands = append(commands, r.references.TrimStep(r.references.Local.Logs)+"   # again until no segment of kind local is left: restatectl logs describe --all")
	}
	if len(commands) > 0 {
		commands = append(commands, "# capture the metadata again, and ask again: restate-lint removable "+name)
	}
	if isPlain(node.Name) {
		name += " (" + node.Name + ")"
	}
	return append(commands, "# stop the process of "+name, "restatectl nodes remove --nodes "+node.ID.String())
}

// repositoryStep is what comes before any snapshot where workers are captured that have no repository for them.
func (r *remover) repositoryStep() []string {
	without := nodeNames(rules.WithoutSnapshotRepository(r.snapshot))
	if len(without) == 0 {
		return nil
	}
	if len(without) > namesListed {
		without = append(without[:namesListed], "…")
	}
	return []string{"# first set a snapshot repository, without which nothing is trimmed: destination in [worker.snapshots] of " +
		strings.Join(without, ", ") + ", then restart them"}
}

// isPlain reports whether a text of a capture may stand in a line that somebody pastes into a shell.
func isPlain(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	})
}

// leaveMetadata is how a node leaves the metadata store, whose last member cannot.
func (r *remover) leaveMetadata(name string) string {
	members, _ := metadataMembers(r.snapshot)
	if len(members) < 2 {
		return "# first let another node become a member of the metadata store: restatectl metadata-server add-node"
	}
	return "restatectl metadata-server remove-node " + name
}
