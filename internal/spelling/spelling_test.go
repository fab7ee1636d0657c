package spelling_test

import (
	"strings"
	"testing"

	"restate-lint/internal/spelling"
)

func TestNearest(t *testing.T) {
	words := []string{"check", "describe", "rules", "rule", "suppressions"}
	for written, want := range map[string]string{
		"chekc":                     "check",
		"chec":                      "check",
		"sup":                       "suppressions",
		"supressions":               "suppressions",
		"rul":                       "rules",
		"ruls":                      "rules",
		"golden":                    "",
		"":                          "",
		"x":                         "",
		strings.Repeat("check", 30): "",
	} {
		if got := spelling.Nearest(written, words); got != want {
			t.Errorf("%q: got %q, want %q", written, got, want)
		}
	}
}
