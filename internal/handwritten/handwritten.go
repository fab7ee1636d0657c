// Package handwritten reads YAML files that people write, such as a configuration: strictly, so that whatever has no meaning
// is a problem with its place. What stands for something that is written elsewhere is refused, and so is what would take long
// to read.
package handwritten

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	multierror "github.com/hashicorp/go-multierror"

	"restate-lint/analyze/format"
	"restate-lint/internal/committed"
	"restate-lint/internal/spelling"
)

// What a file may have at most. The parser takes time that grows with the square of the depth.
const (
	MostBytes         = 256 << 10 // of the whole file
	mostOpen          = 16        // of brackets and braces that are open at one place
	mostNestedOnALine = 64        // of "- ", "? " and ": " on one line
	mostProblems      = 20        // that are listed
)

// A Problem is something that is wrong at one place of a file.
type Problem struct {
	File string
	// Line and Column start at 1; columns count bytes. Both are 0 for what is wrong with the file as a whole.
	Line, Column int
	Message      string
	// Source is the line.
	Source string
}

// Error is the place and the message, and below them the line with a mark at the column.
func (p *Problem) Error() string {
	if p.Line == 0 {
		return format.Clean(p.File) + ": " + p.Message
	}
	text := fmt.Sprintf("%s:%d:%d: %s", format.Clean(p.File), p.Line, p.Column, p.Message)
	if strings.TrimSpace(p.Source) == "" || len(p.Source) > 200 {
		return text
	}
	number := fmt.Sprintf("%4d", p.Line)
	mark := strings.Repeat(" ", utf8.RuneCountInString(format.Clean(p.Source[:min(p.Column-1, len(p.Source))])))
	return fmt.Sprintf("%s\n%s | %s\n%*s | %s^", text, number, format.Clean(p.Source), len(number), "", mark)
}

// A Reader walks through the nodes of a file and gathers what is wrong.
type Reader struct {
	Name     string // how messages call the file
	Problems []*Problem
	lines    []string
}

// Err lists everything that is wrong, a Problem each, in the order of the file; nil for nothing.
func (r *Reader) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.Problems, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	problems := &multierror.Error{ErrorFormat: listProblems}
	for _, p := range r.Problems {
		problems.Errors = append(problems.Errors, p)
	}
	return problems
}

func listProblems(problems []error) string {
	text := ""
	for i, problem := range problems {
		if i == mostProblems {
			return text + fmt.Sprintf("\n… and %d more", len(problems)-i)
		}
		if i > 0 {
			text += "\n"
		}
		text += problem.Error()
	}
	return text
}

// At adds a problem at a token; at the file as a whole where there is none.
func (r *Reader) At(t *token.Token, message string, args ...any) {
	p := &Problem{File: r.Name, Message: fmt.Sprintf(message, args...)}
	if t != nil && t.Position != nil && t.Position.Line >= 1 && t.Position.Line <= len(r.lines) {
		p.Line, p.Source = t.Position.Line, r.lines[t.Position.Line-1]
		p.Column = byteColumn(p.Source, t.Position.Column)
	}
	r.Problems = append(r.Problems, p)
}

// byteColumn turns a column that counts characters into one that counts bytes.
func byteColumn(line string, column int) int {
	for i := range line {
		if column--; column <= 0 {
			return i + 1
		}
	}
	return max(len(line), 1)
}

// Parse returns the value that a file holds, nil for none, and whether it could be read.
func (r *Reader) Parse(text []byte) (value ast.Node, ok bool) {
	if len(text) > MostBytes {
		r.At(nil, "is larger than %d KiB", MostBytes>>10)
		return nil, false
	}
	if !utf8.Valid(text) {
		r.At(nil, "is not UTF-8")
		return nil, false
	}
	// The parser miscounts lines that end in other ways.
	text = committed.Plain(text)
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	r.lines = strings.Split(string(text), "\n")
	if line := committed.ConflictLine(text); line > 0 {
		r.At(tokenAt(line, 1), "%v", committed.ErrConflict)
		return nil, false
	}
	defer func() {
		if problem := recover(); problem != nil {
			r.At(nil, "cannot be read as YAML")
			value, ok = nil, false
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if !r.bounded(tokens) {
		return nil, false
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		r.syntax(err)
		return nil, false
	}
	for _, document := range file.Docs {
		switch body := document.Body.(type) {
		case nil, *ast.CommentNode, *ast.CommentGroupNode:
		default:
			if value != nil {
				r.At(Start(body), "a second document: there may be one only")
				return nil, false
			}
			value = body
		}
	}
	return value, true
}

func tokenAt(line, column int) *token.Token {
	return &token.Token{Position: &token.Position{Line: line, Column: column}}
}

// bounded refuses what would take long to parse, and what stands for something that is written elsewhere.
func (r *Reader) bounded(tokens token.Tokens) bool {
	open, line, onLine := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			onLine++
		case token.AliasType:
			r.At(t, "a text that starts with * has to stand in quotes")
			return false
		case token.AnchorType:
			r.At(t, "anchors are not supported; a text that starts with & has to stand in quotes")
			return false
		case token.TagType, token.DirectiveType, token.MergeKeyType:
			r.At(t, "tags, directives and merge keys are not supported")
			return false
		}
		if open > mostOpen || onLine > mostNestedOnALine {
			r.At(t, "is nested too deeply")
			return false
		}
	}
	return true
}

func (r *Reader) syntax(err error) {
	var problem yaml.Error
	if p, ok := err.(yaml.Error); ok { //nolint:errorlint // the parser wraps none
		problem = p
	} else {
		r.At(nil, "%s", format.Clean(err.Error()))
		return
	}
	r.At(problem.GetToken(), "%s", format.Clean(problem.GetMessage()))
}

// A Read reads what stands behind a key.
type Read func(value ast.Node, key *token.Token)

// A Field is what may stand behind a key: see Required and Optional.
type Field struct {
	name     string
	required bool
	read     Read
}

// Required is a field that has to be there.
func Required(name string, read Read) Field { return Field{name, true, read} }

// Optional is a field that may be there.
func Optional(name string, read Read) Field { return Field{name, false, read} }

// Mapping reads a mapping with known keys. What names it in messages.
func (r *Reader) Mapping(node ast.Node, what string, fields ...Field) {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	seen := make(map[string]bool)
	r.Entries(node, what, func(key string, at *token.Token, value ast.Node) {
		i := slices.Index(names, key)
		if i < 0 {
			r.At(at, "unknown key %s%s%s", Quoted(key), r.inWhat(what), Suggestion(key, names))
			return
		}
		seen[key] = true
		fields[i].read(value, at)
	})
	if _, ok := node.(*ast.MappingNode); !ok {
		return
	}
	for _, f := range fields {
		if f.required && !seen[f.name] {
			r.At(Start(node), "%s%s is missing", f.name, r.inWhat(what))
		}
	}
}

func (r *Reader) inWhat(what string) string {
	if what == "" {
		return ""
	}
	return " of " + what
}

// Entries reads a mapping.
func (r *Reader) Entries(node ast.Node, what string, read func(key string, at *token.Token, value ast.Node)) {
	switch node := node.(type) {
	case *ast.MappingNode:
		for _, entry := range node.Values {
			key, ok := entry.Key.(*ast.StringNode)
			if !ok {
				r.At(entry.Key.GetToken(), "a key has to be a text%s", r.inWhat(what))
				continue
			}
			read(key.Value, key.Token, entry.Value)
		}
	default:
		r.Wrong(node, what, "keys and values")
	}
}

// List reads a sequence.
func (r *Reader) List(node ast.Node, what string, read func(node ast.Node)) {
	switch node := node.(type) {
	case *ast.SequenceNode:
		for _, entry := range node.Values {
			read(entry)
		}
	default:
		r.Wrong(node, what, "a list")
	}
}

// Text reads a text that is not empty, on one line.
func (r *Reader) Text(node ast.Node, what string) (string, bool) {
	text, ok := r.Exact(node, what)
	return strings.Join(strings.Fields(text), " "), ok
}

// Exact reads a text that is not blank, as it is.
func (r *Reader) Exact(node ast.Node, what string) (string, bool) {
	var text string
	switch node := node.(type) {
	case *ast.StringNode:
		text = node.Value
	case *ast.LiteralNode:
		text = node.Value.Value
	default:
		hint := ""
		switch node := node.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			hint = ": put it in quotes"
		case *ast.SequenceNode:
			if node.IsFlowStyle {
				hint = ": a text that starts with [ has to stand in quotes"
			}
		}
		r.Wrong(node, what, "a text", hint)
		return "", false
	}
	if strings.TrimSpace(text) == "" {
		r.At(Start(node), "%s is empty", what)
		return "", false
	}
	return text, true
}

var digits = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[-+]?[0-9_]+$`) })

// Number reads an integer within bounds.
func (r *Reader) Number(node ast.Node, what string, least, most int64) (int64, bool) {
	n, isInteger := node.(*ast.IntegerNode)
	long, isText := node.(*ast.StringNode) // as the parser calls what does not fit into 64 bits
	switch {
	case isInteger:
	case isText && digits().MatchString(long.Value):
		n = &ast.IntegerNode{}
	default:
		r.Wrong(node, what, "a whole number")
		return 0, false
	}
	var value int64
	fits := false
	switch v := n.Value.(type) {
	case int64:
		value, fits = v, true
	case uint64:
		value, fits = int64(v), v <= math.MaxInt64 //nolint:gosec // it is looked at only where it fits
	}
	if !fits || value < least || value > most {
		r.At(Start(node), "%s is from %d to %d", what, least, most)
		return 0, false
	}
	return value, true
}

// Truth reads true or false.
func (r *Reader) Truth(node ast.Node, what string) bool {
	n, ok := node.(*ast.BoolNode)
	if !ok {
		r.Wrong(node, what, "true or false")
		return false
	}
	return n.Value
}

// Word reads one of some words.
func (r *Reader) Word(node ast.Node, what string, words []string) (string, bool) {
	text, ok := r.Text(node, what)
	if !ok || slices.Contains(words, text) {
		return text, ok
	}
	if len(words) > 4 {
		r.At(Start(node), "%s: there is no %s%s", what, Quoted(text), Suggestion(text, words))
	} else {
		r.At(Start(node), "%s: %s is none of %s%s", what, Quoted(text), strings.Join(words, ", "), didYouMean(text, words))
	}
	return "", false
}

// Suggestion is the end of a message about a wrong word: what was probably meant, or what there is.
func Suggestion(written string, words []string) string {
	meant := didYouMean(written, words)
	if meant == "" && len(words) <= 12 {
		return "; there are " + strings.Join(words, ", ")
	}
	return meant
}

func didYouMean(written string, words []string) string {
	if nearest := spelling.Nearest(written, words); nearest != "" {
		return "; did you mean " + nearest + "?"
	}
	return ""
}

// Quoted is a text of the file in a message.
func Quoted(text string) string { return `"` + format.Clean(text) + `"` }

// Wrong says that a value is of another type.
func (r *Reader) Wrong(node ast.Node, what, wanted string, hint ...string) {
	if what == "" {
		what = "the file"
	}
	found := "nothing"
	switch node.(type) {
	case nil, *ast.NullNode:
	case *ast.MappingNode, *ast.MappingValueNode:
		found = "keys and values"
	case *ast.SequenceNode:
		found = "a list"
	case *ast.StringNode, *ast.LiteralNode:
		found = "a text"
	case *ast.IntegerNode:
		found = "a number"
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		found = "a fraction"
	case *ast.BoolNode:
		found = "true or false"
	default:
		found = "something else"
	}
	r.At(Start(node), "%s has to be %s, and is %s%s", what, wanted, found, strings.Join(hint, ""))
}

// IsNull reports whether a section is there and holds nothing, as one of which everything is a comment.
func IsNull(value ast.Node) bool {
	_, ok := value.(*ast.NullNode)
	return ok
}

// Start is the first token of a value.
func Start(node ast.Node) *token.Token {
	switch node := node.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		if !node.IsFlowStyle && len(node.Values) > 0 {
			return node.Values[0].Key.GetToken()
		}
	}
	return node.GetToken()
}
