package config

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"restate-lint/analyze"
)

// Matches reports whether the entry is about the findings of a rule about an entity, in a snapshot of that name. It does
// not ask whether it has expired.
func (s *Suppression) Matches(snapshot, rule, entity string) bool {
	return s.about(rule, snapshot) && matches(s.Entity, entity)
}

// matches reports whether a path matches a pattern. What a/** means, a is among it.
func matches(pattern, path string) bool {
	if doublestar.MatchUnvalidated(pattern, path) {
		return true
	}
	itself, ok := strings.CutSuffix(pattern, "/**") // the library forgets some of these, such as a for a*/**
	return ok && doublestar.MatchUnvalidated(itself, path)
}

// about reports whether the entry may be about some finding of a rule in a snapshot.
func (s *Suppression) about(rule, snapshot string) bool {
	ok, _ := path.Match(s.Rule, rule)
	return ok && (s.Snapshot == "" || matches(s.Snapshot, snapshot))
}

// An Account applies the suppressions of a file to results, and keeps count of what each of them did.
type Account struct {
	file  *File
	today analyze.Date
	// Of each entry: matched are the findings that it was asked about and is about, lapsed those that count as it has expired.
	// asked is true where a snapshot was checked that it is about, and open where a rule that it is about was not decided.
	matched, lapsed []int
	asked, open     []bool
}

// NewAccount begins an account of a file, which may be nil, on a day.
func NewAccount(file *File, today analyze.Date) *Account {
	a := &Account{file: file, today: today}
	if file != nil {
		n := len(file.Suppressions)
		a.matched, a.lapsed, a.asked, a.open = make([]int, n), make([]int, n), make([]bool, n), make([]bool, n)
	}
	return a
}

// Apply marks the findings of a result that some entry suppresses which has not expired.
func (a *Account) Apply(result *analyze.Result) {
	if a.file == nil || len(a.file.Suppressions) == 0 {
		return
	}
	result.Suppress(func(f *analyze.Finding) *analyze.Suppression {
		entity := f.Subject.Entity()
		var by *Suppression
		var lapsed []int
		for i := range a.file.Suppressions {
			s := &a.file.Suppressions[i]
			if !s.Matches(result.Name, f.Rule, entity) {
				continue
			}
			a.matched[i]++ // also where another entry comes first: it is not one that matches nothing
			if s.Expires.Expired(a.today) {
				lapsed = append(lapsed, i)
			} else if by == nil {
				by = s
			}
		}
		if by != nil {
			return &analyze.Suppression{By: analyze.ByConfiguration, Reason: by.Reason, Owner: by.Owner, Expires: string(by.Expires)}
		}
		for _, i := range lapsed {
			a.lapsed[i]++
		}
		return nil
	})
	for i := range a.file.Suppressions {
		s := &a.file.Suppressions[i]
		rules, _ := matchingRules(s.Rule) // which were valid when the file was read
		for _, rule := range rules {
			if !s.about(rule.ID, result.Name) {
				continue
			}
			a.asked[i] = true
			at := slices.IndexFunc(result.Outcomes, func(o analyze.Outcome) bool { return o.Rule == rule.ID })
			a.open[i] = a.open[i] || at < 0 || !decided(result.Outcomes[at].State)
		}
	}
}

// decided reports whether a rule had the evidence that it needs, or is not about the cluster at all.
func decided(state analyze.State) bool {
	return state != analyze.Undecided && state != analyze.Crashed
}

// Unread says that a snapshot was not checked: what it would have held is not known.
func (a *Account) Unread(snapshot string) {
	if a.file == nil {
		return
	}
	for i := range a.file.Suppressions {
		if s := a.file.Suppressions[i].Snapshot; s == "" || matches(s, snapshot) {
			a.open[i] = true
		}
	}
}

// Expired yields the entries that hold no more, with the number of findings that are therefore not suppressed.
func (a *Account) Expired(yield func(*Suppression, int) bool) {
	for i, n := range a.lapsed {
		if s := &a.file.Suppressions[i]; s.Expires.Expired(a.today) && !yield(s, n) {
			return
		}
	}
}

// Unused yields the entries that matched nothing, though every rule that they are about was decided, in at least one
// snapshot that they are about.
func (a *Account) Unused(yield func(*Suppression) bool) {
	for i, n := range a.matched {
		if s := &a.file.Suppressions[i]; n == 0 && a.asked[i] && !a.open[i] && !s.Expires.Expired(a.today) && !yield(s) {
			return
		}
	}
}

// Remarks are about the entries that are Expired and Unused.
func (a *Account) Remarks() (remarks []analyze.Remark) {
	add := func(kind analyze.RemarkKind, s *Suppression, what string) {
		remark := analyze.NewRemark(kind, analyze.ByConfiguration, a.file.Name)
		remark.Line, remark.Entry = s.Line, s.Rule+"@"+s.Entity
		remark.Message = fmt.Sprintf("the suppression of %s at %s %s", s.Rule, s.Entity, what)
		remarks = append(remarks, remark)
	}
	for s, n := range a.Expired {
		what := "matches nothing any more"
		switch {
		case n == 1:
			what = "1 finding is not suppressed by it any more"
		case n > 1:
			what = fmt.Sprintf("%d findings are not suppressed by it any more", n)
		}
		add(analyze.ExpiredEntry, s, fmt.Sprintf("expired on %s, and %s", s.Expires, what))
	}
	for s := range a.Unused {
		add(analyze.UnusedEntry, s, "matches nothing that was found")
	}
	return remarks
}
