package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&chainTooLong)

var chainTooLong = Rule{
	ID:       "chain-too-long",
	Severity: Warning,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.BifrostConfig},
	Summary:  "logs have so many segments that trimming does not seem to work",
	Doc: Doc{
		Checks: "Logs of more than 50 segments. One **warning** for the cluster, with the longest chains.",
		Why: "Every failover and reconfiguration adds a segment, and trimming removes those that snapshots cover. A long chain means that there are no snapshots, that trimming fails, or that nodes flap. " +
			"All of it is read and written with every change; nodes that old segments name cannot be removed, and the metadata store grows.",
		Legal: "For a while after many failovers. The number of snapshots to retain delays trimming, too.",
		Fix: "`restatectl snapshots create P --trim-log`, then `restatectl logs describe L`; repeat if nothing happens. Look whether a snapshot repository is configured and whether its uploads fail. " +
			"Restate 1.2.2 and later trim chains by themselves.",
		Evidence: []string{
			"restatedev/restate #2804 (chains are trimmed from 1.2.2 on), #3116, #5377 (18 loglets that were not trimmed, 1.7.8), #4188 (a metadata store of 4.3 GB)",
			"Restate 1.7.12: an upgrade through two minor releases, node by node, added six segments to each log",
		},
	},
	Options: []Option{{
		Name: "max-segments", Default: 50, Min: 1, Max: 1_000_000,
		Doc: "A log may have so many segments before anything is reported.",
	}},
	Run: func(pass *Pass) {
		longChain := pass.Option("max-segments")
		type long struct {
			log      cluster.LogID
			segments int
			at       snapshots.Position
		}
		var longest []long // the longest ones first, at most listShown
		logs := 0
		pass.Logs(func(log *snapshots.Log) {
			n := len(log.Segments)
			if int64(n) <= longChain {
				return
			}
			logs++
			l := long{log: log.ID, segments: n}
			place, _ := slices.BinarySearchFunc(longest, l, func(a, b long) int { return cmp.Or(b.segments-a.segments, cmp.Compare(a.log, b.log)) })
			if place < listShown {
				l.at = log.At()
				longest = slices.Insert(longest, place, l)
				longest = longest[:min(len(longest), listShown)]
			}
		})
		pass.Finally(func() {
			if logs == 0 {
				return
			}
			var words []string
			for _, l := range longest {
				words = append(words, fmt.Sprintf("log %d with %d", l.log, l.segments))
			}
			observed := strings.Join(words, ", ")
			if logs > len(longest) {
				observed += fmt.Sprintf(" and %d more", logs-len(longest))
			}
			pass.Report(Finding{
				Subject:  Subject{Document: string(snapshots.BifrostConfig)},
				Title:    fmt.Sprintf("%s more than %d segments", have(logs, "log"), longChain),
				Observed: observed,
				Expected: fmt.Sprintf("at most %d segments", longChain),
				Why:      "trimming does not work, or nodes flap; nodes that old segments name cannot be removed",
				At:       longest[0].at,
				Remedy:   trimRemedy(pass, longest[0].log),
			})
		})
	},
}
