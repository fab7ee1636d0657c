package format

import (
	"fmt"
	"strconv"
	"strings"

	"restate-lint/analyze"
)

// sources prints what was read, and the stores that it came from.
func (p *printer) sources(d *analyze.Description) {
	p.line("")
	p.line(p.Palette.paint(bold, "documents"))
	p.table([]string{"DOCUMENT", "VERSION", "BYTES", "SOURCE", "OF", "REMARK"}, len(d.Sources), func(i int) []string {
		s := &d.Sources[i]
		version, remark := "", ""
		if s.Version > 0 {
			version = fmt.Sprintf("v%d", s.Version)
		}
		switch {
		case s.Instead != "":
			remark = s.Instead + " is used"
		case !s.Complete:
			remark = "incomplete"
		}
		return []string{s.Kind, version, thousands(int(s.Bytes)), s.Source, s.Store, remark}
	}, "--all shows them")
	if len(d.Stores) == 0 {
		return
	}
	p.line("")
	p.line(p.Palette.paint(bold, "stores"))
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	p.table([]string{"STORE", "KIND", "FORMAT", "BYTES", "KEYS", "OLDER-VALUES", "OTHER-KEYS", "LOGLETS", "PROBLEMS"}, len(d.Stores), func(i int) []string {
		s := &d.Stores[i]
		return []string{s.Store, s.Kind, s.Format, thousands(int(s.Bytes)), number(s.Values), number(s.History), number(s.Others), number(s.Loglets), number(s.Problems)}
	}, "--all shows them")
	for i := range d.Stores {
		if members := d.Stores[i].Members; len(members) > 0 {
			p.servers(members)
		}
	}
}

// servers prints the directories of metadata servers.
func (p *printer) servers(members []analyze.MetadataServerDescription) {
	p.line("")
	p.line(p.Palette.paint(bold, "metadata servers"))
	p.table([]string{"DIRECTORY", "NODE", "NAME", "CLUSTER", "LAST-ENTRY", "TERM", "BYTES", "REMARK"}, len(members), func(i int) []string {
		m := &members[i]
		var remarks []string
		for _, remark := range []struct {
			holds bool
			text  string
		}{
			{m.Used, "used"}, {m.Foreign, "of another cluster"}, {m.Differs, "differs"}, {m.Behind > 0, fmt.Sprintf("%d behind", m.Behind)},
			{m.Torn, "ends within a record"}, {m.Standby, "standby"},
		} {
			if remark.holds {
				remarks = append(remarks, remark.text)
			}
		}
		return []string{
			m.Directory, m.Node, m.NodeName, m.ClusterName, strconv.FormatUint(m.LastEntry, 10), strconv.FormatUint(m.Term, 10),
			thousands(int(m.Bytes)), strings.Join(remarks, ", "),
		}
	}, "--all shows them")
}
