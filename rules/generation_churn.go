package rules

import (
	"fmt"
	"slices"

	"restate-lint/snapshots"
)

var _ = register(&generationChurn)

var generationChurn = Rule{
	ID:       "generation-churn",
	Severity: Note,
	Category: Nodes,
	Needs:    []snapshots.Kind{snapshots.NodesConfig},
	Summary:  "a node has been started far more often than the others",
	Doc: Doc{
		Checks: "The generations of all registered nodes, which count their starts. One finding for each node that was started at least 20 times and ten times as often as the median of the others: " +
			"a **warning** if all others registered before it, so that its age is no explanation, a **note** otherwise.",
		Why:   "A node that keeps crashing and starting: each start fences its sequencers, so that its logs get new segments and its partitions new leaders.",
		Legal: "For a node that is much older than the others, or was restarted on purpose.",
		Fix:   "Look at the log of the node and at what restarts it. `chain-too-long` shows whether its restarts have left their mark.",
		Evidence: []string{
			"Restate 1.0 to 1.7: the generation grows by one with every start of the process",
		},
	},
	Options: []Option{
		{
			Name: "min-starts", Default: 20, Min: 2, Max: 1_000_000,
			Doc: "A node must have been started so many times at least.",
		},
		{
			Name: "times-others", Default: 10, Min: 2, Max: 10_000,
			Doc: "A node must have been started so many times as often as the median of the others.",
		},
	},
	Run: func(pass *Pass) {
		churnStarts, churnFactor := pass.Option("min-starts"), pass.Option("times-others")
		nodes := registered(pass.Snapshot.Nodes, func(node *snapshots.Node) bool { return node.Generation.Generation > 0 }) // 0 is not known
		if len(nodes) < 2 {
			return
		}
		var sorted []uint32
		for _, node := range nodes {
			sorted = append(sorted, node.Generation.Generation)
		}
		slices.Sort(sorted)
		for i, node := range nodes {
			starts, middle := node.Generation.Generation, (len(nodes)-1)/2
			if own, _ := slices.BinarySearch(sorted, starts); own <= middle {
				middle++ // the median is that of the others
			}
			median := sorted[middle]
			if int64(starts) < churnStarts || int64(starts) < churnFactor*int64(max(median, 1)) {
				continue
			}
			f := Finding{
				Subject:  Subject{Node: node.ID.String()},
				Title:    fmt.Sprintf("%s has been started %d times, the other nodes about %d", nodeTitle(node), starts, median),
				Observed: fmt.Sprintf("generation %d", starts),
				Expected: fmt.Sprintf("a generation near %d", median),
				Why:      "it may be crashing again and again; each start costs its logs a segment and its partitions a leader",
				At:       node.GenerationAt,
				Remedy:   []string{"look at the log of " + nodeTitle(node)},
			}
			if i == len(nodes)-1 {
				f.Severity = Warning
				f.Why = "it registered after all others, so it is not its age: " + f.Why
			}
			pass.Report(f)
		}
	},
}
