package format

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"restate-lint/analyze"
)

// WhatIfSchema is the JSON Schema (draft 2020-12) of what WhatIfJSON writes.
//
//go:embed whatif.schema.json
var WhatIfSchema []byte

// WhatIfJSON writes what a cluster can do without some nodes for machines: one object, with each segment on a line.
func WhatIfJSON(w io.Writer, r *analyze.WhatIf) error {
	o := newObjectWriter(w)
	o.fields("schema_version", r.SchemaVersion, "tool", r.Tool, "name", r.Name, "cluster_name", r.ClusterName, "without", r.Without)
	if r.Segments == nil {
		o.field("segments", nil)
	} else {
		list(o, "segments", r.Segments.All(), appendSegmentAnswer)
	}
	o.fields("partitions", r.Partitions, "metadata", r.Metadata, "already_lost", r.AlreadyLost)
	o.name("lost")
	o.text("{\n    \"segments\": ")
	listItems(o, "    ", r.Lost.Segments.All(), appendValue[analyze.SegmentLoss])
	o.text(",\n    \"partitions\": ")
	listItems(o, "    ", slices.Values(r.Lost.Partitions), appendValue[analyze.PartitionLoss])
	o.text(",\n    \"metadata\": " + strconv.FormatBool(r.Lost.Metadata) + "\n  }")
	o.fields("undecided", r.Undecided, "gaps", r.Gaps)
	return o.close()
}

// appendSegmentAnswer does what appendValue does, much faster: there may be a million.
func appendSegmentAnswer(line []byte, s analyze.SegmentAnswer) []byte {
	line = strconv.AppendUint(append(line, `{"log":`...), uint64(s.Log), 10)
	line = strconv.AppendUint(append(line, `,"segment":`...), uint64(s.Segment), 10)
	line = append(append(line, `,"loglet":"`...), s.Loglet...)
	line = strconv.AppendBool(append(line, `","tail":`...), s.Tail)
	line = append(line, `,"effective_nodeset":[`...)
	for i, name := range s.EffectiveNodeset {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(append(append(line, '"'), name...), '"')
	}
	line = append(append(line, `],"f_majority":"`...), s.FMajority...)
	line = append(line, `","write_quorum":`...)
	if s.WriteQuorum == nil {
		return append(line, `null}`...)
	}
	return append(strconv.AppendBool(line, *s.WriteQuorum), '}')
}

// WhatIf prints what a cluster can do without some nodes, for people: first what is lost because of them.
func (t Text) WhatIf(w io.Writer, r *analyze.WhatIf) error {
	p := &printer{Text: t, w: bufio.NewWriter(w)}
	for _, line := range inventoryLines(r.ClusterName, r.Documents, r.Gaps, &r.Inventory) {
		p.line(line)
	}
	p.line("")
	p.alreadyLost(&r.AlreadyLost, r.Inventory.Logs)
	without := "without " + nodeList(r.Without)
	if len(r.Without) == 0 {
		without = "with every node"
	}
	if !r.Lost.Any() {
		p.wrapped(p.Palette.paint(bold, without)+": ", nothingLost(r))
	} else {
		logs := lossesByLog(r.Lost.Segments)
		p.wrapped(p.Palette.paint(bold, without)+": ", p.lossSentence(logs, r))
		p.lostLogs(logs)
		p.lostPartitions(r.Lost.Partitions)
	}
	p.remaining(r)
	p.undecidedParts(r.Undecided)
	p.listGaps(r.Gaps)
	return p.w.Flush()
}

// nothingLost says that nothing is lost, as far as that is known.
func nothingLost(r *analyze.WhatIf) string {
	more := ""
	if r.AlreadyLost.Any() {
		more = " more"
	}
	switch parts := partsUndecided(r); {
	case len(parts) == 0:
		return "nothing" + more + " is lost"
	case len(parts) == 1 && parts[0] == metadataPart:
		return "nothing" + more + " is known to be lost; " + metadataPart + " is undecided"
	default:
		return "nothing" + more + " is known to be lost; " + inSentence(parts) + " are undecided"
	}
}

const metadataPart = "the metadata quorum"

// partsUndecided are the parts of an answer that lack evidence: "segments", or "some segments" where others have an answer.
// A metadata store outside of the cluster is none of them: no node of the cluster takes it away.
func partsUndecided(r *analyze.WhatIf) (parts []string) {
	for _, u := range r.Undecided {
		part := u.Part
		switch {
		case part == "metadata" && r.Metadata != nil && r.Metadata.Store == analyze.ExternalStore:
			continue
		case part == "metadata":
			part = metadataPart
		case part == "segments" && r.Segments.Len() > 0, part == "partitions" && len(r.Partitions) > 0:
			part = "some " + part
		}
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}

// inSentence is "a", "a and b" or "a, b and c".
func inSentence(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// nodesShown bounds lists of nodes in sentences.
const nodesShown = 24

// nodeList is "N1, N3", shortened.
func nodeList(names []string) string {
	if len(names) > nodesShown {
		return strings.Join(names[:nodesShown], ", ") + fmt.Sprintf(", … (%d nodes)", len(names))
	}
	return strings.Join(names, ", ")
}

// A logLoss is what one log lost.
type logLoss struct {
	log             uint64
	tail            *analyze.SegmentLoss
	majority, trims []uint64 // sealed segments whose f-majority is weaker, and those that lost only their write quorum
}

// lossesByLog puts the lost segments of each log together: first the logs whose tail is among them.
func lossesByLog(losses *analyze.SegmentLosses) []*logLoss {
	var tails, others []*logLoss
	var current *logLoss
	finish := func() {
		switch {
		case current == nil:
		case current.tail != nil:
			tails = append(tails, current)
		default:
			others = append(others, current)
		}
	}
	for loss := range losses.All() {
		if current == nil || current.log != uint64(loss.Log) {
			finish()
			current = &logLoss{log: uint64(loss.Log)}
		}
		switch {
		case loss.Tail:
			tail := loss
			current.tail = &tail
		case loss.FMajority.Before != loss.FMajority.After:
			current.majority = append(current.majority, uint64(loss.Segment))
		default:
			current.trims = append(current.trims, uint64(loss.Segment))
		}
	}
	finish()
	return append(tails, others...)
}

// lossSentence says in one sentence what is lost.
func (p *printer) lossSentence(logs []*logLoss, r *analyze.WhatIf) string {
	var writes, seals, majority, trims int
	for _, log := range logs {
		if tail := log.tail; tail != nil {
			if tail.WriteQuorum.Before != tail.WriteQuorum.After {
				writes++
			}
			if tail.FMajority.Before != tail.FMajority.After {
				seals++
			}
		}
		majority += len(log.majority)
		trims += len(log.trims)
	}
	var parts []string
	add := func(n int, noun, after string) {
		if n > 0 {
			parts = append(parts, count(n, noun)+after)
		}
	}
	add(writes, "log", " cannot be written any more")
	add(seals, "log", " cannot be sealed any more")
	add(majority, "sealed segment", " without an f-majority")
	add(trims, "sealed segment", " without the write quorum that trimming needs")
	add(len(r.Lost.Partitions), "partition", " without a possible leader")
	if r.Lost.Metadata {
		parts = append(parts, "the metadata quorum is lost")
	}
	return strings.Join(parts, ", ")
}

func (p *printer) lostLogs(logs []*logLoss) {
	if len(logs) == 0 {
		return
	}
	p.line("")
	p.line(p.Palette.paint(bold, "logs"), " (before → after)")
	names := []string{"LOG", "TAIL", "WRITES", "F-MAJORITY", "SEALED-SEGMENTS"}
	p.table(names, len(logs), func(i int) []string {
		log := logs[i]
		row := []string{strconv.FormatUint(log.log, 10), "", "", "", ""}
		if tail := log.tail; tail != nil {
			row[1], row[2], row[3] = tail.Loglet, changed(word(tail.WriteQuorum.Before), word(tail.WriteQuorum.After)), changed(tail.FMajority.Before, tail.FMajority.After)
		}
		var sealed []string
		if len(log.majority) > 0 {
			sealed = append(sealed, "no f-majority: "+numberList(log.majority))
		}
		if len(log.trims) > 0 {
			sealed = append(sealed, "no write quorum: "+numberList(log.trims))
		}
		row[4] = strings.Join(sealed, "; ")
		return row
	}, "--all shows them, --format json every segment")
}

func word(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func changed(before, after string) string {
	if before == after {
		return before
	}
	return before + " → " + after
}

// numberList is "0, 3-5, 8" of ascending numbers, shortened.
func numberList(numbers []uint64) string {
	var e entity
	for _, n := range numbers {
		e.extend(n)
	}
	var parts []string
	for i, s := range e.numbers {
		if i == numbersShown {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, s.text(otherEntity))
	}
	return strings.Join(parts, ", ")
}

func (p *printer) lostPartitions(losses []analyze.PartitionLoss) {
	if len(losses) == 0 {
		return
	}
	p.line("")
	p.line(p.Palette.paint(bold, "partitions"), " (before → after)")
	p.table([]string{"PARTITION", "LEADER-POSSIBLE", "REPLICAS-LEFT"}, len(losses), func(i int) []string {
		loss := &losses[i]
		return []string{number(loss.Partition), changed("yes", "no"), changed(orNone(loss.Left.Before), orNone(loss.Left.After))}
	}, "--all shows them")
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return nodeList(names)
}

// remaining counts what holds.
func (p *printer) remaining(r *analyze.WhatIf) {
	p.line("")
	p.line("by configuration, if all other processes run:")
	fact := func(name, text string) { p.wrapped(fmt.Sprintf("  %-11s ", name), text) }
	if r.Segments != nil {
		tallies := r.Segments.Tallies()
		before, after := tallies.Before, tallies.After
		text := fmt.Sprintf("of %s, %s can be written and %s be sealed", count(after.Tails, "open tail"), was(before.Writable, after.Writable), was(before.Sealable, after.Sealable))
		switch ended := len(r.AlreadyLost.Sealed); {
		case ended > 0 && ended == r.Inventory.Logs:
			text = "no log has an open tail"
		case ended > 0:
			text += "; " + count(ended, "log") + " without an open tail"
		}
		fact("logs", text)
		if after.Sealed > 0 {
			fact("history", fmt.Sprintf("of %s, %s have an f-majority", count(after.Sealed, "sealed segment"), was(before.Readable, after.Readable)))
		}
	}
	if r.Partitions != nil {
		led, whole := 0, 0
		for i := range r.Partitions {
			partition := &r.Partitions[i]
			if partition.Leader != nil && *partition.Leader {
				led++
			}
			if partition.Leader != nil && len(partition.Left) == len(partition.Replicas) {
				whole++
			}
		}
		fact("partitions", fmt.Sprintf("of %s, %s can have a leader and %s have all their replicas", count(len(r.Partitions), "partition"), was(led+len(r.Lost.Partitions), led), thousands(whole)))
	}
	if m := r.Metadata; m != nil && m.Store == analyze.ReplicatedStore {
		text := fmt.Sprintf("%d of %s left, %d needed", len(m.Left), count(len(m.Members), "member"), m.Needed)
		if m.Quorum != nil && !*m.Quorum {
			text += ": no quorum, so nothing of the cluster's configuration can change"
		}
		fact("metadata", text)
	}
}

// was is "3" or, where it was another number, "3 (5 before)".
func was(before, after int) string {
	if before == after {
		return thousands(after)
	}
	return thousands(after) + " (" + thousands(before) + " before)"
}

// undecidedParts says what could not be answered, and why.
func (p *printer) undecidedParts(parts []analyze.UndecidedPart) {
	for i, u := range parts {
		if i == 0 {
			p.line("")
		}
		text := u.Reason
		if len(u.Missing) > 0 {
			text += " (" + strings.Join(u.Missing, ", ") + " not captured as a whole)"
		}
		p.hanging(p.Palette.paint(bold, "undecided")+" "+u.Part+": ", Clean(text))
	}
}
