package format

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"restate-lint/analyze"
	"restate-lint/rules"
)

var sarifFormat = Format{
	Name:   "sarif",
	Usage:  "SARIF 2.1.0, for code scanning",
	Places: true,
	Hashes: true,
	New: func(w io.Writer, options Options) Printer {
		return &sarifPrinter{objectWriter: newObjectWriter(w), options: options}
	},
}

// A sarifPrinter writes one run with the results of all snapshots: code scanning takes one run for each upload. What a
// rule could not decide, and what could not be read, are notifications of the run. Columns count bytes, as everywhere in
// this program, which makes no difference to SARIF's way of counting in text that is ASCII.
type sarifPrinter struct {
	*objectWriter
	options       Options
	index         map[string]int // of the rules
	results       int
	artifacts     spool
	listed        map[[16]byte]bool // of the artifacts; snapshots may share files
	notifications spool
	failed        bool
}

// These are the objects of SARIF 2.1.0 that are written, with the properties that are used.
type (
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifDriver struct {
		Name          string            `json:"name"`
		Version       string            `json:"version"`
		Rules         []sarifDescriptor `json:"rules"`
		Notifications []sarifDescriptor `json:"notifications"`
	}
	sarifDescriptor struct {
		ID                   string         `json:"id"`
		ShortDescription     sarifText      `json:"shortDescription"`
		FullDescription      *sarifText     `json:"fullDescription,omitempty"`
		Help                 *sarifText     `json:"help,omitempty"`
		DefaultConfiguration sarifLevel     `json:"defaultConfiguration"`
		Properties           map[string]any `json:"properties,omitempty"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID              string             `json:"ruleId"`
		RuleIndex           *int               `json:"ruleIndex,omitempty"`
		Level               string             `json:"level"`
		Message             sarifText          `json:"message"`
		Locations           []sarifLocation    `json:"locations"`
		RelatedLocations    []sarifLocation    `json:"relatedLocations,omitempty"`
		PartialFingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions        []sarifSuppression `json:"suppressions,omitempty"`
		Properties          sarifFinding       `json:"properties"`
	}
	// A sarifFinding has what SARIF has no place for.
	sarifFinding struct {
		Snapshot    string   `json:"snapshot"`
		Fingerprint string   `json:"fingerprint"`
		Pointer     string   `json:"pointer,omitempty"`
		Nodeset     string   `json:"nodeset,omitempty"`
		Observed    string   `json:"observed,omitempty"`
		Expected    string   `json:"expected,omitempty"`
		Why         string   `json:"why,omitempty"`
		Remedy      []string `json:"remedy,omitempty"`
	}
	sarifLocation struct {
		ID               *int                   `json:"id,omitempty"`
		PhysicalLocation *sarifPhysicalLocation `json:"physicalLocation,omitempty"`
		LogicalLocations []sarifLogicalLocation `json:"logicalLocations,omitempty"`
		Message          *sarifText             `json:"message,omitempty"`
	}
	sarifPhysicalLocation struct {
		ArtifactLocation sarifURI     `json:"artifactLocation"`
		Region           *sarifRegion `json:"region,omitempty"`
	}
	sarifURI struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int64 `json:"startLine"`
		StartColumn int64 `json:"startColumn,omitempty"`
	}
	sarifLogicalLocation struct {
		Name               string `json:"name"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string         `json:"kind"`
		Status        string         `json:"status"`
		Justification string         `json:"justification"`
		Properties    map[string]any `json:"properties"`
	}
	sarifArtifact struct {
		Location sarifURI          `json:"location"`
		Length   int64             `json:"length"`
		Hashes   map[string]string `json:"hashes,omitempty"`
	}
	sarifNotification struct {
		Descriptor     sarifID         `json:"descriptor"`
		AssociatedRule *sarifID        `json:"associatedRule,omitempty"`
		Level          string          `json:"level"`
		Message        sarifText       `json:"message"`
		Locations      []sarifLocation `json:"locations,omitempty"`
	}
	sarifID struct {
		ID string `json:"id"`
	}
)

// What notifications are about.
const (
	sarifUndecided = "undecided"
	sarifGap       = "gap"
	sarifCrash     = "crashed"
	sarifFailure   = "not-checked"
	sarifRemark    = "suppression"
)

var sarifNotifications = []sarifDescriptor{
	{ID: sarifCrash, ShortDescription: sarifText{Text: "a rule crashed, so more may be wrong than the results say"}, DefaultConfiguration: sarifLevel{"error"}},
	{ID: sarifFailure, ShortDescription: sarifText{Text: "a snapshot could not be checked at all"}, DefaultConfiguration: sarifLevel{"error"}},
	{ID: sarifUndecided, ShortDescription: sarifText{Text: "rules lack evidence that was not captured, which does not mean that they passed"}, DefaultConfiguration: sarifLevel{"warning"}},
	{ID: sarifGap, ShortDescription: sarifText{Text: "something was not captured, or could not be read"}, DefaultConfiguration: sarifLevel{"note"}},
	{ID: sarifRemark, ShortDescription: sarifText{Text: "an entry of the configuration or the baseline does nothing, or not any more"}, DefaultConfiguration: sarifLevel{"note"}},
}

func (p *sarifPrinter) Begin() error {
	driver := sarifDriver{
		Name:          Clean(p.options.Tool.Name),
		Version:       Clean(p.options.Tool.Version),
		Rules:         []sarifDescriptor{},
		Notifications: sarifNotifications,
	}
	p.index, p.listed = make(map[string]int), make(map[[16]byte]bool)
	for i, rule := range p.options.Rules {
		p.index[rule.ID] = i
		driver.Rules = append(driver.Rules, sarifRule(rule))
	}
	p.field("version", "2.1.0")
	p.field("$schema", "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
	p.name("runs")
	p.text("[\n    {\n      \"tool\": ")
	p.raw(p.encoded(map[string]any{"driver": driver}, "      "))
	p.text(",\n      \"results\": [")
	return p.flush()
}

// sarifRule describes a rule. All of it is ours.
func sarifRule(rule *rules.Rule) sarifDescriptor {
	var text, markdown bytes.Buffer
	ExplainText(&text, Palette{}, rule)
	ExplainMarkdown(&markdown, Palette{}, rule)
	return sarifDescriptor{
		ID:                   rule.ID,
		ShortDescription:     sarifText{Text: sentence(rule.Summary)},
		FullDescription:      &sarifText{Text: rule.Doc.Why},
		Help:                 &sarifText{Text: text.String(), Markdown: markdown.String()},
		DefaultConfiguration: sarifLevel{rule.Severity.String()},
		Properties:           map[string]any{"tags": []string{string(rule.Category)}},
	}
}

func (p *sarifPrinter) Result(r *analyze.Result) error {
	for i := range r.Findings {
		text := p.encoded(p.result(r, &r.Findings[i]), "        ")
		if p.results++; p.results > 1 {
			p.text(",")
		}
		p.text("\n        ")
		p.raw(text)
	}
	for _, d := range r.Documents {
		uri := fileURI(filePath(r, d.Source))
		hash := sha256.Sum256([]byte(uri))
		key := [16]byte(hash[:])
		if p.listed[key] {
			continue
		}
		p.listed[key] = true
		artifact := sarifArtifact{Location: sarifURI{uri}, Length: d.Bytes}
		if d.SHA256 != "" {
			artifact.Hashes = map[string]string{"sha-256": d.SHA256}
		}
		p.artifacts.add(artifact)
	}
	p.notify(r)
	return p.flush()
}

func (p *sarifPrinter) result(r *analyze.Result, f *analyze.Finding) sarifResult {
	result := sarifResult{
		RuleID: f.Rule,
		Level:  f.Severity.String(),
		PartialFingerprints: map[string]string{
			"restateLintEntity/v1": Clean(f.Fingerprint),
			// Code scanning knows an alert again by this one, and would otherwise make it of the source line, which changes
			// whenever the cluster is captured.
			"primaryLocationLineHash": fingerprintHash(r, f.Fingerprint)[:16] + ":1",
		},
		Properties: sarifFinding{
			Snapshot: Clean(r.Name), Fingerprint: Clean(f.Fingerprint), Pointer: Clean(f.Location.Pointer), Nodeset: Clean(f.Nodeset),
			Observed: Clean(f.Observed), Expected: Clean(f.Expected), Why: Clean(f.Why), Remedy: cleanAll(f.Remedy),
		},
	}
	if i, ok := p.index[f.Rule]; ok {
		result.RuleIndex = &i
	}
	message := sarifMessage(f.Message())
	location := sarifPlace(r, placeOf(r, f))
	location.LogicalLocations = sarifEntities(&f.Subject)
	result.Locations = []sarifLocation{location}
	for i := range f.Related {
		related := &f.Related[i]
		if related.Location.Source == "" {
			message += "; " + sarifMessage(related.Message)
			continue
		}
		id := i + 1
		place := sarifPlace(r, related.Location)
		place.ID = &id
		place.Message = &sarifText{Text: sarifMessage(related.Message)}
		result.RelatedLocations = append(result.RelatedLocations, place)
		message += "; " + sarifLink(related.Message, id)
	}
	result.Message.Text = message
	if s := f.Suppressed; s != nil {
		result.Suppressions = []sarifSuppression{{
			Kind: "external", Status: "accepted", Justification: Clean(s.Reason),
			Properties: map[string]any{"by": s.By, "owner": Clean(s.Owner), "expires": Clean(s.Expires)},
		}}
	}
	return result
}

// fingerprintHash tells findings of all snapshots apart.
func fingerprintHash(r *analyze.Result, fingerprint string) string {
	hash := sha256.Sum256([]byte(r.Name + "\x00" + fingerprint))
	return hex.EncodeToString(hash[:])
}

func cleanAll(texts []string) []string {
	var clean []string
	for _, text := range texts {
		clean = append(clean, Clean(text))
	}
	return clean
}

// sarifMessage is a text as the text of a message, in which "[text](1)" is a link and "{0}" a placeholder.
func sarifMessage(text string) string {
	text = Clean(text)
	if strings.Contains(text, "](") {
		text = sarifBrackets.Replace(text)
	}
	return sarifPlaceholder().ReplaceAllString(text, "{$0}")
}

var (
	sarifPlaceholder = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{[0-9]+\}`) })
	sarifBrackets    = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`)
)

// sarifLink is a text that leads to the related location with that id.
func sarifLink(text string, id int) string {
	return "[" + sarifPlaceholder().ReplaceAllString(sarifBrackets.Replace(Clean(text)), "{$0}") + "](" + strconv.Itoa(id) + ")"
}

func sarifPlace(r *analyze.Result, l analyze.Location) sarifLocation {
	if l.Source == "" {
		return sarifLocation{}
	}
	place := &sarifPhysicalLocation{ArtifactLocation: sarifURI{fileURI(filePath(r, l.Source))}}
	if l.Line > 0 {
		place.Region = &sarifRegion{StartLine: l.Line, StartColumn: l.Column}
	}
	return sarifLocation{PhysicalLocation: place}
}

// sarifEntities are the entities that a finding is about, from the outermost: log 0, its segment 2, its member N4.
func sarifEntities(s *rules.Subject) []sarifLogicalLocation {
	list := []sarifLogicalLocation{}
	path := ""
	for _, step := range s.Path() {
		path += step.Kind + "/" + step.Name
		list = append(list, sarifLogicalLocation{Name: Clean(step.Name), FullyQualifiedName: Clean(path), Kind: step.Kind})
		path += "/"
	}
	if len(list) == 0 {
		list = append(list, sarifLogicalLocation{Name: "cluster", FullyQualifiedName: "cluster", Kind: "cluster"})
	}
	return list
}

// notify notes what could not be read or decided.
func (p *sarifPrinter) notify(r *analyze.Result) {
	name := sarifMessage(r.Name) + ": "
	for _, o := range r.Outcomes {
		if o.State == analyze.Crashed {
			p.failed = true
			p.notifications.add(sarifNotification{
				Descriptor: sarifID{sarifCrash}, AssociatedRule: &sarifID{o.Rule}, Level: "error",
				Message: sarifText{Text: name + "the rule " + o.Rule + " crashed: " + sarifMessage(o.Crash)},
			})
		}
	}
	for _, lacking := range undecided(r) {
		p.notifications.add(sarifNotification{
			Descriptor: sarifID{sarifUndecided}, Level: "warning",
			Message: sarifText{Text: name + "undecided for lack of " + sarifMessage(lacking.documents) + ": " + strings.Join(lacking.rules, ", ")},
		})
	}
	for _, gap := range r.Gaps {
		note := sarifNotification{
			Descriptor: sarifID{sarifGap}, Level: "note",
			Message: sarifText{Text: name + strings.TrimPrefix(sarifMessage(gap.Kind)+": ", ": ") + sarifMessage(gap.Reason)},
		}
		if gap.Source != "" {
			note.Locations = []sarifLocation{sarifPlace(r, analyze.Location{Source: gap.Source})}
		}
		p.notifications.add(note)
	}
}

func (p *sarifPrinter) Failed(f analyze.Failure) error {
	p.failed = true
	p.notifications.add(sarifNotification{
		Descriptor: sarifID{sarifFailure}, Level: "error",
		Message: sarifText{Text: sarifMessage(f.Snapshot) + ": " + sarifMessage(f.Reason)},
	})
	return nil
}

// sarifRemarks are remarks as notifications.
func sarifRemarks(remarks []analyze.Remark) []sarifNotification {
	notes := make([]sarifNotification, len(remarks))
	for i, remark := range remarks {
		notes[i] = sarifNotification{
			Descriptor: sarifID{sarifRemark}, Level: "note", Message: sarifText{Text: sarifMessage(remark.String())},
		}
	}
	return notes
}

func (p *sarifPrinter) End(total *Tally, _ time.Duration) error {
	if p.results > 0 {
		p.text("\n      ")
	}
	p.text("],\n      \"artifacts\": [")
	p.spooled(&p.artifacts)
	p.text("],\n      \"invocations\": [\n        {\n          \"executionSuccessful\": " + strconv.FormatBool(!p.failed))
	p.text(",\n          \"toolExecutionNotifications\": [")
	p.spooled(&p.notifications)
	p.text("]")
	if len(total.Remarks) > 0 {
		p.text(",\n          \"toolConfigurationNotifications\": ")
		p.raw(p.encoded(sarifRemarks(total.Remarks), "          "))
	}
	p.text("\n        }\n      ]\n    }\n  ]")
	return p.close()
}

// spooled writes what a spool holds, a line each.
func (p *sarifPrinter) spooled(s *spool) {
	err := s.writeTo(p.w)
	if p.err == nil {
		p.err = err
	}
	if s.items > 0 {
		p.text("\n      ")
	}
}

// A spool keeps what has to wait for the end of a report, a line each. It is compressed, as thousands of snapshots say much
// the same.
type spool struct {
	items  int
	held   bytes.Buffer
	packer *flate.Writer
	err    error
}

func (s *spool) add(item any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(escaper{&text})
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(item)
	if s.packer == nil && err == nil {
		s.packer, err = flate.NewWriter(&s.held, flate.BestSpeed)
	}
	if err == nil {
		separator := ",\n        "
		if s.items == 0 {
			separator = separator[1:]
		}
		_, err = s.packer.Write(append([]byte(separator), bytes.TrimRight(text.Bytes(), "\n")...))
	}
	s.items++
	s.err = first(s.err, err)
}

func (s *spool) writeTo(w io.Writer) error {
	if s.err != nil || s.packer == nil {
		return s.err
	}
	if err := s.packer.Close(); err != nil {
		return err
	}
	_, err := io.Copy(w, flate.NewReader(&s.held)) //nolint:gosec // it is as long as what was put in
	return err
}
