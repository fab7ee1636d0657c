package format_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"restate-lint/analyze"
	"restate-lint/snapshots"
)

// sarifSchema is the schema that OASIS publishes for SARIF 2.1.0, Errata 01. It accepts no property that it does not know.
func sarifSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/schemas/sarif-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("sarif.json", document); err != nil {
		t.Fatal(err)
	}
	c.AssertFormat()
	compiled, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func TestSARIFOfEveryCaptureFollowsTheOfficialSchema(t *testing.T) {
	schema := sarifSchema(t)
	eachCapture(t, func(t *testing.T, s *snapshots.Snapshot) {
		validate(t, schema, printedAs(t, "sarif", report(t, s)))
	})
	validate(t, schema, printedAs(t, "sarif", analyze.NewReport("1")))
}
