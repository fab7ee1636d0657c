package format

import (
	"restate-lint/analyze"
)

const (
	// shownOfGroup is how many findings with one cause are printed in full.
	shownOfGroup = 3
	// shownCauses is how many causes of one rule are printed apart; what is beyond goes together.
	shownCauses = 5
)

// A group is the findings of one rule and severity that have one cause, by their places in the list.
type group struct {
	cause string
	// causes is how many causes the group stands for; more than 1 in the group of all that are beyond shownCauses.
	causes int
	shown  []int
	more   []int
}

// groups puts findings with one cause together, in the order of the first of each. Findings must be sorted by severity
// and rule. With all, every finding is shown.
func groups(findings []analyze.Finding, all bool) []*group {
	var list []*group
	for start := 0; start < len(findings); {
		end := start + 1
		for end < len(findings) && findings[end].Rule == findings[start].Rule && findings[end].Severity == findings[start].Severity {
			end++
		}
		list = append(list, groupsOfRule(findings, start, end, all)...)
		start = end
	}
	return list
}

func groupsOfRule(findings []analyze.Finding, start, end int, all bool) []*group {
	var list []*group
	byCause := make(map[string]*group)
	var rest *group
	restCauses := make(map[string]bool)
	for i := start; i < end; i++ {
		cause := findings[i].Cause
		g := byCause[cause]
		switch {
		case g != nil:
		case len(list) < shownCauses || all:
			g = &group{cause: cause, causes: 1}
			byCause[cause] = g
			list = append(list, g)
		default:
			if rest == nil {
				rest = &group{}
			}
			restCauses[cause] = true
			g = rest
		}
		if g != rest && (len(g.shown) < shownOfGroup || all) {
			g.shown = append(g.shown, i)
		} else {
			g.more = append(g.more, i)
		}
	}
	if rest != nil {
		rest.causes = len(restCauses)
		list = append(list, rest)
	}
	return list
}
