package config_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/analyze"
	"restate-lint/analyze/config"
	"restate-lint/rules"
	"restate-lint/snapshots/cluster"
)

func parse(t testing.TB, text string) *config.File {
	t.Helper()
	file, err := config.Parse("f", []byte("version: 1\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPatternsOfEntities(t *testing.T) {
	for _, test := range []struct {
		pattern, entity string
		want            bool
	}{
		{"log/*/segment/*/node/N4", "log/0/segment/12/node/N4", true},
		{"log/*/segment/*/node/N4", "log/0/segment/12/node/N41", false},
		{"log/*/segment/*/node/N4", "log/0/node/N4", false},
		{"log/*", "log/0/segment/1", false},
		{"log/**", "log/0/segment/1", true},
		{"**/node/N4", "node/N4", true},
		{"**", "cluster", true},
		{"log/{1,2}/**", "log/2/segment/0", true},
		{"log/{1,2}/**", "log/12/segment/0", false},
		{"log/[0-3]/**", "log/3/segment/0", true},
		{"document/pp_epoch_?", "document/pp_epoch_7", true},
		{"deployment/dp_1?", "deployment/dp_12", true},
		{"Log/*", "log/1", false},
		{"log/1", "log/1", true},
	} {
		s := config.Suppression{Rule: "*", Entity: test.pattern}
		if got := s.Matches("any", "r", test.entity); got != test.want {
			t.Errorf("%s on %s: %v", test.pattern, test.entity, got)
		}
	}
	s := config.Suppression{Rule: "nodeset-*", Entity: "**", Snapshot: "prod/*"}
	for _, test := range []struct {
		snapshot, rule string
		want           bool
	}{
		{"prod/a", "nodeset-removed-node", true},
		{"prod/a/b", "nodeset-removed-node", false},
		{"prod/a", "trim-gap", false},
		{"stage/a", "nodeset-removed-node", false},
	} {
		if got := s.Matches(test.snapshot, test.rule, "cluster"); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// A pattern of words, stars and double stars means the same as the regular expression that it is short for.
func TestPatternsMeanWhatTheirRegularExpressionsMean(t *testing.T) {
	word := rapid.SampledFrom([]string{"log", "segment", "node", "N4", "N41", "0", "12", "part", "a b", "é"})
	rapid.Check(t, func(t *rapid.T) {
		entity := strings.Join(rapid.SliceOfN(word, 1, 6).Draw(t, "entity"), "/")
		steps := rapid.SliceOfN(rapid.OneOf(word, rapid.SampledFrom([]string{"*", "**", "N*", "*4", "?", "[0-9]*"})), 1, 6).Draw(t, "pattern")
		for i := 1; i < len(steps); i++ {
			if steps[i] == "**" && steps[i-1] == "**" {
				steps[i] = "*"
			}
		}
		expression := "^"
		for i, step := range steps {
			last := i == len(steps)-1
			switch {
			case step == "**" && last && i == 0:
				expression += ".*"
			case step == "**" && last: // "a/**" means a itself as well
				expression = strings.TrimSuffix(expression, "/") + "(/.*)?"
			case step == "**":
				expression += "([^/]*/)*"
			default:
				step = regexp.QuoteMeta(step)
				for pattern, means := range map[string]string{`\*`: "[^/]*", `\?`: "[^/]", `\[0-9\]`: "[0-9]"} {
					step = strings.ReplaceAll(step, pattern, means)
				}
				if expression += step; !last {
					expression += "/"
				}
			}
		}
		pattern := strings.Join(steps, "/")
		s := config.Suppression{Rule: "*", Entity: pattern}
		if got, want := s.Matches("", "r", entity), regexp.MustCompile(expression+"$").MatchString(entity); got != want {
			t.Fatalf("%s on %s: %v, and %s says %v", pattern, entity, got, expression, want)
		}
	})
}

// finding is one about a member of the nodeset of a segment of log 0.
func finding(rule string, segment uint32, node string) analyze.Finding {
	log, index := cluster.LogID(0), cluster.SegmentIndex(segment)
	subject := rules.Subject{Log: &log, Segment: &index, Node: node}
	return analyze.Finding{Rule: rule, Severity: rules.Warning, Subject: subject, Fingerprint: rule + "@" + subject.Entity()}
}

func result(name string, state analyze.State, findings ...analyze.Finding) *analyze.Result {
	r := &analyze.Result{Name: name, Findings: findings}
	for _, rule := range rules.All() {
		o := analyze.Outcome{Rule: rule.ID, State: state}
		for _, f := range findings {
			if f.Rule == rule.ID {
				o.State = analyze.Found
				o.Findings++
			}
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	return r
}

// account is what an account of a file says after some results: a line for each finding, and one for each entry that it
// has something to say of.
func account(file *config.File, today analyze.Date, results ...*analyze.Result) string {
	a := config.NewAccount(file, today)
	var lines []string
	for _, r := range results {
		a.Apply(r)
		for _, f := range r.Findings {
			if f.Suppressed != nil {
				lines = append(lines, fmt.Sprintf("%s %s: %s", r.Name, f.Fingerprint, f.Suppressed.Reason))
			}
		}
	}
	for s, n := range a.Expired {
		lines = append(lines, fmt.Sprintf("expired %s: %d", s.Reason, n))
	}
	for s := range a.Unused {
		lines = append(lines, "unused "+s.Reason)
	}
	return strings.Join(lines, "\n")
}

func TestAccount(t *testing.T) {
	file := parse(t, `suppressions:
- {rule: nodeset-removed-node, entity: "**/node/N4", reason: first, expires: 2027-01-31}
- {rule: nodeset-*, entity: "log/0/segment/7/**", reason: second, owner: me}
- {rule: nodeset-unknown-node, entity: "**", reason: third}
- {rule: trim-gap, entity: "**", snapshot: elsewhere, reason: fourth}
- {rule: trim-gap, entity: "**", reason: fifth, expires: 2026-01-01}
`)
	findings := func() []analyze.Finding {
		return []analyze.Finding{finding("nodeset-removed-node", 6, "N4"), finding("nodeset-removed-node", 7, "N4"), finding("nodeset-removed-node", 7, "N5")}
	}
	for _, test := range []struct {
		name    string
		today   analyze.Date
		results []*analyze.Result
		want    string
	}{
		{"the first entry that matches suppresses", "2027-01-31", []*analyze.Result{result("s", analyze.Passed, findings()...)}, `
s nodeset-removed-node@log/0/segment/6/node/N4: first
s nodeset-removed-node@log/0/segment/7/node/N4: first
s nodeset-removed-node@log/0/segment/7/node/N5: second
expired fifth: 0
unused third`},
		{"an expired one does not, and says how many count", "2027-02-01", []*analyze.Result{result("s", analyze.Passed, findings()...)}, `
s nodeset-removed-node@log/0/segment/7/node/N4: second
s nodeset-removed-node@log/0/segment/7/node/N5: second
expired first: 1
expired fifth: 0
unused third`},
		{"nothing is unused where a rule was undecided", "2025-01-01", []*analyze.Result{result("s", analyze.Undecided)}, ""},
		{"nor where it was undecided in one of two snapshots", "2025-01-01",
			[]*analyze.Result{result("s", analyze.Passed), result("u", analyze.Undecided)}, ""},
		{"nothing was found, and everything decided", "2025-01-01", []*analyze.Result{result("s", analyze.Passed)}, `
unused first
unused second
unused third
unused fifth`},
		{"one snapshot of two has it", "2025-01-01", []*analyze.Result{result("s", analyze.Passed), result("elsewhere", analyze.Passed, finding("trim-gap", 1, ""))}, `
elsewhere trim-gap@log/0/segment/1: fourth
unused first
unused second
unused third`},
		{"no snapshot at all", "2025-01-01", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := account(file, test.today, test.results...); got != strings.TrimPrefix(test.want, "\n") {
				t.Errorf("got:\n%s\nwant:%s", got, test.want)
			}
		})
	}
	unread := config.NewAccount(file, "2025-01-01")
	unread.Apply(result("s", analyze.Passed))
	unread.Unread("broken")
	for s := range unread.Unused {
		t.Errorf("%s is unused although a snapshot could not be read", s.Reason)
	}
	if got := account(nil, "", result("s", analyze.Passed, findings()...)); got != "" {
		t.Errorf("no file says %s", got)
	}
}

// In whatever order snapshots are checked, the same findings are suppressed and the same is said of the entries.
func TestTheOrderOfSnapshotsDoesNotMatter(t *testing.T) {
	file := parse(t, `suppressions:
- {rule: nodeset-*, entity: "**/node/N4", reason: a, expires: 2027-01-31}
- {rule: "*", entity: "**/segment/1/**", snapshot: "s*", reason: b}
- {rule: trim-gap, entity: "**", reason: c}
`)
	states := rapid.SampledFrom([]analyze.State{analyze.Passed, analyze.Undecided, analyze.Crashed, analyze.NotApplicable})
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "snapshots")
		var checked []func() *analyze.Result
		for i := range n {
			state := states.Draw(t, "state")
			segments := rapid.SliceOfN(rapid.Uint32Range(0, 2), 0, 3).Draw(t, "segments")
			node := rapid.SampledFrom([]string{"N4", "N5"}).Draw(t, "node")
			name := rapid.SampledFrom([]string{"s", "t"}).Draw(t, "name") + fmt.Sprint(i)
			checked = append(checked, func() *analyze.Result {
				var list []analyze.Finding
				for _, segment := range segments {
					list = append(list, finding("nodeset-removed-node", segment, node))
				}
				return result(name, state, list...)
			})
		}
		today := analyze.Date(rapid.SampledFrom([]string{"2027-01-31", "2027-02-01"}).Draw(t, "today"))
		run := func(order []int) string {
			var results []*analyze.Result
			for _, i := range order {
				results = append(results, checked[i]())
			}
			lines := strings.Split(account(file, today, results...), "\n")
			slices.Sort(lines)
			return strings.Join(lines, "\n")
		}
		order := count(n)
		first := run(order)
		if again := run(rapid.Permutation(order).Draw(t, "order")); again != first {
			t.Fatalf("got\n%s\nand in another order\n%s", first, again)
		}
	})
}

// count counts from 0.
func count(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

func TestSuppressedFindingsOfTheSameRuleLeaveItSuppressed(t *testing.T) {
	file := parse(t, "suppressions: [{rule: trim-gap, entity: '**', reason: known, owner: me, expires: 2027-01-31}]\n")
	r := result("s", analyze.Passed, finding("trim-gap", 1, ""))
	config.NewAccount(file, "2026-01-01").Apply(r)
	want := analyze.Suppression{By: analyze.ByConfiguration, Reason: "known", Owner: "me", Expires: "2027-01-31"}
	if got := r.Findings[0].Suppressed; got == nil || *got != want {
		t.Errorf("got %+v", got)
	}
	at := slices.IndexFunc(r.Outcomes, func(o analyze.Outcome) bool { return o.Rule == "trim-gap" })
	if r.Outcomes[at].State != analyze.Suppressed {
		t.Errorf("the rule is %s", r.Outcomes[at].State)
	}
}
