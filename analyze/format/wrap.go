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

// wrap breaks a text into lines of at most so many columns, at spaces. A word that is longer has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	var line strings.Builder
	used := 0
	for word := range strings.SplitSeq(text, " ") {
		size := columns(word)
		if used > 0 && used+1+size > width {
			lines = append(lines, line.String())
			line.Reset()
			used = 0
		} else if line.Len() > 0 {
			line.WriteByte(' ')
			used++
		}
		line.WriteString(word)
		used += size
	}
	lines = append(lines, line.String())
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], hardSpace, " ")
	}
	return lines
}
