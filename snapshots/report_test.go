package snapshots_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/internal/testcluster"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// The whole report of all rules is the same, byte by byte, however the logs are read: of made-up clusters with faults at known
// places, printed in every way and in some that are odd, and of all small captures.
func TestReportsDoNotDependOnTheWayLogsAreRead(t *testing.T) {
	typical := testcluster.Cluster{Nodes: 9, Removed: 2, Zones: 3, Logs: 20, Segments: 12, Members: 5, Nodesets: 20, Unknown: 20, SealedEvery: 7}
	compact, short, long, wide, sealed := typical, typical, typical, typical, typical
	compact.Compact = true
	short.Logs, short.Segments = 100, 1
	long.Logs, long.Segments = 2, 100
	wide.Nodes, wide.Members, wide.Logs = 200, 128, 4
	sealed.SealedEvery = 1
	for name, c := range map[string]testcluster.Cluster{
		"typical": typical, "compact": compact, "one segment a log": short, "long chains": long, "large nodesets": wide, "sealed": sealed,
	} {
		var logs bytes.Buffer
		if err := c.WriteLogs(&logs); err != nil {
			t.Fatal(err)
		}
		for odd, change := range odd {
			if odd != asPrinted && name != "typical" && name != "compact" {
				continue
			}
			t.Run(name+", "+odd, func(t *testing.T) {
				files := fstest.MapFS{"n.json": {Data: c.NodesConfig()}, "b.json": {Data: change(bytes.Clone(logs.Bytes()))}}
				findings := sameReport(t, func() (*snapshots.Snapshot, error) { return snapshots.Read("made-up", files, "b.json", "n.json") })
				if findings < c.Unknown {
					t.Errorf("%d findings for %d faults", findings, c.Unknown)
				}
			})
		}
	}
	captures, err := snapshots.Find("testdata/captures/...")
	if err != nil || len(captures) == 0 {
		t.Fatal(err, "no captures")
	}
	for _, capture := range captures {
		sameReport(t, capture.Read)
	}
}

const asPrinted = "as printed"

// odd are changes of a document that keep it readable, and most of its logs as they were.
var odd = map[string]func([]byte) []byte{
	asPrinted: func(document []byte) []byte { return document },
	"with dates": func(document []byte) []byte {
		return some(document, `null`, `647611954860392449`)
	},
	"with another order of fields": func(document []byte) []byte {
		return some(some(document, `"index"`, `"inDex"`), `"inDex"`, `"more": 1, "index"`)
	},
	"with escapes":            func(document []byte) []byte { return some(document, `"kind"`, `"\u006bind"`) },
	"with spaces":             func(document []byte) []byte { return some(document, `,\"nodeset\":[`, `, \"nodeset\": [ `) },
	"with rounded numbers":    func(document []byte) []byte { return some(document, `"index": 1`, `"index": 1.0`) },
	"with unreadable loglets": func(document []byte) []byte { return some(document, `{\"loglet_id\":`, `{\"loglet_id\":-`) },
}

// some replaces a text at a few of the places where it stands.
func some(document []byte, text, by string) []byte {
	random := rand.New(rand.NewPCG(5, 6))
	pieces := bytes.SplitAfter(document, []byte(text))
	for i := range pieces[:len(pieces)-1] {
		if random.IntN(40) == 0 {
			pieces[i] = append(bytes.TrimSuffix(bytes.Clone(pieces[i]), []byte(text)), by...)
		}
	}
	return bytes.Join(pieces, nil)
}

// sameReport fails the test unless all ways of reading give one report. It returns the number of its findings.
func sameReport(t *testing.T, read func() (*snapshots.Snapshot, error)) (findings int) {
	t.Helper()
	report := func(way string) []byte {
		s, err := read()
		if err != nil {
			t.Fatal(err)
		}
		s.ReadLogs(snapshots.Ways[way])
		result := analyze.Check(s, rules.All())
		if err := result.Locate(); err != nil {
			t.Fatal(err)
		}
		findings = len(result.Findings)
		var text bytes.Buffer
		if err := format.JSON(&text, analyze.NewReport("test", result)); err != nil {
			t.Fatal(err)
		}
		return append(text.Bytes(), fmt.Sprintf("%+v", result.Inventory)...)
	}
	want := report("plain")
	for way := range snapshots.Ways {
		if got := report(way); !bytes.Equal(got, want) {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			from := max(at-200, 0)
			t.Fatalf("read %s the report has\n…%.400s…\nand read plainly\n…%.400s…", way, got[from:], want[from:])
		}
	}
	return findings
}
