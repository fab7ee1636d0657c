package format

import (
	"io"
	"strings"
	"time"

	"restate-lint/analyze"
	"restate-lint/rules"
)

var gitlabFormat = Format{
	Name:   "gitlab",
	Usage:  "GitLab's code quality report",
	Places: true,
	New: func(w io.Writer, _ Options) Printer {
		return &gitlabPrinter{objectWriter: newObjectWriter(w)}
	},
}

// A gitlabPrinter writes a list of issues. GitLab compares it with that of the target branch, by fingerprint, and takes what
// is missing for fixed: what could not be decided is an issue as well, so that it does not just vanish.
type gitlabPrinter struct {
	*objectWriter
	issues int
}

type (
	gitlabIssue struct {
		Description string         `json:"description"`
		CheckName   string         `json:"check_name"`
		Fingerprint string         `json:"fingerprint"`
		Severity    string         `json:"severity"`
		Location    gitlabLocation `json:"location"`
	}
	gitlabLocation struct {
		Path  string      `json:"path"`
		Lines gitlabLines `json:"lines"`
	}
	gitlabLines struct {
		Begin int64 `json:"begin"`
	}
)

// GitLab knows info, minor, major, critical and blocker.
var gitlabSeverities = [...]string{rules.Error: "critical", rules.Warning: "major", rules.Note: "info"}

const (
	gitlabBroken    = "blocker"
	gitlabUndecided = "info"
)

func (p *gitlabPrinter) Begin() error {
	p.text("[")
	return p.flush()
}

func (p *gitlabPrinter) issue(issue gitlabIssue) {
	issue.Location.Lines.Begin = max(issue.Location.Lines.Begin, 1)
	text := p.encoded(issue, "  ")
	if p.issues++; p.issues > 1 {
		p.text(",")
	}
	p.text("\n  ")
	p.raw(text)
}

func (p *gitlabPrinter) Result(r *analyze.Result) error {
	somewhere := gitlabLocation{Path: Clean(filePath(r, placeOf(r, &analyze.Finding{}).Source))}
	for f := range r.Counting {
		place := placeOf(r, f)
		p.issue(gitlabIssue{
			Description: Clean(f.Message()),
			CheckName:   Clean(f.Rule),
			Fingerprint: fingerprintHash(r, f.Fingerprint),
			Severity:    gitlabSeverities[f.Severity],
			Location:    gitlabLocation{Clean(filePath(r, place.Source)), gitlabLines{place.Line}},
		})
	}
	for _, o := range r.Outcomes {
		if o.State == analyze.Crashed {
			p.issue(gitlabIssue{
				Description: "the rule " + Clean(o.Rule) + " crashed, so more may be wrong than it says: " + Clean(o.Crash),
				CheckName:   Clean(o.Rule), Fingerprint: fingerprintHash(r, "crashed/"+o.Rule), Severity: gitlabBroken, Location: somewhere,
			})
		}
	}
	for _, lacking := range undecided(r) {
		p.issue(gitlabIssue{
			Description: "not checked for lack of " + lacking.documents + ": " + strings.Join(lacking.rules, ", "),
			CheckName:   "undecided", Fingerprint: fingerprintHash(r, "undecided/"+lacking.documents), Severity: gitlabUndecided, Location: somewhere,
		})
	}
	return p.flush()
}

func (p *gitlabPrinter) Failed(f analyze.Failure) error {
	p.issue(gitlabIssue{
		Description: "not checked: " + Clean(f.Reason),
		CheckName:   "not-checked", Fingerprint: fingerprintHash(&analyze.Result{Name: f.Snapshot}, "not-checked"), Severity: gitlabBroken,
		Location: gitlabLocation{Path: Clean(inside(f.Snapshot))},
	})
	return p.flush()
}

func (p *gitlabPrinter) End(*Tally, time.Duration) error {
	if p.issues > 0 {
		p.text("\n")
	}
	p.text("]\n")
	return p.flush()
}
