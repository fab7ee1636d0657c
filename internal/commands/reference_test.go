package commands_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"restate-lint/internal/commands"
)

// rules/README.md is what the tool itself says about its rules. After a change of a rule's documentation:
//
//	go run . explain --all --format markdown > rules/README.md
func TestRuleReferenceIsWhatExplainPrints(t *testing.T) {
	var out bytes.Buffer
	code := commands.Run([]string{"explain", "--all", "--format", "markdown"}, commands.Environment{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" },
	})
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out.String())
	}
	reference, err := os.ReadFile("../../rules/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(reference, out.Bytes()) {
		t.Error("rules/README.md is not what explain prints; run: go run . explain --all --format markdown > rules/README.md")
	}
}
