package format

import (
	"bufio"
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"restate-lint/analyze"
)

// SurveySchema is the JSON Schema (draft 2020-12) of what SurveyJSON writes.
//
//go:embed survey.schema.json
var SurveySchema []byte

// SurveyJSON writes a survey for machines: one object, with each node, set and row of the matrix on a line.
func SurveyJSON(w io.Writer, v *analyze.Survey) error {
	o := newObjectWriter(w)
	o.fields("schema_version", v.SchemaVersion, "tool", v.Tool, "name", v.Name, "cluster_name", v.ClusterName, "without", v.Without)
	list(o, "nodes", slices.Values(v.Nodes), appendCleanValue[analyze.Radius])
	list(o, "zones", slices.Values(v.Zones), appendCleanValue[analyze.Radius])
	list(o, "regions", slices.Values(v.Regions), appendCleanValue[analyze.Radius])
	o.name("smallest_sets")
	separator := "{"
	for _, kind := range smallestSets(v) {
		o.text(separator + "\n    \"" + kind.field + "\": ")
		separator = ","
		if kind.sets == nil {
			o.text("null")
			continue
		}
		listItems(o, "    ", kind.sets.All(), appendNames)
	}
	o.text("\n  }")
	o.name("matrix")
	if v.Matrix == nil {
		o.text("null")
	} else {
		o.text("{\n    \"columns\": ")
		listItems(o, "    ", v.Matrix.Columns(), appendValue[analyze.MatrixColumn])
		o.text(",\n    \"rows\": ")
		listItems(o, "    ", v.Matrix.Rows(math.MaxInt), appendValue[analyze.MatrixRow])
		o.text(",\n    \"cells\": ")
		meanings := make(map[string]string)
		for _, meaning := range analyze.CellMeanings {
			meanings[meaning[0]] = meaning[1]
		}
		o.raw(appendValue(nil, meanings))
		o.text("\n  }")
	}
	o.fields("already_lost", v.AlreadyLost, "undecided", v.Undecided, "gaps", v.Gaps)
	return o.close()
}

func appendNames(line []byte, names []string) []byte {
	for i, name := range names {
		line = append(append(append(line, `[,`[min(i, 1)]), '"'), name...)
		line = append(line, '"')
	}
	return append(line, ']')
}

// A namedSets is one kind of smallest sets, with the words for it.
type namedSets struct {
	field, label string
	counted      bool // by the logs that a set takes
	sets         *analyze.NodeSets
	none         string // why there can be no set; empty where there can
}

func smallestSets(v *analyze.Survey) []namedSets {
	var noWrites, noSeals string
	logs, lost := v.Inventory.Logs, &v.AlreadyLost
	if logs > 0 && len(lost.Sealed)+len(lost.Writes) == logs {
		noWrites = "no log takes records as it is"
	}
	if logs > 0 && len(lost.Sealed)+len(lost.Seals) == logs {
		noSeals = "no log has an open segment that can be sealed"
	}
	return []namedSets{
		{"writes", "stop writes", true, v.Smallest.Writes, noWrites},
		{"sealing", "stop sealing", true, v.Smallest.Seals, noSeals},
		{"leaders", "no leader", false, v.Smallest.Leaders, ""},
		{"metadata", "no metadata quorum", false, v.Smallest.Metadata, ""},
	}
}

// Survey prints a survey for people.
func (t Text) Survey(w io.Writer, v *analyze.Survey) error {
	p := &printer{Text: t, w: bufio.NewWriter(w)}
	for _, line := range inventoryLines(v.ClusterName, v.Documents, v.Gaps, &v.Inventory) {
		p.line(line)
	}
	p.line("")
	p.alreadyLost(&v.AlreadyLost, v.Inventory.Logs)
	p.wrapped(p.Palette.paint(bold, "survey")+": ", surveySentence(v))
	p.smallest(v)
	p.radii("NODE", "each node alone", v.Nodes)
	p.radii("ZONE", "each zone", v.Zones)
	p.radii("REGION", "each region", v.Regions)
	if v.Matrix != nil && v.Matrix.Len() > 0 {
		p.matrix(v)
	}
	p.undecidedParts(v.Undecided)
	p.listGaps(v.Gaps)
	return p.w.Flush()
}

// surveySentence says the most important thing in one sentence.
func surveySentence(v *analyze.Survey) string {
	with := ""
	if len(v.Without) > 0 {
		with = "without " + nodeList(v.Without) + ", "
	}
	if v.AlreadyLost.Any() {
		with += "for the rest, "
	}
	history := ""
	if slices.ContainsFunc(v.Nodes, func(r analyze.Radius) bool { return r.History > 0 }) {
		history = "; some sealed segments do not survive the loss of one"
	}
	switch least := v.Smallest.Least(); least {
	case 0:
		return with + "no loss of up to three nodes stops anything that works now" + history
	case 1:
		return with + "the loss of a single node can be too much"
	default:
		return with + fmt.Sprintf("any %s can be lost, but not any %d", [...]string{2: "node", 3: "two nodes"}[least], least) + history
	}
}

// alreadyLost prints what does not work as it is, of a cluster with so many logs.
func (p *printer) alreadyLost(lost *analyze.AlreadyLost, logs int) {
	var parts []string
	if n := len(lost.Sealed); n > 0 {
		text := "%s of %s take no records: their chains end sealed (%s)"
		if n == 1 {
			text = "%s of %s takes no records: its chain ends sealed (%s)"
		}
		parts = append(parts, fmt.Sprintf(text, thousands(n), count(logs, "log"), numberList(numbers(lost.Sealed))))
	}
	if n := len(lost.Writes); n > 0 {
		parts = append(parts, fmt.Sprintf("%s cannot be written (%s)", count(n, "log"), numberList(numbers(lost.Writes))))
	}
	if n := len(lost.Seals); n > 0 {
		parts = append(parts, fmt.Sprintf("%s cannot be sealed (%s)", count(n, "log"), numberList(numbers(lost.Seals))))
	}
	if lost.History > 0 {
		parts = append(parts, count(lost.History, "sealed segment")+" without an f-majority")
	}
	if n := len(lost.Leaders); n > 0 {
		parts = append(parts, fmt.Sprintf("%s without a possible leader (%s)", count(n, "partition"), numberList(numbers(lost.Leaders))))
	}
	if lost.Metadata {
		parts = append(parts, "the metadata store has no quorum")
	}
	if len(parts) > 0 {
		p.wrapped(p.Palette.paint(boldRed, "already lost")+": ", strings.Join(parts, ", ")+"; what follows is about the rest")
	}
}

func numbers[T ~uint32](list []T) []uint64 {
	result := make([]uint64, len(list))
	for i, n := range list {
		result[i] = uint64(n)
	}
	return result
}

// Bounds of the smallest sets that are printed of one kind: usually, and with All. There may be a million.
const (
	setsShown     = 6
	manySetsShown = 1000
)

func (p *printer) smallest(v *analyze.Survey) {
	p.line("")
	p.line(p.Palette.paint(bold, "smallest sets whose loss is one too many"), " (up to three nodes)")
	most := setsShown
	if p.All {
		most = manySetsShown
	}
	for _, kind := range smallestSets(v) {
		var sets []string
		prefix := ""
		if kind.counted {
			worst, compared := v.Worst(kind.sets, most)
			if !compared {
				prefix = "for example "
			}
			for _, set := range worst {
				logs := strings.ReplaceAll(count(set.Logs, "log"), " ", hardSpace)
				sets = append(sets, strings.Join(set.Nodes, "+")+hardSpace+"("+logs+")")
			}
		} else {
			for names := range kind.sets.All() {
				if len(sets) == most {
					break
				}
				sets = append(sets, strings.Join(names, "+"))
			}
		}
		text := "none"
		switch {
		case kind.sets == nil:
			text = "not known"
		case kind.none != "":
			text = "none: " + kind.none
		case len(sets) > 0:
			text = prefix + strings.Join(sets, ", ")
		}
		if more := kind.sets.Len() - len(sets); more > 0 {
			text += ", … " + thousands(more) + hardSpace + "more"
		}
		p.wrapped(fmt.Sprintf("  %-19s ", kind.label), text)
	}
}

// radii prints what is lost with each of some domains: those that take most first.
func (p *printer) radii(name, title string, radii []analyze.Radius) {
	if len(radii) == 0 {
		return
	}
	p.line("")
	p.line(p.Palette.paint(bold, "lost with "+title))
	sorted := worstFirst(radii)
	names := []string{name, "NODES", "LOCATION", "STORAGE", "IN-TAILS", "NO-WRITES", "UNSEALABLE", "HISTORY", "NO-LEADER", "METADATA"}
	p.table(names, len(sorted), func(i int) []string {
		r := &sorted[i]
		metadata := "kept"
		if r.Metadata {
			metadata = "LOST"
		}
		return []string{r.Node + r.Zone + r.Region, nodeRanges(r.Nodes), r.Location, r.StorageState, strconv.Itoa(r.Tails),
			countOrDot(r.Writes), countOrDot(r.Seals), countOrDot(r.History), countOrDot(r.Leaders), metadata}
	}, "--all shows them")
}

// countOrDot makes the numbers that matter stand out.
func countOrDot(n int) string {
	if n == 0 {
		return "."
	}
	return strconv.Itoa(n)
}

// worstFirst sorts by what is lost, and keeps the order of those that lose the same.
func worstFirst(radii []analyze.Radius) []analyze.Radius {
	sorted := slices.Clone(radii)
	slices.SortStableFunc(sorted, func(a, b analyze.Radius) int {
		metadata := 0
		if a.Metadata != b.Metadata {
			metadata = map[bool]int{true: 1, false: -1}[a.Metadata]
		}
		return -cmp.Or(metadata, cmp.Compare(a.Writes, b.Writes), cmp.Compare(a.Seals, b.Seals),
			cmp.Compare(a.Leaders, b.Leaders), cmp.Compare(a.History, b.History))
	})
	return sorted
}

// nodeRanges is "N1-N3, N7" of names in order, shortened.
func nodeRanges(names []string) string {
	e := entity{kind: nodeEntity}
	for _, name := range names {
		if id, err := strconv.ParseUint(strings.TrimPrefix(name, "N"), 10, 32); err == nil {
			e.extend(id)
		}
	}
	if len(e.numbers) == 0 {
		return ""
	}
	return e.String()
}

// columnsShown bounds the columns of a matrix, so that a row fits on a line.
const columnsShown = 64

// matrix prints nodes × logs. A column is a log, or, if there are many, a nodeset that some logs share.
func (p *printer) matrix(v *analyze.Survey) {
	p.line("")
	label, shown := "LOGS", columnsShown
	var heads []string
	var order []int // the column of the matrix for each column that is printed
	if v.Logs <= columnsShown {
		p.line(p.Palette.paint(bold, "nodes × logs"), ": what the loss of a node does to the open segment of each log")
		label, shown = "LOG", math.MaxInt
		heads, order = logColumns(v.Matrix)
	} else {
		p.line(p.Palette.paint(bold, "nodes × nodesets"), ": what the loss of a node does to the logs whose open segments share a nodeset")
		for column := range v.Matrix.Columns() {
			if len(heads) == columnsShown {
				break
			}
			order = append(order, len(heads))
			heads = append(heads, strconv.Itoa(len(column.Logs)))
		}
	}
	width := p.nameWidth(v, label)
	widest := p.matrixHeads(label, heads, width)
	p.matrixRows(v, slices.Collect(v.Matrix.Rows(shown)), order, width, widest)
	if more := v.Matrix.Len() - len(heads); label == "LOGS" && more > 0 {
		p.line("  … and ", count(more, "nodeset"), " more, none of more logs: --format json has them")
	}
	var legend []string
	for _, meaning := range analyze.CellMeanings {
		legend = append(legend, meaning[0]+hardSpace+strings.ReplaceAll(meaning[1], " ", hardSpace))
	}
	p.wrapped("  ", strings.Join(legend, "; "))
}

// logColumns gives each log its column, in the order of logs.
func logColumns(m *analyze.Matrix) (heads []string, order []int) {
	columnOf := make(map[uint64]int)
	number := 0
	for column := range m.Columns() {
		for _, log := range column.Logs {
			columnOf[uint64(log)] = number
		}
		number++
	}
	logs := make([]uint64, 0, len(columnOf))
	for log := range columnOf {
		logs = append(logs, log)
	}
	slices.Sort(logs)
	for _, log := range logs {
		heads, order = append(heads, strconv.FormatUint(log, 10)), append(order, columnOf[log])
	}
	return heads, order
}

func (p *printer) nameWidth(v *analyze.Survey, label string) int {
	width := len(label)
	for row := range v.Matrix.Rows(0) {
		width = max(width, len(row.Node))
	}
	return width
}

// matrixHeads prints the heads of the columns, from top to bottom where they do not fit beside each other. It returns how
// wide the columns are.
func (p *printer) matrixHeads(label string, heads []string, width int) (widest int) {
	height := 0
	for _, head := range heads {
		height = max(height, len(head))
	}
	if len("  ")+width+len("  ")+columnsWidth(len(heads), height) <= lineWidth {
		p.matrixLine(label, width, height, heads)
		return height
	}
	for line := range height {
		cells := make([]byte, len(heads))
		for i, head := range heads {
			cells[i] = ' '
			if at := line - (height - len(head)); at >= 0 {
				cells[i] = head[at]
			}
		}
		text := ""
		if line == height-1 {
			text = label
		}
		p.line(strings.TrimRight(fmt.Sprintf("  %-*s  %s", width, text, cells), " "))
	}
	return 1
}

// columnsWidth is how much room columns take: those of a single character stand side by side, others have a space between.
func columnsWidth(columns, widest int) int {
	if widest < 2 {
		return columns
	}
	return columns*(widest+1) - 1
}

// matrixLine prints a line of a matrix whose columns are so wide.
func (p *printer) matrixLine(name string, width, widest int, cells []string) {
	between := ""
	if widest > 1 {
		between = " "
	}
	aligned := make([]string, len(cells))
	for i, cell := range cells {
		aligned[i] = fmt.Sprintf("%*s", widest, cell)
	}
	p.line(fmt.Sprintf("  %-*s  %s", width, name, strings.Join(aligned, between)))
}

// matrixRows prints the rows, those of the nodes that take most first.
func (p *printer) matrixRows(v *analyze.Survey, rows []analyze.MatrixRow, order []int, width, widest int) {
	rank := make(map[string]int)
	for i, radius := range worstFirst(v.Nodes) {
		rank[radius.Node] = i - len(v.Nodes) // the others, unknown members, are 0: last
	}
	slices.SortStableFunc(rows, func(a, b analyze.MatrixRow) int { return cmp.Compare(rank[a.Node], rank[b.Node]) })
	for i, row := range rows {
		if i == rowsShown && !p.All {
			p.line("  … and ", count(len(rows)-i, "more node"), ": --all shows them")
			return
		}
		cells := make([]string, len(order))
		for k, column := range order {
			cells[k] = row.Cells[column : column+1]
		}
		p.matrixLine(row.Node, width, widest, cells)
	}
}
