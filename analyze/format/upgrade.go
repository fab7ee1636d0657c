package format

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"restate-lint/analyze/upgrade"
	"restate-lint/rules"
)

// UpgradeSchema is the JSON Schema (draft 2020-12) of what UpgradeJSON writes.
//
//go:embed upgrade.schema.json
var UpgradeSchema []byte

// UpgradeJSON writes a report for machines, by the same rules as JSON. The report has to be located.
func UpgradeJSON(w io.Writer, report *upgrade.Report) error { return encode(w, report) }

// Upgrade prints a report for people: the verdict first, then what stands in the way, then what to do. The report has to
// be located.
func (t Text) Upgrade(w *bytes.Buffer, r *upgrade.Report) {
	to := r.To
	if r.Preview {
		to += " (preview)"
	}
	var what string
	switch {
	case r.To != "" && r.RollbackTo != "":
		what = fmt.Sprintf("upgrade to %s with a way back to %s", to, r.RollbackTo)
	case r.To != "":
		what = "upgrade to " + to
	default:
		what = "rollback to " + r.RollbackTo
	}
	name := Clean(r.ClusterName)
	if name == "" {
		name = "of unknown name"
	}
	colour := green
	if r.Verdict == upgrade.NoGo {
		colour = boldRed
	}
	line := func(prefix, text string) { hang(w, prefix, text) }
	verdict := string(r.Verdict)
	if r.Verdict == upgrade.Go && len(r.Undecided) > 0 {
		verdict += ", as far as was captured"
	}
	fmt.Fprintf(w, "%s: %s of cluster %s\n", t.Palette.paint(colour, verdict), Clean(what), name)
	if r.Preview {
		line("", r.To+" is not released: what is known of it is a preview")
	}
	if r.Already {
		line("", "all nodes run "+r.To+" already")
	}
	switch {
	case r.Verdict == upgrade.NoGo && len(r.Blockers) == 0:
		line("", verb(len(r.Undecided), "point is", "points are")+" undecided, and everything has to be decided; nothing that was captured stands in the way")
	case r.Verdict == upgrade.NoGo:
		line("", fmt.Sprintf("%s in the way", verb(len(r.Blockers), "thing stands", "things stand")))
	case len(r.Undecided) > 0:
		line("", verb(len(r.Undecided), "point is", "points are")+" undecided; nothing that was captured stands in the way")
	default:
		line("", "nothing stands in the way")
	}
	from := r.From
	if from == "" {
		from = "unknown"
	}
	fmt.Fprintf(w, "\nrunning   %s\n", Clean(from))
	for _, evidence := range r.FromEvidence {
		line("          ", Clean(evidence))
	}
	if r.WayBack != "" {
		line("way back  ", Clean(r.WayBack))
	}
	t.upgradeItems(w, "blocker", boldRed, r.Blockers)
	t.upgradeItems(w, "warning", boldGold, r.Warnings)
	if len(r.Undecided) > 0 {
		fmt.Fprintf(w, "\n%s\n", t.Palette.paint(bold, "undecided, for lack of evidence:"))
		for _, item := range gathered(r.Undecided) {
			line("  ", Clean(item.Check)+named(item)+": "+Clean(item.Message))
			line("      missing   ", Clean(item.Missing))
		}
	}
	if len(r.Steps) > 0 {
		fmt.Fprintf(w, "\n%s\n", t.Palette.paint(bold, "in this order:"))
	}
	for i, step := range r.Steps {
		line(fmt.Sprintf("%3d. ", i+1), Clean(step.Says))
		for _, do := range step.Do {
			hangStep(w, "     - ", Clean(do))
		}
	}
}

// gathered puts items about rules that lack the same into one, where the first of them stood.
func gathered(items []upgrade.Item) (list []upgrade.Item) {
	const degraded = "upgrade-while-degraded"
	at := make(map[string]int)
	names := make(map[string][]string)
	for _, item := range items {
		i, seen := at[item.Missing]
		switch {
		case item.Check != degraded || rules.Find(item.Row) == nil:
			list = append(list, item)
			continue
		case seen:
			list[i].Message, list[i].Row = "whether these rules find something: ", ""
		default:
			at[item.Missing] = len(list)
			list = append(list, item)
		}
		names[item.Missing] = append(names[item.Missing], item.Row)
	}
	for missing, i := range at {
		if len(names[missing]) > 1 {
			list[i].Message += strings.Join(names[missing], ", ")
		}
	}
	return list
}

// named is the row of an item, where it says more than the check.
func named(item upgrade.Item) string {
	if item.Row == "" || item.Row == item.Check {
		return ""
	}
	return " (" + Clean(item.Row) + ")"
}

func verb(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// hang prints a text behind a prefix, and goes on below its start.
func hang(w *bytes.Buffer, prefix, text string) {
	hangLines(w, prefix, wrap(text, lineWidth-columns(prefix)))
}

func hangLines(w *bytes.Buffer, prefix string, lines []string) {
	for _, line := range lines {
		fmt.Fprintln(w, prefix+line)
		prefix = strings.Repeat(" ", columns(prefix))
	}
}

// hangStep prints a step behind a prefix: a command as it is, to be copied, and a comment with its mark on every line.
func hangStep(w *bytes.Buffer, prefix, step string) {
	text, comment := strings.CutPrefix(step, commentMark)
	switch {
	case strings.HasPrefix(step, "restatectl "), strings.HasPrefix(step, "restate-lint "):
		fmt.Fprintln(w, prefix+step)
	case comment:
		hangLines(w, prefix, commentLines(text, lineWidth-columns(prefix)))
	default:
		hang(w, prefix, step)
	}
}

func (t Text) upgradeItems(w *bytes.Buffer, word string, colour style, items []upgrade.Item) {
	for _, item := range items {
		fmt.Fprintln(w)
		step := ""
		if item.Step != "" {
			step = " " + item.Step
		}
		for i, part := range wrap(fmt.Sprintf("[%s]%s: %s", Clean(item.Check), step, Clean(item.Message)), lineWidth-len(word)) {
			if i == 0 {
				part = t.Palette.paint(colour, word) + part
			} else {
				part = "    " + part
			}
			fmt.Fprintln(w, part)
		}
		for _, l := range item.Locations {
			fmt.Fprintf(w, "  --> %s:%d:%d\n", Clean(l.Source), l.Line, l.Column)
		}
		if item.Row != "" && item.Row != item.Check {
			hang(w, "    = row       ", Clean(item.Row))
		}
		if item.Observed != "" {
			hang(w, "    = observed  ", Clean(item.Observed))
		}
		for i, do := range item.Remedy {
			hangStep(w, [2]string{"    = fix       ", "                "}[min(i, 1)], Clean(do))
		}
		for i, evidence := range item.Evidence {
			hang(w, [2]string{"    = evidence  ", "                "}[min(i, 1)], Clean(evidence))
		}
	}
}
