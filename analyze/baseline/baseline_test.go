package baseline_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/analyze"
	"restate-lint/analyze/baseline"
	"restate-lint/rules"
)

const example = `{
  "schema_version": 1,
  "snapshots": [
    {
      "name": "a",
      "findings": [
        {"fingerprint": "one@log/0", "severity": "warning", "reason": "known <&> \u001b[2J ä", "owner": "me", "expires": "2027-01-31"},
        {"fingerprint": "two@cluster", "severity": "error", "reason": "known"}
      ]
    },
    {
      "name": "b",
      "findings": [
        {"fingerprint": "one@log/0", "severity": "note", "reason": "known"}
      ]
    }
  ]
}
`

func decode(t testing.TB, text string) *baseline.File {
	t.Helper()
	f, err := baseline.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEncodeIsCanonical(t *testing.T) {
	f := decode(t, example)
	if got := string(f.Encode()); got != example {
		t.Errorf("got\n%s", got)
	}
	if f.Len() != 3 || len(f.Of("a")) != 2 || f.Of("c") != nil {
		t.Errorf("got %+v", f)
	}
	if got := string(baseline.New().Encode()); got != "{\n  \"schema_version\": 1,\n  \"snapshots\": []\n}\n" || decode(t, got).Len() != 0 {
		t.Errorf("got\n%s", got)
	}
}

func TestWhatIsNoBaselineIsRefused(t *testing.T) {
	entry := `{"fingerprint":"a@b","severity":"note","reason":"r"}`
	of := func(entries string) string {
		return `{"schema_version":1,"snapshots":[{"name":"a","findings":[` + entries + `]}]}`
	}
	for _, test := range []struct {
		text, want string
		is         error
	}{
		{"", "line 1: not a baseline", baseline.ErrNotBaseline},
		{"[]", "it is an array", baseline.ErrNotBaseline},
		{"{\n  \"schema_version\": 1,\n  ]", "line 3: ", baseline.ErrNotBaseline},
		{`{"schema_version":1}`, "states no schema_version and snapshots", baseline.ErrNotBaseline},
		{`{"schema_version":1,"tool":{},"snapshots":[]}`, "a whole report", baseline.ErrNotBaseline},
		{`{"schema_version":1,"snapshot":"a","findings":[]}`, "an accepted report", baseline.ErrNotBaseline},
		{`{"schema_version":2,"snapshots":[]}`, "is of another schema version: 2, where this program knows 1", baseline.ErrVersion},
		{"{\n<<<<<<< HEAD\n=======\n>>>>>>> theirs\n}", "line 2: holds merge-conflict markers", baseline.ErrConflict},
		{of(`{"fingerprint":"a@b","severity":"note",` + "\n" + `"raeson":"r"}`), `line 2: not a baseline of restate-lint: "raeson" is not a key; did you mean reason?`, baseline.ErrNotBaseline},
		{of(`{"fingerprint":"a@b","severity":"note","reason":"r","reason":"s"}`), `"reason" is there twice`, baseline.ErrNotBaseline},
		{of(`{"fingerprint":"a@b","severity":"note","reason":{"text":"s"}}`), `"text" is not a key`, baseline.ErrNotBaseline},
		{of(`{"fingerprint":"a@b","severity":"note","reason":7}`), `reason is a number`, baseline.ErrNotBaseline},
		{of(`{"fingerprint":"a@b","severity":"bad","reason":"r"}`), `"bad" is not a severity`, baseline.ErrNotBaseline},
		{of(`{"fingerprint":"a@b","reason":"r"}`), `has no severity`, baseline.ErrNotBaseline},
		{of(`{"fingerprint":"a@b","severity":"note","reason":" "}`), `has no reason`, baseline.ErrNotBaseline},
		{of(`{"fingerprint":"ab","severity":"note","reason":"r"}`), `"ab" is not the fingerprint`, baseline.ErrNotBaseline},
		{of(`{"fingerprint":"a@b","severity":"note","reason":"r","expires":"soon"}`), `"soon" is not a day`, baseline.ErrNotBaseline},
		{of(entry + "," + entry), `"a@b" is there twice`, baseline.ErrNotBaseline},
		{`{"schema_version":1,"snapshots":[{"name":"a","findings":[]},{"name":"a","findings":[]}]}`, `"a" is there twice`, baseline.ErrNotBaseline},
		{`{"schema_version":1,"snapshots":[{"findings":[]}]}`, `has no name`, baseline.ErrNotBaseline},
		{strings.Repeat("[", 20000), "not a baseline", baseline.ErrNotBaseline},
	} {
		_, err := baseline.Decode([]byte(test.text))
		if err == nil || !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.100s: got %v, want %q", test.text, err, test.want)
		}
	}
}

// result has findings, given as "severity rule@entity", of rules that are decided, but for those named undecided.
func result(name string, undecided []string, findings ...string) *analyze.Result {
	r := &analyze.Result{Name: name}
	for _, rule := range []string{"one", "three", "two"} {
		o := analyze.Outcome{Rule: rule, State: analyze.Passed}
		if slices.Contains(undecided, rule) {
			o.State = analyze.Undecided
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	for _, text := range findings {
		word, fingerprint, _ := strings.Cut(text, " ")
		severity, err := rules.ParseSeverity(word)
		if err != nil {
			panic(err)
		}
		rule, _, _ := strings.Cut(fingerprint, "@")
		r.Findings = append(r.Findings, analyze.Finding{Rule: rule, Severity: severity, Fingerprint: fingerprint})
		for i := range r.Outcomes {
			if r.Outcomes[i].Rule == rule {
				r.Outcomes[i].State = analyze.Found
				r.Outcomes[i].Findings++
			}
		}
	}
	return r
}

func TestApply(t *testing.T) {
	for _, test := range []struct {
		name      string
		today     analyze.Date
		undecided []string
		findings  []string
		counting  string
		want      string
	}{
		{"what is there already does not count", "2027-01-31", nil, []string{"warning one@log/0", "error two@cluster", "note one@log/7"}, "one@log/7", ""},
		{"nor does what is milder now", "2027-01-31", nil, []string{"note one@log/0", "warning two@cluster"}, "", ""},
		{"what is graver counts", "2027-01-31", nil, []string{"error one@log/0", "error two@cluster"}, "one@log/0", "graver b.json: a: one@log/0 was accepted as a warning and is an error now: it counts"},
		{"what has expired counts", "2027-02-01", nil, []string{"warning one@log/0", "error two@cluster"}, "one@log/0", "expired b.json: a: one@log/0 was accepted until 2027-01-31: it counts again"},
		{"what is found no more", "2027-01-31", nil, []string{"error two@cluster"}, "", "unused b.json: a: one@log/0 is found no more"},
		{"unless nobody could know", "2027-01-31", []string{"one"}, []string{"error two@cluster"}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := baseline.NewAccount(decode(t, example), "dir/b.json", test.today)
			r := result("a", test.undecided, test.findings...)
			a.Apply(r)
			var counting, remarks []string
			for f := range r.Counting {
				counting = append(counting, f.Fingerprint)
			}
			for _, remark := range a.Remarks {
				remarks = append(remarks, string(remark.Kind)+" "+remark.String())
			}
			if got := strings.Join(counting, " "); got != test.counting {
				t.Errorf("%q counts, want %q", got, test.counting)
			}
			if got := strings.Join(remarks, "\n"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestApplyKeepsWhatTheConfigurationSuppressed(t *testing.T) {
	a := baseline.NewAccount(decode(t, example), "dir/b.json", "2026-01-01")
	r := result("a", nil, "error one@log/0", "error two@cluster")
	first := &analyze.Suppression{By: analyze.ByConfiguration, Reason: "first"}
	r.Suppress(func(f *analyze.Finding) *analyze.Suppression {
		if f.Rule == "one" {
			return first
		}
		return nil
	})
	a.Apply(r)
	if r.Findings[0].Suppressed != first || r.Findings[1].Suppressed == nil || r.Findings[1].Suppressed.By != analyze.ByBaseline || len(a.Remarks) > 0 {
		t.Errorf("got %+v, %+v", r.Findings, a)
	}
}

func TestApplyKnowsASnapshotByAnotherName(t *testing.T) {
	a := baseline.NewAccount(decode(t, example), "dir/b.json", "2026-01-01")
	for _, name := range []string{"x/a", "x", "b"} {
		a.Apply(result(name, nil, "note one@log/0"))
	}
	if len(a.Remarks) != 1 || a.Remarks[0].Kind != analyze.OtherName || a.Remarks[0].Snapshot != "x/a" {
		t.Errorf("got %q", a.Remarks)
	}
}

func TestUpdate(t *testing.T) {
	f := decode(t, example)
	like := baseline.Entry{Reason: "new", Owner: "you", Expires: "2028-01-01"}
	r := result("a", []string{"two"}, "error one@log/0", "note one@log/7", "note three@x")
	r.Suppress(func(f *analyze.Finding) *analyze.Suppression {
		if f.Rule == "three" {
			return &analyze.Suppression{By: analyze.ByConfiguration, Reason: "known"}
		}
		return nil
	})
	change := f.Update(r, like)
	want := `{
  "schema_version": 1,
  "snapshots": [
    {
      "name": "a",
      "findings": [
        {"fingerprint": "one@log/0", "severity": "error", "reason": "known <&> \u001b[2J ä", "owner": "me", "expires": "2027-01-31"},
        {"fingerprint": "one@log/7", "severity": "note", "reason": "new", "owner": "you", "expires": "2028-01-01"},
        {"fingerprint": "two@cluster", "severity": "error", "reason": "known"}
      ]
    },
`
	if got := string(f.Encode()); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s", got)
	}
	if len(change.Added) != 1 || len(change.Graver) != 1 || len(change.Removed) != 0 || change.Kept != 2 || change.Empty() {
		t.Errorf("got %+v", change)
	}
	if change = f.Update(result("a", nil, "warning one@log/0"), like); len(change.Milder) != 1 || len(change.Removed) != 2 || change.Kept != 1 {
		t.Errorf("got %+v", change)
	}
	if change = f.Update(result("a", nil), like); len(change.Removed) != 1 || f.Of("a") != nil || f.Len() != 1 {
		t.Errorf("got %+v, %+v", change, f)
	}
}

func TestPruneOnlyRemoves(t *testing.T) {
	f := decode(t, example)
	change := f.Prune(result("a", nil, "note one@log/0", "error one@log/7"))
	if len(change.Removed) != 1 || change.Removed[0].Fingerprint != "two@cluster" || change.Kept != 1 {
		t.Errorf("got %+v", change)
	}
	if entries := f.Of("a"); len(entries) != 1 || entries[0].Severity != rules.Warning || len(f.Of("b")) != 1 {
		t.Errorf("got %+v", f)
	}
	if change = f.Prune(result("b", []string{"one"})); !change.Empty() || len(f.Of("b")) != 1 {
		t.Errorf("got %+v", change)
	}
}

// After an update, the very result has nothing that counts and leaves nothing to say; a second update changes nothing; and
// what was written is read again as it was.
func TestAnUpdateAcceptsEverything(t *testing.T) {
	entity := rapid.SampledFrom([]string{"log/0", "log/10/segment/2", "cluster", "part/\xff", "part/\xfe", "ä", "a\x1bb", "a\"b\\", "x\n    y"})
	rapid.Check(t, func(t *rapid.T) {
		f := decodeOr(example)
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			var findings []string
			for range rapid.IntRange(0, 5).Draw(t, "findings") {
				findings = append(findings, rapid.SampledFrom([]string{"note", "warning", "error"}).Draw(t, "severity")+" "+
					rapid.SampledFrom([]string{"one", "two", "three"}).Draw(t, "rule")+"@"+entity.Draw(t, "entity"))
			}
			slices.SortFunc(findings, func(a, b string) int {
				x, _ := rules.ParseSeverity(strings.Fields(a)[0])
				y, _ := rules.ParseSeverity(strings.Fields(b)[0])
				return int(y) - int(x)
			})
			seen := make(map[string]bool) // fingerprints are unique
			findings = slices.DeleteFunc(findings, func(text string) bool {
				_, print, _ := strings.Cut(text, " ")
				print = strings.ToValidUTF8(print, "?")
				defer func() { seen[print] = true }()
				return seen[print]
			})
			name := rapid.SampledFrom([]string{"a", "b", "new", "\xff"}).Draw(t, "name")
			f.Update(result(name, nil, findings...), baseline.Entry{Reason: "r"})
			text := f.Encode()
			again, err := baseline.Decode(text)
			if err != nil || !reflect.DeepEqual(again, f) || !bytes.Equal(again.Encode(), text) {
				t.Fatalf("%v: %+v became %+v\n%s", err, f, again, text)
			}
			if change := again.Update(result(name, nil, findings...), baseline.Entry{Reason: "s"}); !change.Empty() {
				t.Fatalf("a second update changes %+v", change)
			}
			account := baseline.NewAccount(again, "dir/b.json", "2026-01-01")
			r := result(name, nil, findings...)
			account.Apply(r)
			for finding := range r.Counting {
				t.Fatalf("%s counts", finding.Fingerprint)
			}
			if len(account.Remarks) > 0 {
				t.Fatalf("it says %+v", account)
			}
		}
	})
}

func decodeOr(text string) *baseline.File {
	f, err := baseline.Decode([]byte(text))
	if err != nil {
		panic(err)
	}
	return f
}

func TestReadAndWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "b.json")
	if _, err := baseline.Read(path); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("got %v", err)
	}
	f := decode(t, example)
	if err := f.Write(path, true); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(path, true); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	link := filepath.Join(dir, "link.json")
	if err := os.Symlink(path, link); err == nil {
		if err := baseline.New().Write(link, false); err != nil {
			t.Fatal(err)
		}
		if read, err := baseline.Read(path); err != nil || read.Len() != 0 {
			t.Errorf("a link was not followed: %v, %v", read, err)
		}
	}
	if err := f.Write(filepath.Join(dir, "none", "b.json"), false); err == nil {
		t.Error("it was written into a directory that there is not")
	}
	if _, err := baseline.Read(dir); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 2 {
		t.Errorf("something is left behind: %v, %v", entries, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(example))
	f.Add(baseline.New().Encode())
	f.Add([]byte(`{"schema_version":1,"snapshots":[{"name":"a","findings":null},{"name":"b"}]}`))
	f.Add([]byte(`{"schema_version":1,"snapshots":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := baseline.Decode(text)
		if err != nil {
			if !errors.Is(err, baseline.ErrNotBaseline) && !errors.Is(err, baseline.ErrConflict) && !errors.Is(err, baseline.ErrVersion) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		encoded := file.Encode()
		again, err := baseline.Decode(encoded)
		if err != nil || !bytes.Equal(again.Encode(), encoded) {
			t.Errorf("%v: %s\nbecame %s", err, text, encoded)
		}
		baseline.NewAccount(file, "dir/b.json", "2026-01-01").Apply(result("a", nil, "note one@log/0"))
		_ = fmt.Sprint(file.Similar("x/a"))
	})
}
