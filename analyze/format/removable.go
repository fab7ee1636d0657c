package format

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"

	"restate-lint/analyze"
	"restate-lint/snapshots/cluster"
)

// RemovableSchema is the JSON Schema (draft 2020-12) of what RemovableJSON writes.
//
//go:embed removable.schema.json
var RemovableSchema []byte

// RemovableJSON writes for machines which nodes may be removed.
func RemovableJSON(w io.Writer, r *analyze.Removable) error { return encode(w, r) }

// verdictStyles are the colours of verdicts.
var verdictStyles = map[analyze.Verdict]style{
	analyze.Safe: green, analyze.Blocked: boldRed, analyze.RemovedTooEarly: boldRed, analyze.NotKnown: bold,
}

// Removable prints for people which nodes may be removed: a line for each, or everything about each.
func (t Text) Removable(w io.Writer, r *analyze.Removable, brief bool) error {
	p := &printer{Text: t, w: bufio.NewWriter(w)}
	for _, line := range inventoryLines(r.ClusterName, r.Documents, r.Gaps, &r.Inventory) {
		p.line(line)
	}
	if brief {
		p.line("")
		p.table([]string{"NODE", "NAME", "STORAGE", "WORKER", "VERDICT", "RESTATECTL", "IN-THE-WAY"}, len(r.Nodes), func(i int) []string {
			n := &r.Nodes[i]
			return []string{n.Node, n.Name, n.StorageState, n.WorkerState, string(n.Verdict), restatectlWord(&n.Restatectl), inTheWay(n)}
		}, "--all shows them")
	} else {
		for i := range r.Nodes {
			p.line("")
			p.removal(&r.Nodes[i])
		}
		p.together(r.Together)
	}
	p.undecidedParts(r.Undecided)
	p.listGaps(r.Gaps)
	return p.w.Flush()
}

// restatectlWord is what restatectl would do.
func restatectlWord(a *analyze.RestatectlAnswer) string {
	switch {
	case a.Accepts == nil:
		return "not known"
	case *a.Accepts:
		return "accepts"
	case a.Ground == analyze.GroundPanic:
		return "panics"
	}
	return "refuses"
}

// inTheWay lists the blockers by their kinds.
func inTheWay(n *analyze.NodeRemoval) string {
	var list []string
	for _, b := range n.Blockers {
		word := string(b.Kind)
		if b.Count > 0 {
			word += " (" + strconv.Itoa(b.Count) + ")"
		}
		list = append(list, word)
	}
	if len(list) == 0 && n.Class != "active" {
		return "nothing: " + n.Class
	}
	return strings.Join(list, ", ")
}

// logletsShown bounds the loglets that are printed of one blocker.
const logletsShown = 16

// removal prints everything about one node.
func (p *printer) removal(n *analyze.NodeRemoval) {
	name := n.Node
	if n.Name != "" {
		name += " (" + Clean(n.Name) + ")"
	}
	p.line(p.Palette.paint(bold, name), ": ", p.Palette.paint(verdictStyles[n.Verdict], string(n.Verdict)))
	facts := []string{n.Class}
	if n.Class == cluster.Undetermined.String() {
		facts[0] = "its entry in nodes_config cannot be read"
	}
	if len(n.Roles) > 0 {
		facts = append(facts, Clean(strings.Join(n.Roles, ", ")), "storage "+Clean(n.StorageState), "worker "+Clean(n.WorkerState))
	}
	p.wrapped("  ", strings.Join(facts, " · "))
	if len(n.Blockers) > 0 {
		p.line("")
		title := "in the way:"
		if n.Verdict == analyze.RemovedTooEarly {
			title = "still there:"
		}
		p.line("  ", title)
		p.blockers(n.Blockers)
	}
	p.line("")
	p.wrapped("  restatectl nodes remove ", restatectlSentence(n))
	p.afterwards(n.Afterwards)
	if len(n.Commands) > 0 {
		p.line("")
		switch n.Verdict {
		case analyze.Safe:
			p.line("  to remove it:")
		case analyze.RemovedTooEarly:
			p.line("  to repair it:")
		case analyze.NotKnown:
			p.line("  to find out, and to make it safe:")
		default:
			p.line("  to make it safe:")
		}
		for _, command := range n.Commands {
			p.command(Clean(command))
		}
	}
}

// command prints a command as it is, and what is for people to do on as many lines as it takes, each a comment of its own.
func (p *printer) command(command string) {
	const indent = "    "
	text, comment := strings.CutPrefix(command, commentMark)
	if !comment {
		p.line(indent, command)
		return
	}
	for _, line := range commentLines(text, lineWidth-len(indent)) {
		p.line(indent, line)
	}
}

const commentMark = "# "

// commentLines breaks a comment into lines of at most so many columns, each of which is one.
func commentLines(text string, width int) []string {
	lines := wrap(text, width-2*len(commentMark))
	for i := range lines {
		if lines[i] = commentMark + lines[i]; i > 0 {
			lines[i] = commentMark + "  " + lines[i][len(commentMark):]
		}
	}
	return lines
}

func (p *printer) blockers(blockers []analyze.Blocker) {
	for i := range blockers {
		p.wrapped(fmt.Sprintf("    %-18s ", blockers[i].Kind), blockerText(&blockers[i]))
	}
}

func (p *printer) afterwards(a *analyze.Afterwards) {
	if a != nil && a.Warning != "" {
		p.line("")
		p.wrapped("  ", p.Palette.paint(bold, "after this")+strings.TrimPrefix(Clean(a.Warning), "after this"))
	}
}

// together prints what several removals mean that does not follow from each.
func (p *printer) together(t *analyze.Together) {
	if t == nil {
		return
	}
	verdict, meaning := p.Palette.paint(green, "enough would be left"), "but for what is in the way of each alone"
	if len(t.Blockers) > 0 {
		verdict, meaning = p.Palette.paint(verdictStyles[analyze.Blocked], string(analyze.Blocked)), "besides what is in the way of each alone"
	}
	p.line("")
	p.line(p.Palette.paint(bold, nodeList(t.Nodes)+" together"), ": ", verdict, ", ", meaning)
	if len(t.Blockers) > 0 {
		p.line("")
		p.line("  in the way:")
		p.blockers(t.Blockers)
	}
	p.afterwards(t.Afterwards)
}

func blockerText(b *analyze.Blocker) string {
	text := Clean(b.Message)
	var ids []string
	for i, id := range b.Loglets {
		if i == logletsShown {
			break
		}
		ids = append(ids, id)
	}
	switch {
	case len(ids) > 0 && b.Count > len(ids):
		text += ": " + strings.Join(ids, ", ") + ", …"
	case len(ids) > 0:
		text += ": " + strings.Join(ids, ", ")
	case len(b.Partitions) > 0:
		text += ": " + numberList(numbers(b.Partitions))
	}
	return text
}

// restatectlSentence says what restatectl would do, and why.
func restatectlSentence(n *analyze.NodeRemoval) string {
	a := &n.Restatectl
	switch {
	case a.Accepts == nil && n.Class == cluster.Undetermined.String():
		return "would do what depends on what it is"
	case a.Accepts == nil:
		return "would do what depends on logs that were not captured"
	case *a.Accepts && a.Ground == analyze.GroundUnregistered:
		return "would succeed and change nothing: " + n.Node + " is not registered"
	case *a.Accepts && a.Ground == analyze.GroundDisabled:
		return "would accept: it does not look at the nodesets of a disabled log server, and never at partitions"
	case *a.Accepts && n.Verdict == analyze.Blocked:
		return "would accept: it does not look at what is in the way"
	case *a.Accepts:
		return "would accept"
	case a.Ground == analyze.GroundPanic:
		return "would panic: a loglet has another id than its log and segment index imply"
	case len(a.Refusals) == 1:
		return "would refuse: " + a.Refusals[0]
	}
	return fmt.Sprintf("would refuse, with one of %d loglets: %s", len(a.Refusals), a.Refusals[0])
}
