package rules

import (
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// noNode is the id that stands for no node at all.
const noNode cluster.NodeID = 0

var _ = register(&reservedNodeID)

var reservedNodeID = Rule{
	ID:       "reserved-node-id",
	Severity: Error,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "something refers to node 0, which cannot exist",
	Doc: Doc{
		Checks: "Node id 0 as a registered node, as a member of a nodeset, as a sequencer, in a replica set, and as a leader: one **error** for the cluster, whatever names it. " +
			"It is a **note** if the documents are those of Restate 1.1 or earlier: no node states its release, and the logs state no default provider. A tombstone of N0 that nothing names is passed over.",
		Why:   "0 is the mark of *no node* in messages. From Restate 1.2 on nodes refuse a connection from N0, and it can be no member of a replicated metadata server.",
		Legal: "Restate 1.0 and 1.1 counted nodes from 0. Restate 1.2 and 1.3 give such a node the next free id when they start with the local metadata server; a store in etcd was not migrated.",
		Fix:   "Start the cluster with 1.2 or 1.3 once before upgrading further. Elsewhere the document was edited: capture it again, and restore it together with Restate's developers if it stays.",
		Evidence: []string{
			"restatedev/restate #2550, #2705: node id 0 is forbidden, and migrated by the local metadata server; a handshake with id 0 is refused",
			"whether an upgraded cluster may keep N0 was in doubt: as the handshake refuses it, it may not",
		},
	},
	Run: func(pass *Pass) {
		s := pass.Snapshot
		var found []Related // in the order of what is looked at
		if node := s.Nodes.Get(noNode); node != nil && !node.Removed {
			found = append(found, Related{Message: "registered as a node", At: node.At})
		}
		var leads, replicates *Related
		for _, epoch := range s.Epochs {
			if epoch.Leader != nil && epoch.Leader.Node.ID == noNode && leads == nil {
				leads = &Related{Message: "leader of " + partitionList([]cluster.PartitionID{epoch.Partition}), At: epoch.Leader.At}
			}
			for _, configuration := range []*snapshots.PartitionConfiguration{epoch.Current, epoch.Next} {
				if configuration == nil || replicates != nil {
					continue
				}
				for _, id := range configuration.ReplicaSet {
					if id == noNode {
						replicates = &Related{Message: "replica of " + partitionList([]cluster.PartitionID{epoch.Partition}), At: configuration.At}
					}
				}
			}
		}
		for _, mention := range []*Related{leads, replicates} {
			if mention != nil {
				found = append(found, *mention)
			}
		}
		if s.Logs == nil {
			pass.Lacks(snapshots.BifrostConfig)
		}
		var members, sequencers tails
		// Only what is no registered node is looked for in nodesets: a registered N0 is found already.
		names := func(placement *snapshots.Placement) bool {
			return placement.Verdict.Unknown+placement.Verdict.Removed > 0 &&
				slices.ContainsFunc(placement.Verdict.Members, func(member cluster.Member) bool { return member.Node == noNode })
		}
		pass.Segments(names, func(log *snapshots.Log, i int) { members.add(log, i, log.ParamsAt) })
		pass.Logs(func(log *snapshots.Log) {
			for _, run := range log.Runs {
				if first := &log.Segments[run.First]; first.Placement == nil || first.Sequencer.ID != noNode {
					continue
				}
				for i := run.First; i < run.End; i++ {
					sequencers.add(log, i, log.SequencerAt)
				}
			}
		})
		pass.Finally(func() {
			if members.count() > 0 {
				found = append(found, Related{Message: "in the nodeset of " + members.in(pass), At: members.at})
			}
			if sequencers.count() > 0 {
				found = append(found, Related{Message: "sequencer of " + sequencers.in(pass), At: sequencers.at})
			}
			if len(found) == 0 {
				return
			}
			var words []string
			for _, mention := range found {
				words = append(words, mention.Message)
			}
			f := Finding{
				Subject:  Subject{Node: noNode.String()},
				Title:    "N0 is in use: " + found[0].Message,
				Observed: strings.Join(words, "; "),
				Expected: "node ids from 1 on",
				Why:      "0 stands for no node: other nodes refuse to talk to it",
				At:       found[0].At,
				Related:  found[1:],
				Remedy:   []string{recapture, untilRepaired("any node")},
			}
			if s.Release().IsZero() && s.Logs != nil && s.Logs.DefaultProvider == nil {
				f.Severity = Note
				f.Why = "Restate 1.0 and 1.1 counted nodes from 0; 1.2 and 1.3 give the node another id"
				f.Remedy = []string{"start the cluster once with Restate 1.2 or 1.3 before upgrading further"}
			}
			pass.Report(f)
		})
	},
}
