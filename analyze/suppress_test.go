package analyze_test

import (
	"testing"

	"restate-lint/analyze"
	"restate-lint/rules"
)

func TestSuppressedFindingsStayAndDoNotCount(t *testing.T) {
	result := &analyze.Result{
		Outcomes: []analyze.Outcome{
			{Rule: "all", State: analyze.Found, Findings: 2},
			{Rule: "crashed", State: analyze.Crashed, Findings: 1},
			{Rule: "none", State: analyze.Passed},
			{Rule: "some", State: analyze.Found, Findings: 2},
		},
		Findings: []analyze.Finding{
			{Rule: "some", Severity: rules.Error, Fingerprint: "some@1"},
			{Rule: "some", Severity: rules.Error, Fingerprint: "some@2"},
			{Rule: "all", Severity: rules.Warning, Fingerprint: "all@1"},
			{Rule: "all", Severity: rules.Note, Fingerprint: "all@2"},
			{Rule: "crashed", Severity: rules.Note, Fingerprint: "crashed@1"},
		},
	}
	first := &analyze.Suppression{By: analyze.ByConfiguration, Reason: "first"}
	result.Suppress(func(f *analyze.Finding) *analyze.Suppression {
		if f.Fingerprint == "some@1" || f.Fingerprint == "all@1" {
			return first
		}
		return nil
	})
	result.Suppress(func(f *analyze.Finding) *analyze.Suppression {
		if f.Suppressed != nil {
			t.Errorf("asked about %s, which is suppressed", f.Fingerprint)
		}
		if f.Fingerprint == "some@2" {
			return nil
		}
		return &analyze.Suppression{By: analyze.ByBaseline, Reason: "second"}
	})
	if len(result.Findings) != 5 || result.Findings[0].Suppressed != first {
		t.Errorf("a finding is gone, or lost its suppression: %+v", result.Findings)
	}
	counting := ""
	for f := range result.Counting {
		counting += f.Fingerprint
	}
	if counting != "some@2" {
		t.Errorf("%s counts", counting)
	}
	for i, want := range []analyze.Outcome{
		{State: analyze.Suppressed, Findings: 2, Suppressed: 2},
		{State: analyze.Crashed, Findings: 1, Suppressed: 1},
		{State: analyze.Passed},
		{State: analyze.Found, Findings: 2, Suppressed: 1},
	} {
		if o := result.Outcomes[i]; o.State != want.State || o.Findings != want.Findings || o.Suppressed != want.Suppressed {
			t.Errorf("got %+v", o)
		}
	}
	want := analyze.Summary{Error: 1, Suppressed: 4, Crashed: 1}
	if got := analyze.NewReport("1", result).Summary; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
