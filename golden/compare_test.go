package golden_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/analyze"
	"restate-lint/golden"
	"restate-lint/rules"
)

// example is a golden to be changed by tests.
func example() *golden.Golden {
	return golden.Of(&analyze.Result{
		Name:        "dump",
		ClusterName: "c",
		Documents:   []analyze.Document{{Kind: "bifrost_config", Version: 3}, {Kind: "nodes_config", Version: 5}},
		Gaps:        []analyze.Gap{{Kind: "schema_registry", Reason: "not captured"}},
		Outcomes: []analyze.Outcome{
			{Rule: "finds", State: analyze.Found},
			{Rule: "lacks", State: analyze.Undecided, Missing: []string{"schema_registry"}},
			{Rule: "passes", State: analyze.Passed},
		},
		Findings: []analyze.Finding{
			{Rule: "finds", Severity: rules.Warning, Fingerprint: "finds@log/2", Title: "log 2: bad", Observed: "3"},
			{Rule: "finds", Severity: rules.Warning, Fingerprint: "finds@log/10", Title: "log 10: bad", Observed: "4"},
		},
	})
}

func TestEachKindOfDifferenceIsToldApart(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*golden.Golden)
		text   string
		tool   bool
	}{
		{"finding new", func(g *golden.Golden) {
			g.Findings = append(g.Findings, golden.Finding{Fingerprint: "passes@cluster", Severity: rules.Error, Title: "all is lost"})
			g.Outcomes[2].State = analyze.Found
		}, `
dump: 1 new
  new       error[passes]: all is lost
`, false},
		{"finding resolved", func(g *golden.Golden) { g.Findings = g.Findings[:1] }, `
dump: 1 resolved
  resolved  warning[finds]: log 10: bad
`, false},
		{"severity changed", func(g *golden.Golden) { g.Findings[0].Severity = rules.Error }, `
dump: 1 severity changed
  severity  error[finds]: log 2: bad
            severity - warning
                     + error
`, false},
		{"observation and remedy changed", func(g *golden.Golden) {
			g.Findings[0].Observed = "5"
			g.Findings[0].Remedy = []string{"first", "second"}
		}, `
dump: 1 message changed
  message   warning[finds]: log 2: bad
            observed - 3
                     + 5
            remedy   + first
                     + second
`, false},
		{"rule newly undecided", func(g *golden.Golden) {
			g.Outcomes[2].State, g.Outcomes[2].Missing = analyze.Undecided, []string{"nodes_config"}
		}, `
dump: 1 undecided
  undecided rule passes: passed -> undecided for lack of nodes_config
`, false},
		{"rule newly decided", func(g *golden.Golden) { g.Outcomes[1].State, g.Outcomes[1].Missing = analyze.Passed, nil }, `
dump: 1 decided
  decided   rule lacks: undecided for lack of schema_registry -> passed
`, false},
		{"rule crashed", func(g *golden.Golden) { g.Outcomes[2].State = analyze.Crashed }, `
dump: 1 crashed
  crashed   rule passes stopped with an error of its own; report it as a mistake in restate-lint
`, false},
		{"rule no longer applicable", func(g *golden.Golden) { g.Outcomes[2].State = analyze.NotApplicable }, `
dump: 1 changed
  changed   rule passes: passed -> not applicable
`, false},
		{"rule lacks something else", func(g *golden.Golden) { g.Outcomes[1].Missing = []string{"pp_epoch_N"} }, `
dump: 1 changed
  changed   rule lacks: undecided for lack of schema_registry -> undecided for lack of pp_epoch_N
`, false},
		{"documents changed", func(g *golden.Golden) {
			g.Documents = []golden.Document{{Kind: "bifrost_config"}, {Kind: "partition_table"}}
		}, `
dump: 1 new, 1 gone
  new       document partition_table
  gone      document nodes_config
`, false},
		{"gaps changed", func(g *golden.Golden) { g.Gaps = []golden.Gap{{Reason: "not JSON"}} }, `
dump: 1 new, 1 resolved
  new       gap: not JSON
  resolved  gap: schema_registry: not captured
`, false},
		{"another cluster", func(g *golden.Golden) { g.ClusterName = "" }, `
dump: 1 changed
  changed   cluster_name: c -> nothing
`, false},
		{"new rules of the tool", func(g *golden.Golden) {
			g.Outcomes = append(g.Outcomes, golden.Outcome{Rule: "young", State: analyze.Found}, golden.Outcome{Rule: "younger", State: analyze.Passed})
			g.Findings = append(g.Findings, golden.Finding{Fingerprint: "young@cluster", Severity: rules.Note, Title: "hm"})
		}, `
dump: 3 from other rules
  from the rules, which are not those that the report was accepted with:
  new       note[young]: hm
  new       rule young: found
  new       rule younger: passed
`, true},
		{"rules that the tool no longer has", func(g *golden.Golden) { g.Outcomes, g.Findings = g.Outcomes[1:], nil }, `
dump: 3 from other rules
  from the rules, which are not those that the report was accepted with:
  resolved  warning[finds]: log 2: bad
  resolved  warning[finds]: log 10: bad
  gone      rule finds: found
`, true},
		{"a rule that judges otherwise", func(g *golden.Golden) {
			g.Outcomes[0].Revision = 1
			g.Findings = append(g.Findings[:1], golden.Finding{Fingerprint: "finds@log/7", Severity: rules.Note, Title: "hm"})
		}, `
dump: 3 from other rules
  from the rules, which are not those that the report was accepted with:
  new       note[finds]: hm
  resolved  warning[finds]: log 10: bad
  changed   rule finds judges otherwise (revision 0 -> 1)
`, true},
		{"a rule that asks for something else", func(g *golden.Golden) {
			g.Outcomes[1].Revision, g.Outcomes[1].Missing = 2, []string{"nodes_config"}
		}, `
dump: 1 from other rules
  from the rules, which are not those that the report was accepted with:
  changed   rule lacks judges otherwise (revision 0 -> 2): undecided for lack of schema_registry -> undecided for lack of nodes_config
`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			accepted, current := example(), example()
			test.change(current)
			d := golden.Compare(accepted, current)
			if d.Empty() {
				t.Fatal("no difference")
			}
			if got := "\n" + d.String(); got != test.text {
				t.Errorf("got %s\nwant %s", got, test.text)
			}
			if test.tool != (len(d.Cluster) == 0) || test.tool != (len(d.Tool) > 0) {
				t.Errorf("%d changes of the cluster, %d of the tool", len(d.Cluster), len(d.Tool))
			}
			if golden.Unified(accepted, current) == "" {
				t.Error("the canonical forms are equal")
			}
		})
	}
}

func TestEqualReportsHaveNoDifference(t *testing.T) {
	d := golden.Compare(example(), example())
	if !d.Empty() || d.Summary() != "as accepted" || golden.Unified(example(), example()) != "" {
		t.Error(d)
	}
}

func TestFindingsAreInTheOrderInWhichPeopleCount(t *testing.T) {
	text := string(example().Encode())
	if strings.Index(text, "finds@log/2") > strings.Index(text, "finds@log/10") {
		t.Errorf("log 10 before log 2:\n%s", text)
	}
}

func TestLongListsOfChangesAreCut(t *testing.T) {
	current := example()
	for i := range 100 {
		current.Findings = append(current.Findings, golden.Finding{
			Fingerprint: fmt.Sprintf("finds@log/%d", 100+i), Severity: rules.Warning, Title: fmt.Sprintf("log %d: bad", 100+i),
		})
	}
	d := golden.Compare(example(), current)
	if short := d.Text(false); strings.Count(short, "\n") != 12 || !strings.HasSuffix(short, "  new       … 90 more findings of finds\n") {
		t.Error(short)
	}
	if long := d.Text(true); strings.Count(long, "\n") != 101 {
		t.Error(long)
	}
}

func TestAChangeOfAnotherGoldenIsNotApplied(t *testing.T) {
	current := example()
	current.Findings[0].Observed = "5"
	changes := golden.Compare(example(), current).Changes()
	if _, err := current.Apply(changes...); err == nil {
		t.Error("a change was applied twice")
	}
}

// goldens draws results that differ in few things.
func goldens(t *rapid.T, label string) *golden.Golden {
	result := &analyze.Result{
		Name:        rapid.SampledFrom([]string{"a", "b/c"}).Draw(t, label+" name"),
		ClusterName: rapid.SampledFrom([]string{"", "x", "\x1b\u2028"}).Draw(t, label+" cluster"),
	}
	few := func(what string, add func(i int)) {
		for i := range 4 {
			if rapid.Bool().Draw(t, fmt.Sprintf("%s %s %d", label, what, i)) {
				add(i)
			}
		}
	}
	number := func(what string) int { return rapid.IntRange(0, 1).Draw(t, label+" "+what) }
	few("document", func(i int) {
		result.Documents = append(result.Documents, analyze.Document{Kind: fmt.Sprintf("pp_epoch_%d", 3*i), Version: uint32(number("version"))})
	})
	few("gap", func(int) {
		result.Gaps = append(result.Gaps, analyze.Gap{Kind: fmt.Sprint(number("kind")), Reason: fmt.Sprintf("entry %d", number("reason"))})
	})
	few("rule", func(i int) {
		rule := fmt.Sprintf("rule-%d", i)
		outcome := analyze.Outcome{Rule: rule, State: rapid.SampledFrom([]analyze.State{
			analyze.Passed, analyze.Undecided, analyze.Crashed, analyze.NotApplicable,
		}).Draw(t, label+" state"), Revision: number("revision")}
		if outcome.State == analyze.Undecided {
			outcome.Missing = []string{"nodes_config", "bifrost_config"}[number("missing"):]
		}
		few("finding", func(log int) {
			if outcome.State == analyze.Passed {
				outcome.State = analyze.Found
			}
			result.Findings = append(result.Findings, analyze.Finding{
				Rule: rule, Severity: rules.Severity(1 + number("severity")), Fingerprint: fmt.Sprintf("%s@log/%d", rule, log*4),
				Title:      rapid.SampledFrom([]string{"", "t", "\x1b\"\\\n\u2028"}).Draw(t, label+" title"),
				Suppressed: rapid.SampledFrom([]*analyze.Suppression{nil, nil, {By: analyze.ByBaseline, Reason: "r"}}).Draw(t, label+" suppressed"),
				Why:        rapid.SampledFrom([]string{"", "w"}).Draw(t, label+" why"),
			})
		})
		result.Outcomes = append(result.Outcomes, outcome)
	})
	return golden.Of(result)
}

func TestADifferenceIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		accepted, current := goldens(t, "accepted"), goldens(t, "current")
		d := golden.Compare(accepted, current)
		if equal := bytes.Equal(accepted.Encode(), current.Encode()); d.Empty() != equal {
			t.Fatalf("equal bytes: %v, but\n%s", equal, d)
		}
		next, err := accepted.Apply(d.Changes()...)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(next.Encode(), current.Encode()) {
			t.Fatalf("accepting all changes does not give the current report:\n%s", golden.Unified(next, current))
		}

		// Changes are accepted one at a time, in any order, and what is left is what was not accepted.
		changes := rapid.Permutation(d.Changes()).Draw(t, "order")
		taken := rapid.IntRange(0, len(changes)).Draw(t, "taken")
		if next, err = accepted.Apply(changes[:taken]...); err != nil {
			t.Fatal(err)
		}
		if left := golden.Compare(next, current); len(left.Changes()) != len(changes)-taken {
			t.Fatalf("%d of %d changes were accepted, and these are left:\n%s", taken, len(changes), left)
		}
	})
}

func TestAGoldenIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		accepted, current := goldens(t, "accepted"), goldens(t, "current")
		changes := golden.Compare(accepted, current).Changes()
		written, err := accepted.Apply(changes[:rapid.IntRange(0, len(changes)).Draw(t, "taken")]...)
		if err != nil {
			t.Fatal(err)
		}
		read, err := golden.Decode(written.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read.Encode(), written.Encode()) || !golden.Compare(read, written).Empty() {
			t.Fatal(golden.Unified(written, read))
		}
	})
}
