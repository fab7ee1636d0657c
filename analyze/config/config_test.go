package config_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	multierror "github.com/hashicorp/go-multierror"
	"golang.org/x/tools/txtar"

	"restate-lint/analyze"
	"restate-lint/analyze/config"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

const whole = `# everything that can be said
version: 1
profile: nightly
rules:
  random-node-name: off
  deployment-unused: note
  chain-too-long:
    severity: error
    options: {max-segments: 100}
  generation-churn:
    options:
      times-others: 5
      min-starts: 7
profiles:
- name: nightly
  summary: what the job looks at
  rules: ["*"]
  skip: [log-server-unused, snapshot-*]
  documents: [nodes_config, pp_epoch_N]
  fail_on: never
  show: warning
  require_complete: true
- name: plain
  summary: everything
suppressions:
- rule: nodeset-*
  entity: log/*/segment/*/node/N4
  snapshot: prod-*
  reason: >
    N4 was drained
    before
  owner: storage
  expires: 2027-01-31
- {rule: "*", entity: "**/node/N5", reason: known}
`

func TestParse(t *testing.T) {
	file, err := config.Parse("f", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &config.File{
		Name:    "f",
		Profile: config.Value[string]{Is: "nightly", Line: 3},
		Rules: []config.Rule{
			{ID: "chain-too-long", Line: 7, Severity: config.Value[rules.Severity]{Is: rules.Error, Line: 8}, Options: []config.Option{{Name: "max-segments", Value: 100, Line: 9}}},
			{ID: "deployment-unused", Line: 6, Severity: config.Value[rules.Severity]{Is: rules.Note, Line: 6}},
			{ID: "generation-churn", Line: 10, Options: []config.Option{{Name: "min-starts", Value: 7, Line: 13}, {Name: "times-others", Value: 5, Line: 12}}},
			{ID: "random-node-name", Line: 5, Off: true},
		},
		Profiles: []config.Value[analyze.Profile]{
			{Line: 15, Is: analyze.Profile{Name: "nightly", Summary: "what the job looks at", Rules: []string{"*"}, Skip: []string{"log-server-unused", "snapshot-*"},
				Documents: []snapshots.Kind{snapshots.NodesConfig, snapshots.EpochMetadata}, FailOn: "never", Show: "warning", RequireComplete: true}},
			{Line: 23, Is: analyze.Profile{Name: "plain", Summary: "everything", FailOn: "error", Show: "note"}},
		},
		Suppressions: []config.Suppression{
			{Line: 26, Rule: "nodeset-*", Entity: "log/*/segment/*/node/N4", Snapshot: "prod-*", Reason: "N4 was drained before", Owner: "storage", Expires: "2027-01-31"},
			{Line: 34, Rule: "*", Entity: "**/node/N5", Reason: "known"},
		},
	}
	if !reflect.DeepEqual(file, want) {
		t.Errorf("got  %+v\nwant %+v", file, want)
	}
	if file.FindProfile("nightly") != &file.Profiles[0].Is || file.FindProfile("ci") != analyze.FindProfile("ci") || file.FindProfile("none") != nil {
		t.Error("a profile is not found, or one that is not there")
	}
	settings := file.Settings()
	if s := settings["generation-churn"]; s.Severity != 0 || s.Options["min-starts"] != 7 || s.Options["times-others"] != 5 {
		t.Errorf("got %+v", s)
	}
	if s := settings["chain-too-long"]; s.Severity != rules.Error {
		t.Errorf("got %+v", s)
	}
	if !file.Off("random-node-name") || file.Off("chain-too-long") || file.Off("trim-gap") {
		t.Error("the wrong rules are off")
	}
}

// How lines end, and whether the file says in which order bytes come, changes nothing.
func TestParseReadsEveryLayout(t *testing.T) {
	want, err := config.Parse("f", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"CRLF":            strings.ReplaceAll(whole, "\n", "\r\n"),
		"CR":              strings.ReplaceAll(whole, "\n", "\r"),
		"byte order mark": "\ufeff" + whole,
		"no last newline": strings.TrimSuffix(whole, "\n"),
		"marked document": whole + "...\n",
	} {
		got, err := config.Parse("f", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestTheZeroConfigurationChangesNothing(t *testing.T) {
	var none *config.File
	if none.Off("trim-gap") || len(none.Settings()) != 0 || none.FindProfile("ci") == nil || none.Rule("trim-gap") != nil {
		t.Error("no file is not the same as an empty one")
	}
	for name, text := range map[string][]byte{"starter": config.Starter, "empty sections": []byte("version: 1\nrules:\nprofiles:\nsuppressions:\n")} {
		file, err := config.Parse("f", text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(file, &config.File{Name: "f"}) {
			t.Errorf("%s: it says %+v", name, file)
		}
	}
}

// uncommented is the starter with everything that stands there as a comment in force.
func uncommented() []byte {
	lines := strings.Split(string(config.Starter), "\n")
	body := false
	for i, line := range lines {
		body = body || line == "version: 1"
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		rest, isComment := strings.CutPrefix(strings.TrimLeft(line, " "), "# ")
		if body && isComment && (indent != "" || strings.HasPrefix(rest, "profile: ")) {
			lines[i] = indent + rest
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

func TestWhatTheStarterSaysInCommentsIsRight(t *testing.T) {
	file, err := config.Parse("f", uncommented())
	if err != nil {
		t.Fatal(err)
	}
	if file.Profile.Is == "" || len(file.Rules) != 3 || len(file.Profiles) != 1 || len(file.Suppressions) != 1 || file.Suppressions[0].Expires == "" {
		t.Errorf("got %+v", file)
	}
}

// Each archive in testdata/wrong is a configuration that is wrong, and the messages about it.
func TestWhatIsWrongIsSaidWithItsPlace(t *testing.T) {
	paths, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal(err, "no cases")
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Parse("my.yaml", archive.Files[0].Data)
			if err == nil {
				t.Fatal("it is accepted")
			}
			if update() {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "problems", Data: []byte(err.Error() + "\n")})
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got, want := err.Error()+"\n", string(archive.Files[1].Data); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestProblemsAreValues(t *testing.T) {
	_, err := config.Parse("my.yaml", []byte("version: 1\nruels: {}\nprofile: 7\n"))
	var all *multierror.Error
	if !errors.As(err, &all) || len(all.Errors) != 2 {
		t.Fatalf("got %#v", err)
	}
	var first *config.Problem
	if !errors.As(all.Errors[0], &first) || first.File != "my.yaml" || first.Line != 2 || first.Column != 1 || first.Source != "ruels: {}" {
		t.Errorf("got %+v", first)
	}
}

func TestWhatIsNotTextIsRefused(t *testing.T) {
	for want, text := range map[string][]byte{
		"is not UTF-8":          []byte("version: 1 # \xff"),
		"is larger than":        bytes.Repeat([]byte("#\n"), 200<<10),
		"is empty":              {},
		"nested too deeply":     bytes.Repeat([]byte("["), 100<<10),
		"merge-conflict marker": []byte("version: 1\n<<<<<<< HEAD\nprofile: ci\n=======\n>>>>>>> theirs\n"),
	} {
		if _, err := config.Parse("f", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	_, err := config.Parse("f\x1b[2J", []byte("version: \x1b[2J1\n"))
	if err == nil || strings.ContainsRune(err.Error(), '\x1b') {
		t.Errorf("got %q", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add(config.Starter)
	f.Add(uncommented())
	paths, _ := filepath.Glob("testdata/wrong/*.txtar")
	for _, path := range paths {
		if archive, err := txtar.ParseFile(path); err == nil {
			f.Add(archive.Files[0].Data)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := config.Parse("f", text)
		if err != nil {
			message := err.Error()
			if message == "" || strings.Trim(message, "\x1b\x07\x00\u202e") != message {
				t.Errorf("got %q", message)
			}
			return
		}
		for _, s := range file.Suppressions {
			if s.Reason == "" || s.Line == 0 {
				t.Errorf("a suppression without reason or line: %+v", s)
			}
			s.Matches("snapshot", "nodeset-removed-node", "log/0/segment/1/node/N4")
		}
		for _, rule := range file.Rules {
			for _, o := range rule.Options {
				if option := rules.Find(rule.ID).Option(o.Name); o.Value < option.Min || o.Value > option.Max {
					t.Errorf("%s: %s is %d", rule.ID, o.Name, o.Value)
				}
			}
		}
	})
}
