package format

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/snapshots"
)

// lineAt reads a text and returns the line at the first place of a needle, as a finding's excerpt starts from.
func lineAt(t *testing.T, text, needle string) snapshots.Line {
	t.Helper()
	document := `{"version":1,"logs":[]}` + "\n"
	s, err := snapshots.Read("x", fstest.MapFS{"f": {Data: []byte(document + text)}}, "f")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(text, needle)
	if at < 0 {
		t.Fatalf("%q is not in %q", needle, text)
	}
	lines, err := s.Documents[0].Source.Lines([]int64{int64(len(document) + at)})
	if err != nil {
		t.Fatal(err)
	}
	return lines[0]
}

func TestExcerptShowsTheLineWithoutItsIndentation(t *testing.T) {
	text, caret := excerpt(lineAt(t, "before\n\t\t    \"nodeset\": [1, 2, 9]\r\nbehind", "9"))
	if text != `"nodeset": [1, 2, 9]` || text[caret:] != "9]" {
		t.Errorf("got %q with the caret at %d", text, caret)
	}
}

func TestExcerptCutsLongLinesAroundThePosition(t *testing.T) {
	long := strings.Repeat(`{"node": 1}, `, 100)
	text, caret := excerpt(lineAt(t, long+`HERE`+long, "HERE"))
	if columns(text) > excerptWidth || !strings.HasPrefix(text, `… {"node"`) && !strings.HasPrefix(text, `… 1}`) || !strings.HasSuffix(text, " …") {
		t.Errorf("got %q of %d columns", text, columns(text))
	}
	if runes := []rune(text); string(runes[caret:caret+4]) != "HERE" {
		t.Errorf("the caret points at %q", string(runes[caret:]))
	}
}

// The caret must stand under the position whatever stands before it: count the columns of what is before it.
func TestExcerptPutsTheCaretUnderThePosition(t *testing.T) {
	for _, before := range []string{
		"", "plain ", "\ttab\ttab ", "ä ö ", "大きい ", "e\u0301\u0302 ", "\x1b[31m ", "bad \xff ", "\u202e ",
		strings.Repeat("大", 200), strings.Repeat("ä", 400), strings.Repeat("\x1b", 300), strings.Repeat("a", 5000), strings.Repeat("\xff", 500),
	} {
		line := lineAt(t, before+"@"+before, "@")
		text, caret := excerpt(line)
		left, _, ok := strings.Cut(text, "@")
		if !ok || columns(left) != caret {
			t.Errorf("behind %.20q…: %q has the caret at column %d", before, text, caret)
		}
		if columns(text) > excerptWidth {
			t.Errorf("behind %.20q…: %q has %d columns", before, text, columns(text))
		}
		if Clean(text) != text {
			t.Errorf("behind %.20q…: %q is not clean", before, text)
		}
	}
}

func TestExcerptOfNothingIsEmpty(t *testing.T) {
	if text, caret := excerpt(snapshots.Line{}); text != "" || caret != 0 {
		t.Errorf("got %q, %d", text, caret)
	}
}

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{"abc": 3, "äöü": 3, "大きい": 6, "e\u0301": 1, "✓…·": 3, "\x1b[1;31mred\x1b[0m": 3} {
		if got := columns(text); got != want {
			t.Errorf("columns(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestWrapBreaksAtSpacesOnly(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  string
	}{
		{"", 10, ""},
		{"one two three", 100, "one two three"},
		{"one two three", 7, "one two|three"},
		{"one two three", 1, "one|two|three"},
		{"averylongword x", 5, "averylongword|x"},
		{"N1" + hardSpace + "(active), N2" + hardSpace + "(active)", 14, "N1 (active),|N2 (active)"},
		{"大きい 小さい", 8, "大きい|小さい"},
		{"  one  two ", 8, "one  two|"},
		{"one   two", 3, "one|two"},
		{" ", 3, ""},
	}
	for _, test := range tests {
		if got := strings.Join(wrap(test.text, test.width), "|"); got != test.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", test.text, test.width, got, test.want)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var words []string
		for range random.IntN(8) {
			words = append(words, []string{"", "a", "bcd", "averylongword", "大", "e\u0301"}[random.IntN(6)])
		}
		text, width := strings.Join(words, " "), 1+random.IntN(12)
		lines := wrap(text, width)
		for i, line := range lines {
			if strings.HasPrefix(line, " ") || columns(line) > width && strings.Contains(line, " ") {
				t.Fatalf("wrap(%q, %d) has the line %q", text, width, line)
			}
			if first, _, _ := strings.Cut(line, " "); i > 0 && columns(lines[i-1])+1+columns(first) <= width {
				t.Fatalf("wrap(%q, %d) breaks too early: %q", text, width, lines)
			}
		}
		if got, want := strings.Fields(strings.Join(lines, " ")), strings.Fields(text); !slices.Equal(got, want) {
			t.Fatalf("wrap(%q, %d) has the words %q", text, width, got)
		}
	}
}
