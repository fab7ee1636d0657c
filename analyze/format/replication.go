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
	switch effect := fragility(a); {
	case !a.Possible:
		verdict = p.Palette.paint(boldRed, "NOT possible")
	case effect != "":
		verdict = "possible, but the loss of one node can " + effect
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
		p.survival(fact, a)
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

// fragility says what the loss of one node can do to a chosen set, if it is the wrong one; empty where it can do nothing.
func fragility(a *analyze.SelectionAnswer) string {
	var effects []string
	switch s := a.Survives; {
	case s == nil && a.Size == 1:
		effects = append(effects, "leave partitions without a leader")
	case s != nil:
		if s.Nodes.Writes == 0 {
			effects = append(effects, "stop writes")
		}
		if s.Nodes.Sealing == 0 {
			effects = append(effects, "make segments unsealable")
		}
	}
	return inSentence(effects)
}

// survival prints what a chosen set survives.
func (p *printer) survival(fact func(name, text string), a *analyze.SelectionAnswer) {
	s := a.Survives
	switch {
	case s != nil:
		fact("writes", survivalWords("survive", s, func(l *analyze.Losable) int { return l.Writes }))
		fact("sealing", survivalWords("survives", s, func(l *analyze.Losable) int { return l.Sealing }))
	case a.Size == 1:
		fact("leadership", "stops with the loss of the node that has the only replica")
	default:
		fact("leadership", "survives the loss of any "+count(a.Size-1, "node")+": one replica is enough to lead")
	}
}

// survivalWords say which losses something survives, at every scope.
func survivalWords(survive string, s *analyze.Survival, most func(*analyze.Losable) int) string {
	if most(&s.Nodes) == 0 {
		return "can stop with the loss of one node"
	}
	survived := []string{"any " + count(most(&s.Nodes), "node")}
	var not []string
	for _, scope := range []struct {
		losable *analyze.Losable
		noun    string
	}{{s.Zones, "zone"}, {s.Regions, "region"}} {
		switch {
		case scope.losable == nil:
		case most(scope.losable) == 0:
			not = append(not, "not of every "+scope.noun)
		default:
			survived = append(survived, "any "+count(most(scope.losable), scope.noun))
		}
	}
	text := survive + " the loss of " + strings.Join(survived, " or ")
	if len(not) > 0 {
		text += ", but " + strings.Join(not, " and ")
	}
	return text
}
