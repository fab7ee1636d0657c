package config

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/rules"
)

// An Effective configuration is what holds for some snapshots, with where every part of it comes from.
type Effective struct {
	// File is the name of the file; empty for none. Origin says why it is this one.
	File   string `json:"file"`
	Origin string `json:"origin"`
	// Snapshots are the names of those that it holds for.
	Snapshots []string `json:"snapshots"`
	Parts     []Part   `json:"parts"`
	// Suppressions are those of the file, in its order.
	Suppressions []ShownSuppression `json:"suppressions"`
}

// A Part is one thing that holds.
type Part struct {
	// Rule is the rule that the part is about; empty for none.
	Rule string `json:"rule,omitempty"`
	// Name is "profile", "rules", a threshold such as "fail-on", "severity", or the name of an option.
	Name  string `json:"name"`
	Value string `json:"value"`
	// Usual is what holds where nobody says anything.
	Usual string `json:"usual"`
	// From is a place such as ".restate-lint.yaml:7", a flag, "profile ci", or "default".
	From string `json:"from"`
}

// A ShownSuppression is a suppression, and where it stands.
type ShownSuppression struct {
	Rule     string       `json:"rule"`
	Entity   string       `json:"entity"`
	Snapshot string       `json:"snapshot,omitempty"`
	Reason   string       `json:"reason"`
	Owner    string       `json:"owner,omitempty"`
	Expires  analyze.Date `json:"expires,omitempty"`
	// Expired is true behind its last day.
	Expired bool   `json:"expired,omitempty"`
	From    string `json:"from"`
}

// NewEffective describes a file, which may be nil, with the profile that applies, which may be nil too, and where its name
// was said. Without all, it has only the parts that are not as usual.
func NewEffective(file *File, profile *analyze.Profile, profileFrom string, today analyze.Date, all bool) *Effective {
	e := &Effective{Snapshots: []string{}, Parts: []Part{}, Suppressions: []ShownSuppression{}}
	at := func(line int) string { return fmt.Sprintf("%s:%d", file.Name, line) }
	add := func(part Part) {
		if all || part.From != byDefault {
			e.Parts = append(e.Parts, part)
		}
	}
	if file != nil {
		e.File = file.Name
		if profile != nil && profileFrom == "" {
			profileFrom = at(file.Profile.Line)
		}
	}
	e.profile(file, profile, profileFrom, add)
	for _, rule := range rules.All() {
		said := file.Rule(rule.ID)
		part := Part{Rule: rule.ID, Name: "severity", Value: rule.Severity.String(), Usual: rule.Severity.String(), From: byDefault}
		switch {
		case said == nil:
		case said.Off:
			part.Value, part.From = off, at(said.Line)
		case said.Severity.Is != 0:
			part.Value, part.From = said.Severity.Is.String(), at(said.Severity.Line)
		}
		add(part)
		for _, o := range rule.Options {
			part := Part{Rule: rule.ID, Name: o.Name, Value: fmt.Sprint(o.Default), Usual: fmt.Sprint(o.Default), From: byDefault}
			if said != nil {
				if i := slices.IndexFunc(said.Options, func(set Option) bool { return set.Name == o.Name }); i >= 0 {
					part.Value, part.From = fmt.Sprint(said.Options[i].Value), at(said.Options[i].Line)
				}
			}
			add(part)
		}
	}
	if file == nil {
		return e
	}
	for _, s := range file.Suppressions {
		e.Suppressions = append(e.Suppressions, ShownSuppression{
			Rule: s.Rule, Entity: s.Entity, Snapshot: s.Snapshot, Reason: s.Reason, Owner: s.Owner, Expires: s.Expires,
			Expired: s.Expires.Expired(today), From: at(s.Line),
		})
	}
	return e
}

const byDefault = "default"

// profile adds the profile, and what it says.
func (e *Effective) profile(file *File, profile *analyze.Profile, from string, add func(Part)) {
	everything := fmt.Sprintf("%d of %[1]d", len(rules.All()))
	if profile == nil {
		for _, part := range []Part{
			{Name: "profile", Value: "none", Usual: "none"}, {Name: "rules", Value: everything, Usual: everything},
			{Name: "fail-on", Value: "error", Usual: "error"}, {Name: "show", Value: "note", Usual: "note"},
			{Name: "require-complete", Value: "false", Usual: "false"},
		} {
			part.From = byDefault
			add(part)
		}
		return
	}
	chosen := 0
	for _, rule := range rules.All() {
		if profile.Selects(rule) && !file.Off(rule.ID) {
			chosen++
		}
	}
	by := "profile " + profile.Name
	if file != nil {
		for _, p := range file.Profiles {
			if p.Is.Name == profile.Name {
				by = fmt.Sprintf("%s:%d", file.Name, p.Line)
			}
		}
	}
	add(Part{Name: "profile", Value: profile.Name, Usual: "none", From: from})
	add(Part{Name: "rules", Value: fmt.Sprintf("%d of %d", chosen, len(rules.All())), Usual: everything, From: by})
	add(Part{Name: "fail-on", Value: profile.FailOn, Usual: "error", From: by})
	add(Part{Name: "show", Value: profile.Show, Usual: "note", From: by})
	add(Part{Name: "require-complete", Value: fmt.Sprint(profile.RequireComplete), Usual: "false", From: by})
}

// Text describes the configuration for people. What differs from what is usual has that in brackets.
func (e *Effective) Text() string {
	var b strings.Builder
	if e.File == "" {
		fmt.Fprintf(&b, "no configuration (%s)\n", format.Clean(e.Origin))
	} else {
		fmt.Fprintf(&b, "%s (%s)\n", format.Clean(e.File), format.Clean(e.Origin))
	}
	if len(e.Snapshots) > 0 {
		fmt.Fprintf(&b, "  for %s\n", format.Clean(strings.Join(e.Snapshots, ", ")))
	}
	var rows [][]string
	for _, part := range e.Parts {
		usual := ""
		if part.Usual != part.Value {
			usual = "(" + part.Usual + ")"
		}
		name := part.Name
		switch {
		case part.Rule != "" && part.Name == "severity":
			name = part.Rule
		case part.Rule != "":
			name = part.Rule + " " + part.Name
		}
		rows = append(rows, []string{format.Clean(name), format.Clean(part.Value), usual, format.Clean(part.From)})
	}
	if len(rows) == 0 {
		b.WriteString("  everything is as usual\n")
	}
	for _, line := range format.Align(rows) {
		b.WriteString("  " + line + "\n")
	}
	if len(e.Suppressions) > 0 {
		b.WriteString("suppressed:\n")
	}
	for _, s := range e.Suppressions {
		text := fmt.Sprintf("%s: %s at %s", s.From, s.Rule, s.Entity)
		if s.Snapshot != "" {
			text += " of " + s.Snapshot
		}
		switch {
		case s.Expired:
			text += fmt.Sprintf(", expired on %s", s.Expires)
		case s.Expires != "":
			text += fmt.Sprintf(", until %s", s.Expires)
		}
		text += ": " + s.Reason
		if s.Owner != "" {
			text += " (" + s.Owner + ")"
		}
		b.WriteString("  " + format.Clean(text) + "\n")
	}
	return b.String()
}

// ShowJSON describes configurations for machines: {"configurations": […]}.
func ShowJSON(w io.Writer, list []*Effective) error {
	return format.EncodeJSON(w, struct {
		Configurations []*Effective `json:"configurations"`
	}{list})
}
