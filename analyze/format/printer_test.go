package format_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// printer makes a printer of the format with that name.
func printer(t testing.TB, name string, out *bytes.Buffer) format.Printer {
	t.Helper()
	all := format.Formats()
	i := slices.IndexFunc(all, func(f format.Format) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("there is no format %s", name)
	}
	return all[i].New(out, format.Options{Tool: analyze.Tool{Name: "restate-lint", Version: "1.2.3"}, Rules: rules.All()})
}

// The report is written piece by piece, and has to be what the encoder of the standard library makes of the whole.
func TestJSONIsThatOfTheWholeReport(t *testing.T) {
	found, err := snapshots.Find(filepath.FromSlash(captures + "..."))
	if err != nil {
		t.Fatal(err)
	}
	var all []*analyze.Result
	for _, capture := range found {
		s, err := capture.Read()
		if err != nil {
			t.Fatal(err)
		}
		r := analyze.Check(s, rules.All())
		if err := format.Prepare(r, format.Formats()...); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	failing := analyze.NewReport("1.2.3", all[0])
	failing.Failures = []analyze.Failure{{Snapshot: "a", Reason: "b"}, {Snapshot: "c", Reason: "d", Crashed: true}}
	schema := compile(t, format.Schema)
	for _, report := range []*analyze.Report{
		analyze.NewReport("1.2.3"), analyze.NewReport("1.2.3", smallResult(t)), analyze.NewReport("1.2.3", all...), failing,
	} {
		var want, got bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(report); err != nil {
			t.Fatal(err)
		}
		if err := format.JSON(&got, report); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%d snapshots: got\n%.3000s", len(report.Snapshots), got.Bytes())
		}
		validate(t, schema, got.Bytes())
	}
}

// A result that a printer cannot print is a mistake of this program, which must not spoil what else is in the report.
func TestJSONIsWholeAfterAPanic(t *testing.T) {
	for _, at := range []int{0, 1, 2} {
		good, bad := smallResult(t), smallResult(t)
		for i := range 3 {
			add(bad, smallFinding(bad, i, 0))
		}
		bad.Findings[at].Severity = 99
		var out bytes.Buffer
		p := printer(t, "json", &out)
		var total format.Tally
		total.Add(good)
		if err := p.Begin(); err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("there was no panic")
				}
			}()
			t.Errorf("there was no panic, but %v", p.Result(bad))
		}()
		if err := p.Result(good); err != nil {
			t.Fatal(err)
		}
		if err := p.End(&total, time.Second); err != nil {
			t.Fatal(err)
		}
		var read analyze.Report
		if err := json.Unmarshal(out.Bytes(), &read); err != nil || len(read.Snapshots) != 2 || len(read.Snapshots[0].Findings) != at {
			t.Errorf("%v\n%s", err, out.Bytes())
		}
	}
}

// printedAs is a report in the format with that name.
func printedAs(t testing.TB, name string, report *analyze.Report) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := format.Print(printer(t, name, &out), report); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
