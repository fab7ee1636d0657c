package rules

import (
	"cmp"
	"fmt"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&storeViewDiffers)

var storeViewDiffers = Rule{
	ID:       "store-view-differs",
	Severity: Warning,
	Category: Metadata,
	Since:    cluster.Release{Major: 1, Minor: 3},
	Summary:  "the nodes work with an older document than the metadata store holds",
	Doc: Doc{
		Checks: "The versions of `nodes_config`, `bifrost_config` and `partition_table` against those that the answering node worked with (`sql/nodes`, `sql/logs`, `sql/partitions`). A store that is ahead is a **warning** for each document. " +
			"It is an **error** if the captured document also holds something that no server can decode: parameters of a segment, overlapping key ranges, impossible values or unknown spellings. " +
			"Nodes that are ahead are nothing unusual: documents are captured first, and the cluster goes on. The rule is undecided about a document of which one of the two versions was not captured.",
		Why: "When the store holds something that no server can decode, all of them go on with the version they remember, and everything looks well: `restatectl status`, `logs list` and `sql` show what is remembered. " +
			"No change to the document gets through any more, and a server that restarts has no version to go on with. A document that has outgrown the message limit has the same effect.",
		Legal: "The cluster changed between the query and the capture of the document, or the answering node had not heard of the change yet: that takes seconds. Then a second capture shows no difference.",
		Fix: "Capture again, documents first: `restatectl metadata get -k KEY`, then `restatectl sql --json 'SELECT * FROM …'`. If the difference stays, restart no server, keep the captures, and have the document repaired together with Restate's developers. " +
			"The decode error is in the logs of every server.",
		Evidence: []string{
			"Restate 1.7.12: with overlapping key ranges in the store (partition_table v2) all nodes went on with v1; with the parameters of a segment destroyed (bifrost_config v24) with v23",
			"Restate 1.7.12: `restatectl metadata get` prints what the store holds whether servers can decode it or not",
			"restatedev/restate #4078, #4093: metadata beyond the message limit does not reach the nodes (before 1.6)",
		},
	},
	Run: func(pass *Pass) {
		s := pass.Snapshot
		for _, pair := range []struct{ stored, asked snapshots.Kind }{
			{snapshots.NodesConfig, snapshots.LiveNodes},
			{snapshots.BifrostConfig, snapshots.LiveLogs},
			{snapshots.PartitionTable, snapshots.LivePartitions},
		} {
			document, view := s.Document(pair.stored), s.Live.View(pair.stored)
			if document == nil || document.Version == 0 {
				pass.Lacks(pair.stored)
			}
			if view == nil {
				pass.Lacks(pair.asked)
			}
			if document == nil || view == nil || document.Version <= view.Version {
				continue
			}
			flaw := new(flaw)
			flaw.ofOddities(document, s.Oddities)
			switch pair.stored {
			case snapshots.PartitionTable:
				flaw.ofRanges(s.Partitions)
			case snapshots.BifrostConfig:
				pass.Logs(flaw.ofLog)
			}
			pass.Finally(func() { pass.Report(viewFinding(document, view, flaw)) })
		}
	},
}

func viewFinding(document *snapshots.Document, view *snapshots.View, flaw *flaw) Finding {
	key := document.Key()
	f := Finding{
		Subject:  Subject{Document: key},
		Title:    fmt.Sprintf("%s: the metadata store holds %v, the node that was asked worked with %v", key, document.Version, view.Version),
		Observed: fmt.Sprintf("the node is %s behind the store", plural(int(document.Version-view.Version), "version")),
		Expected: "the same version, once the cluster is at rest",
		Why:      "the cluster changed between the two captures, or the nodes cannot take the newer version over",
		At:       document.At(document.Offset, ""),
		Related:  []Related{{Message: fmt.Sprintf("%v, as the node saw it", view.Version), At: view.At()}},
		Remedy:   []string{"restatectl metadata get -k " + key + " > " + key + ".json   # then the queries, in this order"},
	}
	if flaw.what != "" {
		f.Severity = Error
		f.Observed = flaw.what
		f.Why = "no server can decode what the store holds: all go on with the version they remember, and one that restarts has none to go on with"
		f.Related = append(f.Related, Related{Message: flaw.what, At: flaw.at})
		f.Remedy = []string{"restart no server before the document in the store is repaired together with Restate's developers"}
	}
	return f
}

// A flaw is something in a document that no server can decode: the first one, in an order that does not depend on the
// document's.
type flaw struct {
	what string
	at   snapshots.Position
	log  cluster.LogID
}

func (f *flaw) ofOddities(document *snapshots.Document, oddities []snapshots.Oddity) {
	for _, oddity := range oddities {
		if oddity.Document != document || oddity.Kind != snapshots.InvalidValue && oddity.Kind != snapshots.UnknownValue {
			continue
		}
		if what := oddity.What + " is " + oddity.Value; f.what == "" || what < f.what {
			f.what, f.at = what, oddity.At
		}
	}
}

func (f *flaw) ofRanges(table *snapshots.Partitions) {
	partitions := slices.SortedFunc(table.All(), func(a, b *snapshots.Partition) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.ID, b.ID))
	})
	for i := 1; i < len(partitions) && f.what == ""; i++ {
		if before, p := partitions[i-1], partitions[i]; p.Start <= before.End {
			f.what, f.at = fmt.Sprintf("the key ranges of partitions %d and %d overlap", before.ID, p.ID), p.At
		}
	}
}

func (f *flaw) ofLog(log *snapshots.Log) {
	if f.what != "" && f.log <= log.ID {
		return
	}
	here := flaw{log: log.ID}
	for _, defect := range log.Defects {
		if here.what == "" {
			here.what = fmt.Sprintf("the parameters of segment %d of log %d cannot be decoded: %s", log.Segments[defect.Segment].Index, log.ID, defect.Reason)
			here.at = log.ParamsAt(defect.Segment)
		}
	}
	for _, oddity := range log.Oddities {
		if here.what == "" && (oddity.Kind == snapshots.InvalidValue || oddity.Kind == snapshots.UnknownValue) {
			here.what, here.at = oddity.What+" is "+oddity.Value, oddity.At
		}
	}
	if here.what != "" {
		*f = here
	}
}
