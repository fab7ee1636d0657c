package upgrade_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"restate-lint/analyze/upgrade"
	"restate-lint/internal/testrocksdb"
	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A testCase is a small capture, a request about it, and what becomes of one row: block, warn, undecided or no. It lies
// in testdata/<row>; the files `request` and `want` are no part of the capture.
type testCase struct {
	row, name, comment string
	request            upgrade.Request
	files              fstest.MapFS
	want               string
}

func loadCase(t *testing.T, path string) testCase {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse(data)
	c := testCase{row: filepath.Base(filepath.Dir(path)), name: strings.TrimSuffix(filepath.Base(path), ".txtar"), comment: strings.TrimSpace(string(archive.Comment)), files: fstest.MapFS{}}
	for _, file := range archive.Files {
		text := strings.TrimSpace(string(file.Data))
		switch file.Name {
		case "want":
			c.want = text
		case "request":
			for line := range strings.SplitSeq(text, "\n") {
				word, value, _ := strings.Cut(line, " ")
				release, patch, err := upgrade.ParseTarget(value)
				switch {
				case word == "uses":
					c.request.Uses = append(c.request.Uses, value)
					continue
				case err != nil:
					t.Fatalf("%s: %v", path, err)
				}
				switch word {
				case "to":
					c.request.To, c.request.ToPatch = release, patch
				case "rollback-to":
					c.request.RollbackTo, c.request.RollbackToPatch = release, patch
				case "from":
					c.request.From, c.request.FromPatch = release, patch
				default:
					t.Fatalf("%s: request %q", path, line)
				}
			}
		default:
			c.files[file.Name] = &fstest.MapFile{Data: file.Data}
		}
	}
	return c
}

func loadCases(t *testing.T) (cases []testCase) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal(err, paths)
	}
	for _, path := range paths {
		cases = append(cases, loadCase(t, path))
	}
	return cases
}

func snapshotOf(files fstest.MapFS) *snapshots.Snapshot {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	snapshot, _ := snapshots.Read("case", files, names...)
	return snapshot
}

func judge(t *testing.T, snapshot *snapshots.Snapshot, request upgrade.Request) *upgrade.Report {
	t.Helper()
	report, err := upgrade.Judge("test", snapshot, request)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Locate(); err != nil {
		t.Fatal(err)
	}
	return report
}

// became is what became of a row.
func became(report *upgrade.Report, row string) string {
	is := func(item upgrade.Item) bool { return item.Row == row }
	switch {
	case slices.ContainsFunc(report.Blockers, is):
		return "block"
	case slices.ContainsFunc(report.Warnings, is):
		return "warn"
	case slices.ContainsFunc(report.Undecided, is):
		return "undecided"
	}
	return "no"
}

func TestCasesGiveWhatTheyName(t *testing.T) {
	for _, c := range loadCases(t) {
		t.Run(c.row+"/"+c.name, func(t *testing.T) {
			report := judge(t, snapshotOf(c.files), c.request)
			if got := became(report, c.row); got != c.want {
				t.Errorf("got %s, want %s\n%+v", got, c.want, report)
			}
			if c.comment == "" {
				t.Error("no comment says what is wrong")
			}
			if wantNoGo := len(report.Blockers) > 0; (report.Verdict == upgrade.NoGo) != wantNoGo {
				t.Errorf("verdict %s with %d blockers", report.Verdict, len(report.Blockers))
			}
			for _, b := range report.Blockers {
				if len(b.Remedy) == 0 || len(b.Evidence) == 0 || b.Message == "" || b.Check == "" {
					t.Errorf("blocker without a way to clear it, or without evidence: %+v", b)
				}
				cleared := slices.ContainsFunc(report.Steps, func(s upgrade.Action) bool { return s.Clears == b.Row })
				if !cleared && b.Row != "upgrade-skips-minor" {
					t.Errorf("no step clears %s", b.Row)
				}
				for _, l := range b.Locations {
					if l.Line == 0 {
						t.Errorf("%s: a location without a line: %+v", b.Row, l)
					}
				}
			}
			for _, u := range report.Undecided {
				if u.Missing == "" {
					t.Errorf("undecided, and not said for lack of what: %+v", u)
				}
			}
			complete := c.request
			complete.RequireComplete = true
			if strict := judge(t, snapshotOf(c.files), complete); (strict.Verdict == upgrade.NoGo) != (len(report.Blockers)+len(report.Undecided) > 0) {
				t.Errorf("verdict %s where everything has to be decided: %+v", strict.Verdict, report.Undecided)
			}
		})
	}
}

// Rows that a rule decides alone may be shown by that rule's own cases; metadataTooLarge has no small one.
func TestEveryRowHasACaseThatHitsAndOneThatIsSilent(t *testing.T) {
	cases := loadCases(t)
	known := map[string]bool{"upgrade-skips-minor": true, "rollback-too-far": true, "marker-of-another-cluster": true}
	for _, d := range upgrade.Known().Degraded {
		known[d.Rule] = true // see TestTheCasesOfRulesAboutLostRedundancyBlock
	}
	for _, row := range upgrade.Known().Rows() {
		known[row.ID] = true
		if row.ID == "metadata-too-large" {
			continue // see TestAMetadataDocumentNearTheLimitBlocks
		}
		hits, silent := 0, 0
		for _, c := range cases {
			switch {
			case c.row != row.ID:
			case c.want == string(row.Severity):
				hits++
			case c.want == "no":
				silent++
			}
		}
		if hits == 0 || silent == 0 {
			t.Errorf("%s: %d cases hit and %d are silent", row.ID, hits, silent)
		}
	}
	for _, c := range cases {
		if !known[c.row] {
			t.Errorf("testdata/%s belongs to no row", c.row)
		}
	}
}

func TestAMetadataDocumentNearTheLimitBlocks(t *testing.T) {
	c := loadCase(t, "testdata/protocol-below-5/silent.txtar")
	for size, want := range map[int]string{8 << 20: "block", 1 << 20: "no"} {
		schema := c.files["schema_registry.json"]
		padded := fstest.MapFS{"nodes_config.json": c.files["nodes_config.json"], "schema_registry.json": &fstest.MapFile{Data: append(slices.Clone(schema.Data), slices.Repeat([]byte(" "), size)...)},
			"bifrost_config.json": &fstest.MapFile{Data: []byte(`{"version":1,"config":{},"logs":[]}`)}, "partition_table.json": &fstest.MapFile{Data: []byte(`{"version":1,"num_partitions":0,"partitions":[]}`)}}
		if got := became(judge(t, snapshotOf(padded), c.request), "metadata-too-large"); got != want {
			t.Errorf("%d bytes: %s, want %s", size, got, want)
		}
	}
}

// The rules whose findings forbid to start are shown by the cases of those rules.
func TestTheCasesOfRulesAboutLostRedundancyBlock(t *testing.T) {
	target, _, _ := upgrade.ParseTarget("1.7")
	for _, d := range upgrade.Known().Degraded {
		if rules.Find(d.Rule) == nil {
			continue // TestEveryRuleOfTheMatrixExists names it
		}
		paths, err := filepath.Glob(filepath.Join("..", "..", "rules", "testdata", d.Rule, "*.txtar"))
		if err != nil {
			t.Fatal(err)
		}
		hits, silent := 0, 0
		if d.Rule == "metadata-members-disagree" {
			hits, silent = 1, 1 // see TestMetadataServersThatContradictEachOtherBlock
		}
		for _, c := range loadCases(t) {
			hits += map[bool]int{true: 1}[c.row == d.Rule && c.want == "block"]
			silent += map[bool]int{true: 1}[c.row == d.Rule && c.want == "no"]
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files, want, other := fstest.MapFS{}, "", false
			for _, file := range txtar.Parse(data).Files {
				switch file.Name {
				case "want":
					want = string(file.Data)
				case "target", "options": // the case is judged for another release, or by other thresholds
					other = true
				default:
					other = other || strings.HasSuffix(file.Name, " + raft") // a directory that only those cases can make
					files[file.Name] = &fstest.MapFile{Data: file.Data}
				}
			}
			snapshot, request := snapshotOf(files), upgrade.Request{To: target}
			if snapshot.Nodes == nil {
				request.From = cluster.Release{Major: 1, Minor: 6}
			}
			report, err := upgrade.Judge("test", snapshot, request)
			if err != nil || other {
				continue // the cluster runs something newer
			}
			for _, b := range report.Blockers {
				if len(b.Remedy) == 0 {
					t.Errorf("%s: no step clears %s", path, b.Row)
				}
			}
			got := became(report, d.Rule)
			switch blocks := strings.HasPrefix(want, d.BlocksFrom.String()) || strings.HasPrefix(want, "error"); {
			case blocks && got == "block":
				hits++
			case strings.TrimSpace(want) == "passed" && got == "no":
				silent++
			case blocks && !strings.Contains(fmt.Sprint(report.Warnings), "is under way"), strings.TrimSpace(want) == "passed":
				t.Errorf("%s: %s, where the rule gives %s", path, got, want)
			}
		}
		if hits == 0 || silent == 0 {
			t.Errorf("%s: %d cases block and %d are silent", d.Rule, hits, silent)
		}
	}
}

func TestMetadataServersThatContradictEachOtherBlock(t *testing.T) {
	value := []byte("\x05{\"version\":1,\"cluster_name\":\"c\",\"nodes\":[[1,{\"Node\":{\"name\":\"n1\",\"current_generation\":[1,1],\"roles\":[],\"binary_version\":\"1.6.2\"}}]],\"name_lookup\":{\"n1\":1}}")
	for other, want := range map[string]string{"nodes_config": "no", "bifrost_config": "block"} {
		files := fstest.MapFS{}
		for node, key := range map[uint64]string{1: "nodes_config", 2: other} {
			server := new(testrocksdb.MetadataServer).Start(node, 1, 1, 3, 1, 2, 3)
			server.Snapshot(1, 1, "nodes_config", 1, value)
			server.Entry(2, nil)
			server.Entry(2, testrocksdb.MetadataWrite(key, 2, value, 0))
			maps.Copy(files, server.Files(fmt.Sprintf("n%d/replicated-metadata-server", node)))
		}
		if got := became(judge(t, snapshotOf(files), upgrade.Request{To: cluster.Release{Major: 1, Minor: 7}}), "metadata-members-disagree"); got != want {
			t.Errorf("with %s: %s, want %s", other, got, want)
		}
	}
}

// elsewhere are the rules that may report errors and are no business of the matrix.
var elsewhere = map[string]string{
	"fingerprint-mismatch": "the row marker-of-another-cluster compares the markers with nodes_config and with each other, and names as well",
}

// A rule that is added to the catalogue has to be thought about: does a restart of one node after the other make it worse?
func TestEveryRuleThatReportsErrorsIsInTheMatrix(t *testing.T) {
	named := upgrade.Known().RuleIDs()
	for _, rule := range rules.All() {
		paths, err := filepath.Glob(filepath.Join("..", "..", "rules", "testdata", rule.ID, "*.txtar"))
		if err != nil {
			t.Fatal(err)
		}
		reports := rule.Severity == rules.Error || slices.ContainsFunc(paths, func(path string) bool {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return bytes.Contains(data, []byte("\nerror "+rule.ID+"@"))
		})
		switch reason, exempt := elsewhere[rule.ID]; {
		case exempt && (reason == "" || !reports || slices.Contains(named, rule.ID)):
			t.Errorf("%s need not be listed, or nobody says why it is", rule.ID)
		case reports && !exempt && !slices.Contains(named, rule.ID):
			t.Errorf("%s reports errors: name it in the matrix, or say why an upgrade does not ask for it", rule.ID)
		}
	}
}

func TestEveryRuleOfTheMatrixExists(t *testing.T) {
	for _, id := range upgrade.Known().RuleIDs() {
		if rules.Find(id) == nil {
			t.Errorf("the matrix refers to the rule %s, which is not registered", id)
		}
	}
}

// What the matrix says can be looked up: in release notes, the documentation, an issue or a file of the source, or be tried
// with the release that is named.
func TestEveryRowOfTheMatrixCitesItsEvidence(t *testing.T) {
	cited := regexp.MustCompile(`release notes 1\.\d+\.\d|documentation|restatedev/restate(-operator)? #\d|^Restate 1\.\d+\.\d+: |^[a-z/-]+\.rs of Restate 1\.`)
	check := func(id string, evidence []string) {
		if !slices.ContainsFunc(evidence, cited.MatchString) {
			t.Errorf("%s: nobody can look up %q", id, evidence)
		}
	}
	matrix := upgrade.Known()
	for _, d := range matrix.Degraded {
		check(d.Rule, d.Evidence)
	}
	for _, step := range matrix.Steps {
		check("the step to "+step.To.String(), step.Evidence)
	}
	for _, row := range matrix.Rows() {
		check(row.ID, row.Evidence)
	}
}

func TestEveryCheckOfTheMatrixIsDocumented(t *testing.T) {
	for _, row := range upgrade.Known().Rows() {
		if upgrade.FindGate(row.Check) == nil && rules.Find(row.Check) == nil {
			t.Errorf("%s: nothing explains the check %s", row.ID, row.Check)
		}
	}
	for i, gate := range upgrade.Gates() {
		doc := gate.Doc
		if gate.Summary == "" || doc.Checks == "" || doc.Why == "" || doc.Legal == "" || doc.Fix == "" || len(doc.Evidence) == 0 || rules.Find(gate.ID) != nil {
			t.Errorf("%s: documentation is missing, or a rule has its name", gate.ID)
		}
		if i > 0 && upgrade.Gates()[i-1].ID >= gate.ID {
			t.Errorf("%s is not in order", gate.ID)
		}
	}
}

const capturesDir = "../../snapshots/testdata/captures/"

func TestCapturedUpgradesGetTheRightVerdicts(t *testing.T) {
	for _, c := range []struct {
		capture, to string
		want        upgrade.Verdict
	}{
		{"upgrade-3node-1.5.3-to-1.7.12/1-on-1.5.3", "1.6", upgrade.Go},
		{"upgrade-3node-1.5.3-to-1.7.12/1-on-1.5.3", "1.7", upgrade.NoGo},
		{"upgrade-3node-1.5.3-to-1.7.12/3-on-1.6.2", "1.7", upgrade.Go},
		{"upgrade-3node-1.5.3-to-1.7.12/3-on-1.6.2", "1.8", upgrade.NoGo},
		{"upgrade-3node-1.5.3-to-1.7.12/5-on-1.7.12", "1.7", upgrade.Go}, // a newer patch
		{"upgrade-3node-1.5.3-to-1.7.12/5-on-1.7.12", "1.8", upgrade.Go},
		{"upgrade-single-local-1.5.3-to-1.7.12/4-mixed-providers", "1.8", upgrade.Go},
		{"healthy-3node-1.6.2", "1.7", upgrade.Go},
		{"storage-dataloss-1.7.12/3-data-loss-state", "1.8", upgrade.NoGo},
	} {
		snapshot, err := snapshots.Open(capturesDir + c.capture)
		if err != nil {
			t.Fatal(err)
		}
		to, patch, err := upgrade.ParseTarget(c.to)
		if err != nil {
			t.Fatal(err)
		}
		report := judge(t, snapshot, upgrade.Request{To: to, ToPatch: patch})
		if report.Verdict != c.want {
			t.Errorf("%s to %s: %s, want %s: %+v", c.capture, c.to, report.Verdict, c.want, report.Blockers)
		}
	}
}

// What no server may be restarted with is not upgraded either, and the row says why.
func TestCapturedFaultsThatARestartMakesWorseBlock(t *testing.T) {
	for capture, rows := range map[string][]string{
		"patched-faults-1.7.12/02-partition_table-overlap":  {"key-range-overlap"},
		"patched-faults-1.7.12/05-bifrost-log3-missing":     {"chain-sealed"},
		"patched-faults-1.7.12/09-bifrost-bad-index":        {"chain-corrupt"},
		"patched-faults-1.7.12/10-bifrost-params-not-json":  {"chain-corrupt"},
		"patched-faults-1.7.12/14-nodes_config-name_lookup": {"name-lookup-mismatch"},
		"impossible-replication-1.7.12/1-after-config-set":  {"replication-unsatisfiable", "chain-sealed"},
		"zone-aware-1.7.12/4-impossible-replication":        {"replication-unsatisfiable", "chain-sealed"},
		"sealed-chain-1.7.12/1-sealed-at-once":              {"chain-sealed"},
		"sealed-chain-1.7.12/5-not-enough-workers":          {"replication-unsatisfiable"},
		"removed-node-1.7.12/4-tombstone":                   {"removed-too-early"},
	} {
		snapshot, err := snapshots.Open(capturesDir + capture)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{"1.7.13", "1.8"} {
			release, patch, err := upgrade.ParseTarget(to)
			if err != nil {
				t.Fatal(err)
			}
			report := judge(t, snapshot, upgrade.Request{To: release, ToPatch: patch})
			for _, row := range rows {
				if got := became(report, row); got != "block" {
					t.Errorf("%s to %s: %s: %s, want block", capture, to, row, got)
				}
			}
			if report.Verdict != upgrade.NoGo {
				t.Errorf("%s to %s: %s", capture, to, report.Verdict)
			}
		}
	}
}

// A blocker has all steps that clear it, for what the capture names.
func TestBlockersSayHowToClearThem(t *testing.T) {
	release, patch, err := upgrade.ParseTarget("1.7.13")
	if err != nil {
		t.Fatal(err)
	}
	for capture, steps := range map[string][]string{
		"placement-policies-1.7.12/1-policies":      {"restatectl partitions leadership unfreeze 5", "restatectl partitions list   # until all have a leader"},
		"storage-dataloss-1.7.12/3-data-loss-state": {"restatectl nodes remove --nodes N3   # once no segment names it"},
	} {
		snapshot, err := snapshots.Open(capturesDir + capture)
		if err != nil {
			t.Fatal(err)
		}
		var remedy []string
		for _, item := range judge(t, snapshot, upgrade.Request{To: release, ToPatch: patch}).Blockers {
			remedy = append(remedy, item.Remedy...)
		}
		for _, step := range steps {
			if !slices.Contains(remedy, step) {
				t.Errorf("%s: not a step: %q of\n%s", capture, step, strings.Join(remedy, "\n"))
			}
		}
		if text := strings.Join(remedy, "\n"); strings.Contains(text, "and so on for the others") {
			t.Errorf("%s: there are no others:\n%s", capture, text)
		}
	}
}

func TestReleasesThatNobodyKnowsAreRefused(t *testing.T) {
	snapshot, err := snapshots.Open(capturesDir + "healthy-3node-1.7.12")
	if err != nil {
		t.Fatal(err)
	}
	known, next, major := cluster.Release{Major: 1, Minor: 8}, cluster.Release{Major: 1, Minor: 9}, cluster.Release{Major: 2}
	for _, request := range []upgrade.Request{{To: next}, {To: major}, {To: known, From: next}, {To: known, RollbackTo: cluster.Release{Minor: 9}}} {
		if report, err := upgrade.Judge("test", snapshot, request); err == nil || !strings.HasSuffix(err.Error(), "it knows 1.0 to 1.8 (preview)") {
			t.Errorf("%+v: %v, %+v", request, err, report)
		}
	}
	if report := judge(t, snapshot, upgrade.Request{To: known}); !report.Preview || report.Already {
		t.Errorf("%+v", report)
	}
}

// A release that the matrix does not know may run; no step leads from there.
func TestNoStepIsKnownFromAReleaseThatNobodyKnows(t *testing.T) {
	c := loadCase(t, "testdata/upgrade-skips-minor/silent.txtar")
	for name, file := range c.files {
		c.files[name] = &fstest.MapFile{Data: regexp.MustCompile(`"binary_version": "[^"]*"`).ReplaceAll(file.Data, []byte(`"binary_version": "0.9.2"`))}
	}
	if report := judge(t, snapshotOf(c.files), upgrade.Request{To: cluster.Release{Major: 1, Minor: 7}}); became(report, "upgrade-skips-minor") != "block" || report.From != "0.9.2" {
		t.Errorf("%+v", report)
	}
}

func TestWithoutNodesAndAReleaseThereIsNoAnswer(t *testing.T) {
	files := fstest.MapFS{"partition_table.json": &fstest.MapFile{Data: []byte(`{"version":1,"num_partitions":0,"partitions":[]}`)}}
	release := cluster.Release{Major: 1, Minor: 7}
	for _, request := range []upgrade.Request{{To: release}, {RollbackTo: release}, {To: release, RequireComplete: true}} {
		if report, err := upgrade.Judge("test", snapshotOf(files), request); !errors.Is(err, upgrade.ErrNoAnswer) {
			t.Errorf("%+v: %v, %+v", request, err, report)
		}
	}
	judge(t, snapshotOf(files), upgrade.Request{To: release, From: cluster.Release{Major: 1, Minor: 6}})
	files[".cluster-marker"] = &fstest.MapFile{Data: []byte(`{"cluster_name":"c","max_version":"1.6.2","current_version":"1.6.2"}`)}
	judge(t, snapshotOf(files), upgrade.Request{To: release})
}

// What an upgrade says about the way back is what a rollback finds.
func TestTheWayBackIsWhatARollbackFinds(t *testing.T) {
	paths, err := filepath.Glob(capturesDir + "*/*/metadata")
	if err != nil || len(paths) == 0 {
		t.Fatal(err, paths)
	}
	none := 0
	for _, path := range append(paths, capturesDir+"healthy-3node-1.7.12/metadata", capturesDir+"healthy-3node-1.6.2/metadata") {
		snapshot, err := snapshots.Open(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		for to := 6; to <= 7; to++ {
			release, back := cluster.Release{Major: 1, Minor: to}, cluster.Release{Major: 1, Minor: to - 1}
			report, err := upgrade.Judge("test", snapshot, upgrade.Request{To: release})
			if err != nil {
				continue // it runs something newer
			}
			both := judge(t, snapshot, upgrade.Request{To: release, RollbackTo: back})
			if report.WayBack == "" || report.WayBack != both.WayBack {
				t.Errorf("%s to 1.%d: %q and %q", path, to, report.WayBack, both.WayBack)
			}
			forbidden := slices.ContainsFunc(both.Blockers, func(i upgrade.Item) bool {
				return strings.HasPrefix(i.Message, "no way back") || i.Check == "rollback-too-far"
			})
			if strings.HasPrefix(report.WayBack, "none to "+upgrade.MinorOf(back).String()+": ") != forbidden {
				t.Errorf("%s to 1.%d: %q, with %+v", path, to, report.WayBack, both.Blockers)
			}
			if forbidden {
				none++
			}
		}
	}
	if none == 0 {
		t.Error("nothing forbids to go back")
	}
}

func TestARollbackThatIsForbiddenIsNoStep(t *testing.T) {
	snapshot, err := snapshots.Open(capturesDir + "healthy-3node-1.7.12")
	if err != nil {
		t.Fatal(err)
	}
	goesBack := func(request upgrade.Request) bool {
		return slices.ContainsFunc(judge(t, snapshot, request).Steps, func(s upgrade.Action) bool { return strings.HasPrefix(s.Says, "go back to ") })
	}
	if goesBack(upgrade.Request{RollbackTo: cluster.Release{Major: 1, Minor: 6}}) {
		t.Error("the cluster has features, and is to go back to 1.6")
	}
	if !goesBack(upgrade.Request{RollbackTo: cluster.Release{Major: 1, Minor: 7, Patch: 11}, RollbackToPatch: true}) {
		t.Error("nothing forbids 1.7.11")
	}
}

func TestWhatAllNodesRunAlreadyIsNoStep(t *testing.T) {
	snapshot, err := snapshots.Open(capturesDir + "healthy-3node-1.7.12")
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]int{"1.7.12": 0, "1.7.13": 1, "1.7": 1} {
		release, patch, err := upgrade.ParseTarget(to)
		if err != nil {
			t.Fatal(err)
		}
		if report := judge(t, snapshot, upgrade.Request{To: release, ToPatch: patch}); report.Already != (want == 0) || len(report.Steps) != want {
			t.Errorf("to %s: %+v", to, report)
		}
	}
}

func TestStepsSayWhatToDoInOrder(t *testing.T) {
	c := loadCase(t, "testdata/protocol-below-5/hits.txtar")
	c.files["config/restate.toml"] = &fstest.MapFile{Data: []byte("cluster-name = \"c\"\n[worker.snapshots]\ndestination = \"file:///x\"\n")}
	c.request.To.Minor = 7
	var order []string
	for _, step := range judge(t, snapshotOf(c.files), c.request).Steps {
		order = append(order, step.Clears+"|"+step.Says)
	}
	if len(order) < 3 || !strings.HasPrefix(order[len(order)-3], "snapshots-to-files|") ||
		order[len(order)-2] != "|upgrade all nodes to the newest patch of 1.6" || order[len(order)-1] != "|upgrade all nodes to the newest patch of 1.7" {
		t.Errorf("%q", order)
	}
}

func TestAMatrixIsReadStrictly(t *testing.T) {
	for name, text := range map[string]string{
		"unknown field":  `{"steps":[],"stops":[]}`,
		"text behind":    `{} {}`,
		"predicate":      `{"always":[{"id":"a","check":"b","severity":"block","says":"c","when":{"predicate":"d"},"do":["e"],"evidence":["f"]}]}`,
		"arguments":      `{"always":[{"id":"a","check":"b","severity":"block","says":"c","when":{"predicate":"no-fingerprint","arguments":["x"]},"do":["e"],"evidence":["f"]}]}`,
		"no evidence":    `{"always":[{"id":"a","check":"b","severity":"block","says":"c","when":{"predicate":"no-fingerprint"},"do":["e"],"evidence":[]}]}`,
		"a leap":         `{"steps":[{"from":"1.1","to":"1.3","accepts_data_from":"1.0","rolls_back_to":"1.0","way_back":"x","evidence":["y"],"rows":[]}]}`,
		"no release":     `{"steps":[{"from":"1.x","to":"1.3"}]}`,
		"one-way, since": `{"one_way":[{"id":"a","check":"b","severity":"block","says":"c","when":{"predicate":"no-fingerprint"},"do":["e"],"evidence":["f"]}]}`,
	} {
		if _, err := upgrade.ParseMatrix([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzJudge(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*/hits.txtar")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(6))
	}
	f.Fuzz(func(t *testing.T, data []byte, minor uint8) {
		files := fstest.MapFS{}
		for i, file := range txtar.Parse(data).Files {
			files[fmt.Sprint(i)] = &fstest.MapFile{Data: file.Data}
		}
		target, _, err := upgrade.ParseTarget(fmt.Sprintf("1.%d", minor))
		if err != nil {
			t.Fatal(err)
		}
		for _, request := range []upgrade.Request{{To: target}, {RollbackTo: target}, {To: target, RollbackTo: target}} {
			_, _ = upgrade.Judge("test", snapshotOf(files), request)
		}
	})
}
