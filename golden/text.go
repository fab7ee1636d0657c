package golden

import (
	"fmt"
	"strconv"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/rules"
)

// few is how many changes of one kind and rule are printed where not all are wanted.
const few = 10

// String is the difference as text for people, without the end of long lists.
func (d *Difference) String() string { return d.Text(false) }

// Text is the difference for people: a line that counts, and some lines for each change, or for the first few of a
// kind and rule. It is safe to print on a terminal, and ends with a newline.
func (d *Difference) Text(all bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", format.Clean(d.Snapshot), d.Summary())
	writeChanges(&b, d.Cluster, all)
	if len(d.Tool) > 0 {
		b.WriteString("  from the rules, which are not those that the report was accepted with:\n")
		writeChanges(&b, d.Tool, all)
	}
	return b.String()
}

// Summary counts the changes: "2 new, 1 resolved; 3 from other rules".
func (d *Difference) Summary() string {
	var counts []string
	for _, kind := range kinds {
		n := 0
		for i := range d.Cluster {
			if d.Cluster[i].Kind == kind {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	text := strings.Join(counts, ", ")
	switch {
	case d.Empty():
		return "as accepted"
	case len(d.Tool) == 0:
		return text
	case text == "":
		return fmt.Sprintf("%d from other rules", len(d.Tool))
	}
	return fmt.Sprintf("%s; %d from other rules", text, len(d.Tool))
}

func writeChanges(b *strings.Builder, changes []Change, all bool) {
	type group struct {
		kind    Kind
		subject Subject
		rule    string
	}
	groupOf := func(c *Change) group {
		g := group{kind: c.Kind, subject: c.Subject}
		if c.Subject == AFinding {
			g.rule = c.Rule()
		}
		return g
	}
	left := make(map[group]int)
	for i := range changes {
		left[groupOf(&changes[i])]++
	}
	printed := make(map[group]int)
	for i := range changes {
		change := &changes[i]
		g := groupOf(change)
		printed[g]++
		switch n := printed[g]; {
		case all || n <= few:
			change.write(b)
		case n == few+1:
			what := string(g.subject) + "s"
			if g.rule != "" {
				what += " of " + g.rule
			}
			fmt.Fprintf(b, "  %-9s … %d more %s\n", g.kind.label(), left[g]-few, format.Clean(what))
		}
	}
}

func (c *Change) write(b *strings.Builder) {
	fmt.Fprintf(b, "  %-9s %s\n", c.Kind.label(), format.Clean(c.Title()))
	if c.Subject == AFinding {
		c.writeFields(b, "            ")
	}
}

// FieldText is what was and what is, for each part that differs, a line or more for each. It is safe to print on a terminal.
func (c *Change) FieldText(indent string) string {
	var b strings.Builder
	c.writeFields(&b, indent)
	return b.String()
}

// writeFields writes what was and what is, for each part that differs.
func (c *Change) writeFields(b *strings.Builder, indent string) {
	for _, f := range c.Fields {
		if f.Name == "suppressed" && c.Kind == NowCounting {
			continue // which the kind says
		}
		was, is := strings.Split(f.Accepted, "\n"), strings.Split(f.Current, "\n")
		label := f.Name
		for i, lines := range [][]string{was, is} {
			for _, line := range lines {
				if line != "" {
					fmt.Fprintf(b, "%s%-8s %c %s\n", indent, label, "-+"[i], format.Clean(line))
					label = ""
				}
			}
		}
	}
}

// Title is the change in one line, without its kind. It may hold text from the capture.
func (c *Change) Title() string {
	switch entry := c.entry().(type) {
	case Finding:
		return entry.heading()
	case Outcome:
		return c.ruleTitle(entry)
	case Document:
		return "document " + c.Key
	case Name:
		return c.Key + c.fieldList()
	}
	return string(c.Subject) + ": " + c.Key
}

func (c *Change) ruleTitle(entry Outcome) string {
	title := "rule " + c.Key
	switch c.Kind {
	case New, Gone:
		return title + ": " + stateText(entry)
	case Crashed:
		return title + " stopped with an error of its own; report it as a mistake in restate-lint"
	}
	before, _ := c.Accepted.(Outcome)
	if before.Revision != entry.Revision {
		title += fmt.Sprintf(" judges otherwise (revision %d -> %d)", before.Revision, entry.Revision)
		if entry.same(Outcome{Rule: entry.Rule, State: before.State, Missing: before.Missing, Revision: entry.Revision}) {
			return title
		}
	}
	return title + ": " + stateText(before) + " -> " + stateText(entry)
}

func stateText(o Outcome) string {
	if len(o.Missing) > 0 && o.State == analyze.Undecided {
		return string(o.State) + " for lack of " + strings.Join(o.Missing, ", ")
	}
	return string(o.State)
}

func (c *Change) fieldList() string {
	text, separator := "", ": "
	for _, f := range c.Fields {
		name := f.Name + " "
		if name == "value " {
			name = ""
		}
		text += fmt.Sprintf("%s%s%s -> %s", separator, name, orNothing(f.Accepted), orNothing(f.Current))
		separator = ", "
	}
	return text
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// Summary counts what the report says: "1 error, 7 warnings, 0 notes; 3 rules undecided", and "(2 suppressed)" behind the
// notes if there are such findings.
func (g *Golden) Summary() string {
	counts := make(map[rules.Severity]int)
	suppressed := ""
	n := 0
	for i := range g.Findings {
		if g.Findings[i].Suppressed != "" {
			n++
			suppressed = fmt.Sprintf(" (%d suppressed)", n)
		} else {
			counts[g.Findings[i].Severity]++
		}
	}
	undecided := 0
	for _, o := range g.Outcomes {
		if o.State == analyze.Undecided {
			undecided++
		}
	}
	return fmt.Sprintf("%s, %s, %s%s; %s undecided", count(counts[rules.Error], "error"), count(counts[rules.Warning], "warning"),
		count(counts[rules.Note], "note"), suppressed, count(undecided, "rule"))
}

// Headlines is one line for each finding, or for the first few of a rule. It is safe to print on a terminal.
func (g *Golden) Headlines(all bool) string {
	var b strings.Builder
	writeChanges(&b, compare(AFinding, nil, g.Findings), all)
	return b.String()
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// Unified is a unified diff from one golden's canonical bytes to another's; empty when they are the same. It is safe to
// print on a terminal.
func Unified(accepted, current *Golden) string {
	old, now := string(accepted.Encode()), string(current.Encode())
	diff, err := udiff.ToUnified("accepted/"+File(accepted.Snapshot), "current/"+File(current.Snapshot), old, udiff.Lines(old, now), udiff.DefaultContextLines)
	if err != nil {
		panic(err) // the edits are those of the text
	}
	lines := strings.SplitAfter(diff, "\n")
	for i, line := range lines {
		if text, ok := strings.CutSuffix(line, "\n"); ok {
			lines[i] = format.Clean(text) + "\n"
		}
	}
	return strings.Join(lines, "")
}
