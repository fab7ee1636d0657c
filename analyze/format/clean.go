// Package format turns results into what people and machines read: one format in a file or a few.
//
// Every text that comes from a capture passes through Clean on its way to a terminal.
package format

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// longest bounds a text from a capture, in bytes. What a person can use is much shorter.
const longest = 8 << 10

// Clean makes a text from a capture safe for a terminal and for one line: everything that could move the cursor,
// break the line, change the direction of writing or hide itself is shown as an escape such as \n, \x1b or \u202e,
// and so are bytes that are not UTF-8. A text of unreasonable length is cut. What the log of a GitHub workflow would take
// for a command, which is "::name::" at the start of a line and "##[name]" anywhere, is broken up by an escape.
func Clean(text string) string {
	if isClean(text) {
		return text
	}
	if isCommand(text) {
		text = workflowCommand().ReplaceAllString(text, `${1}\x3a:${2}`)
		text = strings.ReplaceAll(text, "##[", `#\x23[`)
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if b.Len() >= longest {
			return b.String() + "…"
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			b.WriteString(`\x` + strconv.FormatUint(0x100|uint64(text[i]), 16)[1:])
		} else {
			b.WriteString(visible(r))
		}
		i += size
	}
	return b.String()
}

// workflowCommand finds "::name" where a line may start: a long text is broken at its spaces.
var workflowCommand = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(^|\s)::([A-Za-z])`) })

func isCommand(text string) bool {
	i := strings.Index(text, "::")
	return i >= 0 && strings.Contains(text[i+2:], "::") && workflowCommand().MatchString(text) || strings.Contains(text, "##[")
}

func isClean(text string) bool {
	if isCommand(text) {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			return len(text) <= longest && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !harmless(r) })
		}
	}
	return len(text) <= longest
}

// harmless reports whether a character shows itself and does nothing else. That excludes the private use areas and all
// spaces but the common one.
func harmless(r rune) bool {
	return r >= ' ' && r <= '~' || r > '~' && strconv.IsPrint(r) && !unicode.Is(unicode.Cf, r)
}

// visible is a character as it may be printed.
func visible(r rune) string {
	if harmless(r) {
		return string(r)
	}
	escape := strconv.QuoteRuneToASCII(r)
	return escape[1 : len(escape)-1]
}
