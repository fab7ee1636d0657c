package format

import (
	"fmt"
	"strconv"

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
	p.table([]string{"STORE", "KIND", "FORMAT", "BYTES", "KEYS", "OLDER-VALUES", "OTHER-KEYS", "PROBLEMS"}, len(d.Stores), func(i int) []string {
		s := &d.Stores[i]
		return []string{s.Store, s.Kind, s.Format, thousands(int(s.Bytes)), strconv.Itoa(s.Values), number(s.History), number(s.Others), number(s.Problems)}
	}, "--all shows them")
}
