package format_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// everyKind is a report with two snapshots, of which one is a real capture, in which there is some of everything: findings
// of every severity, suppressed ones, several with one cause, one about something that is not there, rules in every state,
// gaps and failures.
func everyKind(t testing.TB) *analyze.Report {
	t.Helper()
	s, err := snapshots.Open(filepath.FromSlash(captures + "removed-node-1.7.12/4-tombstone"))
	if err != nil {
		t.Fatal(err)
	}
	captured := analyze.Check(s, rules.All())
	captured.Suppress(func(f *analyze.Finding) *analyze.Suppression {
		if f.Subject.Log == nil || *f.Subject.Log != 3 {
			return nil
		}
		return &analyze.Suppression{By: analyze.ByConfiguration, Reason: "log 3 is being trimmed", Owner: "storage", Expires: "2027-01-31"}
	})
	small := smallResult(t)
	note := smallFinding(small, 1, 0)
	note.Rule, note.Severity, note.Location, note.Subject = "role-missing", rules.Note, analyze.Location{}, rules.Subject{}
	note.Fingerprint = "role-missing@cluster"
	add(small, smallFinding(small, 0, 0), note)
	small.Outcomes = append(small.Outcomes,
		analyze.Outcome{Rule: "chain-corrupt", Severity: rules.Error, State: analyze.Crashed, Crash: "index out of range [3] with length 3"},
		analyze.Outcome{Rule: "deployment-unused", Severity: rules.Note, State: analyze.Undecided, Missing: []string{"schema_registry"}},
		analyze.Outcome{Rule: "node-dead", Severity: rules.Warning, State: analyze.NotApplicable, Revision: 2},
	)
	small.Gaps = append(small.Gaps, analyze.Gap{Kind: "partition_table", Source: "metadata/partition_table.json", Reason: "not JSON"})
	for _, r := range []*analyze.Result{captured, small} {
		if err := errors.Join(r.Locate(), r.Hash()); err != nil {
			t.Fatal(err)
		}
		for i := range r.Outcomes {
			if r.Outcomes[i].Missing == nil {
				r.Outcomes[i].Missing = []string{}
			}
		}
	}
	report := analyze.NewReport("1.2.3", captured, small)
	report.Failures = []analyze.Failure{{Snapshot: "nowhere", Reason: "no such file or directory"}}
	unused := analyze.NewRemark(analyze.UnusedEntry, analyze.ByConfiguration, "/home/me/.restate-lint.yaml")
	unused.Line, unused.Entry, unused.Message = 7, "trim-gap@log/*", "the suppression of trim-gap at log/* matches nothing that was found"
	expired := analyze.NewRemark(analyze.ExpiredEntry, analyze.ByBaseline, `C:\b.json`)
	expired.Snapshot, expired.Entry, expired.Message = small.Name, "one@log/0", "one@log/0 was accepted until 2026-01-31: it counts again"
	report.Remarks = analyze.SortRemarks([]analyze.Remark{unused, expired})
	return report
}

// suffixes are those of the goldens, by format.
var suffixes = map[string]string{
	"text": "txt", "json": "json", "sarif": "sarif", "junit": "xml", "github": "github.txt", "gitlab": "gitlab.json", "markdown": "md",
}

// few are the rules that SARIF describes in these tests. That of all rules is validated elsewhere.
var few = []*rules.Rule{rules.Find("chain-corrupt"), rules.Find("removed-too-early")}

func TestEveryFormatOfEverything(t *testing.T) {
	report := everyKind(t)
	for _, f := range format.Formats() {
		if f.Name == "json" {
			continue // it has goldens of its own
		}
		var first, second bytes.Buffer
		for _, out := range []*bytes.Buffer{&first, &second} {
			options := format.Options{Tool: report.Tool, Rules: few, FailOn: func(*analyze.Result) rules.Severity { return rules.Warning }, Text: format.Text{Named: true}}
			if err := format.Print(f.New(out, options), report); err != nil {
				t.Fatal(err)
			}
		}
		if f.Name == "text" {
			continue // likewise
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: other bytes the second time", f.Name)
		}
		assertGolden(t, "everything."+suffixes[f.Name], first.Bytes())
		wellFormed(t, f.Name, first.Bytes(), report)
	}
}

// hostileTexts are what nodes, clusters and files might be named by somebody who means harm.
var hostileTexts = []string{
	"<script>alert(1)</script>", "]]>", "<![CDATA[", "-->", "&amp;&#64;&bogus;", "\x1b[2J", "::error::pwned", " ::add-mask::x", "##[error]pwned",
	"%0A::error::pwned", "a|b", "a\nb", "\r\n\r\n# heading", "`code`", "``", "\\`", "@mention", "a@b.example", "@@", "#123 !4 org/repo#5 GH-6", "\xff\xfe\xc3(",
	"\u202eevil\u2066", "\u200b", "[link](http://example.com)", "![image](x)", "http://example.com www.example.com", "<http://example.com>",
	"{0} {1}", "](1)", `\`, `"`, `'"><img src=x onerror=y>`, "~~strike~~ **bold** _under_ __dunder__", "$x$", "| --- |", "    code", "- item", "1. item", "12) item", "+ item", "> quote", "# heading", "---", "===", "[ ] task", "- [x] task",
	"\x00", "\ufffe\uffff", "../../etc/passwd", "/etc/passwd", "C:\\x", "javascript:alert(1)", "a,b:c=d", "a::b", strings.Repeat("long ", 5000), "", " ", "\t",
	hostile,
}

// hostileReport has one text in every place that may hold text of a capture.
func hostileReport(t testing.TB, text string) *analyze.Report {
	r := smallResult(t)
	named := cmpOr(text, "x")
	r.Name, r.ClusterName = named, text
	r.Documents = append(r.Documents, analyze.Document{Kind: text, Source: named, Version: 1})
	r.Gaps = append(r.Gaps, analyze.Gap{Kind: text, Source: text, Reason: text}, analyze.Gap{Kind: text, Reason: text})
	for i := range 5 {
		f := smallFinding(r, i, 0)
		f.Subject = rules.Subject{Node: text, Document: text, Deployment: text, Part: fmt.Sprint(i)}
		f.Fingerprint = f.Rule + "@" + f.Subject.Entity()
		f.Title, f.Nodeset, f.Observed, f.Expected, f.Why, f.Cause = named, text, text, text, text, text
		f.Location = analyze.Location{Source: text, Line: 3, Column: 7, Pointer: "/" + text}
		f.Related = []analyze.Related{{Message: text, Location: f.Location}, {Message: text}}
		f.Remedy = []string{text, text}
		if i == 4 {
			f.Suppressed = &analyze.Suppression{By: analyze.ByBaseline, Reason: named, Owner: text, Expires: "2027-01-31"}
		}
		add(r, f)
	}
	r.Outcomes = append(r.Outcomes,
		analyze.Outcome{Rule: "chain-corrupt", Severity: rules.Error, State: analyze.Crashed, Missing: []string{}, Crash: text},
		analyze.Outcome{Rule: "node-dead", Severity: rules.Error, State: analyze.Undecided, Missing: []string{text, "nodes_config"}})
	r.Outcomes[0].Missing = []string{}
	rooted := *r
	rooted.Name, rooted.Path, rooted.Findings = named+"2", text, r.Findings[:1]
	report := analyze.NewReport("1", r, &rooted)
	report.Failures = []analyze.Failure{{Snapshot: text, Reason: named}}
	remark := analyze.NewRemark(analyze.UnusedEntry, analyze.ByConfiguration, named)
	remark.Line, remark.Snapshot, remark.Entry, remark.Message = 1, text, text, named
	report.Remarks = []analyze.Remark{remark}
	return report
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func TestEveryFormatIsEscapedForWhereItGoes(t *testing.T) {
	for _, hostile := range hostileTexts {
		report := hostileReport(t, hostile)
		for _, f := range format.Formats() {
			t.Run(fmt.Sprintf("%s/%.20q", f.Name, hostile), func(t *testing.T) { checkFormat(t, f, report) })
		}
	}
}

func FuzzFormats(f *testing.F) {
	for _, hostile := range hostileTexts {
		if len(hostile) < 200 {
			f.Add(hostile)
		}
	}
	f.Fuzz(func(t *testing.T, hostile string) {
		report := hostileReport(t, hostile)
		for _, f := range format.Formats() {
			checkFormat(t, f, report)
		}
	})
}

func checkFormat(t *testing.T, f format.Format, report *analyze.Report) {
	t.Helper()
	var out bytes.Buffer
	if err := format.Print(f.New(&out, format.Options{Tool: report.Tool, Rules: few}), report); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, f.Name, out.Bytes(), report)
}

// wellFormed checks that a report in some format is what readers of that format take it for, and nothing beside.
func wellFormed(t *testing.T, name string, out []byte, report *analyze.Report) {
	t.Helper()
	harmless(t, out)
	if name != "github" {
		givesNoCommand(t, out)
	}
	checks := map[string]func(*testing.T, []byte, *analyze.Report){
		"text": func(*testing.T, []byte, *analyze.Report) {}, "json": wellFormedJSON, "sarif": wellFormedSARIF, "junit": wellFormedJUnit,
		"github": wellFormedGitHub, "gitlab": wellFormedGitLab, "markdown": wellFormedMarkdown,
	}
	checks[name](t, out, report)
	if t.Failed() {
		t.Logf("%s:\n%.20000s", name, out)
	}
}

// workflowCommand is what the runner of GitHub's workflows executes.
var workflowCommand = regexp.MustCompile(`^\s*::[A-Za-z][^: ]*( .*?)?::|##\[`)

// givesNoCommand checks that the log of a workflow may have it.
func givesNoCommand(t *testing.T, out []byte) {
	for line := range strings.Lines(string(out)) {
		if workflowCommand.MatchString(line) {
			t.Errorf("a workflow command: %q", line)
		}
	}
}

func wellFormedJSON(t *testing.T, out []byte, _ *analyze.Report) {
	var read analyze.Report
	if err := json.Unmarshal(out, &read); err != nil {
		t.Error(err)
	}
}

// decodedIsHarmless looks at the texts of a document as its readers will show them.
func decodedIsHarmless(t *testing.T, value any) {
	switch value := value.(type) {
	case string:
		if strings.ContainsFunc(value, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }) {
			t.Errorf("%q holds what could do harm", value)
		}
	case []any:
		for _, inner := range value {
			decodedIsHarmless(t, inner)
		}
	case map[string]any:
		for key, inner := range value {
			decodedIsHarmless(t, key)
			decodedIsHarmless(t, inner)
		}
	}
}

// The schemas are compiled once.
var compiledSARIF, compiledGitLab *jsonschema.Schema

func wellFormedSARIF(t *testing.T, out []byte, report *analyze.Report) {
	if compiledSARIF == nil {
		compiledSARIF = sarifSchema(t)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiledSARIF.Validate(document); err != nil {
		t.Error(err)
	}
	decodedIsHarmless(t, document)
	var log struct {
		Runs []struct {
			Results []struct {
				Message                     struct{ Text string }
				Locations, RelatedLocations []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
				Suppressions []any
			}
		}
	}
	if err := json.Unmarshal(out, &log); err != nil || len(log.Runs) != 1 {
		t.Fatal(err)
	}
	results, suppressed := 0, 0
	for _, r := range report.Snapshots {
		results += len(r.Findings)
	}
	for _, r := range log.Runs[0].Results {
		if len(r.Suppressions) > 0 {
			suppressed++
		}
		for _, l := range slices.Concat(r.Locations, r.RelatedLocations) {
			if uri := l.PhysicalLocation.ArtifactLocation.URI; strings.HasPrefix(uri, "/") || strings.Contains("/"+uri+"/", "/../") || regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`).MatchString(uri) {
				t.Errorf("%q leads elsewhere", uri)
			}
		}
		// A link leads to a related location of this result, and there is one for each.
		links := regexp.MustCompile(`(^|[^\\])(\\\\)*\]\(`).FindAllStringSubmatch(r.Message.Text, -1)
		if len(links) != len(r.RelatedLocations) || regexp.MustCompile(`(^|[^{])\{[0-9]+\}`).MatchString(r.Message.Text) {
			t.Errorf("%d links to %d locations, or a placeholder: %q", len(links), len(r.RelatedLocations), r.Message.Text)
		}
	}
	if len(log.Runs[0].Results) != results || suppressed != report.Summary.Suppressed {
		t.Errorf("%d results, %d of them suppressed, of %d and %d findings", len(log.Runs[0].Results), suppressed, results, report.Summary.Suppressed)
	}
}

func wellFormedJUnit(t *testing.T, out []byte, report *analyze.Report) {
	tests, want := 0, len(report.Failures)
	for _, r := range report.Snapshots {
		want += len(r.Outcomes)
	}
	// This is what the schema of Jenkins (junit-10.xsd) knows, as far as it is used.
	type element struct{ in, attributes []string }
	known := map[string]element{
		"testsuites": {[]string{""}, []string{"name"}},
		"testsuite":  {[]string{"testsuites"}, []string{"name", "tests", "failures", "errors", "skipped"}},
		"testcase":   {[]string{"testsuite"}, []string{"classname", "name"}},
		"failure":    {[]string{"testcase"}, []string{"type", "message"}},
		"error":      {[]string{"testcase"}, []string{"type", "message"}},
		"skipped":    {[]string{"testcase"}, []string{"message"}},
		"system-out": {[]string{"testsuite", "testcase"}, nil},
	}
	inside := []string{""}
	decoder := xml.NewDecoder(bytes.NewReader(out))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			kind, ok := known[token.Name.Local]
			var attributes []string
			for _, attribute := range token.Attr {
				attributes = append(attributes, attribute.Name.Local)
			}
			if holder := inside[len(inside)-1]; !ok || !slices.Contains(kind.in, holder) || !slices.Equal(attributes, kind.attributes) {
				t.Errorf("an element %q in %q with the attributes %q", token.Name.Local, holder, attributes)
			}
			inside = append(inside, token.Name.Local)
			if token.Name.Local == "testcase" {
				tests++
			}
			for _, attribute := range token.Attr {
				decodedIsHarmless(t, attribute.Value)
			}
		case xml.EndElement:
			inside = inside[:len(inside)-1]
		case xml.CharData:
			decodedIsHarmless(t, string(token))
		case xml.Comment, xml.Directive:
			t.Errorf("%T", token)
		}
	}
	if tests != want {
		t.Errorf("%d tests of %d outcomes and failures", tests, want)
	}
}

func wellFormedGitHub(t *testing.T, out []byte, report *analyze.Report) {
	annotations := 0
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "::") {
			if workflowCommand.MatchString(line) || !regexp.MustCompile(`^(not checked in |[0-9]+ snapshots?: )`).MatchString(line) {
				t.Errorf("the line %q", line)
			}
			continue
		}
		annotations++
		head, data, ok := strings.Cut(line[2:], "::") // as the runner does
		name, list, _ := strings.Cut(head, " ")
		if !ok || !slices.Contains([]string{"error", "warning", "notice"}, name) || !strings.Contains(","+list, ",title=") || data == "" {
			t.Errorf("the command %q", line)
		}
		for property := range strings.SplitSeq(list, ",") {
			if name, value, _ := strings.Cut(property, "="); !slices.Contains([]string{"file", "line", "col", "title"}, name) || value == "" {
				t.Errorf("the property %q of %q", property, line)
			}
		}
		unescaped := strings.NewReplacer("%0A", "\n", "%25", "%", "%3A", ":", "%2C", ",").Replace(head + data)
		decodedIsHarmless(t, unescaped)
	}
	most := len(report.Failures) + 1
	for _, r := range report.Snapshots {
		most += len(r.Findings) + 1
	}
	if annotations == 0 || annotations > most {
		t.Errorf("%d annotations", annotations)
	}
}

const gitlabSchema = `{
	"type": "array",
	"items": {
		"type": "object",
		"required": ["description", "check_name", "fingerprint", "severity", "location"],
		"properties": {
			"description": {"type": "string", "minLength": 1},
			"check_name": {"type": "string", "minLength": 1},
			"fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
			"severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
			"location": {"type": "object", "required": ["path", "lines"], "properties": {
				"path": {"type": "string", "pattern": "^([^/]|$)"},
				"lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer", "minimum": 1}}}
			}}
		}
	}
}`

func wellFormedGitLab(t *testing.T, out []byte, _ *analyze.Report) {
	if compiledGitLab == nil {
		compiledGitLab = compile(t, []byte(gitlabSchema))
	}
	validate(t, compiledGitLab, out)
	var issues []struct{ Fingerprint, Description, Severity string }
	if err := json.Unmarshal(out, &issues); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, issue := range issues {
		decodedIsHarmless(t, issue.Description)
		if seen[issue.Fingerprint] {
			t.Errorf("two issues have the fingerprint %s", issue.Fingerprint)
		}
		seen[issue.Fingerprint] = true
	}
}

// parser reads GitHub's dialect of Markdown.
var parser = goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()

func wellFormedMarkdown(t *testing.T, out []byte, report *analyze.Report) {
	page := parser.Parse(text.NewReader(out))
	headings := 0
	err := ast.Walk(page, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := node.(type) {
		case *ast.RawHTML, *ast.HTMLBlock, *ast.Link, *ast.Image, *ast.AutoLink, *ast.Blockquote, *tables.Strikethrough, *tables.TaskCheckBox:
			t.Errorf("%v in line %q", node.Kind(), lineOf(out, node))
		case *ast.Heading:
			headings++
			if node.Parent() != page {
				t.Errorf("a heading in a %v", node.Parent().Kind())
			}
		case *ast.List:
			if node.Parent() != page {
				t.Errorf("a list in a %v", node.Parent().Kind())
			}
		case *ast.CodeBlock:
			t.Errorf("an indented block of code")
		case *ast.CodeSpan, *ast.FencedCodeBlock:
			return ast.WalkSkipChildren, nil
		case *ast.Emphasis:
			if words := textOf(out, node); !slices.Contains([]string{"why", "expected", "observed", "nodeset", "at", "related", "Not checked at all:", "Of the configuration and the baseline:", "The rule  crashed on this snapshot"}, words) {
				t.Errorf("emphasis on %q", words)
			}
		case *ast.Text:
			if segment := string(node.Segment.Value(out)); strings.Contains(segment, "@") || regexp.MustCompile(`#[0-9]`).MatchString(segment) {
				t.Errorf("a mention in %q", segment)
			}
		case *tables.Table:
			width := node.FirstChild().ChildCount()
			if width != 3 && width != 4 {
				t.Errorf("a table of %d columns", width)
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// goldmark cuts and fills the rows of a table to its width: the bars have to be counted in the text.
	width := 0
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "|") {
			width = 0
			continue
		}
		bars := len(regexp.MustCompile(`(^|[^\\])(\\\\)*\|`).FindAllString(strings.ReplaceAll(line, "||", "| |"), -1))
		if width != 0 && bars != width {
			t.Errorf("a row of %d bars in a table of %d: %q", bars, width, line)
		}
		width = bars
	}
	most := 1
	for _, r := range report.Snapshots {
		most += 3 + len(r.Findings)
	}
	if headings == 0 || headings > most {
		t.Errorf("%d headings", headings)
	}
}

// textOf is what stands directly in a node.
func textOf(out []byte, node ast.Node) string {
	words := ""
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		if child, ok := child.(*ast.Text); ok {
			words += string(child.Segment.Value(out))
		}
	}
	return words
}

func lineOf(out []byte, node ast.Node) string {
	for node != nil && node.Type() != ast.TypeBlock {
		node = node.Parent()
	}
	if node == nil || node.Lines() == nil {
		return ""
	}
	return string(node.Lines().Value(out))
}
