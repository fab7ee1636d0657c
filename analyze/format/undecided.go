package format

import (
	"slices"
	"strings"

	"restate-lint/analyze"
)

// Rules that are undecided for lack of the same documents.
type undecidedRules struct {
	documents string // clean
	rules     []string
}

// undecided groups the undecided rules by what they lack, in the order of the first of each. Every rule is in one group.
func undecided(r *analyze.Result) []undecidedRules {
	var list []undecidedRules
	for _, o := range r.Outcomes {
		if o.State != analyze.Undecided {
			continue
		}
		documents := lacks(r, o.Missing)
		i := slices.IndexFunc(list, func(u undecidedRules) bool { return u.documents == documents })
		if i < 0 {
			i = len(list)
			list = append(list, undecidedRules{documents: documents})
		}
		list[i].rules = append(list[i].rules, o.Rule)
	}
	return list
}

// lacks names the documents that are missing.
func lacks(r *analyze.Result, missing []string) string {
	list := make([]string, len(missing))
	for i, kind := range missing {
		list[i] = lack(r, kind)
	}
	return strings.Join(list, ", ")
}
