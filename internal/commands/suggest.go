package commands

import "restate-lint/internal/spelling"

// didYouMean is the end of a message about a wrong word: the word that was probably meant, if there is one.
func didYouMean(word string, words []string) string {
	if nearest := spelling.Nearest(word, words); nearest != "" {
		return "; did you mean " + nearest + "?"
	}
	return ""
}
