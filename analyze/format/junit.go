package format

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"restate-lint/analyze"
	"restate-lint/rules"
)

var junitFormat = Format{
	Name:   "junit",
	Usage:  "JUnit XML, for test reports",
	Places: true,
	New: func(w io.Writer, options Options) Printer {
		failOn := options.FailOn
		if failOn == nil {
			failOn = func(*analyze.Result) rules.Severity { return rules.Error }
		}
		return &junitPrinter{w: w, failOn: failOn}
	},
}

// A junitPrinter writes a suite of tests for every snapshot, with a test for every rule: one with findings at or above
// failOn fails, one that is undecided or does not apply is skipped, one that crashed has an error. It says nothing of
// times.
type junitPrinter struct {
	w      io.Writer
	failOn func(*analyze.Result) rules.Severity
}

type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
		Out      *junitText  `xml:"system-out"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitProblem `xml:"failure"`
		Error   *junitProblem `xml:"error"`
		Skipped *junitSkipped `xml:"skipped"`
		Out     *junitText    `xml:"system-out"`
	}
	junitProblem struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",cdata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
)

func (p *junitPrinter) Begin() error {
	_, err := io.WriteString(p.w, xml.Header+"<testsuites name=\"restate-lint\">\n")
	return err
}

func (p *junitPrinter) Result(r *analyze.Result) error {
	findings := make(map[string][]*analyze.Finding)
	for i := range r.Findings {
		findings[r.Findings[i].Rule] = append(findings[r.Findings[i].Rule], &r.Findings[i])
	}
	suite := junitSuite{Name: Clean(r.Name)}
	for i := range r.Outcomes {
		suite.add(p.test(r, &r.Outcomes[i], findings[r.Outcomes[i].Rule]))
	}
	if len(r.Gaps) > 0 {
		var text strings.Builder
		for _, gap := range r.Gaps {
			fmt.Fprintf(&text, "gap: %s: %s\n", Clean(strings.TrimSpace(gap.Kind+" "+gap.Source)), Clean(gap.Reason))
		}
		suite.Out = &junitText{text.String()}
	}
	return p.write(&suite)
}

// add adds a test and counts what became of it.
func (s *junitSuite) add(test junitCase) {
	s.Tests++
	switch {
	case test.Error != nil:
		s.Errors++
	case test.Failure != nil:
		s.Failures++
	case test.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, test)
}

// write writes a suite as a whole.
func (p *junitPrinter) write(suite *junitSuite) error {
	var text bytes.Buffer
	encoder := xml.NewEncoder(&text)
	encoder.Indent("  ", "  ")
	if err := encoder.Encode(suite); err != nil {
		return err
	}
	text.WriteByte('\n')
	_, err := p.w.Write(text.Bytes())
	return err
}

// test is what became of one rule. Findings that do not make it fail, or that something suppresses, are its output.
func (p *junitPrinter) test(r *analyze.Result, o *analyze.Outcome, findings []*analyze.Finding) junitCase {
	test := junitCase{Class: Clean(r.Name), Name: Clean(o.Rule)}
	var failing, others []*analyze.Finding
	for _, f := range findings {
		if f.Suppressed == nil && f.Severity >= p.failOn(r) {
			failing = append(failing, f)
		} else {
			others = append(others, f)
		}
	}
	if len(others) > 0 {
		test.Out = &junitText{junitFindings(others)}
	}
	switch {
	case o.State == analyze.Crashed:
		test.Error = &junitProblem{Type: "crashed", Message: Clean(o.Crash), Text: "this is a mistake in restate-lint itself: please report it\n" + junitFindings(failing)}
	case len(failing) > 0:
		message := Clean(failing[0].Title)
		if len(failing) > 1 {
			message += fmt.Sprintf(", and %s more", thousands(len(failing)-1))
		}
		test.Failure = &junitProblem{Type: failing[0].Severity.String(), Message: message, Text: junitFindings(failing)}
	case o.State == analyze.Undecided:
		test.Skipped = &junitSkipped{"undecided for lack of " + lacks(r, o.Missing)}
	case o.State == analyze.NotApplicable:
		test.Skipped = &junitSkipped{"does not apply to this release of Restate, or to this cluster"}
	case o.State == analyze.Suppressed:
		test.Skipped = &junitSkipped{fmt.Sprintf("%s suppressed", count(o.Suppressed, "finding"))}
	}
	return test
}

// junitShown bounds how many findings of one rule are written.
const junitShown = 100

func junitFindings(findings []*analyze.Finding) string {
	var text strings.Builder
	for i, f := range findings {
		if i == junitShown {
			fmt.Fprintf(&text, "\n… and %s more\n", thousands(len(findings)-i))
			break
		}
		fmt.Fprintf(&text, "\n%s: %s\n", f.Severity, Clean(f.Title))
		if f.Location.Source != "" {
			fmt.Fprintf(&text, "  at         %s\n", sourceLines(nil).place(&f.Location))
		}
		for _, detail := range details(f) {
			fmt.Fprintf(&text, "  %-10s %s\n", detail[0], detail[1])
		}
	}
	return text.String()
}

// details are what a finding says below its title, clean, each with its name.
func details(f *analyze.Finding) [][2]string {
	var list [][2]string
	add := func(name, text string) {
		if text != "" {
			list = append(list, [2]string{name, text})
		}
	}
	if f.Suppressed != nil {
		add("suppressed", Clean(suppression(f.Suppressed)))
	}
	add("nodeset", Clean(f.Nodeset))
	add("observed", Clean(f.Observed))
	add("expected", Clean(f.Expected))
	for i := range f.Related {
		add("related", relatedText(&f.Related[i]))
	}
	add("why", Clean(f.Why))
	for _, step := range f.Remedy {
		add("fix", Clean(step))
	}
	return list
}

// Failed writes a suite with an error: who only looks at the tests must not take it for passed.
func (p *junitPrinter) Failed(f analyze.Failure) error {
	suite := junitSuite{Name: Clean(f.Snapshot)}
	suite.add(junitCase{Class: Clean(f.Snapshot), Name: "snapshot", Error: &junitProblem{Type: "not checked", Message: Clean(f.Reason)}})
	return p.write(&suite)
}

func (p *junitPrinter) End(*Tally, time.Duration) error {
	_, err := io.WriteString(p.w, "</testsuites>\n")
	return err
}
