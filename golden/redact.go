package golden

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
	multierror "github.com/hashicorp/go-multierror"

	"restate-lint/analyze/format"
	"restate-lint/internal/handwritten"
)

// RedactionsFile is the file in the directory of a store that has its redactions. It goes with the goldens because they can
// only be compared by the redactions that they were made with.
const RedactionsFile = "redactions.yaml"

// A Redaction keeps something out of goldens that must not be committed, such as the names of nodes.
type Redaction struct {
	// Pointer is a JSON pointer (RFC 6901) to texts of a golden, in which * stands for every entry of a list and for every
	// field: "/findings/*/title". What it points to may hold the texts: "/findings" means every text of every finding. What
	// identifies an entry of a golden cannot be redacted, but for what stands behind the @ of a fingerprint. That is then followed
	// by a mark of four digits, so that a finding about another entity is still told from it: "@part/[node name]~3f0c".
	Pointer string
	// Match is a regular expression for the parts of the text that are replaced. Without one, that is the whole text.
	Match string
	// Placeholder stands in the text instead, and says of what type it was: "[node name]".
	Placeholder string
	// Reason says why the text must not be committed.
	Reason string
}

// String is the redaction in messages.
func (r Redaction) String() string {
	if r.Match == "" {
		return r.Pointer
	}
	return fmt.Sprintf("%s, match %q", r.Pointer, r.Match)
}

// Redactions are applied to every report before it is compared or written. Nil redacts nothing.
type Redactions struct{ list []*redaction }

// A redaction remembers whether it is of any use.
type redaction struct {
	Redaction
	match *regexp.Regexp // nil for whole texts
	texts []visitor
	// seen and replaced say whether there was a text at the pointer, and whether it matched.
	seen, replaced bool
}

// A visitor replaces the texts of one kind.
type visitor func(g *Golden, replace func(string) string)

// redactable has the texts of a golden that may be redacted, by pointer.
var redactable = []struct {
	pointer string
	texts   visitor
}{
	{"/cluster_name", func(g *Golden, replace func(string) string) { g.ClusterName = replace(g.ClusterName) }},
	{"/gaps/*/reason", func(g *Golden, replace func(string) string) {
		for i := range g.Gaps {
			g.Gaps[i].Reason = replace(g.Gaps[i].Reason)
		}
	}},
	{"/findings/*/fingerprint", redactFingerprints},
	{"/findings/*/title", inFindings(func(f *Finding) *string { return &f.Title })},
	{"/findings/*/nodeset", inFindings(func(f *Finding) *string { return &f.Nodeset })},
	{"/findings/*/observed", inFindings(func(f *Finding) *string { return &f.Observed })},
	{"/findings/*/expected", inFindings(func(f *Finding) *string { return &f.Expected })},
	{"/findings/*/why", inFindings(func(f *Finding) *string { return &f.Why })},
	{"/findings/*/remedy/*", func(g *Golden, replace func(string) string) {
		for i := range g.Findings {
			for k, step := range g.Findings[i].Remedy {
				g.Findings[i].Remedy[k] = replace(step)
			}
		}
	}},
}

func inFindings(text func(*Finding) *string) visitor {
	return func(g *Golden, replace func(string) string) {
		for i := range g.Findings {
			at := text(&g.Findings[i])
			*at = replace(*at)
		}
	}
}

// redactFingerprints redacts the entities; see mark.
func redactFingerprints(g *Golden, replace func(string) string) {
	for i := range g.Findings {
		f := &g.Findings[i]
		entity := unmarked(f.Fingerprint)
		if redacted := replace(entity); redacted != entity {
			f.Fingerprint = f.Rule() + "@" + redacted
		}
	}
}

// marks match what stands behind an entity: what tells entities apart that were redacted, and findings about one entity.
var marks = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(~[0-9a-f]{4})?(#\d+)?$`) })

// unmarked is the entity of a fingerprint, without marks.
func unmarked(fingerprint string) string {
	_, entity, _ := strings.Cut(fingerprint, "@")
	return marks().ReplaceAllString(entity, "")
}

// mark puts a mark behind every fingerprint that was redacted: some bits of a hash of what it was, which say that it is
// another entity now and not which. Those that are the same even so are numbered, in the order of what they were.
func mark(findings, before []Finding) {
	taken := make(map[string]bool, len(findings))
	for i := range findings {
		was := before[i].Fingerprint
		if unmarked(findings[i].Fingerprint) == unmarked(was) {
			findings[i].Fingerprint = was
			taken[was] = true
		}
	}
	for i := range findings {
		was := before[i].Fingerprint
		if findings[i].Fingerprint == was {
			continue
		}
		hash := sha256.Sum256([]byte(was))
		fingerprint := findings[i].Fingerprint + "~" + hex.EncodeToString(hash[:2])
		unique := fingerprint
		for n := 2; taken[unique]; n++ {
			unique = fmt.Sprintf("%s#%d", fingerprint, n)
		}
		taken[unique] = true
		findings[i].Fingerprint = unique
	}
}

// NewRedactions checks redactions. The error lists everything that is wrong with them, one on a line.
func NewRedactions(list []Redaction) (*Redactions, error) {
	r := &Redactions{}
	problems := &multierror.Error{ErrorFormat: lines}
	for i, given := range list {
		one := &redaction{Redaction: given}
		if err := one.check(); err != nil {
			problems = multierror.Append(problems, fmt.Errorf("redaction %d: %w", i+1, err))
			continue
		}
		r.list = append(r.list, one)
	}
	return r, problems.ErrorOrNil()
}

func lines(problems []error) string {
	text := make([]string, len(problems))
	for i, problem := range problems {
		text[i] = problem.Error()
	}
	return strings.Join(text, "\n")
}

// check says what is wrong with a redaction, and completes it if nothing is.
func (r *redaction) check() error {
	pointers := make([]string, len(redactable))
	for i, known := range redactable {
		pointers[i] = known.pointer
		if leadsTo(r.Pointer, known.pointer) {
			r.texts = append(r.texts, known.texts)
		}
	}
	inner, ok := strings.CutPrefix(r.Placeholder, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	switch {
	case r.Pointer == "":
		return errors.New("it has no pointer")
	case r.texts == nil:
		return fmt.Errorf("%q matches nothing that can be redacted: there are %s", r.Pointer, strings.Join(pointers, ", "))
	case strings.TrimSpace(r.Reason) == "":
		return fmt.Errorf("%s has no reason: say why it must not be committed", r.Pointer)
	case !ok || !closed || strings.TrimSpace(inner) != inner || inner == "" || strings.ContainsFunc(inner, notInPlaceholder):
		return fmt.Errorf("%s: the placeholder %q does not name a type in brackets, such as \"[node name]\"", r.Pointer, r.Placeholder)
	}
	if r.Match != "" {
		var err error
		if r.match, err = regexp.Compile(r.Match); err != nil {
			return fmt.Errorf("%s: match: %w", r.Pointer, err)
		}
		if r.match.MatchString("") {
			return fmt.Errorf("%s: match: %q matches the empty text", r.Pointer, r.Match)
		}
	}
	return nil
}

// leadsTo reports whether a pointer with wildcards points to a text, or to what holds it.
func leadsTo(pointer, text string) bool {
	steps, wanted := strings.Split(pointer, "/"), strings.Split(text, "/")
	if len(steps) > len(wanted) {
		return false
	}
	for i, step := range steps {
		if step != wanted[i] && (step != "*" || i == 0) {
			return false
		}
	}
	return true
}

func notInPlaceholder(r rune) bool {
	return r != ' ' && r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// DecodeRedactions reads the file of a store's redactions: "redactions:" and a list. The error lists everything that is wrong
// with it, with its place; the name is how the file is called in it.
func DecodeRedactions(name string, text []byte) (*Redactions, error) {
	r := &handwritten.Reader{Name: name}
	redactions := &Redactions{}
	if value, ok := r.Parse(text); ok {
		r.Mapping(value, "", handwritten.Required("redactions", func(value ast.Node, _ *token.Token) {
			if handwritten.IsNull(value) {
				return
			}
			r.List(value, "redactions", func(value ast.Node) {
				if one := readRedaction(r, value); one != nil {
					redactions.list = append(redactions.list, one)
				}
			})
		}))
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return redactions, nil
}

// readRedaction reads one redaction; nil if something is wrong with it.
func readRedaction(r *handwritten.Reader, value ast.Node) *redaction {
	one := &redaction{}
	before := len(r.Problems)
	into := func(to *string, read func(ast.Node, string) (string, bool), what string) handwritten.Read {
		return func(value ast.Node, _ *token.Token) { *to, _ = read(value, what) }
	}
	r.Mapping(value, "a redaction",
		handwritten.Required("pointer", into(&one.Pointer, r.Text, "pointer")),
		handwritten.Optional("match", into(&one.Match, r.Exact, "match")),
		handwritten.Required("placeholder", into(&one.Placeholder, r.Exact, "placeholder")),
		handwritten.Required("reason", into(&one.Reason, r.Text, "reason")),
	)
	if len(r.Problems) > before {
		return nil
	}
	if err := one.check(); err != nil {
		r.At(handwritten.Start(value), "%s", format.Clean(err.Error()))
		return nil
	}
	return one
}

// RedactionsPath is where the redactions of the store are.
func (s Store) RedactionsPath() string { return s.path(RedactionsFile) }

// Redactions reads the redactions of the store; nil if it has none. The error says where.
func (s Store) Redactions() (*Redactions, error) {
	text, err := s.read(RedactionsFile, handwritten.MostBytes+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", format.Clean(s.RedactionsPath()), err)
	}
	return DecodeRedactions(s.RedactionsPath(), text)
}

// Apply returns a copy of the report with placeholders. One that has been redacted stays as it is.
func (r *Redactions) Apply(g *Golden) *Golden {
	if r == nil || len(r.list) == 0 {
		return g
	}
	redacted := *g
	redacted.Gaps = slices.Clone(g.Gaps)
	redacted.Findings = slices.Clone(g.Findings)
	for i := range redacted.Findings {
		redacted.Findings[i].Remedy = slices.Clone(redacted.Findings[i].Remedy)
	}
	for _, one := range r.list {
		for _, texts := range one.texts {
			texts(&redacted, func(text string) string {
				if text == "" {
					return text
				}
				one.seen = true
				replaced, found := one.replace(text, r.placeholders(text))
				one.replaced = one.replaced || found
				return replaced
			})
		}
	}
	mark(redacted.Findings, g.Findings)
	redacted.settle()
	return &redacted
}

// Recall notes which redactions a golden was made with: one that replaced something when the report was accepted is not
// Useless, although it matches nothing any more.
func (r *Redactions) Recall(accepted *Golden) {
	if r == nil || accepted == nil {
		return
	}
	for _, one := range r.list {
		for _, texts := range one.texts {
			texts(accepted, func(text string) string {
				one.replaced = one.replaced || strings.Contains(text, one.Placeholder)
				return text
			})
		}
	}
}

// A span is a part of a text, in bytes: from its start up to its end.
type span struct{ start, end int }

// placeholders are those in a text.
func (r *Redactions) placeholders(text string) (spans []span) {
	for _, one := range r.list {
		for from := 0; ; {
			i := strings.Index(text[from:], one.Placeholder)
			if i < 0 {
				break
			}
			from += i + len(one.Placeholder)
			spans = append(spans, span{from - len(one.Placeholder), from})
		}
	}
	return spans
}

// replace replaces what matches and is not a part of a placeholder. It reports whether anything did match.
func (r *redaction) replace(text string, placeholders []span) (replaced string, found bool) {
	if r.match == nil {
		return r.Placeholder, true
	}
	var b strings.Builder
	done := 0
	for _, at := range r.match.FindAllStringIndex(text, -1) {
		found = true
		within := func(p span) bool { return p.start <= at[0] && at[1] <= p.end }
		if slices.ContainsFunc(placeholders, within) {
			continue
		}
		b.WriteString(text[done:at[0]])
		b.WriteString(r.Placeholder)
		done = at[1]
	}
	b.WriteString(text[done:])
	return b.String(), found
}

// Useless are the redactions that matched nothing in all reports so far, although there were texts that they could have
// matched. Where there was no text at their pointer, as no finding has one, nothing can be said of them.
func (r *Redactions) Useless() (useless []Redaction) {
	if r == nil {
		return nil
	}
	for _, one := range r.list {
		if one.seen && !one.replaced {
			useless = append(useless, one.Redaction)
		}
	}
	return useless
}
