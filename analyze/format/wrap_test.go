package format

import (
	"strings"
	"testing"
)

func TestParagraphs(t *testing.T) {
	long := strings.Repeat("word ", 30)
	got := Paragraphs("one\ntwo\n\n" + long + "\n  as it  is " + long + "\nend\n")
	want := "one two\n\n" + strings.TrimSpace(strings.Repeat("word ", 22)) + "\n" + strings.Repeat("word ", 8) +
		"\n  as it  is " + long + "\nend"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
