package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

var _ = register(&chainCorrupt)

var chainCorrupt = Rule{
	ID:       "chain-corrupt",
	Severity: Error,
	Category: Logs,
	Needs:    []snapshots.Kind{snapshots.BifrostConfig},
	Summary:  "the chain of a log breaks a rule that Restate relies on",
	Doc: Doc{
		Checks: "What the writer of chains guarantees: a log id occurs once; a chain has a segment; base LSNs are not 0, grow strictly and leave at most 2^32-1 records to a segment; indexes grow; " +
			"a seal marker is last and has no lower index than the segment before it; parameters can be decoded; a replicated segment's loglet id is its log id and index; " +
			"its replication property has factors of 1 to 255 that do not grow from node to zone to region; its nodeset is not empty, names no node twice and is not smaller than the number of copies (with `nodes_config`, `segment-under-replicated` says that, and what to do). " +
			"One **error** for each segment with everything that is wrong with it.",
		Why: "Such metadata was edited by hand or damaged. Parameters that cannot be decoded make all servers refuse the whole document: they go on with the version in their memory, and one that restarts has none. " +
			"Everything else is taken as it is: restatectl panics on an empty chain and on a loglet id of another place, a server panics on a replication property without a factor, and what else is relied on does not hold.",
		Legal: "Holes in the indexes are legal (an empty tail is replaced and still takes a new index), as are a chain that starts at a later index or LSN (its beginning was trimmed), " +
			"and a chain that consists of nothing but a seal marker. A seal marker has the index of the segment that it seals, which it replaces if that segment is empty.",
		Fix: "Restart no node before this is settled: the nodes may be the only ones that still know the right version. Compare with what they have in memory (`restatectl logs describe L`, `restatectl sql`) and restore the metadata from that or from a backup, together with Restate's developers.",
		Evidence: []string{
			"Restate 1.7.12: a chain with undecodable parameters is ignored by all servers; restatectl shows the older version from their memory",
			"restatedev/restate #3728: metadata stores corrupted by a manual change; #2010: editing is an offered feature",
			"restatectl 1.2 to 1.7 panics on an empty chain and where a segment's index and loglet id disagree",
		},
	},
	Run: func(pass *Pass) {
		var seen logIDs
		check := chainCheck{copies: !pass.Whole(snapshots.NodesConfig)}
		pass.Logs(func(log *snapshots.Log) {
			if !seen.add(log.ID) {
				pass.Report(corruptLog(log, "duplicate", "a second entry for this log", "one entry for each log"))
			}
			if len(log.Segments) == 0 {
				pass.Report(corruptLog(log, "empty", "its chain has no segment", "at least one segment"))
			}
			for i := range check.unsound(log) {
				problems, at := check.segmentProblems(log, i)
				if len(problems) == 0 {
					continue
				}
				pass.Report(Finding{
					Subject:  SubjectSegment(log, i),
					Title:    fmt.Sprintf("%s: %s", segmentTitle(log, i), strings.Join(problems, "; ")),
					Observed: observedSegment(&log.Segments[i]),
					Expected: "a chain as Restate writes it",
					Why:      "this metadata was edited or damaged; " + consequence(log, i),
					At:       at,
					Remedy:   repairChain(log.ID),
				})
			}
		})
	},
}

// observedSegment is what a segment says of itself. Where the parameters cannot be decoded, that is no loglet.
func observedSegment(segment *snapshots.Segment) string {
	observed := fmt.Sprintf("base LSN %d, index %d, kind %s", segment.BaseLSN, segment.Index, segment.Kind)
	if segment.Placement == nil && segment.Loglet == 0 {
		return observed
	}
	return observed + fmt.Sprintf(", loglet %v", segment.Loglet)
}

func corruptLog(log *snapshots.Log, part, observed, expected string) Finding {
	subject := SubjectLog(log)
	subject.Part = part
	return Finding{
		Subject:  subject,
		Title:    fmt.Sprintf("log %d: %s", log.ID, observed),
		Observed: observed,
		Expected: expected,
		Why:      "this metadata was edited or damaged; Restate and restatectl panic on it",
		At:       log.At(),
		Remedy:   repairChain(log.ID),
	}
}

// repairChain are the steps for a chain that somebody edited. What is right may be nowhere but in the memory of the nodes.
func repairChain(log cluster.LogID) []string {
	return []string{
		"# restart no node before this is settled: the nodes may be the only ones that still know the right version",
		fmt.Sprintf("restatectl logs describe %d   # what the nodes still have in memory", log),
		"have the log metadata repaired together with Restate's developers, from this or from a backup",
	}
}

// consequence is what Restate makes of an unsound segment, as far as that is known.
func consequence(log *snapshots.Log, i int) string {
	segment := &log.Segments[i]
	switch {
	case slices.ContainsFunc(log.Defects, func(defect snapshots.Defect) bool { return defect.Segment == i }):
		return "no server can decode it: all go on with the version that they remember, and one that restarts has none to go on with"
	case segment.Placement != nil && segment.Placement.Replication.Copies() == 0:
		return "a server that uses this segment panics"
	case segment.Placement != nil && segment.Loglet != cluster.NewLogletID(log.ID, segment.Index):
		return "the servers take it as it is, but `restatectl nodes remove` panics where a loglet does not have the id of its place"
	}
	return "the servers take it as it is, and rely on what does not hold"
}

// A chainCheck looks for what is wrong with chains. With copies it also says where a nodeset is smaller than the number of
// copies: where nodes are known, another rule does.
type chainCheck struct{ copies bool }

// unsound yields the segments that may have problems, by what can be seen without searching: nearly none.
func (check chainCheck) unsound(log *snapshots.Log) func(func(int) bool) {
	return func(yield func(int) bool) {
		for _, run := range log.Runs {
			first := &log.Segments[run.First]
			sound := first.Kind == snapshots.Replicated && first.Placement != nil && check.sound(first.Placement)
			for i := run.First; i < run.End; i++ {
				segment := &log.Segments[i]
				if sound && segment.BaseLSN > 0 && segment.Loglet == cluster.NewLogletID(log.ID, segment.Index) && (i == 0 || follows(segment, &log.Segments[i-1])) {
					continue
				}
				if !yield(i) {
					return
				}
			}
		}
	}
}

// follows reports whether a replicated segment may stand behind another one.
func follows(segment, before *snapshots.Segment) bool {
	return before.Kind != snapshots.SealMarker && before.Index < segment.Index &&
		before.BaseLSN < segment.BaseLSN && segment.BaseLSN-before.BaseLSN <= math.MaxUint32
}

// segmentProblems says everything that is wrong with a segment, and where to look first.
func (check chainCheck) segmentProblems(log *snapshots.Log, i int) (problems []string, at snapshots.Position) {
	segment := &log.Segments[i]
	at = log.SegmentAt(i)
	add := func(where snapshots.Position, format string, args ...any) {
		if len(problems) == 0 {
			at = where
		}
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	if segment.BaseLSN == 0 {
		add(log.SegmentAt(i), "base LSN is 0")
	}
	marker := segment.Kind == snapshots.SealMarker
	if i > 0 {
		before := &log.Segments[i-1]
		switch {
		case before.Kind == snapshots.SealMarker:
			add(log.SegmentAt(i), "it follows a seal marker")
		case segment.BaseLSN <= before.BaseLSN:
			add(log.SegmentAt(i), "base LSN %d does not follow %d", segment.BaseLSN, before.BaseLSN)
		case segment.BaseLSN-before.BaseLSN > math.MaxUint32:
			add(log.SegmentAt(i), "the segment before it would hold %d records, more than 2^32-1", segment.BaseLSN-before.BaseLSN)
		}
		switch {
		case before.Kind == snapshots.SealMarker:
		case marker && segment.Index < before.Index: // it is above where the marker replaced an empty segment
			add(log.SegmentAt(i), "the seal marker has index %d, the segment before it has %d", segment.Index, before.Index)
		case !marker && segment.Index <= before.Index:
			add(log.SegmentAt(i), "index %d does not follow %d", segment.Index, before.Index)
		}
	}
	for _, defect := range log.Defects {
		if defect.Segment == i {
			add(log.ParamsAt(i), "its parameters cannot be decoded: %s", defect.Reason)
		}
	}
	if segment.Placement == nil {
		return problems, at
	}
	if want := cluster.NewLogletID(log.ID, segment.Index); segment.Loglet != want {
		add(log.LogletAt(i), "its loglet id is %v, not %v", segment.Loglet, want)
	}
	for _, problem := range check.placementProblems(segment.Placement) {
		add(log.ReplicationAt(i), "%s", problem)
	}
	return problems, at
}

// sound is true for a placement that placementProblems says nothing about.
func (check chainCheck) sound(placement *snapshots.Placement) bool {
	return placement.Invalid == "" && len(placement.Nodeset) > 0 && placement.Distinct == len(placement.Nodeset) &&
		(!check.copies || placement.Replication.Copies() <= placement.Distinct)
}

// placementProblems says what is wrong with a replication property and its nodeset, whatever nodes exist.
func (check chainCheck) placementProblems(placement *snapshots.Placement) (problems []string) {
	if placement.Invalid != "" {
		problems = append(problems, "replication is not usable: "+placement.Invalid)
	}
	if len(placement.Nodeset) == 0 {
		return append(problems, "its nodeset is empty")
	}
	if placement.Distinct < len(placement.Nodeset) {
		problems = append(problems, "its nodeset names a node twice")
	}
	if copies := placement.Replication.Copies(); check.copies && placement.Invalid == "" && copies > placement.Distinct {
		problems = append(problems, fmt.Sprintf("replication %v wants %d copies on %s", placement.Replication, copies, plural(placement.Distinct, "node")))
	}
	return problems
}
