package analyze

import (
	"fmt"
	"slices"
	"strings"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// loglet describes the loglet if a segment of the log states it.
func (w *describer) loglet(log *snapshots.Log, id cluster.LogletID) {
	d := w.description
	for i := range log.Segments {
		segment := &log.Segments[i]
		stated, ok := logletOf(log, i)
		if ok && log.ID == id.Log() {
			w.sameLog = append(w.sameLog, stated.String())
		}
		undecodable := !ok && segment.Kind == snapshots.Replicated && cluster.NewLogletID(log.ID, segment.Index) == id
		if !undecodable && (!ok || stated != id) {
			continue
		}
		if d.Loglet == nil {
			d.Loglet = w.describeLoglet(log, i, id)
		}
		d.Loglet.Uses = append(d.Loglet.Uses, LogletUse{
			Log:     log.ID,
			Segment: segment.Index,
			State:   segmentState(log, i),
			FromLSN: segment.BaseLSN,
			ToLSN:   lastLSN(log, i),
		})
	}
}

func (w *describer) describeLoglet(log *snapshots.Log, i int, id cluster.LogletID) *LogletDescription {
	segment := w.segment(log, i)
	described := &LogletDescription{
		Loglet:      id.String(),
		Raw:         uint64(id),
		Kind:        segment.Kind,
		Replication: segment.Replication,
		Sequencer:   segment.Sequencer,
		Nodeset:     slices.Clone(segment.Nodeset),
		Defect:      segment.Defect,
	}
	placement := log.Segments[i].Placement
	if placement == nil || w.snapshot.Nodes == nil {
		return described
	}
	release := w.snapshot.Release()
	members := make([]cluster.Member, len(placement.Nodeset))
	for k, node := range placement.Nodeset {
		members[k] = w.member(node)
		if members[k].Class == cluster.Undetermined {
			continue
		}
		active := members[k].Class == cluster.Active
		effective := members[k].Class == cluster.Unknown || active && !members[k].State.Empty()
		writes := active && members[k].State.AcceptsWrites(release)
		answers := active && members[k].State.MayAnswer()
		m := &described.Nodeset[k]
		m.Effective, m.AcceptsWrites, m.MayAnswer = &effective, &writes, &answers
		if active {
			m.Name, m.Location = w.snapshot.Nodes.Get(node).Name, members[k].Location.String()
		}
	}
	if verdict := cluster.Judge(members, placement.Replication, release); verdict.Undetermined == 0 && placement.Invalid == "" {
		described.Quorums = describeQuorums(&verdict)
	}
	return described
}

func describeQuorums(verdict *cluster.Verdict) *QuorumDescription {
	quorums := &QuorumDescription{
		Effective:   []string{},
		Missing:     []string{},
		WriteQuorum: verdict.Writable,
		FMajority:   verdict.Seal.String(),
	}
	for _, member := range verdict.Members {
		if member.Class == cluster.Unknown || member.Class == cluster.Active && !member.State.Empty() {
			quorums.Effective = append(quorums.Effective, member.Node.String())
		}
	}
	for _, shortfall := range verdict.Missing {
		noun := shortfall.Scope.String() + "s"
		if shortfall.Want == 1 {
			noun = shortfall.Scope.String()
		}
		quorums.Missing = append(quorums.Missing, fmt.Sprintf("%d of %d %s", shortfall.Have, shortfall.Want, noun))
	}
	return quorums
}

// notFound is the error about what was asked for and is not there.
func (w *describer) notFound(incomplete bool) error {
	d, view := w.description, w.view
	var missing string
	switch {
	case view.Log != nil && d.Log == nil:
		missing = fmt.Sprintf("log %d", *view.Log)
	case view.Loglet != nil && d.Loglet == nil:
		missing = fmt.Sprintf("loglet %v", *view.Loglet)
	default:
		return nil
	}
	switch {
	case w.snapshot.Logs == nil:
		return fmt.Errorf("%s: no %s was captured", missing, snapshots.BifrostConfig)
	case incomplete:
		return fmt.Errorf("%s is not in the part of %s that could be read", missing, snapshots.BifrostConfig)
	case len(w.sameLog) > logletsListed:
		return fmt.Errorf("%s is not in the snapshot: log %d has %s, … %s", missing, view.Loglet.Log(), strings.Join(w.sameLog[:2], ", "), w.sameLog[len(w.sameLog)-1])
	case len(w.sameLog) > 0:
		return fmt.Errorf("%s is not in the snapshot: log %d has %s", missing, view.Loglet.Log(), strings.Join(w.sameLog, ", "))
	}
	return fmt.Errorf("%s is not in the snapshot, which has %d logs", missing, d.Inventory.Logs)
}

// logletsListed bounds the list of loglets in an error message.
const logletsListed = 8
