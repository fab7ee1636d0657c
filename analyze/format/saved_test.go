package format_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/snapshots"
)

// printedOf is a report in a format, as the command line prints it.
func printedOf(t testing.TB, f format.Format, report *analyze.Report) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := format.Print(f.New(&out, format.Options{Tool: report.Tool, Rules: few}), report); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func saved(t testing.TB, report *analyze.Report) *analyze.Report {
	t.Helper()
	var out bytes.Buffer
	if err := format.JSON(&out, report); err != nil {
		t.Fatal(err)
	}
	read, err := analyze.ReadReport(&out)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestASavedReportGivesTheSameBytes(t *testing.T) {
	same := func(t *testing.T, report *analyze.Report) {
		read := saved(t, report)
		for _, f := range format.Formats() {
			if f.Name == "text" {
				continue // has excerpts of the sources
			}
			if want, got := printedOf(t, f, report), printedOf(t, f, read); !bytes.Equal(got, want) {
				t.Errorf("%s:\n%s\nafter it was saved:\n%s", f.Name, want, got)
			}
		}
		text := string(printedOf(t, format.Formats()[0], read))
		for i := range read.Snapshots {
			for f := range read.Snapshots[i].Counting {
				if !strings.Contains(text, format.Clean(f.Rule)) {
					t.Errorf("the text does not mention %s", f.Fingerprint)
				}
			}
		}
	}
	eachCapture(t, func(t *testing.T, s *snapshots.Snapshot) { same(t, report(t, s)) })
	same(t, everyKind(t))
	same(t, analyze.NewReport("1"))
}

func TestTextOfASavedReportHasPositionsAndNoExcerpts(t *testing.T) {
	r := smallResult(t)
	add(r, smallFinding(r, 0, 0))
	if err := r.Locate(); err != nil {
		t.Fatal(err)
	}
	assertGolden(t, "saved.txt", printedOf(t, format.Formats()[0], saved(t, analyze.NewReport("1.2.3", r))))
}

const okResult = `{"name": "a", "outcomes": [{"rule": "r", "severity": "note", "state": "found"}], "findings": [{"rule": "r", "title": "t", "message": "m", "severity": "note", "fingerprint": "r@x"}]}`

func savedText(result string) string {
	return `{"schema_version": 1, "tool": {"name": "restate-lint", "version": "9"}, "snapshots": [` + result + `], "new": true}`
}

func TestWhatIsNoReportIsRefused(t *testing.T) {
	if r, err := analyze.ReadReport(strings.NewReader(savedText(okResult))); err != nil || r.Summary.Note != 1 || r.Snapshots[0].Gaps == nil {
		t.Fatalf("%v %v", r, err)
	}
	change := func(old, replacement string) string { return savedText(strings.Replace(okResult, old, replacement, 1)) }
	for text, want := range map[string]string{
		"":                        "line 1: not a report of restate-lint: unexpected end of JSON input",
		"[]":                      "it is of the type array",
		savedText(okResult) + "x": "invalid character 'x'",
		`{}`:                      "it states no schema_version",
		`{"schema_version": "1"}`: "schema_version is of the type string",
		`{"schema_version": 0}`:   "schema_version 0 is not known: this version of the program reads 1",
		`{"schema_version": 1}`:   "it has no snapshots and tool",
		`{"schema_version": 1, "tool": {}, "snapshots": null, "snapshot": "x"}`: "but of one snapshot only",
		savedText("null"):                                                                                           "snapshot 0 is null",
		savedText(okResult + "," + okResult):                                                                        `two snapshots are called "a"`,
		change(`"rule": "r"`, `"rule": "R\u001b"`):                                                                  `"R\x1b" is not the id of a rule`,
		change(`"state": "found"`, `"state": "lost"`):                                                               `"lost" is not a state of the rule r`,
		change(`"severity": "note"`, `"severity": "fatal"`):                                                         `"fatal" is not a severity`,
		change(`"severity": "note", `, ``):                                                                          "the rule r has no severity",
		change(`"severity": "note", "fingerprint"`, `"fingerprint"`):                                                `the finding "r@x" has no severity`,
		change(`"r@x"`, `"q@x"`):                                                                                    `"q@x" is not the fingerprint of a finding of the rule r`,
		change(`"r@x"`, `"r@x", "location": {"line": -1}`):                                                          "below 0",
		change(`"name": "a"`, `"name": "a", "documents": [{"bytes": -1}]`):                                          "a document of -1 bytes",
		change(`"state": "found"`, `"state": "found", "findings": -1`):                                              "less than no findings",
		change(`}], "findings"`, `}, {"rule": "r", "severity": "note", "state": "passed"}], "findings"`):            "the rule r is there twice",
		change(`}]}`, `}, {"rule": "r", "title": "t", "message": "m", "severity": "note", "fingerprint": "r@x"}]}`): `the finding "r@x" is there twice`,
		change(`"message": "m"`, `"message": ""`):                                                                   `the finding "r@x" says nothing`,
		savedText(strings.Repeat("[", 100_000)):                                                                     "not a report of restate-lint",
	} {
		_, err := analyze.ReadReport(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: %v, want %q", text, err, want)
		} else if !errors.Is(err, analyze.ErrNotReport) && !strings.Contains(want, "schema_version 0") {
			t.Errorf("%v is no ErrNotReport", err)
		}
	}
}

func FuzzSavedReport(f *testing.F) {
	f.Add([]byte(savedText(okResult)))
	for _, text := range []string{"::error::<a|b>", "\x1b[2J\n"} {
		report := hostileReport(f, text)
		report.Snapshots[0].Findings = report.Snapshots[0].Findings[:1]
		var out bytes.Buffer
		if err := format.JSON(&out, report); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		report, err := analyze.ReadReport(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, f := range format.Formats() {
			checkFormat(t, f, report)
		}
	})
}
