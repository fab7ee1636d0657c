package snapshots

import (
	"fmt"
	"strings"
	"testing"
)

// withLists runs a test for documents whose list of logs is read through at once, and for those whose list is too large.
func withLists(t *testing.T, run func(t *testing.T, large bool)) {
	for _, large := range []bool{false, true} {
		t.Run(fmt.Sprintf("large %t", large), func(t *testing.T) {
			defer func(size int) { largeList = size }(largeList)
			if largeList = 4 << 20; large {
				largeList = 16
			}
			run(t, large)
		})
	}
}

const logsHead, logsList = `{"version":%d,"config":null,`, `"logs":[[0,{"chain":[]}],[1,{"chain":[]}],[2,{"chain":[]}],[3,{"chain":[]}]]`

func logsOf(version int, behind string) string {
	return fmt.Sprintf(logsHead, version) + logsList + behind
}

// What stands behind the list of logs is checked whatever the size of the list.
func TestWhatFollowsTheLogsIsChecked(t *testing.T) {
	withLists(t, func(t *testing.T, large bool) {
		for behind, want := range map[string]string{
			`}`:                                   "",
			`,"modified_at":7,"new":[{"a":"b"}]}`: "",
			`,"modified_at":nul}`:                 "modified_at (byte ",
			`,"new":nul}`:                         "new (byte ",
			`,"new":{"a" 1}}`:                     "new (byte ",
			`,"version":2}`:                       "twice",
			`,"logs":[]}`:                         "twice",
			`,"new":1,"new":2}`:                   "twice",
			`,7:8}`:                               "not a field name",
			`,"new"}`:                             "':' belongs",
			`,"new":1`:                            "the text ends",
			``:                                    "the text ends",
		} {
			s, err := read(map[string]string{"b.json": logsOf(1, behind)})
			if err != nil || s.Logs.whole == large {
				t.Fatal(err, "the list was not taken for what it is")
			}
			gaps := sourced(s)
			for _, oddity := range s.Oddities {
				if oddity.Kind == DuplicateKey {
					gaps = append(gaps, "twice")
				}
			}
			if want == "" && len(gaps) > 0 || want != "" && (len(gaps) != 1 || !strings.Contains(gaps[0], want)) {
				t.Errorf("%s: got %q, want %q", behind, gaps, want)
			}
		}
	})
}

// A document that ends early does not win over a whole one, however large both are and whichever comes first.
func TestATruncatedRivalDoesNotWin(t *testing.T) {
	withLists(t, func(t *testing.T, large bool) {
		for _, cut := range []string{``, `,"x":`, `,"modified_at":nul}`} {
			for _, names := range [][2]string{{"a.json", "b.json"}, {"b.json", "a.json"}} {
				s, err := read(map[string]string{names[0]: logsOf(9, cut), names[1]: logsOf(3, `}`), "c.json": logsOf(2, `}`)})
				if err != nil || len(s.Rivals) != 2 {
					t.Fatal(err, s.Rivals)
				}
				if s.Logs.Document.Version != 3 || !s.Captured(BifrostConfig) || s.Document(BifrostConfig) != s.Logs.Document {
					t.Errorf("%q in %s: kept %v, complete %t", cut, names[0], s.Logs.Document.Version, s.Logs.Document.Complete)
				}
				if gaps := sourced(s); len(gaps) != 1 {
					t.Errorf("%q in %s: gaps %q", cut, names[0], gaps)
				}
			}
		}
		s, _ := read(map[string]string{"a.json": logsOf(3, `,"x":`)})
		if gaps := sourced(s); len(gaps) != 1 {
			t.Errorf("gaps %q", gaps)
		}
		s, _ = read(map[string]string{"a.json": logsOf(3, `,"x":`), "b.json": logsOf(2, `,"x":`)})
		if gaps := sourced(s); len(gaps) != 2 || s.Logs.Document.Version != 3 || s.Captured(BifrostConfig) {
			t.Errorf("both cut: kept %v, gaps %q", s.Logs.Document.Version, gaps)
		}
	})
}

// A field that nobody reads is looked at as well.
func TestFieldsThatAreNotReadAreJSON(t *testing.T) {
	const head = `{"version":1,"cluster_name":"c","nodes":[],"x":`
	for value, sound := range map[string]bool{
		`1`: true, `"a"`: true, `{"a":[null]}`: true, "\"a\x01b\"": true, `nul`: false, `{"a":nul}`: false, `[1,,2]`: false, `{"a":1,}`: false,
		`"` + strings.Repeat("a", checkedSize) + `"`: true,
	} {
		s, err := read(map[string]string{"n.json": head + value + `}`})
		if gaps := sourced(s); err != nil || s.Captured(NodesConfig) != sound || (len(gaps) == 0) != sound {
			t.Errorf("%.40s: %v, gaps %q", value, err, gaps)
		}
	}
}
