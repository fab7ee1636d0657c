package format

import "strings"

// Align puts the cells of rows into columns, two spaces apart. Rows may have different numbers of cells.
func Align(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for k, cell := range row {
			if k == len(widths) {
				widths = append(widths, 0)
			}
			widths[k] = max(widths[k], columns(cell))
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		var line strings.Builder
		for k, cell := range row {
			line.WriteString(cell)
			if k < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[k]-columns(cell)+2))
			}
		}
		lines[i] = strings.TrimRight(line.String(), " ")
	}
	return lines
}
