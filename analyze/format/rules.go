package format

import (
	"bytes"
	"fmt"
	"strings"

	"restate-lint/analyze"
	"restate-lint/rules"
)

// RuleTable lists rules, one on a line.
func RuleTable(w *bytes.Buffer, palette Palette, list []*rules.Rule) error {
	rows := make([][]string, len(list))
	for i, rule := range list {
		severity := palette.paint(severityStyles[rule.Severity], rule.Severity.String())
		rows[i] = []string{rule.ID, severity, string(rule.Category), rule.Summary}
	}
	for _, line := range Align(rows) {
		fmt.Fprintln(w, line)
	}
	return nil
}

// ruleJSON is a rule for machines.
type ruleJSON struct {
	ID       string         `json:"id"`
	Severity rules.Severity `json:"severity"`
	Category rules.Category `json:"category"`
	Summary  string         `json:"summary"`
	Needs    []string       `json:"needs"`
	Since    string         `json:"since,omitempty"`
	Options  []optionJSON   `json:"options,omitempty"`
	Doc      docJSON        `json:"doc"`
}

type optionJSON struct {
	Name    string `json:"name"`
	Default int64  `json:"default"`
	Min     int64  `json:"min"`
	Max     int64  `json:"max"`
	Doc     string `json:"doc"`
}

type docJSON struct {
	Checks   string   `json:"checks"`
	Why      string   `json:"why"`
	Legal    string   `json:"legal"`
	Fix      string   `json:"fix"`
	Evidence []string `json:"evidence"`
}

// RulesJSON writes rules with their documentation: {"rules": […]}.
func RulesJSON(w *bytes.Buffer, _ Palette, list []*rules.Rule) error {
	return encode(w, struct {
		Rules []ruleJSON `json:"rules"`
	}{documented(list)})
}

// documented are rules with their documentation.
func documented(list []*rules.Rule) []ruleJSON {
	all := []ruleJSON{}
	for _, rule := range list {
		doc := rule.Doc
		r := ruleJSON{ID: rule.ID, Severity: rule.Severity, Category: rule.Category, Summary: rule.Summary, Needs: []string{},
			Doc: docJSON{Checks: doc.Checks, Why: doc.Why, Legal: doc.Legal, Fix: doc.Fix, Evidence: append([]string{}, doc.Evidence...)}}
		for _, kind := range rule.Needs {
			r.Needs = append(r.Needs, string(kind))
		}
		if !rule.Since.IsZero() {
			r.Since = rule.Since.String()
		}
		for _, o := range rule.Options {
			r.Options = append(r.Options, optionJSON(o))
		}
		all = append(all, r)
	}
	return all
}

// ProfileTable lists the rules of a profile behind its thresholds.
func ProfileTable(w *bytes.Buffer, palette Palette, profile *analyze.Profile, list []*rules.Rule) error {
	fmt.Fprintf(w, "%s: %s\n\n", palette.paint(bold, profile.Name), profile.Summary)
	rows := [][]string{
		{"fail-on", profile.FailOn},
		{"show", profile.Show},
		{"require-complete", fmt.Sprint(profile.RequireComplete)},
	}
	if len(profile.Rules) > 0 {
		rows = append(rows, []string{"rules", strings.Join(profile.Rules, ", ")})
	}
	if len(profile.Skip) > 0 {
		rows = append(rows, []string{"skip", strings.Join(profile.Skip, ", ")})
	}
	if len(profile.Documents) > 0 {
		documents := make([]string, len(profile.Documents))
		for i, kind := range profile.Documents {
			documents[i] = string(kind)
		}
		rows = append(rows, []string{"only what needs", strings.Join(documents, ", ")})
	}
	rows = append(rows, []string{"chooses", fmt.Sprintf("%d of %d rules", len(list), len(rules.All()))})
	for _, line := range Align(rows) {
		fmt.Fprintln(w, "  "+line)
	}
	w.WriteByte('\n')
	return RuleTable(w, palette, list)
}

// ProfileJSON writes a profile and its rules: {"profile": …, "rules": […]}.
func ProfileJSON(w *bytes.Buffer, profile *analyze.Profile, list []*rules.Rule) error {
	return encode(w, struct {
		Profile *analyze.Profile `json:"profile"`
		Rules   []ruleJSON       `json:"rules"`
	}{profile, documented(list)})
}

// facts are the short facts about a rule.
func facts(rule *rules.Rule) [][]string {
	needs := make([]string, len(rule.Needs))
	for i, kind := range rule.Needs {
		needs[i] = string(kind)
	}
	since := "every release of Restate"
	if !rule.Since.IsZero() {
		since = "Restate " + rule.Since.String() + " and later"
	}
	list := [][]string{{"severity", rule.Severity.String()}, {"category", string(rule.Category)}}
	if len(needs) > 0 {
		list = append(list, []string{"needs", strings.Join(needs, ", ")})
	}
	return append(list, []string{"applies to", since})
}

// sections are the parts of a rule's documentation, in the order in which somebody with a finding wants them.
func sections(doc *rules.Doc) [][2]string {
	return [][2]string{
		{"What it checks", doc.Checks},
		{"Why it matters", doc.Why},
		{"When it is harmless", doc.Legal},
		{"What to do", doc.Fix},
	}
}

// optionRange says what an option is by default, and what it can be.
func optionRange(o rules.Option) string {
	return fmt.Sprintf("Default: %d; from %d to %d.", o.Default, o.Min, o.Max)
}

// ExplainText prints the whole documentation of a rule for a terminal.
func ExplainText(w *bytes.Buffer, palette Palette, rule *rules.Rule) {
	fmt.Fprintf(w, "%s: %s\n\n", palette.paint(bold, rule.ID), rule.Summary)
	for _, line := range Align(facts(rule)) {
		fmt.Fprintln(w, "  "+line)
	}
	for _, section := range sections(&rule.Doc) {
		fmt.Fprintf(w, "\n%s\n", palette.paint(bold, section[0]))
		for paragraph := range strings.SplitSeq(section[1], "\n") {
			for _, line := range wrap(strings.ReplaceAll(paragraph, "**", ""), lineWidth-2) {
				fmt.Fprintln(w, strings.TrimRight("  "+line, " "))
			}
		}
	}
	if len(rule.Options) > 0 {
		fmt.Fprintf(w, "\n%s\n", palette.paint(bold, "Options"))
	}
	for _, o := range rule.Options {
		for i, line := range wrap(o.Name+": "+o.Doc+" "+optionRange(o), lineWidth-4) {
			fmt.Fprintln(w, [2]string{"  - ", "    "}[min(i, 1)]+line)
		}
	}
	fmt.Fprintf(w, "\n%s\n", palette.paint(bold, "Evidence"))
	for _, source := range rule.Doc.Evidence {
		for i, line := range wrap(source, lineWidth-4) {
			fmt.Fprintln(w, [2]string{"  - ", "    "}[min(i, 1)]+line)
		}
	}
}

// ReferenceMarkdown prints the beginning of the rule reference: a title and a table of the rules that follow.
func ReferenceMarkdown(w *bytes.Buffer, all []*rules.Rule) {
	fmt.Fprintf(w, "# Rules\n\nThis is what `restate-lint explain --all --format markdown` prints.\n\n| rule | severity | found when |\n|---|---|---|\n")
	for _, rule := range all {
		fmt.Fprintf(w, "| [`%s`](#%[1]s) | %v | %s |\n", rule.ID, rule.Severity, rule.Summary)
	}
	fmt.Fprintln(w)
}

// ExplainMarkdown prints the whole documentation of a rule as Markdown.
func ExplainMarkdown(w *bytes.Buffer, _ Palette, rule *rules.Rule) {
	fmt.Fprintf(w, "## `%s`\n\n%s.\n\n", rule.ID, sentence(rule.Summary))
	for _, fact := range facts(rule) {
		fmt.Fprintf(w, "- %s: %s\n", fact[0], fact[1])
	}
	for _, section := range sections(&rule.Doc) {
		fmt.Fprintf(w, "\n### %s\n\n%s\n", section[0], section[1])
	}
	if len(rule.Options) > 0 {
		fmt.Fprint(w, "\n### Options\n\n")
	}
	for _, o := range rule.Options {
		fmt.Fprintf(w, "- `%s`: %s %s\n", o.Name, o.Doc, optionRange(o))
	}
	fmt.Fprint(w, "\n### Evidence\n\n")
	for _, source := range rule.Doc.Evidence {
		fmt.Fprintf(w, "- %s\n", source)
	}
}

// sentence is a text with a capital letter at its start.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
