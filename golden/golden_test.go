package golden_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/analyze"
	"restate-lint/golden"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// captures are those of the repository.
func captures(t *testing.T) []snapshots.Capture {
	t.Helper()
	found, err := snapshots.Find("../snapshots/testdata/captures/...")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// reportOn is the report on a capture, in canonical form.
func reportOn(t *testing.T, capture snapshots.Capture) *golden.Golden {
	t.Helper()
	snapshot, err := capture.Read()
	if err != nil {
		t.Fatal(err)
	}
	return golden.Of(analyze.Check(snapshot, rules.All()))
}

func TestLayoutAndOrderOfACaptureDoNotMatter(t *testing.T) {
	for _, variant := range []struct {
		name    string
		rewrite func(document []byte) []byte
	}{
		{"compact", func(document []byte) []byte {
			var b bytes.Buffer
			if json.Compact(&b, document) != nil {
				return document
			}
			return b.Bytes()
		}},
		{"indented by eight", func(document []byte) []byte {
			var b bytes.Buffer
			if json.Indent(&b, document, "", "        ") != nil {
				return document
			}
			return b.Bytes()
		}},
		{"CRLF", func(document []byte) []byte { return bytes.ReplaceAll(document, []byte("\n"), []byte("\r\n")) }},
		{"keys sorted", func(document []byte) []byte { return rewritten(document, "  ", func(any) {}) }},
		{"logs, nodes and partitions the other way round", func(document []byte) []byte { return rewritten(document, "", reverseEntries) }},
	} {
		t.Run(variant.name, func(t *testing.T) {
			changed := 0
			for _, capture := range captures(t) {
				want := reportOn(t, capture).Encode()
				files := fstest.MapFS{}
				for _, name := range capture.Files {
					text, err := fs.ReadFile(capture.FS, name)
					if err != nil {
						t.Fatal(err)
					}
					rewritten := text
					if strings.HasSuffix(name, ".json") {
						rewritten = variant.rewrite(text)
					}
					if !bytes.Equal(text, rewritten) {
						changed++
					}
					files[name] = &fstest.MapFile{Data: rewritten}
				}
				capture.FS = files
				if got := reportOn(t, capture).Encode(); !bytes.Equal(got, want) {
					t.Errorf("%s: the golden is another one:\n%s", capture.Name, diff(t, want, got))
				}
			}
			if changed == 0 {
				t.Error("no document was changed by this")
			}
		})
	}
}

func diff(t *testing.T, want, got []byte) string {
	t.Helper()
	a, errA := golden.Decode(want)
	b, errB := golden.Decode(got)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	return golden.Unified(a, b)
}

// rewritten decodes a document, changes it, and writes it with sorted keys. What is not JSON stays as it is.
func rewritten(document []byte, indent string, change func(any)) []byte {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return document
	}
	change(value)
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if encoder.Encode(value) != nil {
		return document
	}
	return b.Bytes()
}

// reverseEntries turns the lists round whose order means nothing.
func reverseEntries(value any) {
	document, _ := value.(map[string]any)
	for _, name := range []string{"logs", "nodes", "partitions"} {
		entries, _ := document[name].([]any)
		for i, k := 0, len(entries)-1; i < k; i, k = i+1, k-1 {
			entries[i], entries[k] = entries[k], entries[i]
		}
	}
}

func TestPlacesInASourceAreLeftOut(t *testing.T) {
	base := analyze.Result{
		Name:      "dump",
		Documents: []analyze.Document{{Kind: "bifrost_config", Version: 3}},
		Gaps:      []analyze.Gap{{Kind: "bifrost_config", Source: "a.json", Reason: "log entry 3 (byte 120): not a pair"}},
		Outcomes:  []analyze.Outcome{{Rule: "r", State: analyze.Found, Findings: 1}},
		Findings: []analyze.Finding{{
			Rule: "r", Severity: rules.Error, Fingerprint: "r@log/1", Title: "log 1: bad",
			Location: analyze.Location{Source: "a.json", Line: 3, Column: 4, Pointer: "/logs/0"},
		}},
	}
	moved := base
	moved.Documents = []analyze.Document{{Kind: "bifrost_config", Version: 3, Source: "b.json", SHA256: "00", Bytes: 99}}
	moved.Gaps = []analyze.Gap{{Kind: "bifrost_config", Source: "b.json", Reason: "log entry 14 (byte 7): not a pair"}}
	moved.Findings = []analyze.Finding{base.Findings[0]}
	moved.Findings[0].Location = analyze.Location{Source: "b.json", Line: 30, Column: 40, Pointer: "/logs/7"}
	if d := golden.Compare(golden.Of(&base), golden.Of(&moved)); !d.Empty() {
		t.Error(d)
	}
}

func TestHostileTextIsEscapedAndSurvivesTheFile(t *testing.T) {
	const hostile = "\x1b[2J\u202e\xff\xfe\u2028\"<script>\u0085\n<<<<<<< HEAD\n=======\n"
	result := &analyze.Result{
		Name:        hostile,
		ClusterName: hostile,
		Gaps:        []analyze.Gap{{Kind: hostile, Reason: hostile}},
		Outcomes:    []analyze.Outcome{{Rule: "r", State: analyze.Found}},
		Findings: []analyze.Finding{{
			Rule: "r", Severity: rules.Note, Fingerprint: "r@node/" + hostile, Title: hostile,
			Observed: hostile, Remedy: []string{hostile},
		}},
	}
	current := golden.Of(result)
	store := golden.Store{Dir: t.TempDir()}
	if err := store.Write(current); err != nil {
		t.Fatal(err)
	}
	accepted, err := store.Read(current.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if d := golden.Compare(accepted, current); !d.Empty() {
		t.Errorf("a report is not what was written of it:\n%s", d)
	}
	other := golden.Of(&analyze.Result{Name: hostile})
	verdict := store.Judge(other)
	verdict.Diff = golden.Unified(accepted, other)
	var asJSON bytes.Buffer
	if err := golden.JSON(&asJSON, []*golden.Verdict{verdict}, []string{hostile}, nil); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"golden": string(current.Encode()),
		"text":   verdict.Difference.Text(true),
		"diff":   verdict.Diff,
		"JSON":   asJSON.String(),
	} {
		if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r != '\ufffd' }); i >= 0 {
			t.Errorf("%s has the raw character %q:\n%q", name, text[i], text)
		}
	}
}

// A suppression that goes away, or comes, is a change of the report.
func TestSuppressedFindingsAreMarked(t *testing.T) {
	result := &analyze.Result{
		Name:     "s",
		Outcomes: []analyze.Outcome{{Rule: "a", State: analyze.Found, Findings: 2}, {Rule: "b", State: analyze.Found, Findings: 1}},
		Findings: []analyze.Finding{
			{Rule: "a", Fingerprint: "a@1", Severity: rules.Error, Title: "first"},
			{Rule: "a", Fingerprint: "a@2", Severity: rules.Error, Title: "second"},
			{Rule: "b", Fingerprint: "b@1", Severity: rules.Error},
		},
	}
	result.Suppress(func(f *analyze.Finding) *analyze.Suppression {
		if f.Fingerprint == "a@2" {
			return nil
		}
		return &analyze.Suppression{By: analyze.ByConfiguration, Reason: "known"}
	})
	before := golden.Of(result)
	if len(before.Findings) != 3 || before.Findings[0].Suppressed != analyze.ByConfiguration || before.Findings[1].Suppressed != "" {
		t.Errorf("got %+v", before.Findings)
	}
	if before.Outcomes[0].State != analyze.Found || before.Outcomes[1].State != analyze.Suppressed {
		t.Errorf("got %+v", before.Outcomes)
	}
	if want := "1 error, 0 warnings, 0 notes (2 suppressed); 0 rules undecided"; before.Summary() != want {
		t.Errorf("got %s, want %s", before.Summary(), want)
	}
	read, err := golden.Decode(before.Encode())
	if err != nil || !golden.Compare(before, read).Empty() {
		t.Error(err)
	}
	result.Findings[0].Suppressed, result.Findings[1].Suppressed = nil, &analyze.Suppression{By: analyze.ByBaseline, Reason: "old"}
	result.Findings[2].Severity = rules.Note
	want := `s: 1 counting again, 1 severity changed, 1 suppressed
  counting  error[a]: first
  severity  note[b] (suppressed): 
            severity - error
                     + note
  suppressed error[a] (suppressed): second
            suppressed + baseline
`
	if got := golden.Compare(before, golden.Of(result)).String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
