package format

import (
	"fmt"
	"strings"

	"restate-lint/analyze"
	"restate-lint/snapshots/cluster"
)

// loglet prints one loglet, its members and what they can do.
func (p *printer) loglet(l *analyze.LogletDescription) {
	p.line("")
	p.line(p.Palette.paint(bold, "loglet "+l.Loglet), fmt.Sprintf(" (raw %d)", l.Raw))
	fact := func(name, text string) {
		if text != "" {
			p.wrapped(fmt.Sprintf("  %-12s ", name), strings.ReplaceAll(Clean(text), " (", hardSpace+"("))
		}
	}
	for _, use := range l.Uses {
		fact("used in", fmt.Sprintf("log %d, segment %d, %s, %s", use.Log, use.Segment, use.State, lsnRange(&use)))
	}
	fact("kind", l.Kind)
	fact("sequencer", sequencerSentence(l.Sequencer))
	fact("replication", l.Replication)
	fact("nodeset", labelledMembers(l.Nodeset))
	fact("undecodable", l.Defect)
	if len(l.Nodeset) > 0 {
		p.line("")
		p.members(l.Nodeset)
	}
	if l.Quorums != nil {
		p.quorums(l)
	}
}

func lsnRange(use *analyze.LogletUse) string {
	switch {
	case use.ToLSN == nil:
		return fmt.Sprintf("LSN %d to …", use.FromLSN)
	case *use.ToLSN < use.FromLSN:
		return fmt.Sprintf("empty at LSN %d", use.FromLSN)
	}
	return fmt.Sprintf("LSN %d to %d", use.FromLSN, *use.ToLSN)
}

// sequencerSentence says who the sequencer is now.
func sequencerSentence(s *analyze.SequencerDescription) string {
	if s == nil {
		return ""
	}
	node, _, _ := strings.Cut(s.Node, ":")
	switch s.Relation {
	case analyze.CurrentGeneration:
		return s.Node + ", the current generation of " + node
	case analyze.OlderGeneration:
		return s.Node + ", an older generation: the process was restarted since, " + node + " is at " + s.Configured
	case analyze.NewerGeneration:
		return s.Node + ", newer than the nodes configuration, which has " + s.Configured
	case analyze.RemovedNode:
		return s.Node + ", removed from the cluster"
	case analyze.UnknownNode:
		return s.Node + ", unknown: " + node + " is not in the nodes configuration"
	}
	return s.Node + ", whose entry in the nodes configuration was not captured"
}

// labelledMembers is "[N1 (active), N4 (removed)]".
func labelledMembers(members []analyze.MemberDescription) string {
	if members == nil {
		return ""
	}
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = m.Node + " (" + m.Label + ")"
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func (p *printer) members(members []analyze.MemberDescription) {
	all := p.Text
	p.All = true // a nodeset has at most 128 members
	p.table([]string{"MEMBER", "CLASS", "NAME", "STORAGE", "LOCATION", "COUNTS", "MAY-WRITE", "MAY-ANSWER"}, len(members), func(i int) []string {
		m := &members[i]
		return []string{m.Node, m.Class, m.Name, m.StorageState, m.Location, yes(m.Effective), yes(m.AcceptsWrites), yes(m.MayAnswer)}
	}, "")
	p.Text = all
}

func yes(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "yes"
	}
	return "no"
}

// majorityWords say what an f-majority means for the loglet.
var majorityWords = map[string]string{
	cluster.Success.String():         "possible: it can be sealed and its tail be found",
	cluster.SuccessWithRisk.String(): "possible only by counting members that lost data: records may be missed",
	cluster.BestEffort.String():      "not possible, although every member that may have records can answer: it cannot be sealed, nor its tail be found",
	cluster.None.String():            "not possible: it cannot be sealed, nor its tail be found",
}

// quorums says what holds by configuration.
func (p *printer) quorums(l *analyze.LogletDescription) {
	q := l.Quorums
	p.line("")
	p.line("by configuration, if the process of every active member runs:")
	fact := func(name string, good bool, text string) {
		if !good {
			name += strings.Repeat(" ", 12-len(name))
			p.wrapped("  "+p.Palette.paint(boldRed, name)+" ", Clean(text))
			return
		}
		p.wrapped(fmt.Sprintf("  %-12s ", name), Clean(text))
	}
	effective := "none"
	if len(q.Effective) > 0 {
		effective = strings.Join(q.Effective, ", ")
	}
	fact("effective", len(q.Missing) == 0, fmt.Sprintf("%d of %s count: %s", len(q.Effective), count(len(l.Nodeset), "member"), effective))
	if len(q.Missing) > 0 {
		fact("missing", false, fmt.Sprintf("replication %s cannot be met: %s", l.Replication, strings.Join(q.Missing, ", ")))
	}
	writes := "possible"
	if !q.WriteQuorum {
		writes = "not possible: no record can be written"
	}
	fact("write quorum", q.WriteQuorum, writes)
	fact("f-majority", q.FMajority == cluster.Success.String(), majorityWords[q.FMajority])
}
