package format

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"restate-lint/analyze"
)

// ReplicationSchema is the JSON Schema (draft 2020-12) of what ReplicationJSON writes.
//
//go:embed replication.schema.json
var ReplicationSchema []byte

// ReplicationJSON writes for machines whether a replication property could be fulfilled.
func ReplicationJSON(w io.Writer, r *analyze.ReplicationAnswer) error { return encode(w, r) }

// Replication prints for people whether a replication property could be fulfilled.
func (t Text) Replication(w io.Writer, r *analyze.ReplicationAnswer) error {
	p := &printer{Text: t, w: bufio.NewWriter(w)}
	without := ""
	if len(r.Without) > 0 {
		without = ", without " + nodeList(r.Without)
	}
	p.selection(&logWords, r.Replication, without, &r.Logs)
	if r.Partitions != nil {
		p.line("")
		p.selection(&partitionWords, r.Replication, without, r.Partitions)
	}
	p.undecidedParts(r.Undecided)
	p.listGaps(r.Gaps)
	return p.w.Flush()
}

// selectionWords are what a selection is called.
type selectionWords struct{ use, candidate, chosen, impossible, unlocated string }

var (
	logWords = selectionWords{
		use:        "new segments",
		candidate:  "read-write log server",
		chosen:     "nodesets",
		impossible: "no new segment could be made: each log stops when its open segment is sealed, as with the next leader",
		unlocated:  "no location that it asks for, and a single such log server stops every choice of a nodeset",
	}
	partitionWords = selectionWords{
		use:        "partitions",
		candidate:  "active worker",
		chosen:     "replica sets",
		impossible: "no replica set could be chosen: partitions would keep those they have, whatever happens to the nodes",
		unlocated:  "no location that it asks for: passed over",
	}
)

func (p *printer) selection(words *selectionWords, replication, without string, a *analyze.SelectionAnswer) {
	fact := func(name, text string) {
		if text != "" {
			p.wrapped(fmt.Sprintf("  %-12s ", name), text)
		}
	}
	verdict := p.Palette.paint(green, "possible")
	if !a.Possible {
		verdict = p.Palette.paint(boldRed, "NOT possible")
	}
	p.line(p.Palette.paint(bold, "replication "+replication+" for "+words.use), without, ": ", verdict)
	if len(a.Missing) > 0 {
		fact("missing", "there are only "+strings.Join(a.Missing, " and "))
	}
	if len(a.Unlocated) > 0 {
		fact("unlocated", nodeRanges(a.Unlocated)+": "+words.unlocated)
	}
	if !a.Possible {
		fact("means", words.impossible)
	}
	candidates := count(len(a.Candidates), words.candidate)
	if len(a.Candidates) > 0 {
		candidates += ": " + nodeRanges(a.Candidates)
	}
	fact("candidates", candidates)
	if a.Possible {
		fact(words.chosen, chosenWords(a))
		fact("survive", survivalWords(a))
	}
	if a.Weaker {
		fact("now", a.Now+", which promises more")
	} else {
		fact("now", a.Now)
	}
}

// chosenWords say what is chosen.
func chosenWords(a *analyze.SelectionAnswer) string {
	text := "of " + count(a.Size, "node")
	if a.Survives == nil {
		return text
	}
	size := "automatic size"
	if a.Target > 0 {
		size = fmt.Sprintf("target size %d", a.Target)
	}
	return text + " (" + size + "), such as [" + nodeList(a.Example) + "]"
}

// survivalWords say what a chosen set survives.
func survivalWords(a *analyze.SelectionAnswer) string {
	s := a.Survives
	if s == nil {
		if a.Size == 1 {
			return "no loss: without its only replica a partition has no leader"
		}
		return "the loss of any " + count(a.Size-1, "node") + ": one replica is enough to lead"
	}
	var parts []string
	add := func(l *analyze.Losable, noun string) {
		if l == nil {
			return
		}
		text := "the loss of any " + count(l.Both(), noun)
		if l.Both() == 0 {
			text = "not the loss of any " + noun
		}
		if l.Writes != l.Sealing {
			text += fmt.Sprintf(" (writes: %d, sealing: %d)", l.Writes, l.Sealing)
		}
		parts = append(parts, text)
	}
	add(&s.Nodes, "node")
	add(s.Zones, "zone")
	add(s.Regions, "region")
	return strings.Join(parts, "; ")
}
