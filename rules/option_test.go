package rules_test

import (
	"slices"
	"testing"

	"restate-lint/analyze"
	"restate-lint/rules"
)

func TestEveryOptionIsDocumentedAndWithinItsRange(t *testing.T) {
	for _, rule := range rules.All() {
		for i, o := range rule.Options {
			if !idPattern.MatchString(o.Name) || rule.Option(o.Name) != &rule.Options[i] {
				t.Errorf("%s: %q is not in kebab case, or there twice", rule.ID, o.Name)
			}
			if o.Doc == "" || o.Doc[len(o.Doc)-1] != '.' {
				t.Errorf("%s: %s: the documentation is no sentence: %q", rule.ID, o.Name, o.Doc)
			}
			if o.Min > o.Default || o.Default > o.Max || o.Min == o.Max {
				t.Errorf("%s: %s: the default is not within the range", rule.ID, o.Name)
			}
		}
	}
}

// An option that changes no outcome of any case is one that nobody has tried.
func TestEveryOptionHasACaseThatItDecides(t *testing.T) {
	cases := loadCases(t)
	for _, rule := range rules.All() {
		for _, o := range rule.Options {
			decided := slices.ContainsFunc(cases, func(c testCase) bool {
				if _, set := c.options[o.Name]; c.rule != rule.ID || !set || len(c.options) > 1 {
					return false
				}
				_, without := check(t, rule, c.files, c.target, nil)
				return !slices.Equal(without, c.want)
			})
			if !decided {
				t.Errorf("%s: no case depends on the option %s", rule.ID, o.Name)
			}
		}
	}
	for _, c := range cases {
		for name, value := range c.options {
			if o := rules.Find(c.rule).Option(name); o == nil || value < o.Min || value > o.Max {
				t.Errorf("%s/%s: there is no such option, or it cannot be %d: %s", c.rule, c.name, value, name)
			}
		}
	}
}

func TestASetSeverityIsTheGravestAndRaisesNothingMild(t *testing.T) {
	rule := &rules.Rule{ID: "r", Severity: rules.Warning}
	for _, test := range []struct{ stated, set, want rules.Severity }{
		{rules.Warning, 0, rules.Warning},
		{rules.Note, 0, rules.Note},
		{rules.Warning, rules.Error, rules.Error},
		{rules.Error, rules.Error, rules.Error},
		{rules.Note, rules.Error, rules.Note},
		{rules.Error, rules.Warning, rules.Warning},
		{rules.Error, rules.Note, rules.Note},
		{rules.Warning, rules.Note, rules.Note},
		{rules.Note, rules.Note, rules.Note},
	} {
		if got := rule.Judge(test.stated, rules.Settings{Severity: test.set}); got != test.want {
			t.Errorf("%v where %v is set is %v, want %v", test.stated, test.set, got, test.want)
		}
	}
}

// What is set of a rule changes severities and the order of findings, and never a fingerprint.
func TestSettingsChangeNoFingerprint(t *testing.T) {
	for _, c := range loadCases(t) {
		rule := rules.Find(c.rule)
		plain, _ := check(t, rule, c.files, c.target, c.options)
		for _, severity := range []rules.Severity{rules.Note, rules.Warning, rules.Error} {
			result := analyze.CheckWith(plain.Snapshot, []*rules.Rule{rule}, analyze.Options{
				Target:   c.target,
				Settings: map[string]rules.Settings{rule.ID: {Severity: severity, Options: c.options}},
			})
			if result.Outcomes[0].Severity != severity {
				t.Errorf("%s/%s: the outcome says %v, want %v", c.rule, c.name, result.Outcomes[0].Severity, severity)
			}
			byPrint := make(map[string]analyze.Finding)
			for i, f := range result.Findings {
				if f.Severity > severity || i > 0 && f.Severity > result.Findings[i-1].Severity {
					t.Errorf("%s/%s: %s is too grave for its place", c.rule, c.name, f.Fingerprint)
				}
				byPrint[f.Fingerprint] = f
			}
			for _, f := range plain.Findings {
				if other := byPrint[f.Fingerprint]; other.Title != f.Title || len(byPrint) != len(plain.Findings) {
					t.Errorf("%s/%s: %s is about something else", c.rule, c.name, f.Fingerprint)
				}
			}
		}
	}
}
