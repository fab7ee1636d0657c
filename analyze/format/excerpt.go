package format

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"restate-lint/snapshots"
)

// How much of a source line is shown, in columns: with the line's number it stays within a terminal of 100 columns. What
// the part behind the position leaves of it is for the part before.
const (
	excerptWidth  = 93
	excerptBehind = 30
)

// excerpt cuts a source line around its position. The caret belongs under the returned column, from 0, of the text.
func excerpt(line snapshots.Line) (text string, caret int) {
	at := min(max(line.Column-line.Start, 0), int64(len(line.Text)))
	before, behind := line.Text[:at], line.Text[at:]
	cut := line.Start > 1
	for cut && len(before) > 0 && !utf8.RuneStart(before[0]) {
		before = before[1:] // the rest of a character that was cut through
	}
	if line.Cut {
		behind = withoutPartialRune(behind)
	}
	left, right := printable(before), printable(behind)
	if !cut {
		left = strings.TrimLeft(left, " ")
	}
	right = strings.TrimRight(right, " ")
	if line.Cut || columns(right) > excerptBehind {
		right = firstColumns(right, excerptBehind-2) + " …"
	}
	if room := excerptWidth - columns(right); cut || columns(left) > room {
		left = "… " + fromBoundary(lastColumns(left, room-2))
	}
	if isCommand(left + right) { // each half is harmless
		return "", 0
	}
	return left + right, columns(left)
}

// printable is a part of a source line as it may be printed. Tabs, which Clean would spell out, become spaces.
func printable(text []byte) string {
	return Clean(string(bytes.ReplaceAll(text, []byte{'\t'}, []byte{' '})))
}

// withoutPartialRune drops a character that the end of the text cuts through.
func withoutPartialRune(text []byte) []byte {
	for i := 1; i <= min(len(text), utf8.UTFMax-1); i++ {
		if tail := text[len(text)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}

// fromBoundary lets a text that starts anywhere start behind a comma or a space, if there is one close to its start.
func fromBoundary(text string) string {
	if i := strings.IndexAny(text[:len(text)/3], ", "); i >= 0 {
		return strings.TrimLeft(text[i+1:], " ")
	}
	return text
}
