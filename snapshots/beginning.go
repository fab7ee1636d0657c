package snapshots

import (
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// beginningShown is how many characters are shown of a text that is no document.
	beginningShown = 60
	// longWord is from where on a word of letters and digits might be a key.
	longWord = 16
)

// notADocument is notJSON with how the text begins, where that tells what went wrong, such as the error of a command in the
// place of what it should have printed.
func notADocument(source *Source) string {
	kind, _ := source.labelled()
	known := slices.Contains([]Kind{NodesConfig, BifrostConfig, PartitionTable, EpochMetadata}, kind)
	f, err := source.Open(0)
	if err != nil || source.stored != "" {
		return notJSON
	}
	defer f.Close()
	start, _ := io.ReadAll(io.LimitReader(f, 512))
	text, ok := beginning(strings.ToValidUTF8(string(start), "\x00"))
	if !ok || !known && !strings.HasPrefix(strings.ToLower(text), "error") {
		return notJSON
	}
	return notJSON + ": it begins with " + text
}

// beginning is the first line of a text, shortened; false where it is no plain text, might be a part of a document, or
// might hold a secret.
func beginning(text string) (string, bool) {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = strings.TrimSpace(line)
	if line == "" || strings.ContainsAny(line, "{}[]\"=@?&\\") || seemsSecret(line) {
		return "", false
	}
	for _, r := range line {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return "", false
		}
	}
	for _, word := range strings.FieldsFunc(line, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+/_-", r)
	}) {
		if len(word) >= longWord && strings.ContainsFunc(word, unicode.IsDigit) && strings.ContainsFunc(word, unicode.IsLetter) {
			return "", false
		}
	}
	if runes := []rune(line); len(runes) > beginningShown {
		line = strings.TrimSpace(string(runes[:beginningShown])) + "…"
	}
	return line, true
}
