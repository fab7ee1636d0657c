package format

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCleanShowsWhatCouldDoHarm(t *testing.T) {
	tests := map[string]string{
		"":                          "",
		"n1.example.com:5122":       "n1.example.com:5122",
		"größe 大きさ ✓ e\u0301":       "größe 大きさ ✓ e\u0301",
		"\x1b[2J\x1b]0;title\x07":   `\x1b[2J\x1b]0;title\a`,
		"a\nb\r\nc\td":              `a\nb\r\nc\td`,
		"\x00\x7f":                  `\x00\x7f`,
		"\u009b31m":                 `\u009b31m`,              // a control sequence in one character
		"admin\u202enimda\u2066":    `admin\u202enimda\u2066`, // reversed
		"zero\u200bwidth\ufeff":     `zero\u200bwidth\ufeff`,
		"line\u2028paragraph\u2029": `line\u2028paragraph\u2029`,
		"bad \xff\xc3(":             `bad \xff\xc3(`,
		"no\u00a0break":             `no\u00a0break`,
		"private \ue000":            `private \ue000`,
		"tag \U000e0041":            `tag \U000e0041`,
		"::error::x":                `\x3a:error::x`,
		"x ::set-env name=a::b":     `x \x3a:set-env name=a::b`,
		"http://[::1]:5122":         "http://[::1]:5122",
		"::1 or fe80::1":            "::1 or fe80::1",
		"x##[error]y":               `x#\x23[error]y`,
	}
	for text, want := range tests {
		if got := Clean(text); got != want {
			t.Errorf("Clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCleanBoundsTheLength(t *testing.T) {
	for _, text := range []string{strings.Repeat("a", 1<<20), strings.Repeat("\x1b", 1<<20), strings.Repeat("ä", 1<<20)} {
		if got := Clean(text); len(got) > longest+16 || !strings.HasSuffix(got, "…") {
			t.Errorf("Clean of %d bytes has %d", len(text), len(got))
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"n1", "\x1b[2J", "a\nb", "\u202e", "\xff", "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Clean(text)
		if !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if r != ' ' && !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
				t.Errorf("%q has %U", got, r)
			}
		}
		if again := Clean(got); again != got && len(got) <= longest {
			t.Errorf("cleaned twice, %q becomes %q", got, again)
		}
	})
}
