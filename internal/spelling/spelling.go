// Package spelling guesses which word was meant. It knows nothing of the rest of the program.
package spelling

import "strings"

// Nearest returns the word that was probably meant: one that begins with what was written, or the first of those with the
// fewest slips. It is empty where none is near.
func Nearest(written string, words []string) string {
	best, least := "", len(written)/3+2
	for _, word := range words {
		if written != "" && strings.HasPrefix(word, written) {
			return word // cut off, not misspelt
		}
		if distance := editDistance(written, word); distance < least {
			best, least = word, distance
		}
	}
	return best
}

// editDistance counts the insertions, deletions and replacements of bytes, and swaps of neighbours, that turn one
// word into the other.
func editDistance(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	previous, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		beforePrevious := previous
		previous, row = row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(previous[j]+cost, previous[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], beforePrevious[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
