package rules

import (
	"fmt"
	"strconv"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&removedTooEarly)

var removedTooEarly = Rule{
	ID:       "removed-too-early",
	Severity: Error,
	Category: Nodes,
	Summary:  "a node was removed from the cluster while logs or partitions still relied on it",
	Doc: Doc{
		Checks: "Reports a removed node (a tombstone in the nodes configuration) that a nodeset, open or sealed, a current or pending replica set, the sequencer of an open segment, or a leadership policy still names. One finding for each node; `nodeset-removed-node` has the single segments.",
		Why:    "The copies that the node held went with it, and Restate computes the quorums of its segments as if it had never been a member: records are stored fewer times than was promised, and a tail can be found too low. A partition that counts on it has one replica less than it seems. `restatectl nodes remove` looks at nodesets and the metadata membership only, never at partitions, and lets a node go unseen once its storage state is disabled.",
		Legal:  "Segments that lie below the trim point of their log are needed no more, and disappear from the metadata with the next trim; where captured log servers show that, they do not count. The controller replaces removed members of replica sets by itself, from Restate 1.4.3 on even when all of them are gone, so those disappear within seconds.",
		Fix:    "Trim the segments away: make snapshots of the partitions with --trim-log until no nodeset names the node. Seal and replace open segments first. Before the next node leaves, ask `restate-lint removable`.",
		Evidence: []string{
			"restatedev/restate #5195, #3341, #2806, #3116, #2695",
			"tools/restatectl/src/commands/node/disable_node_checker.rs (Restate 1.7): a disabled node is let go without a look at the logs",
			"seen with Restate 1.7.12: after set-storage-state disabled --force, nodes remove accepted a node that six untrimmed segments named",
		},
	},
	Needs: []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Since: cluster.Release{Major: 1, Minor: 2, Patch: 2},
	Run: func(pass *Pass) {
		var removed []cluster.NodeID
		for node := range pass.Snapshot.Nodes.All() {
			if node.Removed {
				removed = append(removed, node.ID)
			}
		}
		if len(removed) == 0 {
			return
		}
		if !pass.Snapshot.Captured(snapshots.EpochMetadata) {
			pass.Lacks(snapshots.EpochMetadata)
		}
		references := newReferences(pass.Snapshot, removed, limits{loglets: tallyShown, positions: true})
		pass.Logs(references.VisitLog)
		pass.Finally(func() {
			references.Finish()
			for _, id := range removed {
				if n := references.Of(id); n.Any() {
					pass.Report(tooEarly(pass, references, n))
				}
			}
		})
	},
}

func tooEarly(pass *Pass, references *References, n *NodeReferences) Finding {
	still := "still named by "
	if !pass.Whole(snapshots.BifrostConfig) || !pass.Whole(snapshots.EpochMetadata) {
		still += "at least "
	}
	finding := Finding{
		Subject:  Subject{Node: n.Node.String()},
		Title:    n.Node.String() + " was removed from the cluster too early",
		Observed: still + strings.Join(n.words(), ", "),
		Expected: "a node leaves when no nodeset, no replica set and no leadership policy names it any more",
		Why:      "the copies that it held are gone, and Restate computes quorums as if it had never been a member",
		At:       pass.Snapshot.Nodes.Get(n.Node).At,
		Remedy:   append(references.PartitionSteps(n), references.LogSteps(n)...),
		Cause:    n.Node.String(),
	}
	for _, related := range []Related{
		{"an open segment that names it", n.Open.At},
		{"a sealed segment that names it", n.Sealed.At},
		{"an open segment that it sequences", n.Sequences.At},
		{"a partition that names it", n.PartitionAt},
	} {
		if related.At.Source != nil {
			finding.Related = append(finding.Related, related)
		}
	}
	return finding
}

// words say what names the node, briefly.
func (n *NodeReferences) words() (words []string) {
	segments := func(list *LogletList, noun, after string) {
		if list.Count > 0 {
			words = append(words, plural(list.Count, noun)+after+" ("+list.String()+")")
		}
	}
	partitions := func(ids []cluster.PartitionID, before string) {
		if len(ids) > 0 {
			words = append(words, before+" of "+partitionWords(ids))
		}
	}
	segments(&n.Open, "open segment", "")
	segments(&n.Sealed, "sealed segment", "")
	segments(&n.Sequences, "open segment", " that it sequences")
	partitions(n.Current, "the replica set")
	partitions(n.Next, "the pending replica set")
	partitions(n.Pinned, "the leadership pin")
	partitions(n.Frozen, "the frozen leadership")
	return words
}

// String lists the lowest ones: "0_0, 1_1, …".
func (l *LogletList) String() string {
	var names []string
	for i, id := range l.IDs {
		if i == tallyShown {
			break
		}
		names = append(names, id.String())
	}
	if l.Count > len(names) {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

func partitionWords(ids []cluster.PartitionID) string {
	if len(ids) == 1 {
		return "partition " + strconv.FormatUint(uint64(ids[0]), 10)
	}
	list := ranges(ids)
	if len(list) > tallyShown {
		list = append(list[:tallyShown], "…")
	}
	return fmt.Sprintf("%s (%s)", plural(len(ids), "partition"), strings.Join(list, ", "))
}
