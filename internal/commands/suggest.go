package commands

import "strings"

// didYouMean is the end of a message about a wrong word: the word that was probably meant, if there is one.
func didYouMean(word string, words []string) string {
	best, least := "", len(word)/3+2
	for _, candidate := range words {
		if word != "" && strings.HasPrefix(candidate, word) {
			best = candidate // cut off, not misspelt
			break
		}
		if distance := editDistance(word, candidate); distance < least {
			best, least = candidate, distance
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
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
