package rules

import (
	"fmt"

	"restate-lint/snapshots"
)

var _ = register(&nonReplicatedLogletInCluster)

var nonReplicatedLogletInCluster = Rule{
	ID:       "non-replicated-loglet-in-cluster",
	Severity: Error,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig},
	Summary:  "logs are kept on the disk or in the memory of one node",
	Doc: Doc{
		Checks: "The default provider, and the kind of every segment. With two registered nodes or more, a default provider or open tails of kind `local` are an **error**, one for the cluster, and sealed local segments a **warning**. " +
			"On a single node, sealed local segments behind other ones are a **warning**, and a default provider or open tails of kind `local` are a **note**. Anything of kind `in-memory` is an **error** in any case.",
		Why: "A local segment lies on the disk of the node that wrote it. No other node can read or append to it, so its partition cannot move. As long as one such segment exists, `restatectl nodes remove` refuses *every* node of the cluster. " +
			"What is in memory is gone with the next restart.",
		Legal: "A single node that is configured to use the local provider. Restate 1.4 and later move a single node with the role `log-server` to replicated logs at its start, unless the configuration says otherwise; clusters are never moved by themselves.",
		Fix: "`restatectl config set --log-provider replicated --log-replication 1`, then `restatectl logs reconfigure --log-id L` for tails that do not follow, and `restatectl snapshots create P --trim-log` to get rid of the local segments. " +
			"There is no way back: reconfiguring to `local` is refused.",
		Evidence: []string{
			"Restate documentation, scaling to multiple nodes; restatedev/restate #3410, #3129",
			"Restate 1.2.2 to 1.7: `nodes remove` does not support removal while a segment is local",
			"Restate 1.5.3: a single node with the local provider runs well and is upgraded to 1.7.12 in place, so it is a note",
		},
	},
	Run: func(pass *Pass) {
		nodes := registered(pass.Snapshot.Nodes, everyNode)
		provider := pass.Snapshot.Logs.DefaultProvider
		var localTails, localHistory, inMemory tails
		pass.Logs(func(log *snapshots.Log) {
			for _, run := range log.Runs {
				if log.Segments[run.First].Kind != snapshots.Local && log.Segments[run.First].Kind != snapshots.InMemory {
					continue
				}
				for i := run.First; i < run.End; i++ {
					switch {
					case log.Segments[i].Kind == snapshots.InMemory:
						inMemory.add(log, i, log.SegmentAt)
					case log.Open(i):
						localTails.add(log, i, log.SegmentAt)
					default:
						localHistory.add(log, i, log.SegmentAt)
					}
				}
			}
		})
		pass.Finally(func() {
			report := func(part string, kind snapshots.LogletKind, segments *tails, f Finding) {
				byDefault := part != "history" && provider != nil && provider.Kind == kind
				if !byDefault && segments.count() == 0 {
					return
				}
				f.Subject = Subject{Document: string(snapshots.BifrostConfig), Part: part}
				f.Observed = segments.String()
				f.At = segments.at
				if byDefault {
					f.Observed = fmt.Sprintf("default provider %v; %v", kind, segments)
					f.At = provider.At
					if segments.count() > 0 {
						f.Related = append(f.Related, Related{Message: "a segment of this kind", At: segments.at})
					}
				}
				if len(nodes) > 1 {
					f.Related = append(f.Related, Related{Message: nodeTitle(nodes[1]) + " is another node", At: nodes[1].At})
				}
				pass.Report(f)
			}
			if len(nodes) == 0 {
				return
			}
			toReplicated := func(segments *tails) []string {
				steps := []string{"restatectl config set --log-provider replicated --log-replication 1"}
				if segments.open > 0 {
					steps = append(steps, reconfigureAll(segments.openLogs))
				}
				return steps
			}
			inUse := Finding{
				Title:    fmt.Sprintf("new records go to the disk of one node in a cluster of %s", plural(len(nodes), "node")),
				Expected: "replicated logs",
				Why:      "no other node can read these logs or take over their partitions, and no node can be removed",
				Remedy:   toReplicated(&localTails),
			}
			history := Finding{
				Severity: Warning,
				Title:    "chains still hold segments on the disk of one node",
				Expected: "replicated segments only",
				Why:      "no other node can read them, and no node can be removed before they are trimmed",
				Remedy:   []string{trimAll(pass, localHistory.logs), "restatectl logs describe --all"},
			}
			if len(nodes) == 1 {
				inUse.Severity = Note
				inUse.Title = "logs are kept by the local provider of a single node"
				inUse.Why = "fine for one node; a second one cannot take part before the logs are replicated"
				history.Why = "a second node cannot read them: they are left from before the logs were replicated"
			}
			if localTails.count() > 0 && len(nodes) == 1 {
				history.Severity = Note
			}
			report("local", snapshots.Local, &localTails, inUse)
			report("history", snapshots.Local, &localHistory, history)
			report("in-memory", snapshots.InMemory, &inMemory, Finding{
				Title:    "logs are kept in the memory of one node",
				Expected: "replicated logs",
				Why:      "every restart loses what they hold; this provider is for tests only",
				Remedy:   toReplicated(&inMemory),
			})
		})
	},
}
