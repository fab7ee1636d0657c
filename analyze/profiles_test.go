package analyze_test

import (
	"path"
	"testing"

	"restate-lint/analyze"
	"restate-lint/rules"
)

func TestEveryPatternOfAProfileMeansSomeRule(t *testing.T) {
	for _, profile := range analyze.Profiles() {
		chosen := 0
		for _, rule := range rules.All() {
			if profile.Selects(rule) {
				chosen++
			}
		}
		if chosen == 0 {
			t.Errorf("%s chooses no rule", profile.Name)
		}
		for _, pattern := range append(append([]string{}, profile.Rules...), profile.Skip...) {
			found := false
			for _, rule := range rules.All() {
				ok, err := path.Match(pattern, rule.ID)
				found = found || ok && err == nil
			}
			if !found {
				t.Errorf("%s: %q is no rule", profile.Name, pattern)
			}
		}
	}
}

func TestProfilesAreReadStrictly(t *testing.T) {
	for _, text := range []string{
		`[{"name":"a","summary":"b","fail_on":"error","show":"note","extra":1}]`,
		`[{"name":"a","summary":"b","fail_on":"fatal","show":"note"}]`,
		`[{"name":"a","summary":"b","fail_on":"never","show":"never"}]`,
		`[{"name":"","summary":"b","fail_on":"error","show":"note"}]`,
		`[{"name":"a","summary":"b","fail_on":"error","show":"note","skip":["["]}]`,
	} {
		if _, err := analyze.ParseProfiles([]byte(text)); err == nil {
			t.Errorf("accepted: %s", text)
		}
	}
}
