package commands_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"

	"restate-lint/analyze"
	"restate-lint/internal/commands"
	"restate-lint/rules"
)

// Whatever is suppressed, the reports of machines have the same findings, those that match are marked in all of them, and
// the exit code is what the others ask for.
func TestWhatIsSuppressedStaysAndDoesNotCount(t *testing.T) {
	captures, err := filepath.Abs("../../snapshots/testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	inputs := []string{filepath.Join(captures, "removed-node-1.7.12", "..."), filepath.Join(captures, "patched-faults-1.7.12", "...")}
	dir := t.TempDir()
	check := func(flags ...string) (report *analyze.Report, suppressed []string, code int) {
		t.Helper()
		saved := filepath.Join(dir, "report")
		arguments := slices.Concat([]string{"check", "--format", "json=" + saved + ".json", "--format", "sarif=" + saved + ".sarif"}, flags, inputs)
		var complaints bytes.Buffer
		code = commands.Run(arguments, commands.Environment{
			Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{}, Stderr: &complaints, Getenv: func(string) string { return "" },
		})
		file, err := os.Open(saved + ".json")
		if err != nil {
			t.Fatal(err, complaints.String())
		}
		defer func() { _ = file.Close() }()
		if report, err = analyze.ReadReport(file); err != nil {
			t.Fatal(err)
		}
		return report, suppressedInSARIF(t, saved+".sarif"), code
	}
	plain, _, _ := check("--no-config")
	for _, test := range []struct{ rule, entity, snapshot string }{
		{"*", "**", "**"},
		{"nodeset-*", "log/*/segment/*/node/N4", "**"},
		{"*", "log/**", "4-*"},
		{"*", "{node,document}/**", "**"},
		{"*-node", "log/[13]/segment/?/**", "**"},
	} {
		config := filepath.Join(dir, "config.yaml")
		text := fmt.Sprintf("version: 1\nsuppressions:\n- {rule: %q, entity: %q, snapshot: %q, reason: known}\n", test.rule, test.entity, test.snapshot)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, failOn := range []string{"error", "note"} {
			report, inSARIF, code := check("--config", config, "--fail-on", failOn)
			least, err := rules.ParseSeverity(failOn)
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			var expected []string
			for i, result := range report.Snapshots {
				if len(result.Findings) != len(plain.Snapshots[i].Findings) {
					t.Fatalf("%v: %s has %d findings, %d without suppressions", test, result.Name, len(result.Findings), len(plain.Snapshots[i].Findings))
				}
				for k, f := range result.Findings {
					matches := doublestar.MatchUnvalidated(test.snapshot, result.Name) && doublestar.MatchUnvalidated(test.rule, f.Rule) &&
						doublestar.MatchUnvalidated(test.entity, f.Subject.Entity())
					switch {
					case (f.Suppressed != nil) != matches:
						t.Errorf("%v: %s: suppressed is %v", test, f.Fingerprint, f.Suppressed)
					case matches:
						expected = append(expected, result.Name+" "+f.Fingerprint)
					case f.Severity >= least:
						want = 1
					}
					if f.Suppressed = nil; f.Fingerprint != plain.Snapshots[i].Findings[k].Fingerprint || f.Message() != plain.Snapshots[i].Findings[k].Message() {
						t.Errorf("%v: %s is another finding", test, f.Fingerprint)
					}
				}
			}
			if len(expected) == 0 {
				t.Errorf("%v suppresses nothing", test)
			}
			slices.Sort(expected)
			if code != want || !slices.Equal(inSARIF, expected) {
				t.Errorf("%v: exit code %d, want %d; SARIF marks\n%q, want\n%q", test, code, want, inSARIF, expected)
			}
		}
	}
}

// suppressedInSARIF are the snapshots and fingerprints of the results that a SARIF file marks as suppressed, sorted.
func suppressedInSARIF(t *testing.T, name string) []string {
	t.Helper()
	var sarif struct {
		Runs []struct {
			Results []struct {
				Suppressions []any
				Properties   struct{ Snapshot, Fingerprint string }
			}
		}
	}
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &sarif)
	}
	if err != nil {
		t.Fatal(err)
	}
	marked := make(map[string]bool)
	for _, result := range sarif.Runs[0].Results {
		if len(result.Suppressions) > 0 {
			marked[result.Properties.Snapshot+" "+result.Properties.Fingerprint] = true
		}
	}
	return slices.Sorted(maps.Keys(marked))
}
