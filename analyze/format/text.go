package format

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// Text prints results for people. The zero value prints everything, grouped and without colours.
type Text struct {
	Palette Palette
	// Show is the mildest severity of which findings are printed; milder ones are only counted.
	Show rules.Severity
	// All prints every finding in full, where otherwise only the first few of those with one cause are.
	All bool
	// ShowSuppressed prints the suppressed findings as well, behind the others; they are only counted otherwise.
	ShowSuppressed bool
	// Named puts the snapshot's name before, and a summary behind each result: for several snapshots.
	Named bool
}

var textFormat = Format{
	Name:  "text",
	Usage: "for people",
	New:   func(w io.Writer, options Options) Printer { return &textPrinter{text: options.Text, w: w} },
}

// A textPrinter prints results as soon as they are there.
type textPrinter struct {
	text Text
	w    io.Writer
}

func (p *textPrinter) Begin() error { return nil }

func (p *textPrinter) Result(r *analyze.Result) error {
	if p.text.All {
		return p.text.Result(p.w, r) // may be too much to keep
	}
	var whole bytes.Buffer
	err := p.text.Result(&whole, r)
	_, writeErr := p.w.Write(whole.Bytes())
	return errors.Join(err, writeErr)
}

// Failed prints nothing: who runs the program is told on standard error.
func (p *textPrinter) Failed(analyze.Failure) error { return nil }

func (p *textPrinter) End(total *Tally, took time.Duration) error {
	if total.Snapshots == 0 {
		return nil
	}
	return p.text.Summary(p.w, total, took)
}

// Result prints what was found in one snapshot. A result without findings and gaps is an inventory and nothing else.
// The lines of sources are read for the findings that are printed, and only for those.
func (t Text) Result(w io.Writer, r *analyze.Result) error {
	p := &printer{Text: t, w: bufio.NewWriter(w)}
	if t.Named {
		p.line(p.Palette.paint(bold, "== "+Clean(r.Name)+" =="))
	}
	p.inventory(r)
	p.findings(r)
	p.crashes(r)
	p.gaps(r)
	p.notChecked(r)
	if t.Named {
		tally := Tally{}
		tally.Add(r)
		p.line("")
		p.line(p.summary(&tally))
		p.line("")
	}
	return p.w.Flush()
}

// A printer prints one result. Errors of writing stick to its buffer and come out when it is flushed.
type printer struct {
	Text
	w *bufio.Writer
}

func (p *printer) line(parts ...string) {
	for _, part := range parts {
		_, _ = p.w.WriteString(part)
	}
	_ = p.w.WriteByte('\n')
}

// lineWidth is how wide lines are made where it is up to the printer.
const lineWidth = 110

// wrapped prints words behind a prefix, and goes on below the words when the line is full.
func (p *printer) wrapped(prefix, text string) {
	for _, line := range wrap(text, lineWidth-columns(prefix)) {
		p.line(prefix, line)
		prefix = strings.Repeat(" ", columns(prefix))
	}
}

// hanging prints words behind a prefix, and goes on a little to the right of the prefix's start when the line is full.
func (p *printer) hanging(prefix, text string) {
	lines := wrap(text, lineWidth-columns(prefix))
	p.line(prefix, lines[0])
	if len(lines) == 1 {
		return
	}
	indent := prefix[:len(prefix)-len(strings.TrimLeft(prefix, " "))] + "    "
	for _, line := range wrap(strings.Join(lines[1:], " "), lineWidth-len(indent)) {
		p.line(indent, line)
	}
}

// inventory prints what was captured.
func (p *printer) inventory(r *analyze.Result) {
	for _, line := range inventoryLines(r.ClusterName, r.Documents, r.Gaps, &r.Inventory) {
		p.line(line)
	}
}

// inventoryLines says what a snapshot holds, in two lines.
func inventoryLines(clusterName string, documents []analyze.Document, gaps []analyze.Gap, counts *analyze.Inventory) []string {
	name := "cluster " + Clean(clusterName)
	if clusterName == "" {
		name = "cluster of unknown name"
	}
	first := name + " · " + documentList(documents, gaps, counts)
	if release := releases(counts); release != "" {
		first += " · restate " + release
	}
	if counts.Unknown {
		return []string{first}
	}
	var held []string
	switch {
	case counts.Nodes < 0:
		held = append(held, "nodes not captured")
	case counts.Removed > 0:
		held = append(held, fmt.Sprintf("%s (%d active, %d removed)", count(counts.Nodes, "node"), counts.Active, counts.Removed))
	default:
		held = append(held, count(counts.Nodes, "node"))
	}
	if counts.Logs < 0 {
		held = append(held, "logs not captured")
	} else {
		held = append(held, count(counts.Logs, "log")+", "+count(counts.Segments, "segment"))
	}
	if counts.Partitions < 0 {
		held = append(held, "partitions not captured")
	} else {
		held = append(held, count(counts.Partitions, "partition"))
	}
	return []string{first, strings.Join(held, " · ")}
}

// mainKinds come first in the inventory, in this order.
var mainKinds = []snapshots.Kind{snapshots.NodesConfig, snapshots.BifrostConfig, snapshots.PartitionTable}

const epochPrefix = "pp_epoch_"

// documentList is "nodes_config v22, bifrost_config v28, partition_table v1, 4 of 4 epochs, schema_registry v3, 5 sql tables,
// 12 files of the snapshot repository".
func documentList(documents []analyze.Document, gaps []analyze.Gap, counts *analyze.Inventory) string {
	var list, others []string
	epochs, tables, markers, stored, logStores := 0, 0, 0, 0, 0
	for _, d := range documents {
		switch {
		case strings.HasPrefix(d.Kind, epochPrefix):
			epochs++
		case snapshots.Kind(d.Kind).Live():
			tables++
		case snapshots.Kind(d.Kind) == snapshots.ClusterMarker:
			markers++
		case snapshots.Kind(d.Kind) == snapshots.SnapshotRepository:
			stored++
		case snapshots.Kind(d.Kind) == snapshots.LogStore:
			logStores++
		case !slices.Contains(mainKinds, snapshots.Kind(d.Kind)):
			others = append(others, versioned(d)+incomplete(d, gaps))
		}
	}
	for _, kind := range mainKinds {
		for _, d := range documents {
			if d.Kind == string(kind) {
				list = append(list, versioned(d)+incomplete(d, gaps))
			}
		}
	}
	switch {
	case counts.Partitions >= 0 && (epochs > 0 || counts.Partitions > 0):
		list = append(list, fmt.Sprintf("%d of %s", epochs, count(counts.Partitions, "epoch")))
	case epochs > 0:
		list = append(list, count(epochs, "epoch"))
	}
	list = append(list, others...)
	if slices.ContainsFunc(gaps, func(g analyze.Gap) bool { return g.Kind == string(snapshots.SchemaRegistry) && isNull(g) }) {
		list = append(list, "no "+string(snapshots.SchemaRegistry))
	}
	if markers > 0 {
		list = append(list, count(markers, "cluster marker"))
	}
	if tables > 0 {
		list = append(list, count(tables, "sql table"))
	}
	if logStores > 0 {
		list = append(list, count(logStores, "log-server store"))
	}
	if stored > 0 {
		list = append(list, count(stored, "file")+" of the snapshot repository")
	}
	return strings.Join(list, ", ")
}

func versioned(d analyze.Document) string {
	if d.Version == 0 {
		return Clean(d.Kind)
	}
	return fmt.Sprintf("%s v%d", Clean(d.Kind), d.Version)
}

// incomplete marks a document that could not be read as a whole: what the inventory counts is then a part.
func incomplete(d analyze.Document, gaps []analyze.Gap) string {
	if slices.ContainsFunc(gaps, func(g analyze.Gap) bool { return g.Kind == d.Kind && g.Source == d.Source }) {
		return " (incomplete)"
	}
	return ""
}

func releases(counts *analyze.Inventory) string {
	switch {
	case counts.Nodes <= 0:
		return ""
	case len(counts.Releases) == 0:
		return "of unknown version"
	case counts.ReleasesUnknown:
		return Clean(strings.Join(counts.Releases, ", ")) + " and unknown"
	}
	return Clean(strings.Join(counts.Releases, ", "))
}

// crashes prints the rules that stopped on this snapshot. It is the tool's mistake, and must not go unnoticed.
func (p *printer) crashes(r *analyze.Result) {
	for _, o := range r.Outcomes {
		if o.State == analyze.Crashed {
			p.line("")
			p.hanging(p.Palette.paint(boldRed, "CRASHED["+o.Rule+"]")+": ", "the rule stopped on this snapshot, so more may be wrong than it says: "+Clean(o.Crash))
			p.line("this is a mistake in restate-lint itself: please report it")
		}
	}
}

// gapsShown bounds the list of gaps.
const gapsShown = 12

// gaps prints what could not be read. A document that was not captured at all is left out when a rule lacks it: it is
// named with the rule then.
func (p *printer) gaps(r *analyze.Result) {
	lacked := make(map[string]bool)
	for _, o := range r.Outcomes {
		for _, kind := range o.Missing {
			lacked[kind] = true
		}
	}
	var gaps []analyze.Gap
	for _, gap := range r.Gaps {
		if gap.Source != "" || !lacked[kindOf(gap.Kind)] {
			gaps = append(gaps, gap)
		}
	}
	p.listGaps(gaps)
	if slices.ContainsFunc(gaps, unreadable) {
		p.line("  this capture is incomplete: take it again, or check with --require-complete to be told by the exit code")
	}
}

// listGaps prints gaps; those of documents that nobody tried to capture go on one line.
func (p *printer) listGaps(gaps []analyze.Gap) {
	var never []string
	var lines []string
	for _, gap := range gaps {
		what := gap.Kind
		switch {
		case isUnused(gap):
			continue
		case gap.Source == "":
			never = append(never, Clean(what))
			continue
		case what == "":
			what = gap.Source
		default:
			what += " (" + gap.Source + ")"
		}
		lines = append(lines, Clean(what)+": "+Clean(gap.Reason))
	}
	if len(never) > 0 {
		lines = append(lines, "not captured: "+strings.Join(p.capped(never, gapsShown), ", "))
	}
	if len(lines) == 0 {
		return
	}
	p.line("")
	p.line(p.Palette.paint(bold, "gaps:"))
	for _, line := range p.capped(lines, gapsShown) {
		p.hanging("  ", line)
	}
}

// isUnused is true for what a healthy capture may lack: Restate writes the schema registry when the first deployment is
// registered, and restatectl prints null for it until then; and restatectl up to 1.7 cannot print the rule book at all.
func isUnused(gap analyze.Gap) bool {
	return gap.Kind == string(snapshots.SchemaRegistry) && isNull(gap) || gap.Kind == "rule_book"
}

// unreadable is true for a document that is there and cannot be read, and for one of the main kinds that was captured as
// null: every cluster has those.
func unreadable(gap analyze.Gap) bool {
	return gap.Source != "" && gap.Kind != "" && !isUnused(gap) && (!isNull(gap) || slices.Contains(mainKinds, snapshots.Kind(gap.Kind)))
}

// isNull reports whether a document was captured as null.
func isNull(gap analyze.Gap) bool { return strings.HasPrefix(gap.Reason, "null:") }

// capped cuts a list, and says so in its last place.
func (p *printer) capped(list []string, most int) []string {
	if len(list) <= most || p.All {
		return list
	}
	return append(slices.Clone(list[:most]), fmt.Sprintf("… and %s more", thousands(len(list)-most)))
}

// kindOf is the kind of document that a metadata key belongs to.
func kindOf(key string) string {
	if strings.HasPrefix(key, epochPrefix) {
		return string(snapshots.EpochMetadata)
	}
	return key
}

// rulesShown bounds the list of rules that were not checked for lack of one document; of a longer one there are examples.
const (
	rulesShown   = 6
	ruleExamples = 3
)

// notChecked prints the undecided rules by the documents that they lack, the most wanted first. A rule that lacks
// several is named at each.
func (p *printer) notChecked(r *analyze.Result) {
	var kinds []string
	lacking := make(map[string][]string)
	for _, o := range r.Outcomes {
		if o.State != analyze.Undecided {
			continue
		}
		for _, kind := range o.Missing {
			if lacking[kind] == nil {
				kinds = append(kinds, kind)
			}
			lacking[kind] = append(lacking[kind], o.Rule)
		}
	}
	if len(kinds) == 0 {
		return
	}
	slices.SortFunc(kinds, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(lacking[b]), len(lacking[a])), cmp.Compare(a, b))
	})
	labels := make([]string, len(kinds))
	width := 0
	for i, kind := range kinds {
		labels[i] = lack(r, kind)
		width = max(width, columns(labels[i]))
	}
	p.line("")
	p.line(p.Palette.paint(bold, "not checked"), ", for lack of")
	for i, kind := range kinds {
		names, most := lacking[kind], rulesShown
		if len(names) > most {
			most = ruleExamples
		}
		indent := "  " + labels[i] + strings.Repeat(" ", width-columns(labels[i])+2)
		for _, line := range wrap(strings.Join(p.capped(names, most), ", "), lineWidth-columns(indent)) {
			p.line(indent, line)
			indent = strings.Repeat(" ", width+4)
		}
	}
}

// lack names a document that is missing, and says what became of it: "nodes_config", "bifrost_config (incomplete)".
func lack(r *analyze.Result, kind string) string {
	has := func(key string) bool { return kindOf(key) == kind }
	switch {
	case slices.ContainsFunc(r.Documents, func(d analyze.Document) bool { return has(d.Kind) }):
		return Clean(kind) + " (incomplete)"
	case slices.ContainsFunc(r.Gaps, func(g analyze.Gap) bool { return has(g.Kind) && isNull(g) }):
		return Clean(kind) + " (null)"
	case slices.ContainsFunc(r.Gaps, func(g analyze.Gap) bool { return g.Source != "" && has(g.Kind) }):
		return Clean(kind) + " (unreadable)"
	}
	return Clean(kind)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}

// thousands prints a number with separators: 1,048,576.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
