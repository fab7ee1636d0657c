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
