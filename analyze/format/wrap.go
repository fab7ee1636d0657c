package format

import "strings"

// Paragraphs lays out a text in lines of at most the usual width, as the terminal reports have it. An empty line parts
// paragraphs; a line that is indented stays as it is.
func Paragraphs(text string) string {
	var lines []string
	paragraph := ""
	end := func() {
		if paragraph != "" {
			lines = append(lines, wrap(paragraph, lineWidth)...)
			paragraph = ""
		}
	}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, " "):
			end()
			lines = append(lines, line)
		case paragraph == "":
			paragraph = line
		default:
			paragraph += " " + line
		}
	}
	end()
	return strings.Join(lines, "\n")
}

// Hanging breaks a text that stands behind so many columns into lines that all fit behind them.
func Hanging(text string, behind int) []string { return wrap(text, max(lineWidth-behind, 40)) }

// hardSpace is a space at which no line is broken. It cannot stand in a clean text.
const hardSpace = "\u00a0"

// wrap breaks a text into lines of at most so many columns, at spaces. A word that is longer has a line of its own, and no
// line starts with a space.
func wrap(text string, width int) []string {
	var lines []string
	start, at := 0, 0 // of the line and of the word
	used := 0         // columns of the line
	for word := range strings.SplitSeq(text, " ") {
		size := columns(word)
		if used > 0 && used+1+size > width {
			lines = append(lines, text[start:at-1])
			start, used = at, 0
		}
		switch {
		case at > start:
			used++ // the space before the word
		case word == "":
			start = at + 1
		}
		used += size
		at += len(word) + 1
	}
	lines = append(lines, text[min(start, len(text)):])
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], hardSpace, " ")
	}
	return lines
}
