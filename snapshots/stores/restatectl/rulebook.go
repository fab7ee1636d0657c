package restatectl

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"restate-lint/snapshots/stores/bilrost"
)

// A ruleBook is what Restate 1.7 keeps under rule_book: limits for parts of the keys, by patterns such as "*" or "scope/*".
type ruleBook struct {
	version uint32
	rules   []rule
	others  []bilrost.Field // that are not known
}

type rule struct {
	pattern     string
	version     uint64
	concurrency uint64 // 0 for none
	description string
	disabled    bool
	modified    uint64 // milliseconds since the epoch
	others      []bilrost.Field
}

func readRuleBook(message []byte) (*ruleBook, error) {
	book := &ruleBook{}
	err := fields(message, func(f bilrost.Field) error {
		switch {
		case f.Tag == 1 && f.Wire == bilrost.Varint && f.Number <= math.MaxUint32:
			book.version = uint32(f.Number)
		case f.Tag == 2 && f.Wire == bilrost.Delimited:
			return book.readRules(f.Bytes)
		default:
			book.others = append(book.others, f)
		}
		return nil
	})
	slices.SortStableFunc(book.rules, func(a, b rule) int { return cmp.Compare(a.pattern, b.pattern) })
	return book, err
}

// maxRules bounds the rules of a book, and the fields of a message.
const maxRules = 1 << 16

var errTooMany = errors.New("there are more than " + strconv.Itoa(maxRules) + " rules, or fields of one")

func fields(message []byte, visit func(bilrost.Field) error) error {
	n := 0
	for r := bilrost.NewReader(message); r.More(); n++ {
		if n == maxRules {
			return errTooMany
		}
		f, err := r.Next()
		if err != nil {
			return err
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// readRules reads a map: keys and values in turn, each with its length.
func (b *ruleBook) readRules(pairs []byte) error {
	for r := bilrost.NewReader(pairs); r.More(); {
		pattern, err := r.Delimited()
		if err != nil {
			return err
		}
		message, err := r.Delimited()
		if err != nil {
			return err
		}
		if !utf8.Valid(pattern) {
			return fmt.Errorf("the pattern %.40q of a rule is not UTF-8", pattern)
		}
		if len(b.rules) == maxRules {
			return errTooMany
		}
		read, err := readRule(message)
		if err != nil {
			return fmt.Errorf("rule %.40q: %w", pattern, err)
		}
		read.pattern = string(pattern)
		b.rules = append(b.rules, read)
	}
	return nil
}

func readRule(message []byte) (read rule, err error) {
	err = fields(message, func(f bilrost.Field) error {
		switch {
		case f.Tag == 1 && f.Wire == bilrost.Varint:
			read.version = f.Number
		case f.Tag == 3 && f.Wire == bilrost.Delimited:
			return fields(f.Bytes, func(limit bilrost.Field) error {
				if limit.Tag == 1 && limit.Wire == bilrost.Varint {
					read.concurrency = limit.Number
				}
				return nil
			})
		case f.Tag == 4 && f.Wire == bilrost.Delimited && utf8.Valid(f.Bytes):
			read.description = string(f.Bytes)
		case f.Tag == 5 && f.Wire == bilrost.Varint:
			read.disabled = f.Number != 0
		case f.Tag == 6 && f.Wire == bilrost.Varint:
			read.modified = f.Number
		default:
			read.others = append(read.others, f)
		}
		return nil
	})
	return read, err
}

// print prints the rule book like the other values. Restate 1.7 has no such form of it.
func (b *ruleBook) print() []byte {
	out := append([]byte(nil), "{\n  \"version\": "...)
	out = appendUint(out, uint64(b.version))
	out = appendOthers(out, b.others, 1)
	out = append(out, ",\n  \"rules\": ["...)
	for i, r := range b.rules {
		if i > 0 {
			out = append(out, ',')
		}
		out = r.print(out)
	}
	if len(b.rules) > 0 {
		out = appendLine(out, 1)
	}
	return append(out, "]\n}\n"...)
}

func (r *rule) print(out []byte) []byte {
	out = append(appendLine(out, 2), '[')
	out = AppendString(appendLine(out, 3), r.pattern)
	out = append(appendLine(append(out, ','), 3), '{')
	field := func(name string) {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(AppendString(appendLine(out, 4), name), ": "...)
	}
	if r.description != "" {
		field("description")
		out = AppendString(out, r.description)
	}
	field("disabled")
	out = appendBool(out, r.disabled)
	if r.modified != 0 {
		field("last_modified")
		out = appendUint(out, r.modified)
	}
	field("limits")
	if r.concurrency != 0 {
		out = append(appendLine(append(out, '{'), 5), `"concurrency": `...)
		out = append(appendLine(appendUint(out, r.concurrency), 4), '}')
	} else {
		out = append(out, "{}"...)
	}
	field("version")
	out = appendUint(out, r.version)
	out = appendOthers(out, r.others, 4)
	out = append(appendLine(out, 3), '}')
	return append(appendLine(out, 2), ']')
}

// appendOthers prints fields of which only the tag is known.
func appendOthers(out []byte, others []bilrost.Field, depth int) []byte {
	for _, f := range others {
		out = appendLine(append(out, ','), depth)
		out = append(AppendString(out, fmt.Sprintf("field_%d", f.Tag)), ": "...)
		if f.Wire == bilrost.Delimited {
			out = AppendString(out, hex.EncodeToString(f.Bytes))
		} else {
			out = appendUint(out, f.Number)
		}
	}
	return out
}
