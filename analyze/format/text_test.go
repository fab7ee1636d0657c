package format_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"
	"unicode/utf8"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

const captures = "../../snapshots/testdata/captures/"

// nodesConfig and bifrostConfig are a small capture for results that these tests make up.
const nodesConfig = `{
  "version": 22,
  "cluster_name": "small",
  "nodes": [
    [1, {"Node": {"name": "n1", "current_generation": [1, 2], "address": "http://n1", "roles": ["log-server"], "log_server_config": {"storage_state": "read-write"}, "binary_version": "1.7.12"}}],
    [3, {"Node": {"name": "n3", "current_generation": [3, 1], "address": "http://n3", "roles": ["log-server"], "log_server_config": {"storage_state": "read-write"}, "binary_version": "1.7.12"}}],
    [4, "Tombstone"]
  ]
}
`

const bifrostConfig = `{
  "version": 28,
  "logs": [
    [0, {"chain": [[1, {"index": 0, "kind": "replicated", "params": "{\"loglet_id\":0,\"sequencer\":\"N3:1\",\"replication\":{\"node\":2},\"nodeset\":[3,4,1]}"}]]}]
  ]
}
`

// smallResult is the result of checking the small capture with no rule.
func smallResult(t testing.TB) *analyze.Result {
	t.Helper()
	s, err := snapshots.Read("small", fstest.MapFS{
		"metadata/nodes_config.json":   {Data: []byte(nodesConfig)},
		"metadata/bifrost_config.json": {Data: []byte(bifrostConfig)},
	}, "metadata/nodes_config.json", "metadata/bifrost_config.json")
	if err != nil {
		t.Fatal(err)
	}
	return analyze.Check(s, nil)
}

// at is the first place of a text in a document of the small capture.
func at(r *analyze.Result, kind snapshots.Kind, needle string) analyze.Location {
	text := nodesConfig
	if kind == snapshots.BifrostConfig {
		text = bifrostConfig
	}
	d := r.Snapshot.Document(kind)
	return analyze.Location{Source: d.Source.Name, Position: d.At(int64(strings.Index(text, needle)), "")}
}

// smallFinding is one finding with everything that a finding can have, about a segment that need not exist.
func smallFinding(r *analyze.Result, log, segment int) analyze.Finding {
	l, i := cluster.LogID(log), cluster.SegmentIndex(segment)
	subject := rules.Subject{Log: &l, Segment: &i, Loglet: cluster.NewLogletID(l, i).String(), Node: "N4"}
	return analyze.Finding{
		Rule:        "nodeset-removed-node",
		Severity:    rules.Warning,
		Fingerprint: "nodeset-removed-node@" + subject.Entity(),
		Subject:     subject,
		Title:       fmt.Sprintf("log %d, segment %d (%s, sealed): nodeset contains N4, which was removed from the cluster", log, segment, subject.Loglet),
		Nodeset:     "[N1 (active), N3 (active), N4 (removed)]",
		Observed:    "2 of 3 members left for replication {node: 2}",
		Expected:    "no removed node in a segment that is not trimmed",
		Why:         "the copies N4 held are gone, and Restate computes quorums as if it had never been a member; harmless only if the segment lies below the trim point",
		Cause:       "N4",
		Location:    at(r, snapshots.BifrostConfig, "4,1]}"),
		Related:     []analyze.Related{{Message: "N4 is a tombstone", Location: at(r, snapshots.NodesConfig, `"Tombstone"`)}},
		Remedy:      []string{fmt.Sprintf("restatectl snapshots create %d --trim-log", log), fmt.Sprintf("restatectl logs describe %d", log)},
	}
}

func add(r *analyze.Result, findings ...analyze.Finding) {
	r.Findings = append(r.Findings, findings...)
	for _, f := range findings {
		i := slices.IndexFunc(r.Outcomes, func(o analyze.Outcome) bool { return o.Rule == f.Rule })
		if i < 0 {
			i = len(r.Outcomes)
			r.Outcomes = append(r.Outcomes, analyze.Outcome{Rule: f.Rule, Severity: f.Severity, State: analyze.Found})
		}
		r.Outcomes[i].Findings++
	}
}

// printed is the text of a result with its summary.
func printed(t *testing.T, text format.Text, results ...*analyze.Result) []byte {
	t.Helper()
	var out bytes.Buffer
	var tally format.Tally
	for _, r := range results {
		tally.Add(r)
		if err := text.Result(&out, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := text.Summary(&out, &tally, 12*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTextOfOneFinding(t *testing.T) {
	r := smallResult(t)
	add(r, smallFinding(r, 0, 0))
	assertGolden(t, "one-finding.txt", printed(t, format.Text{}, r))
}

func TestTextOfFindingsWithOneCauseShowsThreeAndCountsTheRest(t *testing.T) {
	r := smallResult(t)
	for log := range 37 {
		for segment := range 9 {
			add(r, smallFinding(r, log, 2*segment*(1+log%2)))
		}
	}
	grouped := printed(t, format.Text{}, r)
	assertGolden(t, "grouped.txt", grouped)
	if n := bytes.Count(grouped, []byte("-->")); n != 3 {
		t.Errorf("%d of them are shown in full", n)
	}
	all := printed(t, format.Text{All: true}, r)
	if n := bytes.Count(all, []byte("= why ")); n != 37*9 {
		t.Errorf("with All, %d of %d are shown in full", n, 37*9)
	}
}

func TestTextOfManyCausesShowsSomeAndCountsTheRest(t *testing.T) {
	r := smallResult(t)
	for log := range 40 {
		f := smallFinding(r, log, 0)
		f.Cause = fmt.Sprintf("N%d", log%11)
		f.Expected, f.Why, f.Related, f.Remedy = "", "", nil, nil
		add(r, f)
	}
	note := smallFinding(r, 7, 0)
	note.Rule, note.Severity, note.Cause = "another-rule", rules.Note, ""
	note.Subject = rules.Subject{Document: "nodes_config"}
	note.Location = at(r, snapshots.BifrostConfig, "[0, {")
	add(r, note)
	assertGolden(t, "many-causes.txt", printed(t, format.Text{}, r))
}

func TestTextOfAFindingWithoutAPlace(t *testing.T) {
	r := smallResult(t)
	f := smallFinding(r, 0, 0)
	f.Location, f.Related = analyze.Location{}, []analyze.Related{{Message: "nowhere"}}
	add(r, f)
	text := string(printed(t, format.Text{}, r))
	if strings.Contains(text, "-->") || !strings.Contains(text, "    = nodeset   [N1") || !strings.Contains(text, "    = related   nowhere\n") {
		t.Errorf("got\n%s", text)
	}
}

// outcomes has rules in every state but found.
func outcomes() []analyze.Outcome {
	var list []analyze.Outcome
	for i := range 40 {
		list = append(list, analyze.Outcome{Rule: fmt.Sprintf("passed-rule-%02d", i), Severity: rules.Error, State: analyze.Passed})
	}
	for i := range 15 {
		list = append(list, analyze.Outcome{Rule: fmt.Sprintf("deployment-rule-%02d", i), Severity: rules.Error, State: analyze.Undecided, Missing: []string{"schema_registry"}})
	}
	return append(list,
		analyze.Outcome{Rule: "epoch-rule", Severity: rules.Error, State: analyze.Undecided, Missing: []string{"partition_table", "pp_epoch_N"}},
		analyze.Outcome{Rule: "logs-rule", Severity: rules.Error, State: analyze.Undecided, Missing: []string{"bifrost_config"}},
		analyze.Outcome{Rule: "new-rule", Severity: rules.Error, State: analyze.NotApplicable},
		analyze.Outcome{Rule: "bad-rule", Severity: rules.Error, State: analyze.Crashed, Crash: "runtime error: index out of range [3] with length 3"},
	)
}

func TestTextOfWhatWasNotCheckedNamesWhatIsMissing(t *testing.T) {
	r := smallResult(t)
	r.Outcomes = outcomes()
	r.Gaps = []analyze.Gap{
		{Kind: "bifrost_config", Source: "metadata/bifrost_config.json", Reason: "unreadable behind log entry 12: unexpected end of the document"},
		{Kind: "", Source: "metadata/rubbish.json", Reason: "not a document of Restate's metadata"},
		{Kind: "partition_table", Source: "metadata/partition_table.json", Reason: "null: the key does not exist in the metadata store"},
		{Kind: "pp_epoch_N", Reason: "not captured"},
		{Kind: "scheduling_plan", Reason: "not captured"},
		{Kind: "schema_registry", Reason: "not captured"},
	}
	assertGolden(t, "not-checked.txt", printed(t, format.Text{}, r))
}

func TestTextOfSeveralSnapshotsNamesEach(t *testing.T) {
	healthy, faulty := smallResult(t), smallResult(t)
	faulty.Name = "other/small"
	add(faulty, smallFinding(faulty, 0, 0))
	assertGolden(t, "several.txt", printed(t, format.Text{Named: true}, healthy, faulty))
}

func TestTextOfAHealthySnapshotIsItsInventory(t *testing.T) {
	dir := os.DirFS(captures + "zone-aware-1.7.12/0-healthy/metadata")
	s, err := snapshots.Read("healthy", dir, "nodes_config.json", "bifrost_config.json", "partition_table.json",
		"pp_epoch_0.json", "pp_epoch_1.json", "pp_epoch_2.json", "schema_registry.json")
	if err != nil {
		t.Fatal(err)
	}
	text := string(printed(t, format.Text{}, analyze.Check(s, nil)))
	want := `cluster cap-zone-aware-1-7-12 · nodes_config v21, bifrost_config v6, partition_table v1, 3 of 3 epochs, schema_registry v1 · restate 1.7.12
6 nodes · 3 logs, 6 segments · 3 partitions

nothing found · 0 rules:  · 12 ms
`
	if text != want {
		t.Errorf("got\n%s", text)
	}
}

func TestShowHidesMilderFindingsButCountsThem(t *testing.T) {
	r := smallResult(t)
	severe, mild := smallFinding(r, 0, 0), smallFinding(r, 1, 0)
	severe.Severity, severe.Rule, severe.Title = rules.Error, "severe-rule", "the severe one"
	mild.Severity = rules.Note
	add(r, severe, mild)
	text := string(printed(t, format.Text{Show: rules.Warning}, r))
	if !strings.Contains(text, "the severe one") || strings.Contains(text, "note[") || !strings.Contains(text, "1 error, 1 note (1 not shown) · ") {
		t.Errorf("got\n%s", text)
	}
}

// suppressFrom suppresses the findings about a log and all after it.
func suppressFrom(r *analyze.Result, log int) {
	r.Suppress(func(f *analyze.Finding) *analyze.Suppression {
		if *f.Subject.Log < cluster.LogID(log) {
			return nil
		}
		return &analyze.Suppression{By: analyze.ByConfiguration, Reason: "N4 is being replaced, see the change calendar", Owner: "storage", Expires: "2027-01-31"}
	})
}

func TestTextOfSuppressedFindingsIsPrintedOnRequest(t *testing.T) {
	r := smallResult(t)
	for log := range 9 {
		add(r, smallFinding(r, log, 0))
	}
	suppressFrom(r, 1)
	text := string(printed(t, format.Text{}, r))
	if strings.Contains(text, "log 1") || strings.Contains(text, "more like it") || !strings.Contains(text, "\n1 warning (8 suppressed) · ") {
		t.Errorf("got\n%s", text)
	}
	assertGolden(t, "suppressed.txt", printed(t, format.Text{ShowSuppressed: true}, r))
	suppressFrom(r, 0)
	if text := string(printed(t, format.Text{}, r)); !strings.Contains(text, "\nnothing found that counts (9 suppressed) · 1 rule: 1 suppressed") {
		t.Errorf("got\n%s", text)
	}
}

func TestColoursAddNothingButEscapeSequences(t *testing.T) {
	r := smallResult(t)
	for log := range 5 {
		add(r, smallFinding(r, log, 0))
	}
	r.Outcomes = append(r.Outcomes, outcomes()...)
	plain := string(printed(t, format.Text{}, r))
	coloured := string(printed(t, format.Text{Palette: format.Palette{On: true}}, r))
	if strings.Contains(plain, "\x1b") {
		t.Error("the plain text has escape sequences")
	}
	if coloured == plain || regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(coloured, "") != plain {
		t.Errorf("without its colours, this is not the plain text:\n%s", coloured)
	}
}

// hostile does everything that a text may do to a terminal.
const hostile = "\x1b[2J\x1b]0;owned\x07\r\n\u202eevil\u2066\u009b31m\u200b\u2028\xff\x00|" // and ends with a plain sign

func TestTextFromACaptureDoesNoHarm(t *testing.T) {
	r := smallResult(t)
	r.Name, r.ClusterName = hostile, hostile
	r.Inventory.Releases = []string{hostile}
	r.Documents = append(r.Documents, analyze.Document{Kind: hostile, Source: hostile, Version: 1})
	r.Gaps = append(r.Gaps, analyze.Gap{Kind: hostile, Source: hostile, Reason: hostile}, analyze.Gap{Kind: "x" + hostile, Reason: "not captured"})
	for i := range 9 {
		f := smallFinding(r, i, 0)
		f.Subject = rules.Subject{Node: hostile, Document: hostile, Deployment: hostile, Part: fmt.Sprint(i)}
		f.Title, f.Nodeset, f.Observed, f.Expected, f.Why, f.Cause = hostile, hostile, hostile, hostile, hostile, hostile
		f.Location.Source = hostile
		f.Related[0].Message, f.Related[0].Location.Source = hostile, hostile
		f.Remedy = []string{hostile}
		if i > 4 {
			f.Suppressed = &analyze.Suppression{By: analyze.ByBaseline, Reason: hostile, Owner: hostile, Expires: hostile}
		}
		add(r, f)
	}
	r.Outcomes = append(r.Outcomes,
		analyze.Outcome{Rule: "a", Severity: rules.Error, State: analyze.Crashed, Crash: hostile},
		analyze.Outcome{Rule: "b", Severity: rules.Error, State: analyze.Undecided, Missing: []string{hostile}})
	for _, all := range []bool{false, true} {
		harmless(t, printed(t, format.Text{Named: true, All: all, ShowSuppressed: true}, r))
	}
	var out bytes.Buffer
	if err := format.JSON(&out, analyze.NewReport("1", r)); err != nil {
		t.Fatal(err)
	}
	harmless(t, out.Bytes())
}

func harmless(t *testing.T, text []byte) {
	t.Helper()
	if !utf8.Valid(text) {
		t.Error("the text is not UTF-8")
	}
	for line := range strings.Lines(string(text)) {
		for _, r := range strings.TrimSuffix(line, "\n") {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.In(r, unicode.Zl, unicode.Zp) {
				t.Errorf("%U in %q", r, line)
			}
		}
	}
}

// The lines of the sources are read anew; whatever they hold by then must do no harm, and neither may their absence.
func TestTextOutlivesItsSources(t *testing.T) {
	files := fstest.MapFS{
		"metadata/nodes_config.json":   {Data: []byte(nodesConfig)},
		"metadata/bifrost_config.json": {Data: []byte(bifrostConfig)},
	}
	s, err := snapshots.Read("small", files, "metadata/nodes_config.json", "metadata/bifrost_config.json")
	if err != nil {
		t.Fatal(err)
	}
	r := analyze.Check(s, nil)
	add(r, smallFinding(r, 0, 0))
	files["metadata/bifrost_config.json"].Data = bytes.Repeat([]byte(hostile), 100)
	harmless(t, printed(t, format.Text{}, r))
	delete(files, "metadata/bifrost_config.json")
	delete(files, "metadata/nodes_config.json")
	text := printed(t, format.Text{}, r)
	harmless(t, text)
	if !strings.Contains(string(text), "--> metadata/bifrost_config.json\n    = nodeset") {
		t.Errorf("got\n%s", text)
	}
}

type brokenPipe struct{ room int }

func (w *brokenPipe) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(p), nil
}

func TestErrorsOfWritingComeBack(t *testing.T) {
	r := smallResult(t)
	for log := range 30 {
		add(r, smallFinding(r, log, 0))
	}
	for _, room := range []int{0, 4096} {
		if err := (format.Text{All: true}).Result(&brokenPipe{room}, r); err == nil {
			t.Errorf("no error after %d bytes", room)
		}
		if err := format.JSON(&brokenPipe{room}, analyze.NewReport("1", r)); err == nil {
			t.Errorf("JSON: no error after %d bytes", room)
		}
	}
}

// manyFindings is the result of a rule that found something in every segment of a big cluster.
func manyFindings(r *analyze.Result, n int) {
	template := smallFinding(r, 0, 0)
	r.Findings = make([]analyze.Finding, n)
	for i := range r.Findings {
		log, segment := cluster.LogID(i/16), cluster.SegmentIndex(i%16)
		r.Findings[i] = template
		r.Findings[i].Subject = rules.Subject{Log: &log, Segment: &segment, Node: "N4"}
	}
}

func TestTextOfManyFindingsIsShort(t *testing.T) {
	r := smallResult(t)
	manyFindings(r, 100_000)
	text := printed(t, format.Text{}, r)
	if len(text) > 5000 || !bytes.Contains(text, []byte("… and 99,997 more like it (N4):")) {
		t.Errorf("%d bytes:\n%.6000s", len(text), text)
	}
}

func BenchmarkTextOfAMillionFindings(b *testing.B) {
	r := smallResult(b)
	manyFindings(r, 1_000_000)
	for b.Loop() {
		var out bytes.Buffer
		if err := (format.Text{}).Result(&out, r); err != nil {
			b.Fatal(err)
		}
	}
}
