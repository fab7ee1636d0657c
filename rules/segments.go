package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// member reports one member of a nodeset that is not what it should be.
type memberProblem struct {
	// count is how many members of a placement have the problem.
	count func(*cluster.Verdict) int
	// has tells whether this member has it.
	has func(cluster.Member) bool
	// finding describes it; the fields that all such findings share are filled in afterwards.
	finding func(pass *Pass, log *snapshots.Log, i int, member cluster.Member) Finding
}

// run reports every segment and member with the problem.
func (problem memberProblem) run(pass *Pass) {
	wanted := func(placement *snapshots.Placement) bool { return problem.count(&placement.Verdict) > 0 }
	pass.Segments(wanted, func(log *snapshots.Log, i int) {
		placement := log.Segments[i].Placement
		for _, member := range placement.Verdict.Members {
			if !problem.has(member) {
				continue
			}
			f := problem.finding(pass, log, i, member)
			f.Subject = SubjectMember(log, i, member.Node)
			f.Nodeset = placement.Verdict.Nodeset()
			f.At = log.MemberAt(i, slices.Index(placement.Nodeset, member.Node))
			f.Cause = member.Node.String()
			if member.Class == cluster.Unknown {
				pass.Report(f) // an id that was never given out is wrong wherever it stands
			} else {
				pass.ReportSegment(log, i, f)
			}
		}
	})
}

// membersLeft says how much of a nodeset still counts: "2 of 3 members left for replication {node: 2}".
func membersLeft(placement *snapshots.Placement) string {
	verdict := &placement.Verdict
	return fmt.Sprintf("%d of %s left for replication %v", verdict.Effective, plural(len(verdict.Members), "member"), placement.Replication)
}

// placed returns the placement of the i-th segment, or nil when it has none. Where the parameters cannot be decoded
// nobody knows what it has: a rule that had to pass over such a segment and found nothing is undecided.
func placed(pass *Pass, log *snapshots.Log, i int) *snapshots.Placement {
	segment := &log.Segments[i]
	if segment.Placement == nil && (segment.Kind == snapshots.Replicated || segment.Kind == snapshots.UnknownKind) {
		pass.Incomplete(snapshots.BifrostConfig)
	}
	return segment.Placement
}

// judged returns the placement of the i-th segment if quorums can be computed for it: it is replicated, and its
// replication property has factors that mean something.
func judged(pass *Pass, log *snapshots.Log, i int) *snapshots.Placement {
	placement := placed(pass, log, i)
	if placement != nil && !placement.Computable {
		pass.Lacks(snapshots.BifrostConfig)
		return nil
	}
	return placement
}

// computable narrows what is wanted of placements down to those that quorums can be computed for.
func computable(pass *Pass, wanted func(*snapshots.Placement) bool) func(*snapshots.Placement) bool {
	return func(placement *snapshots.Placement) bool {
		if !placement.Computable {
			pass.Lacks(snapshots.BifrostConfig)
			return false
		}
		return wanted(placement)
	}
}

// trimRemedy are the steps that make a sealed segment go away.
func trimRemedy(pass *Pass, log cluster.LogID) []string {
	return []string{
		createSnapshots + " " + partitionOf(pass, log) + " --trim-log",
		"restatectl logs describe " + strconv.FormatUint(uint64(log), 10),
	}
}

// segmentRemedy are the steps for a segment that has to be replaced: an open one is sealed and extended first.
func segmentRemedy(pass *Pass, log *snapshots.Log, i int) []string {
	if log.Open(i) {
		return append([]string{reconfigure(log.ID)}, trimRemedy(pass, log.ID)...)
	}
	return trimRemedy(pass, log.ID)
}

// removeUnnamed is the step that removes a node which no segment needs. Without all of the logs nobody can tell.
func removeUnnamed(pass *Pass, id cluster.NodeID) []string {
	if !pass.Whole(snapshots.BifrostConfig) {
		return []string{"restatectl metadata get -k bifrost_config > bifrost_config.json   # which segments name it?"}
	}
	return []string{fmt.Sprintf("restatectl nodes remove --nodes %v   # once no segment names it", id)}
}

// bringBack is the step that makes a quorum of members possible again by those that are registered and do not do their
// part: one of them, some or all. There is none where they would not be enough; others can never come back.
func bringBack(members []cluster.Member, lost func(cluster.Member) bool, enough func(back func(cluster.Member) bool) bool) []string {
	isLost := func(member cluster.Member) bool { return member.Class == cluster.Active && lost(member) }
	all := slices.DeleteFunc(slices.Clone(members), func(member cluster.Member) bool { return !isLost(member) })
	if len(all) == 0 || !enough(isLost) {
		return nil
	}
	some, data := "", "their"
	switch every := func(holds func(one cluster.NodeID) bool) bool {
		return !slices.ContainsFunc(all, func(member cluster.Member) bool { return !holds(member.Node) })
	}; {
	case len(all) == 1:
		data = "its"
	case every(func(one cluster.NodeID) bool {
		return enough(func(member cluster.Member) bool { return member.Node == one })
	}):
		some, data = "one of ", "its"
	case every(func(one cluster.NodeID) bool {
		return enough(func(member cluster.Member) bool { return isLost(member) && member.Node != one })
	}):
		some = "enough of "
	}
	return []string{"bring back " + some + names(all, isLost) + " with " + data + " data"}
}

func reconfigure(log cluster.LogID) string {
	return "restatectl logs reconfigure --log-id " + strconv.FormatUint(uint64(log), 10)
}

// ifItStays divides what tells whether a finding is true from what is to be done then.
const ifItStays = "# if it stays:"

// recapture is what to do before believing a finding that skew between documents can cause.
const recapture = "restatectl metadata get -k nodes_config > nodes_config.json   # after all other documents"

// partitionOf is the partition that a log belongs to. By default both have the same number.
func partitionOf(pass *Pass, log cluster.LogID) string {
	id := uint64(log)
	if table := pass.Snapshot.Partitions; table != nil {
		if own := table.Get(cluster.PartitionID(log)); own == nil || own.Log != log {
			for partition := range table.All() {
				if partition.Log == log {
					id = uint64(partition.ID)
					break
				}
			}
		}
	}
	return strconv.FormatUint(id, 10)
}

// names lists nodes: "N1, N3".
func names(members []cluster.Member, want func(cluster.Member) bool) string {
	var list []string
	for _, member := range members {
		if want(member) {
			list = append(list, member.Node.String())
		}
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// describe lists members with their labels: "N2 (gone), N9 (unknown)".
func describe(members []cluster.Member, want func(cluster.Member) bool) string {
	var list []string
	for _, member := range members {
		if want(member) {
			list = append(list, member.Node.String()+" ("+member.Label()+")")
		}
	}
	return strings.Join(list, ", ")
}

// silent is true for a member that counts in quorums and can never answer again by configuration.
func silent(member cluster.Member) bool {
	return counts(member) && (member.Class != cluster.Active || !member.State.MayAnswer())
}

// answers is true for a member that counts and can answer when its server runs.
func answers(member cluster.Member) bool { return counts(member) && !silent(member) }

// counts is true for a member of the effective nodeset.
func counts(member cluster.Member) bool {
	return member.Class == cluster.Unknown || member.Class == cluster.Active && !member.State.Empty()
}

// dropped is true for a member that no longer counts: it was removed or disabled.
func dropped(member cluster.Member) bool { return !counts(member) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// relatedNode points at a node's entry in the nodes configuration.
func relatedNode(pass *Pass, id cluster.NodeID) []Related {
	nodes := pass.Snapshot.Nodes
	node := nodes.Get(id)
	switch {
	case node == nil && nodes.Len() == 0:
		return nil
	case node == nil:
		newest := nodes.Newest()
		return []Related{{Message: "the highest id in the nodes configuration is " + newest.String(), At: nodes.Get(newest).At}}
	case node.Removed:
		return []Related{{Message: id.String() + " is a tombstone", At: node.At}}
	}
	return []Related{{Message: id.String() + " has storage state " + string(node.Storage), At: node.StorageAt}}
}

// A tally lists segments briefly for a message about many of them. It does not depend on the order of the logs.
type tally struct {
	open, sealed int
	// someOpen and someSealed are the lowest ones, ascending.
	someOpen, someSealed []cluster.LogletID
}

const tallyShown = 8

func (t *tally) add(log *snapshots.Log, i int) {
	count, some := &t.sealed, &t.someSealed
	if log.Open(i) {
		count, some = &t.open, &t.someOpen
	}
	*count++
	id := logletOf(log, i)
	if last := len(*some) - 1; last == tallyShown-1 && (*some)[last] <= id {
		return // as nearly all of very many
	}
	place, _ := slices.BinarySearch(*some, id)
	*some = slices.Insert(*some, place, id)
	*some = (*some)[:min(len(*some), tallyShown)]
}

// A logTally is a tally that knows the logs as well, for remedies.
type logTally struct {
	tally
	// logs are those of all segments, openLogs those of the open ones.
	logs, openLogs logSet
}

func (t *logTally) add(log *snapshots.Log, i int) {
	t.tally.add(log, i)
	t.logs.add(log.ID)
	if log.Open(i) {
		t.openLogs.add(log.ID)
	}
}

// in is what a message says of the segments that a node is in. Where not all logs could be read there may be more.
func (t *tally) in(pass *Pass) string {
	switch {
	case pass.Whole(snapshots.BifrostConfig):
		return t.String()
	case pass.Snapshot.Logs == nil:
		return "segments that are not known: the log metadata was not captured"
	case t.open+t.sealed == 0:
		return "segments that are not known: not all of the log metadata could be read"
	}
	return "at least " + t.String()
}

// String is "2 open tails (1_1, 3_1) and 5 sealed segments (0_0, 1_0, …)".
func (t *tally) String() string {
	if t.open+t.sealed == 0 {
		return "no segment"
	}
	var parts []string
	for _, part := range []struct {
		count int
		noun  string
		some  []cluster.LogletID
	}{{t.open, "open tail", t.someOpen}, {t.sealed, "sealed segment", t.someSealed}} {
		if part.count == 0 {
			continue
		}
		var some []string
		for _, id := range part.some {
			some = append(some, id.String())
		}
		if part.count > len(part.some) {
			some = append(some, "…")
		}
		parts = append(parts, plural(part.count, part.noun)+" ("+strings.Join(some, ", ")+")")
	}
	return strings.Join(parts, " and ")
}
