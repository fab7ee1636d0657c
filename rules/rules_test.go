package rules_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"restate-lint/analyze"
	"restate-lint/internal/testrocksdb"
	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A testCase is one small capture and what one rule makes of it. It is a txtar archive in testdata/<rule id>: the
// comment says what is wrong, the file `want` has the outcome or a line "severity fingerprint" for every finding, the
// file `target` the release that an upgrade aims at, the file `options` lines such as "max-segments: 4" with what is set
// for the rule, the file `says` lines that the findings must contain, or must not where "not " stands before them, and all
// other files are the capture. A name may end in a size, as in "schema_registry.json + 8 MiB", or in "+ raft": the file
// then says what is in the directory of a metadata server.
type testCase struct {
	rule, name string
	comment    string
	target     cluster.Release
	options    map[string]int64
	files      fstest.MapFS
	want, says []string
}

func loadCases(t *testing.T) []testCase {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var cases []testCase
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		archive := txtar.Parse(data)
		c := testCase{
			rule:    filepath.Base(filepath.Dir(path)),
			name:    strings.TrimSuffix(filepath.Base(path), ".txtar"),
			comment: strings.TrimSpace(string(archive.Comment)),
			files:   fstest.MapFS{},
		}
		for _, file := range archive.Files {
			lines := strings.Split(strings.TrimSpace(string(file.Data)), "\n")
			switch file.Name {
			case "want":
				c.want = lines
				continue
			case "says":
				c.says = lines
				continue
			case "options":
				c.options = make(map[string]int64)
				for _, line := range lines {
					name, value, _ := strings.Cut(line, ": ")
					if c.options[name], err = strconv.ParseInt(value, 10, 64); err != nil {
						t.Fatal(err)
					}
				}
				continue
			case "target":
				if c.target, err = cluster.ParseRelease(lines[0]); err != nil {
					t.Fatal(err)
				}
				continue
			}
			name, padding, _ := strings.Cut(file.Name, " + ")
			if padding == "raft" {
				maps.Copy(c.files, raftDirectory(t, name, lines))
				continue
			}
			c.files[name] = &fstest.MapFile{Data: append(file.Data, spaces(t, padding)...)}
		}
		cases = append(cases, c)
	}
	return cases
}

// raftDirectory is the directory of a metadata server. The first line says which node it is of, up to which entry it had
// written down that the voters agree, and who these are: "N1 commit 3 of 1 2 3". Its snapshot is at entry 1 of term 1, with
// version 1 of nodes_config. Every other line is an entry of the log, such as "2 bifrost_config v3": the term, then what
// was written, or nothing. "cut 5" takes bytes off the end of the write-ahead log. A last line
// "cluster x" names the cluster, which is c otherwise.
func raftDirectory(t *testing.T, dir string, lines []string) fstest.MapFS {
	t.Helper()
	cluster := "c"
	if name, ok := strings.CutPrefix(lines[len(lines)-1], "cluster "); ok {
		cluster, lines = name, lines[:len(lines)-1]
	}
	value := func(version uint64) []byte {
		return fmt.Appendf(nil, "\x05{\"version\":%d,\"cluster_name\":%q,\"nodes\":[],\"name_lookup\":{}}", version, cluster)
	}
	var node, commit uint64
	head, list, _ := strings.Cut(lines[0], " of ")
	if _, err := fmt.Sscanf(head, "N%d commit %d", &node, &commit); err != nil {
		t.Fatal(lines[0], err)
	}
	var voters []uint64
	for _, voter := range strings.Fields(list) {
		n, err := strconv.ParseUint(voter, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		voters = append(voters, n)
	}
	server := new(testrocksdb.MetadataServer).Start(node, 1, 1, commit, voters...)
	server.Snapshot(1, 1, "nodes_config", 1, value(1))
	for _, line := range lines[1:] {
		var term, version uint64
		var key string
		if _, err := fmt.Sscanf(line, "cut %d", &server.Torn); err == nil {
			continue
		}
		switch n, err := fmt.Sscanf(line, "%d %s v%d", &term, &key, &version); n {
		case 1:
			server.Entry(term, nil)
		case 3:
			server.Entry(term, testrocksdb.MetadataWrite(key, version, value(version), 0))
		default:
			t.Fatal(line, err)
		}
	}
	return server.Files(dir)
}

// spaces are white space of so many MiB: a file called "schema_registry.json + 8 MiB" is that much larger than it looks.
func spaces(t *testing.T, size string) []byte {
	t.Helper()
	if size == "" {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(size, " MiB"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat([]byte(" "), n<<20)
}

// check runs one rule over a capture and prints what the file `want` should hold.
func check(t *testing.T, rule *rules.Rule, files fstest.MapFS, target cluster.Release, set map[string]int64) (*analyze.Result, []string) {
	t.Helper()
	snapshot, _ := snapshots.Read("case", files, fileNames(files)...)
	result := analyze.CheckWith(snapshot, []*rules.Rule{rule},
		analyze.Options{Target: target, Settings: map[string]rules.Settings{rule.ID: {Options: set}}})
	if err := result.Locate(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range result.Findings {
		lines = append(lines, fmt.Sprintf("%v %s", f.Severity, f.Fingerprint))
	}
	if len(lines) == 0 {
		outcome := result.Outcomes[0]
		lines = append(lines, strings.TrimSpace(string(outcome.State)+" "+strings.Join(outcome.Missing, " ")))
	}
	return result, lines
}

func fileNames(files fstest.MapFS) (names []string) {
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestCasesGiveTheFindingsTheyName(t *testing.T) {
	for _, c := range loadCases(t) {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			rule := rules.Find(c.rule)
			if rule == nil {
				t.Fatalf("no rule is called %s", c.rule)
			}
			if c.comment == "" {
				t.Error("the case has no comment that says what is wrong with the capture")
			}
			result, got := check(t, rule, c.files, c.target, c.options)
			if !slices.Equal(got, c.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			said := ""
			for _, f := range result.Findings {
				complete(t, f)
				said += told(f)
			}
			for _, line := range c.says {
				if unwanted, not := strings.CutPrefix(line, "not "); not == strings.Contains(said, unwanted) {
					t.Errorf("the findings should say: %s\nthey say:\n%s", line, said)
				}
			}
		})
	}
}

// told is everything that a reader gets from a finding.
func told(f analyze.Finding) string {
	lines := append([]string{f.Message(), "expected: " + f.Expected, "at: " + f.Location.Pointer}, f.Remedy...)
	for _, related := range f.Related {
		lines = append(lines, "see: "+related.Message)
	}
	return strings.Join(lines, "\n") + "\n"
}

// complete checks that a finding has everything that a reader needs.
func complete(t *testing.T, f analyze.Finding) {
	t.Helper()
	switch {
	case f.Title == "" || f.Message() == "" || f.Expected == "" && f.Observed == "":
		t.Errorf("%s: title, message, observed or expected is missing: %+v", f.Fingerprint, f)
	case f.Location.Source == "" || f.Location.Line == 0 || f.Location.Column == 0:
		t.Errorf("%s: it has no place in a source: %+v", f.Fingerprint, f.Location)
	case strings.Contains(f.Title, "\n") || strings.Contains(f.Message(), "%!"):
		t.Errorf("%s: bad text: %q", f.Fingerprint, f.Message())
	}
	for _, step := range f.Remedy {
		if strings.HasPrefix(step, "restatectl") && strings.Contains(step, "   (") {
			t.Errorf("%s: what explains a command has to stand behind a #, so that it can be pasted: %s", f.Fingerprint, step)
		}
		if strings.Contains(step, "metadata put") || strings.Contains(step, "metadata patch") {
			t.Errorf("%s: the remedy writes metadata by hand: %s", f.Fingerprint, step)
		}
	}
	for _, related := range f.Related {
		if related.Message == "" || related.Location.Line == 0 {
			t.Errorf("%s: related place without message or line: %+v", f.Fingerprint, related)
		}
	}
}

func isFound(want []string) bool {
	return slices.ContainsFunc(want, func(line string) bool { return strings.Contains(line, "@") })
}

func TestEveryRuleHasACaseThatHitsAndOneThatIsSilent(t *testing.T) {
	cases := loadCases(t)
	for _, rule := range rules.All() {
		var hits, silent int
		for _, c := range cases {
			switch {
			case c.rule != rule.ID:
			case isFound(c.want):
				hits++
			case slices.Equal(c.want, []string{"passed"}):
				silent++
			}
		}
		if hits == 0 || silent == 0 {
			t.Errorf("%s: %d cases hit and %d are silent; testdata/%[1]s needs one of each", rule.ID, hits, silent)
		}
	}
}

// Without one of the documents that a rule needs, the very captures that it finds something in leave it undecided.
func TestEveryRuleIsUndecidedWithoutWhatItNeeds(t *testing.T) {
	for _, c := range loadCases(t) {
		rule := rules.Find(c.rule)
		if rule == nil || !isFound(c.want) {
			continue
		}
		for _, kind := range rule.Needs {
			t.Run(fmt.Sprintf("%s/%s/without %s", c.rule, c.name, kind), func(t *testing.T) {
				without := fstest.MapFS{}
				for name, file := range c.files {
					if !holds(t, name, file, kind) {
						without[name] = file
					}
				}
				result, _ := check(t, rule, without, c.target, c.options)
				outcome := result.Outcomes[0]
				if outcome.State != analyze.Undecided || !slices.Contains(outcome.Missing, string(kind)) {
					t.Errorf("got %s, missing %q; want undecided for lack of %s", outcome.State, outcome.Missing, kind)
				}
			})
		}
	}
}

func holds(t *testing.T, name string, file *fstest.MapFile, kind snapshots.Kind) bool {
	t.Helper()
	s, _ := snapshots.Read("", fstest.MapFS{name: file}, name)
	return s.Document(kind) != nil
}

var idPattern = regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)+$`)

func TestEveryRuleDocumentsItself(t *testing.T) {
	all := rules.All()
	for i, rule := range all {
		if i > 0 && all[i-1].ID == rule.ID {
			t.Errorf("%s is registered twice, or two rules are called so", rule.ID)
		}
		if !idPattern.MatchString(rule.ID) {
			t.Errorf("%q is not kebab case", rule.ID)
		}
		doc := rule.Doc
		if rule.Severity == 0 || rule.Category == "" || rule.Summary == "" || rule.Run == nil ||
			doc.Checks == "" || doc.Why == "" || doc.Legal == "" || doc.Fix == "" || len(doc.Evidence) == 0 {
			t.Errorf("%s: something of its documentation is missing", rule.ID)
		}
		if strings.HasSuffix(rule.Summary, ".") || strings.Contains(rule.Summary, "\n") {
			t.Errorf("%s: the summary is one line without a full stop: %q", rule.ID, rule.Summary)
		}
		for _, text := range []string{doc.Checks, doc.Why, doc.Legal, doc.Fix} {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: a text of the documentation ends without a full stop: …%q", rule.ID, text[max(0, len(text)-20):])
			}
		}
	}
}

func TestNoFolderOfCasesIsWithoutARule(t *testing.T) {
	folders, err := fs.ReadDir(os.DirFS("testdata"), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if rules.Find(folder.Name()) == nil {
			t.Errorf("testdata/%s belongs to no rule", folder.Name())
		}
	}
}

// What cannot be read is not absent: a capture whose logs are cut off or damaged makes no rule find anything that it does
// not find in the whole of it, but for the rules that are about such captures. And location-inconsistent says itself what
// domain-location-missing says where the default replication is known.
func TestUnreadableLogsMakeNoRuleFindMore(t *testing.T) {
	var selected []*rules.Rule
	for _, rule := range rules.All() {
		if rule.Category != rules.Capture && rule.ID != "metadata-values-invalid" && rule.ID != "location-inconsistent" {
			selected = append(selected, rule)
		}
	}
	for _, c := range loadCases(t) {
		for _, name := range fileNames(c.files) {
			if !holds(t, name, c.files[name], snapshots.BifrostConfig) {
				continue
			}
			whole := fingerprints(t, c.files, selected)
			text := string(c.files[name].Data)
			entry := regexp.MustCompile(`\{\s*"chain"`)
			damaged := []string{text[:len(text)/3], text[:len(text)/2], text[:len(text)*2/3], text[:max(0, len(text)-4)]}
			for _, at := range entry.FindAllStringIndex(text, 4) {
				damaged = append(damaged, text[:at[0]], text[:at[0]]+`"chain",`+text[at[0]:], text[:at[0]]+"0,"+text[at[0]:])
			}
			for _, text := range damaged {
				files := maps.Clone(c.files)
				files[name] = &fstest.MapFile{Data: []byte(text)}
				for _, found := range fingerprints(t, files, selected) {
					if !slices.Contains(whole, found) {
						t.Errorf("%s/%s: %s is found only where the logs end with …%.60q", c.rule, c.name, found, text[max(0, len(text)-60):])
					}
				}
			}
		}
	}
}

func fingerprints(t *testing.T, files fstest.MapFS, selected []*rules.Rule) (list []string) {
	t.Helper()
	for _, f := range analyzed(t, files, selected).Findings {
		list = append(list, f.Fingerprint)
	}
	return list
}
