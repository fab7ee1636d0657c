// Package config reads the configuration of restate-lint: what is to be otherwise about rules, profiles of one's own, and
// which findings do not count, and why.
//
// A file is read strictly: whatever it says that has no meaning is an error with its place. Nothing of what it holds is
// ever run, and it can refer to nothing outside of itself.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/internal/handwritten"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// Version is the version of the file's form. Anything that an older program could not read raises it.
const Version = 1

// A File is a configuration.
type File struct {
	// Name is how messages call the file.
	Name string
	// Profile is the name of the profile that applies where none is asked for; empty for none.
	Profile Value[string]
	// Rules are sorted by id, every id once.
	Rules []Rule
	// Profiles are those that the file adds to analyze.Profiles, in its order. No name is there twice.
	Profiles []Value[analyze.Profile]
	// Suppressions are in the order of the file; the first one that matches a finding suppresses it.
	Suppressions []Suppression
}

// A Value is something that a file says, and where.
type Value[T any] struct {
	Is   T
	Line int // from 1; 0 where the file does not say it
}

// A Rule is what a file says about one rule.
type Rule struct {
	ID   string
	Line int
	// Off is true where the rule is not to run.
	Off bool
	// Severity is 0 where the file does not say it.
	Severity Value[rules.Severity]
	// Options are sorted by name.
	Options []Option
}

// An Option is the value of an option of a rule.
type Option struct {
	Name  string
	Value int64
	Line  int
}

// A Suppression is an entry that makes findings not count.
type Suppression struct {
	Line int
	// Rule is a pattern of rule ids as for path.Match. It matches some rule.
	Rule string
	// Entity is a pattern of entities, the part of a fingerprint behind the @, as for doublestar.Match: * stands for anything
	// within one step of the path and ** for any number of steps.
	Entity string
	// Snapshot is a pattern of the names of snapshots of the same kind; empty for all.
	Snapshot string
	Reason   string
	Owner    string
	// Expires is the last day on which it holds.
	Expires analyze.Date
}

// Parse reads a configuration. The error lists everything that is wrong with it, a Problem each; the name is how the file
// is called in it.
func Parse(name string, text []byte) (*File, error) {
	r := &decoder{Reader: handwritten.Reader{Name: name}, file: &File{Name: name}}
	if value, ok := r.Parse(text); ok {
		r.decode(value)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(r.file.Rules, func(a, b Rule) int { return cmp.Compare(a.ID, b.ID) })
	return r.file, nil
}

// A Problem is something that is wrong at one place of a file.
type Problem = handwritten.Problem

// A decoder reads the file.
type decoder struct {
	handwritten.Reader
	file      *File
	profileAt *token.Token
}

func (r *decoder) decode(value ast.Node) {
	if value == nil {
		r.At(nil, "is empty: it has to say at least version: %d", Version)
		return
	}
	r.Mapping(value, "",
		handwritten.Required("version", func(value ast.Node, _ *token.Token) {
			if version, ok := r.Number(value, "version", 0, 1<<31); ok && version != Version {
				r.At(handwritten.Start(value), "version is %d, where this program knows %d", version, Version)
			}
		}),
		handwritten.Optional("profile", func(value ast.Node, key *token.Token) {
			if name, ok := r.Text(value, "profile"); ok {
				r.file.Profile = Value[string]{name, key.Position.Line}
				r.profileAt = handwritten.Start(value) // the profiles may follow: what the name means is asked when all of them are known
			}
		}),
		handwritten.Optional("rules", r.rules),
		handwritten.Optional("profiles", r.profiles),
		handwritten.Optional("suppressions", r.suppressions),
	)
	if name := r.file.Profile.Is; name != "" && r.file.FindProfile(name) == nil {
		r.At(r.profileAt, "%s is not a profile%s", handwritten.Quoted(name), handwritten.Suggestion(name, r.file.ProfileNames()))
	}
}

// A kind is handwritten.Required or handwritten.Optional.
type kind func(name string, read handwritten.Read) handwritten.Field

func ruleIDs() (ids []string) {
	for _, rule := range rules.All() {
		ids = append(ids, rule.ID)
	}
	return ids
}

const off = "off"

var severities = []string{"error", "warning", "note", off}

func (r *decoder) rules(value ast.Node, _ *token.Token) {
	if handwritten.IsNull(value) {
		return
	}
	r.Entries(value, "rules", func(id string, at *token.Token, value ast.Node) {
		rule := rules.Find(id)
		if rule == nil {
			r.At(at, "%s is not a rule%s", handwritten.Quoted(id), handwritten.Suggestion(id, ruleIDs()))
			return
		}
		entry := Rule{ID: id, Line: at.Position.Line}
		if _, ok := value.(*ast.MappingNode); !ok {
			r.severity(&entry, value, id)
		} else {
			r.Mapping(value, id,
				handwritten.Optional("severity", func(value ast.Node, _ *token.Token) { r.severity(&entry, value, "severity of "+id) }),
				handwritten.Optional("options", func(value ast.Node, _ *token.Token) { r.options(&entry, rule, value) }),
			)
		}
		r.file.Rules = append(r.file.Rules, entry)
	})
}

func (r *decoder) severity(entry *Rule, value ast.Node, what string) {
	word, ok := r.Word(value, what, severities)
	if !ok {
		return
	}
	if word == off {
		entry.Off = true
		return
	}
	severity, _ := rules.ParseSeverity(word)
	entry.Severity = Value[rules.Severity]{severity, handwritten.Start(value).Position.Line}
}

func (r *decoder) options(entry *Rule, rule *rules.Rule, value ast.Node) {
	var fields []handwritten.Field
	for _, o := range rule.Options {
		fields = append(fields, handwritten.Optional(o.Name, func(value ast.Node, key *token.Token) {
			if n, ok := r.Number(value, o.Name, o.Min, o.Max); ok {
				entry.Options = append(entry.Options, Option{o.Name, n, key.Position.Line})
			}
		}))
	}
	if len(fields) == 0 {
		r.At(handwritten.Start(value), "the rule %s has no options", rule.ID)
		return
	}
	r.Mapping(value, "options of "+rule.ID, fields...)
	slices.SortFunc(entry.Options, func(a, b Option) int { return cmp.Compare(a.Name, b.Name) })
}

func (r *decoder) profiles(value ast.Node, _ *token.Token) {
	if handwritten.IsNull(value) {
		return
	}
	r.List(value, "profiles", func(value ast.Node) {
		p := analyze.Profile{FailOn: "error", Show: "note"}
		before := len(r.Problems)
		text := func(as kind, name string, to *string) handwritten.Field {
			return as(name, func(value ast.Node, _ *token.Token) { *to, _ = r.Text(value, name) })
		}
		word := func(name string, to *string, words ...string) handwritten.Field {
			return handwritten.Optional(name, func(value ast.Node, _ *token.Token) { *to, _ = r.Word(value, name, words) })
		}
		patterns := func(name string, to *[]string) handwritten.Field {
			return handwritten.Optional(name, func(value ast.Node, _ *token.Token) {
				r.List(value, name, func(value ast.Node) {
					if pattern, ok := r.rulePattern(value, name); ok {
						*to = append(*to, pattern)
					}
				})
			})
		}
		r.Mapping(value, "a profile",
			text(handwritten.Required, "name", &p.Name),
			text(handwritten.Required, "summary", &p.Summary),
			patterns("rules", &p.Rules),
			patterns("skip", &p.Skip),
			handwritten.Optional("documents", func(value ast.Node, _ *token.Token) {
				r.List(value, "documents", func(value ast.Node) {
					if kind, ok := r.Word(value, "documents", documents()); ok {
						p.Documents = append(p.Documents, snapshots.Kind(kind))
					}
				})
			}),
			word("fail_on", &p.FailOn, "error", "warning", "note", "never"),
			word("show", &p.Show, "note", "warning", "error"),
			handwritten.Optional("require_complete", func(value ast.Node, _ *token.Token) { p.RequireComplete = r.Truth(value, "require_complete") }),
		)
		switch {
		case len(r.Problems) > before:
		case slices.Contains(r.file.ProfileNames(), p.Name):
			r.At(handwritten.Start(value), "there is a profile %s already", format.Clean(p.Name))
		default:
			r.file.Profiles = append(r.file.Profiles, Value[analyze.Profile]{p, handwritten.Start(value).Position.Line})
		}
	})
}

// documents are the kinds that some rule needs.
func documents() (kinds []string) {
	for _, rule := range rules.All() {
		for _, kind := range rule.Needs {
			if !slices.Contains(kinds, string(kind)) {
				kinds = append(kinds, string(kind))
			}
		}
	}
	slices.Sort(kinds)
	return kinds
}

// rulePattern reads a pattern of rule ids that matches some rule.
func (r *decoder) rulePattern(value ast.Node, what string) (string, bool) {
	pattern, ok := r.Text(value, what)
	if !ok {
		return "", false
	}
	matches, err := matchingRules(pattern)
	switch {
	case err != nil:
		r.At(handwritten.Start(value), "%s: %s is not a pattern", what, handwritten.Quoted(pattern))
	case len(matches) == 0:
		r.At(handwritten.Start(value), "%s: %s is not a rule%s", what, handwritten.Quoted(pattern), handwritten.Suggestion(pattern, ruleIDs()))
	}
	return pattern, len(matches) > 0
}

func matchingRules(pattern string) (matching []*rules.Rule, err error) {
	for _, rule := range rules.All() {
		ok, err := path.Match(pattern, rule.ID)
		if err != nil {
			return nil, err
		}
		if ok {
			matching = append(matching, rule)
		}
	}
	return matching, nil
}

func (r *decoder) suppressions(value ast.Node, _ *token.Token) {
	if handwritten.IsNull(value) {
		return
	}
	r.List(value, "suppressions", func(value ast.Node) {
		s := Suppression{}
		before := len(r.Problems)
		text := func(as kind, name string, to *string) handwritten.Field {
			return as(name, func(value ast.Node, _ *token.Token) { *to, _ = r.Text(value, name) })
		}
		pattern := func(as kind, name string, to *string) handwritten.Field {
			return as(name, func(value ast.Node, _ *token.Token) {
				text, ok := r.Text(value, name)
				if ok && validPattern(text) != nil {
					r.At(handwritten.Start(value), "%s: %s is not a pattern: %v", name, handwritten.Quoted(text), validPattern(text))
				}
				*to = text
			})
		}
		r.Mapping(value, "a suppression",
			handwritten.Required("rule", func(value ast.Node, _ *token.Token) { s.Rule, _ = r.rulePattern(value, "rule") }),
			pattern(handwritten.Required, "entity", &s.Entity),
			pattern(handwritten.Optional, "snapshot", &s.Snapshot),
			text(handwritten.Required, "reason", &s.Reason),
			text(handwritten.Optional, "owner", &s.Owner),
			handwritten.Optional("expires", func(value ast.Node, _ *token.Token) {
				text, ok := r.Text(value, "expires")
				if !ok {
					return
				}
				var err error
				if s.Expires, err = analyze.ParseDate(text); err != nil {
					r.At(handwritten.Start(value), "expires: %s", format.Clean(err.Error()))
				}
			}),
		)
		if len(r.Problems) == before {
			s.Line = handwritten.Start(value).Position.Line
			r.file.Suppressions = append(r.file.Suppressions, s)
		}
	})
}

// What a pattern may have at most: alternatives are tried one after the other.
const (
	longestPattern   = 1000
	mostAlternatives = 4 // pairs of braces
)

func validPattern(pattern string) error {
	braces := 0
	for _, c := range pattern {
		if c == '{' {
			braces++
		}
	}
	switch {
	case len(pattern) > longestPattern:
		return fmt.Errorf("it has more than %d bytes", longestPattern)
	case braces > mostAlternatives:
		return fmt.Errorf("it has more than %d pairs of braces", mostAlternatives)
	case !doublestar.ValidatePattern(pattern):
		return errors.New("a bracket or brace is not closed, or nothing stands behind a backslash")
	}
	return nil
}

// FindProfile returns the profile of a name: one of the file, or of those that there are anyway; nil if there is none. A
// nil file has no profiles of its own.
func (f *File) FindProfile(name string) *analyze.Profile {
	if f != nil {
		for i := range f.Profiles {
			if f.Profiles[i].Is.Name == name {
				return &f.Profiles[i].Is
			}
		}
	}
	return analyze.FindProfile(name)
}

// ProfileNames are the names of all profiles: those that there are anyway, then those of the file.
func (f *File) ProfileNames() (names []string) {
	for _, p := range analyze.Profiles() {
		names = append(names, p.Name)
	}
	if f != nil {
		for _, p := range f.Profiles {
			names = append(names, p.Is.Name)
		}
	}
	return names
}

// Settings are what the file says about rules that run, by their ids.
func (f *File) Settings() map[string]rules.Settings {
	settings := make(map[string]rules.Settings)
	if f == nil {
		return settings
	}
	for _, rule := range f.Rules {
		s := rules.Settings{Severity: rule.Severity.Is}
		for _, o := range rule.Options {
			if s.Options == nil {
				s.Options = make(map[string]int64)
			}
			s.Options[o.Name] = o.Value
		}
		settings[rule.ID] = s
	}
	return settings
}

// Off reports whether the file switches a rule off.
func (f *File) Off(id string) bool {
	rule := f.Rule(id)
	return rule != nil && rule.Off
}

// Rule is what the file says about a rule; nil where it says nothing.
func (f *File) Rule(id string) *Rule {
	if f == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(f.Rules, id, func(r Rule, id string) int { return cmp.Compare(r.ID, id) })
	if !ok {
		return nil
	}
	return &f.Rules[i]
}
