package upgrade

import (
	"slices"

	"restate-lint/rules"
	"restate-lint/snapshots"
)

// Category is that of the gates.
const Category rules.Category = "upgrade"

// Gates returns the documentation of what only an upgrade or a rollback is judged by, sorted by id. Gates are no rules:
// they do not run by themselves, as they depend on where somebody wants to go.
func Gates() []*rules.Rule { return slices.Clone(gates) }

// FindGate returns the gate with the given id, or nil.
func FindGate(id string) *rules.Rule {
	if i := slices.IndexFunc(gates, func(g *rules.Rule) bool { return g.ID == id }); i >= 0 {
		return gates[i]
	}
	return nil
}

var gates = []*rules.Rule{
	{
		ID: "config-key-removed", Severity: rules.Warning, Category: Category,
		Summary: "restate.toml sets what the next release does not know any more",
		Doc: rules.Doc{
			Checks:   "The settings of every `restate.toml` in the capture, against the rows of the matrix for the steps on the way. What is set by environment variables is not seen.",
			Why:      "A server ignores a setting that it does not know: it then runs with the default, and nothing says so.",
			Legal:    "While old and new servers share one file during the upgrade: keep both names until it is finished.",
			Fix:      "Rename or remove the setting before the upgrade.",
			Evidence: []string{"Restate release notes 1.2.0 to 1.7.0"},
		},
	},
	{
		ID: "local-metadata-store-leftover", Severity: rules.Error, Category: Category,
		Summary: "the directory of the old local metadata store is left over",
		Doc: rules.Doc{
			Checks:   "The listings of data directories in the capture (`ls -a`, `find`), for the directory `local-metadata-store`, on the way from 1.5 to 1.6.",
			Why:      "Releases from 1.6 on panic when they find the directory and their own metadata store is not provisioned: the metadata would be lost silently otherwise.",
			Legal:    "On a node whose replicated metadata server has taken the metadata over: it still is better moved away.",
			Fix:      "Start the node once with 1.5 and the replicated metadata server, then move the directory away.",
			Evidence: []string{"restatedev/restate #4040, #4041"},
		},
	},
	{
		ID: "marker-inconsistent", Severity: rules.Error, Category: Category, Needs: []snapshots.Kind{snapshots.NodesConfig, snapshots.ClusterMarker},
		Summary: "the marker of a data directory contradicts the cluster, or where it is to go",
		Doc: rules.Doc{
			Checks: "Every `.cluster-marker` in the capture: its cluster name and fingerprint against the nodes configuration, and for a rollback before 1.7 whether the data is kept in one database for each partition.",
			Why:    "A server refuses to start over the marker of another cluster. An older one that does not know the layout of the data starts, and sees none of it.",
			Legal:  "Never.",
			Fix:    "Find out whose data directory it is. With a database for each partition there is no way back before 1.7.",
			Evidence: []string{
				"cluster_marker.rs of Restate 1.1 to 1.7",
			},
		},
	},
	{
		ID: "one-way-feature", Severity: rules.Warning, Category: Category,
		Summary: "something is in use that an older release cannot read, or drops",
		Doc: rules.Doc{
			Checks:   "What the metadata and the configuration show of features that are newer than the release to go back to; those that neither shows are asked for with `--uses`. Without `--rollback-to`, those that forbid to go back to what runs now.",
			Why:      "An older release panics over values that it cannot read, or writes the document without what it does not know.",
			Legal:    "When nobody wants to go back.",
			Fix:      "Stop using the feature first, where that is possible; else stay.",
			Evidence: []string{"Restate release notes 1.3.0 to 1.7.5"},
		},
	},
	{
		ID: "rollback-too-far", Severity: rules.Error, Category: Category,
		Summary: "the release to go back to refuses to start over the data",
		Doc: rules.Doc{
			Checks:   "The release to go back to, against the `min_forward_compatible_version` of the cluster markers, or what the newest release that runs writes there. The newest release that ever ran counts.",
			Why:      "A server that is older than what the marker allows refuses to start. Restate supports going back by one minor release.",
			Legal:    "Never.",
			Fix:      "Go back by one minor release at most, or restore the data directories from before the upgrade.",
			Evidence: []string{"cluster_marker.rs of Restate 1.1 to 1.7"},
		},
	},
	{
		ID: "setting-deprecated", Severity: rules.Note, Category: Category,
		Summary: "a setting still works and is going to be removed",
		Doc: rules.Doc{
			Checks:   "The settings of `restate.toml`, and those in the metadata, that the release deprecates.",
			Why:      "The release after it may ignore the setting.",
			Legal:    "Until the next upgrade.",
			Fix:      "Replace it.",
			Evidence: []string{"Restate release notes 1.3.0"},
		},
	},
	{
		ID: "target-release", Severity: rules.Error, Category: Category,
		Summary: "the very patch release that is wanted has a known fault",
		Doc: rules.Doc{
			Checks:   "The patch release that `--to` names. A minor release alone stands for its newest patch.",
			Why:      "Some patch releases should not be run: later patches fix what goes wrong with an upgrade.",
			Legal:    "Never, as a newer patch is there.",
			Fix:      "Upgrade to a newer patch of the same minor release.",
			Evidence: []string{"Restate release notes 1.1.2, 1.6.1, 1.7.3; restatedev/restate #3564, #3553"},
		},
	},
	{
		ID: "upgrade-skips-minor", Severity: rules.Error, Category: Category,
		Summary: "the upgrade skips a minor release, or it cannot be told whether it does",
		Doc: rules.Doc{
			Checks: "The oldest release that nodes state (`binary_version`, from 1.6 on), that cluster markers name as the current one, or that `--from` gives, against the release to go to. " +
				"A cluster of which no node states a release runs 1.5 or older; if it has a fingerprint, it is concluded to run 1.5.",
			Why:      "Every minor release migrates the data of the one before it. Releases from 1.6 on refuse to start over older data; before that they start, and skip the migrations.",
			Legal:    "Never.",
			Fix:      "Upgrade to the newest patch of each minor release on the way, one after the other.",
			Evidence: []string{"Restate documentation, upgrading", "cluster_marker.rs: 1.6 accepts data from 1.5 on, 1.7 from 1.6 on, earlier ones from 1.0 on"},
		},
	},
	{
		ID: "upgrade-while-degraded", Severity: rules.Error, Category: Category,
		Summary: "the cluster is not in a state in which nodes should be restarted",
		Doc: rules.Doc{
			Checks: "The findings of the rules that the matrix names, with the severity from which they block; milder ones warn. They are about lost redundancy (`segment-under-replicated`, `tail-write-quorum-lost`, `metadata-quorum`), " +
				"metadata that only running servers survive (`key-range-overlap`, `chain-corrupt`, `name-lookup-mismatch`), logs that cannot go on elsewhere (`replication-unsatisfiable`, `chain-sealed`), partitions that cannot start anew (`trim-gap`), and nodes of different minor releases. " +
				"Frozen leadership and logs in memory block, too. What a restart makes neither better nor worse is a warning: a partition without a replica, logs on the disk of one node. An upgrade that is under way may be finished.",
			Why:      "A rolling upgrade takes one node after the other away for a moment. A cluster that has nothing to spare stops, or loses records; a server that finds metadata which it cannot decode does not come back.",
			Legal:    "When the upgrade is the very cure, which somebody who knows the fault has to decide.",
			Fix:      "Clear the findings first; `restate-lint explain` says how for each rule.",
			Evidence: []string{"Restate documentation, upgrading"},
		},
	},
}
