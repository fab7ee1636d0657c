package format

import "strings"

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
