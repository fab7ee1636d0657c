package format

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"restate-lint/analyze"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// DescribeJSON writes a description for machines, as JSON does a report.
func DescribeJSON(w io.Writer, d *analyze.Description) error { return encode(w, d) }

// Describe prints a description for people. Big clusters are cut unless All is set.
func (t Text) Describe(w io.Writer, d *analyze.Description) error {
	p := &printer{Text: t, w: bufio.NewWriter(w)}
	for _, line := range inventoryLines(d.ClusterName, d.Documents, d.Gaps, &d.Inventory) {
		p.line(line)
	}
	if d.Sources != nil {
		p.sources(d)
	}
	if d.Nodes != nil {
		p.nodes(d)
	}
	if d.Logs != nil {
		p.logs(d)
	}
	if d.Partitions != nil {
		p.partitions(d)
	}
	if d.Log != nil {
		p.chain(d.Log)
	}
	if d.Loglet != nil {
		p.loglet(d.Loglet)
	}
	p.listGaps(relevantGaps(d))
	return p.w.Flush()
}

// relevantGaps are the gaps that matter for what is shown: one log or loglet needs two documents only.
func relevantGaps(d *analyze.Description) []analyze.Gap {
	if d.Sources != nil || d.Nodes != nil || d.Logs != nil || d.Partitions != nil {
		return d.Gaps
	}
	return slices.DeleteFunc(slices.Clone(d.Gaps), func(gap analyze.Gap) bool {
		return gap.Source == "" && gap.Kind != string(snapshots.NodesConfig) && gap.Kind != string(snapshots.BifrostConfig)
	})
}

// rowsShown bounds tables.
const rowsShown = 40

// table prints rows of at most n, in columns under their names. What is beyond rowsShown is counted, with a hint. A
// column that is empty in every row is left out.
func (p *printer) table(names []string, n int, row func(int) []string, hint string) {
	shown := n
	if !p.All {
		shown = min(n, rowsShown)
	}
	rows := make([][]string, shown)
	used := make([]bool, len(names))
	for i := range rows {
		rows[i] = row(i)
		for k, cell := range rows[i] {
			rows[i][k] = Clean(cell)
			used[k] = used[k] || cell != ""
		}
	}
	rows = slices.Insert(rows, 0, names)
	for i, row := range rows {
		var cells []string
		for k, cell := range row {
			if used[k] {
				cells = append(cells, cmp.Or(cell, "-"))
			}
		}
		rows[i] = cells
	}
	for _, line := range Align(rows) {
		p.line("  ", line)
	}
	if shown < n {
		p.line("  … and ", thousands(n-shown), " more: ", hint)
	}
}

func (p *printer) heading(title string, source snapshots.Kind, documents []analyze.Document) {
	for _, d := range documents {
		if d.Kind == string(source) {
			title += " (" + versioned(d) + ")"
		}
	}
	p.line("")
	p.line(p.Palette.paint(bold, title))
}

func (p *printer) nodes(d *analyze.Description) {
	p.heading("nodes", snapshots.NodesConfig, d.Documents)
	names := []string{"NODE", "NAME", "CLASS", "GEN", "STORAGE", "WORKER", "METADATA", "LOCATION", "RELEASE", "IN-OPEN", "IN-SEALED", "SEQUENCES", "ROLES", "ADDRESS"}
	p.table(names, len(d.Nodes), func(i int) []string {
		n := &d.Nodes[i]
		generation, open, sealed, sequences := "", "", "", ""
		if n.Generation > 0 {
			generation = strconv.FormatUint(uint64(n.Generation), 10)
		}
		if n.Use != nil {
			open, sealed, sequences = strconv.Itoa(n.Use.Open), strconv.Itoa(n.Use.Sealed), strconv.Itoa(n.Use.Sequencer)
		}
		return []string{n.Node, n.Name, n.Class, generation, n.StorageState, n.WorkerState, n.MetadataState, n.Location, n.Release,
			open, sealed, sequences, strings.Join(n.Roles, ","), n.Address}
	}, "--all shows them")
}

func (p *printer) logs(d *analyze.Description) {
	p.heading("logs", snapshots.BifrostConfig, d.Documents)
	if d.Provider != nil {
		text := "  new segments: " + d.Provider.Kind
		if d.Provider.Replication != "" {
			size := "automatic"
			if d.Provider.TargetNodesetSize > 0 {
				size = strconv.Itoa(int(d.Provider.TargetNodesetSize))
			}
			text += ", replication " + d.Provider.Replication + ", nodeset size " + size
		}
		p.line(Clean(text))
	}
	names := []string{"LOG", "SEGMENTS", "HEAD-LSN", "TAIL", "FROM-LSN", "STATE", "KIND", "LOGLET", "REPLICATION", "SEQUENCER", "NODESET"}
	p.table(names, len(d.Logs), func(i int) []string {
		log := &d.Logs[i]
		row := []string{number(log.Log), strconv.Itoa(log.Segments), "", "", "", "", "", "", "", "", ""}
		if tail := log.Tail; tail != nil {
			row = append(append(row[:2], number(*log.HeadLSN), number(tail.Segment), number(tail.FromLSN)), p.segmentCells(tail)...)
		}
		return row
	}, "--all shows them, --log N one with its chain")
}

// segmentCells are what tables of segments have in common: state, kind, loglet, replication, sequencer, nodeset.
func (p *printer) segmentCells(s *analyze.SegmentDescription) []string {
	nodeset := p.memberList(s.Nodeset)
	if s.Defect != "" {
		nodeset = "cannot be decoded: " + s.Defect
	}
	return []string{s.State, s.Kind, s.Loglet, s.Replication, runWithRelation(s.Sequencer), nodeset}
}

// runWithRelation is "N1:2" for a current one, and "N1:2 (older generation)" otherwise.
func runWithRelation(s *analyze.SequencerDescription) string {
	switch {
	case s == nil:
		return ""
	case s.Relation == analyze.CurrentGeneration:
		return s.Node
	}
	return s.Node + " (" + string(s.Relation) + ")"
}

// membersShown is how many members of a nodeset are listed in a table, unless they are special.
const membersShown = 8

// memberList is "[N1, N3, N4 (removed)]": the plain members have no label.
func (p *printer) memberList(members []analyze.MemberDescription) string {
	if members == nil {
		return ""
	}
	usual := cluster.Active.String()
	if undetermined := cluster.Undetermined.String(); !slices.ContainsFunc(members, func(m analyze.MemberDescription) bool { return m.Class != undetermined }) {
		usual = undetermined
	}
	var list []string
	plain, special := 0, 0
	for _, m := range members {
		switch {
		case m.Label != usual:
			if special++; special <= membersShown || p.All {
				list = append(list, m.Node+" ("+m.Label+")")
			}
		default:
			if plain++; plain <= membersShown || p.All || len(members) <= 2*membersShown {
				list = append(list, m.Node)
			}
		}
	}
	if left := len(members) - len(list); left > 0 {
		list = append(list, fmt.Sprintf("… %d more", left))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func (p *printer) partitions(d *analyze.Description) {
	p.heading("partitions", snapshots.PartitionTable, d.Documents)
	names := []string{"PARTITION", "LOG", "EPOCH", "LEADER", "REPLICATION", "REPLICAS", "NEXT", "POLICIES", "FIRST-KEY", "LAST-KEY"}
	p.table(names, len(d.Partitions), func(i int) []string {
		partition := &d.Partitions[i]
		log, epoch := "", ""
		if partition.Log != nil {
			log = number(*partition.Log)
		}
		if partition.Epoch > 0 {
			epoch = partition.Epoch.String()
		}
		return []string{number(partition.Partition), log, epoch, runWithRelation(partition.Leader), partition.Replication,
			p.memberList(partition.ReplicaSet), p.memberList(partition.Next), policies(partition.Policies), partition.FirstKey, partition.LastKey}
	}, "--all shows them")
}

// policies is "placement frozen (hardware swap), leader pinned to N4".
func policies(described *analyze.PolicyDescription) string {
	if described == nil {
		return ""
	}
	var list []string
	frozen := func(what string, reason *string) {
		switch {
		case reason == nil:
		case *reason == "":
			list = append(list, what+" frozen")
		default:
			list = append(list, what+" frozen ("+Clean(*reason)+")")
		}
	}
	frozen("placement", described.PlacementFrozen)
	frozen("leadership", described.LeadershipFrozen)
	if described.LeaderPinnedTo != "" {
		list = append(list, "leader pinned to "+Clean(described.LeaderPinnedTo))
	}
	return strings.Join(list, ", ")
}

func (p *printer) chain(log *analyze.LogDescription) {
	p.line("")
	p.line(p.Palette.paint(bold, fmt.Sprintf("log %d", log.Log)), ": ", count(log.Segments, "segment"))
	names := []string{"SEGMENT", "FROM-LSN", "TO-LSN", "STATE", "KIND", "LOGLET", "REPLICATION", "SEQUENCER", "NODESET"}
	// The newest segments matter most, so a long chain is cut at its head.
	first := 0
	if len(log.Chain) > rowsShown && !p.All {
		first = len(log.Chain) - rowsShown
		p.line("  … ", count(first, "older segment"), ": --all shows them")
	}
	chain := log.Chain[first:]
	p.table(names, len(chain), func(i int) []string {
		s := &chain[i]
		to := "…"
		if s.ToLSN != nil {
			to = number(*s.ToLSN)
			if *s.ToLSN < s.FromLSN {
				to = "empty"
			}
		}
		return append([]string{number(s.Segment), number(s.FromLSN), to}, p.segmentCells(s)...)
	}, "")
}

func number[T ~uint16 | ~uint32 | ~uint64](n T) string { return strconv.FormatUint(uint64(n), 10) }
