package format

import (
	"slices"
	"testing"

	"restate-lint/analyze"
)

// Steps that several findings share are printed once. What a step depends on stands above it, whatever is left out between.
func TestMarkdownKeepsStepsBelowTheirComments(t *testing.T) {
	findings := []analyze.Finding{
		{Remedy: []string{"look again", "# either it is there:", "put back N3", "# or it is lost:", "trim", "remove N3"}},
		{Remedy: []string{"look again", "# either it is there:", "put back N4", "# or it is lost:", "trim", "remove N4"}},
		{Remedy: []string{"ask"}},
	}
	want := []string{
		"look again", "# either it is there:", "put back N3", "# or it is lost:", "trim", "remove N3",
		"# either it is there:", "put back N4", "# or it is lost:", "remove N4", "", "ask",
	}
	if got := new(markdownPrinter).steps(findings, []int{0, 1, 2}); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
