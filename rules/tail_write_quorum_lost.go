package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&tailWriteQuorumLost)

var tailWriteQuorumLost = Rule{
	ID:       "tail-write-quorum-lost",
	Severity: Error,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "the open segment of a log cannot be written by configuration",
	Doc: Doc{
		Checks: "Open replicated tails: the members that are registered and whose storage state accepts writes (`read-write`, and `read-only` from Restate 1.4.3) must be a write quorum at every scope of the replication property. " +
			"One **error** for each log. Whether the servers of those members run is not in the metadata: this is what holds by configuration.",
		Why:   "The log stops accepting records, so the partition stops making progress. If the tail cannot be sealed either (`segment-unsealable`), the log cannot even be reconfigured.",
		Legal: "Never for a log that is in use.",
		Fix: "Bring back the listed nodes that are still registered, or give the log another nodeset with `restatectl logs reconfigure --log-id L`, which needs a tail that can be sealed. " +
			"`restatectl nodes set-storage-state --nodes N --storage-state read-write --force` is right only for a node in `data-loss` whose data was verified to be intact.",
		Evidence: []string{
			"restatedev/restate-operator #193: five nodes with replication 3 turned data-loss one by one",
			"Restate documentation, clusters: without a write quorum the log stops accepting writes altogether",
			"restatedev/restate #2786",
		},
	},
	Run: func(pass *Pass) {
		release := pass.Snapshot.Release()
		writes := func(member cluster.Member) bool {
			return member.Class == cluster.Active && member.State.AcceptsWrites(release)
		}
		pass.Logs(func(log *snapshots.Log) {
			i := len(log.Segments) - 1
			if i < 0 || !log.Open(i) {
				return
			}
			placement := judged(pass, log, i)
			if placement == nil || placement.Verdict.Writable {
				return
			}
			cannot := func(member cluster.Member) bool { return !writes(member) }
			enough := func(back func(cluster.Member) bool) bool {
				members := slices.Clone(placement.Verdict.Members)
				for k := range members {
					if back(members[k]) {
						members[k].State = cluster.StorageReadWrite // a disabled member is none until then
					}
				}
				return cluster.NewChecker(members, placement.Replication).WriteQuorum(writes)
			}
			f := Finding{
				Subject:  SubjectSegment(log, i),
				Title:    fmt.Sprintf("%s: replication %v cannot be met by the members that accept writes", segmentTitle(log, i), placement.Replication),
				Nodeset:  placement.Verdict.Nodeset(),
				Observed: "members that accept writes: " + names(placement.Verdict.Members, writes),
				Expected: fmt.Sprintf("a write quorum for %v", placement.Replication),
				Why:      "the log takes no records, and its partition stops",
				At:       log.ParamsAt(i),
				Remedy: alternatives(
					way{"repair this nodeset", bringBack(placement.Verdict.Members, cannot, enough)},
					way{"go on with another one", []string{reconfigure(log.ID)}},
				),
				Cause: describe(placement.Verdict.Members, cannot),
			}
			for _, member := range placement.Verdict.Members {
				if cannot(member) {
					f.Related = append(f.Related, relatedNode(pass, member.Node)...)
				}
			}
			pass.Report(f)
		})
	},
}
