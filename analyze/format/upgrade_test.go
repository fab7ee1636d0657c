package format_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/analyze/format"
	"restate-lint/analyze/upgrade"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

func TestUpgradeReportsFollowTheirSchema(t *testing.T) {
	schema := compile(t, format.UpgradeSchema)
	eachCapture(t, func(t *testing.T, s *snapshots.Snapshot) {
		for _, request := range []upgrade.Request{
			{To: cluster.Release{Major: 1, Minor: 8}, RollbackTo: cluster.Release{Major: 1, Minor: 2}},
			{RollbackTo: cluster.Release{Major: 1, Minor: 2}},
		} {
			report, err := upgrade.Judge("test", s, request)
			if err != nil {
				t.Fatal(err)
			}
			if err := report.Locate(); err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if err := format.UpgradeJSON(&text, report); err != nil {
				t.Fatal(err)
			}
			validate(t, schema, text.Bytes())
		}
	})
}

// Whatever a capture says, it cannot reach the terminal as it is.
func TestUpgradeTextIsClean(t *testing.T) {
	const evil = "x\\u001b[2J\\u202ey"
	s, _ := snapshots.Read("case", fstest.MapFS{
		"nodes_config.json": {Data: []byte(`{"version":1,"cluster_name":"` + evil + `","nodes":[[1,{"Node":{"name":"` + evil + `","current_generation":[1,1],"roles":["` + evil + `"],"binary_version":"1.6.2"}}]],"features":["` + evil + `"]}`)},
		"marker":            {Data: []byte(`{"cluster_name":"z` + evil + `","max_version":"1.6.2","current_version":"1.6.2"}`)},
		"a\x1b[2J":          {Data: []byte("cluster-name = \"c\"\nrocksdb-max-background-jobs = 1\n")},
	}, "nodes_config.json", "marker", "a\x1b[2J")
	for _, request := range []upgrade.Request{{To: cluster.Release{Major: 1, Minor: 7}}, {RollbackTo: cluster.Release{Major: 1, Minor: 4}}} {
		report, err := upgrade.Judge("test", s, request)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		format.Text{}.Upgrade(&text, report)
		if strings.ContainsAny(text.String(), "\x1b\u202e") || !strings.HasPrefix(text.String(), "no go: ") {
			t.Errorf("%q", text.String())
		}
	}
}

// Steps are there to be copied: a command is never broken, and every line of a comment is one.
func TestUpgradeStepsCanBeCopied(t *testing.T) {
	command := "restatectl snapshots create 0-3 --trim-log   # " + strings.Repeat("again ", 20)
	comment := "# " + strings.Repeat("snapshots need a repository ", 6) + "(restate-lint explain no-snapshot-repository)"
	prose := strings.TrimSpace(strings.Repeat("wait until each is back ", 8))
	var text bytes.Buffer
	format.Text{}.Upgrade(&text, &upgrade.Report{
		Verdict: upgrade.NoGo, To: "1.7", Blockers: []upgrade.Item{{Check: "c", Message: "m", Remedy: []string{command, comment, prose}}},
		Steps: []upgrade.Action{{Says: "s", Do: []string{command, comment, prose}}},
	})
	_, plan, _ := strings.Cut(text.String(), "in this order:")
	for _, part := range []string{text.String()[:text.Len()-len(plan)], plan} {
		if !strings.Contains(part, command+"\n") {
			t.Errorf("the command is broken:\n%s", part)
		}
		comments, joined := 0, ""
		for line := range strings.Lines(part) {
			if _, said, is := strings.Cut(strings.TrimSpace(line), "# "); is && !strings.Contains(line, "restatectl") {
				comments++
				joined += " " + strings.TrimSpace(said)
			}
		}
		if comments < 2 || strings.TrimSpace(joined) != strings.TrimPrefix(comment, "# ") {
			t.Errorf("%d lines of the comment: %q\n%s", comments, joined, part)
		}
		if strings.Contains(part, prose) || !strings.Contains(strings.Join(strings.Fields(part), " "), prose) {
			t.Errorf("the prose is not broken into lines:\n%s", part)
		}
	}
}
