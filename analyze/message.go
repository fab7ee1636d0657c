package analyze

import (
	"bytes"
	"encoding/json"
	"fmt"

	"restate-lint/rules"
)

// Message says the whole finding in one paragraph. It repeats what other fields say, and is made whenever somebody asks: a
// large cluster can have very many findings.
func (f *Finding) Message() string {
	if f.stated != "" {
		return f.stated
	}
	text := f.Title
	for _, part := range []struct{ before, text string }{{"; nodeset ", f.Nodeset}, {"; ", f.Observed}, {"; ", f.Why}} {
		if part.text != "" {
			text += part.before + part.text
		}
	}
	return text
}

// A writtenFinding is a finding as it stands in a report: with its message.
type writtenFinding struct {
	Rule        string         `json:"rule"`
	Severity    rules.Severity `json:"severity"`
	Fingerprint string         `json:"fingerprint"`
	Subject     rules.Subject  `json:"subject"`
	Title       string         `json:"title"`
	Message     string         `json:"message"`
	Nodeset     string         `json:"nodeset,omitempty"`
	Observed    string         `json:"observed"`
	Expected    string         `json:"expected"`
	Why         string         `json:"why,omitempty"`
	Cause       string         `json:"cause,omitempty"`
	Location    Location       `json:"location"`
	Related     []Related      `json:"related"`
	Remedy      []string       `json:"remedy"`
	Suppressed  *Suppression   `json:"suppressed,omitempty"`
}

// Written is a value that encodes as the finding does, and faster.
func (f *Finding) Written() any {
	return &writtenFinding{
		f.Rule, f.Severity, f.Fingerprint, f.Subject, f.Title, f.Message(), f.Nodeset, f.Observed, f.Expected, f.Why, f.Cause, f.Location,
		f.Related, f.Remedy, f.Suppressed,
	}
}

// MarshalJSON writes the finding with its message.
func (f Finding) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // whoever wants it has it done to the whole
	err := encoder.Encode(f.Written())
	return text.Bytes(), err
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Finding) UnmarshalJSON(text []byte) error {
	var w writtenFinding
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	*f = Finding{
		Rule: w.Rule, Severity: w.Severity, Fingerprint: w.Fingerprint, Subject: w.Subject, Title: w.Title, Nodeset: w.Nodeset,
		Observed: w.Observed, Expected: w.Expected, Why: w.Why, Cause: w.Cause, Location: w.Location,
		Related: w.Related, Remedy: w.Remedy, Suppressed: w.Suppressed,
	}
	if w.Message == "" {
		return fmt.Errorf("the finding %q says nothing", w.Fingerprint)
	}
	if w.Message != f.Message() {
		f.stated = w.Message
	}
	return nil
}
