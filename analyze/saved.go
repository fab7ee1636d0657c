package analyze

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"restate-lint/rules"
)

// mostSaved bounds a saved report, in bytes. That of a cluster with everything wrong has some 100 MB.
const mostSaved = 1 << 30

// ErrNotReport is what ReadReport wraps when what it reads is no report.
var ErrNotReport = errors.New("not a report of restate-lint")

// ReadReport reads a report that was saved as JSON. It is as strict as it has to be for the report to be printed again: the
// schema version has to be the one this program knows, and what is read has to be possible; properties that are not known
// are passed over. The sources are not there any more, so that positions have lines and columns only. The summary is that of
// the findings and outcomes that were read.
func ReadReport(r io.Reader) (*Report, error) {
	text, err := io.ReadAll(io.LimitReader(r, mostSaved+1))
	if err != nil {
		return nil, err
	}
	if len(text) > mostSaved {
		return nil, fmt.Errorf("%w: it is larger than %d MiB", ErrNotReport, mostSaved>>20)
	}
	var head struct {
		SchemaVersion *int              `json:"schema_version"`
		Tool          *Tool             `json:"tool"`
		Snapshot      json.RawMessage   `json:"snapshot"`
		Snapshots     []json.RawMessage `json:"snapshots"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, notReport(text, err)
	}
	switch {
	case head.SchemaVersion == nil:
		return nil, fmt.Errorf("%w: it states no schema_version", ErrNotReport)
	case *head.SchemaVersion != SchemaVersion:
		return nil, fmt.Errorf("schema_version %d is not known: this version of the program reads %d", *head.SchemaVersion, SchemaVersion)
	case head.Snapshots == nil && head.Snapshot != nil:
		return nil, fmt.Errorf("%w, but of one snapshot only, as a golden is", ErrNotReport)
	case head.Snapshots == nil || head.Tool == nil:
		return nil, fmt.Errorf("%w: it has no snapshots and tool", ErrNotReport)
	}
	report := &Report{}
	if err := json.Unmarshal(text, report); err != nil {
		return nil, notReport(text, err)
	}
	names := make(map[string]bool)
	for i, result := range report.Snapshots {
		if result == nil {
			return nil, fmt.Errorf("%w: snapshot %d is null", ErrNotReport, i)
		}
		if err := result.restore(); err != nil {
			return nil, fmt.Errorf("%w: snapshot %d: %w", ErrNotReport, i, err)
		}
		if names[result.Name] {
			return nil, fmt.Errorf("%w: two snapshots are called %q", ErrNotReport, result.Name)
		}
		names[result.Name] = true
	}
	restored := NewReport(report.Tool.Version, report.Snapshots...)
	restored.Tool = report.Tool
	restored.Failures = SortFailures(report.Failures)
	for _, remark := range report.Remarks {
		if !slices.Contains(remarkKinds, remark.Kind) || remark.Message == "" {
			return nil, fmt.Errorf("%w: a remark is of no kind, or says nothing", ErrNotReport)
		}
	}
	restored.Remarks = SortRemarks(report.Remarks)
	return restored, nil
}

// notReport says where JSON goes wrong.
func notReport(text []byte, err error) error {
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w: %w", 1+bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n")), ErrNotReport, err)
	case errors.As(err, &mistyped):
		return fmt.Errorf("%w: %s is of the type %s", ErrNotReport, cmp.Or(mistyped.Field, "it"), mistyped.Value)
	}
	return fmt.Errorf("%w: %w", ErrNotReport, err)
}

var ruleID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`) })

// restore puts a result that was read from JSON into the form of one that was just made.
func (r *Result) restore() error {
	r.Inventory = Inventory{Unknown: true, Nodes: -1, Logs: -1, Segments: -1, Partitions: -1}
	r.Documents = orEmpty(r.Documents)
	r.Gaps = orEmpty(r.Gaps)
	r.Outcomes = orEmpty(r.Outcomes)
	r.Findings = orEmpty(r.Findings)
	for _, d := range r.Documents {
		if d.Bytes < 0 {
			return fmt.Errorf("a document of %d bytes", d.Bytes)
		}
	}
	seen := make(map[string]bool)
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		o.Missing = orEmpty(o.Missing)
		switch {
		case !ruleID().MatchString(o.Rule):
			return fmt.Errorf("%q is not the id of a rule", o.Rule)
		case !slices.Contains(states, o.State):
			return fmt.Errorf("%q is not a state of the rule %s", o.State, o.Rule)
		case o.Severity == 0:
			return fmt.Errorf("the rule %s has no severity", o.Rule)
		case o.Findings < 0 || o.Suppressed < 0 || o.Revision < 0:
			return fmt.Errorf("the rule %s has less than no findings or revisions", o.Rule)
		case seen[o.Rule]:
			return fmt.Errorf("the rule %s is there twice", o.Rule)
		}
		seen[o.Rule] = true
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if err := f.restore(); err != nil {
			return err
		}
		if seen[f.Fingerprint] {
			return fmt.Errorf("the finding %q is there twice", f.Fingerprint)
		}
		seen[f.Fingerprint] = true
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Rule, b.Rule))
	})
	return nil
}

func (f *Finding) restore() error {
	f.Related = orEmpty(f.Related)
	f.Remedy = orEmpty(f.Remedy)
	places := []Location{f.Location}
	for _, related := range f.Related {
		places = append(places, related.Location)
	}
	switch {
	case !ruleID().MatchString(f.Rule):
		return fmt.Errorf("%q is not the id of a rule", f.Rule)
	case !strings.HasPrefix(f.Fingerprint, f.Rule+"@"):
		return fmt.Errorf("%q is not the fingerprint of a finding of the rule %s", f.Fingerprint, f.Rule)
	case f.Title == "":
		return fmt.Errorf("the finding %q says nothing", f.Fingerprint)
	case f.Severity < rules.Note || f.Severity > rules.Error:
		return fmt.Errorf("the finding %q has no severity", f.Fingerprint)
	case slices.ContainsFunc(places, func(l Location) bool { return l.Line < 0 || l.Column < 0 }):
		return fmt.Errorf("the finding %q is on a line or column below 0", f.Fingerprint)
	}
	return nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
