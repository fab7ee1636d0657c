package format_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// compile compiles a schema so that it accepts no property that it does not describe: readers have to accept those, but
// this program must not write them.
func compile(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	closeObjects(document)
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func closeObjects(schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		if schema["type"] == "object" {
			schema["additionalProperties"] = false
		}
		for _, inner := range schema {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range schema {
			closeObjects(inner)
		}
	}
}

func validate(t *testing.T, schema *jsonschema.Schema, text []byte) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := schema.Validate(document); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// eachCapture reads every capture of the test data.
func eachCapture(t *testing.T, do func(*testing.T, *snapshots.Snapshot)) {
	t.Helper()
	found, err := snapshots.Find(filepath.FromSlash(captures + "..."))
	if err != nil {
		t.Fatal(err)
	}
	for _, capture := range found {
		t.Run(capture.Name, func(t *testing.T) {
			s, err := capture.Read()
			if err != nil {
				t.Fatal(err)
			}
			do(t, s)
		})
	}
}

func report(t *testing.T, s *snapshots.Snapshot) *analyze.Report {
	t.Helper()
	r := analyze.Check(s, rules.All())
	if err := r.Locate(); err != nil {
		t.Fatal(err)
	}
	if err := r.Hash(); err != nil {
		t.Fatal(err)
	}
	return analyze.NewReport("1.2.3", r)
}

func TestJSONOfEveryCaptureFollowsItsSchema(t *testing.T) {
	schema := compile(t, format.Schema)
	eachCapture(t, func(t *testing.T, s *snapshots.Snapshot) {
		var first, second bytes.Buffer
		if err := format.JSON(&first, report(t, s)); err != nil {
			t.Fatal(err)
		}
		validate(t, schema, first.Bytes())
		if err := format.JSON(&second, report(t, s)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Error("the same snapshot gives another report the second time")
		}
		if strings.Contains(first.String(), ": null") || !strings.HasSuffix(first.String(), "\n}\n") {
			t.Errorf("a list is null, or the last line does not end:\n%s", first.Bytes())
		}
	})
}

func TestJSONOfEmptyReportsFollowsItsSchema(t *testing.T) {
	schema := compile(t, format.Schema)
	for _, r := range []*analyze.Report{analyze.NewReport("1"), analyze.NewReport("1", smallResult(t))} {
		var out bytes.Buffer
		if err := format.JSON(&out, r); err != nil {
			t.Fatal(err)
		}
		validate(t, schema, out.Bytes())
	}
}

func TestJSONOfEveryKindOfOutcome(t *testing.T) {
	r := smallResult(t)
	add(r, smallFinding(r, 0, 0), smallFinding(r, 1, 0))
	suppressFrom(r, 1)
	r.Outcomes = append(r.Outcomes, outcomes()...)
	for i := range r.Outcomes {
		if r.Outcomes[i].Missing == nil {
			r.Outcomes[i].Missing = []string{}
		}
	}
	if err := r.Locate(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := format.JSON(&out, analyze.NewReport("1.2.3", r)); err != nil {
		t.Fatal(err)
	}
	validate(t, compile(t, format.Schema), out.Bytes())
	r.Outcomes = r.Outcomes[:1]
	out.Reset()
	if err := format.JSON(&out, analyze.NewReport("1.2.3", r)); err != nil {
		t.Fatal(err)
	}
	assertGolden(t, "report.json", out.Bytes())
}

func TestJSONOfEverythingFollowsItsSchema(t *testing.T) {
	report := everyKind(t)
	var out bytes.Buffer
	if err := format.JSON(&out, report); err != nil {
		t.Fatal(err)
	}
	validate(t, compile(t, format.Schema), out.Bytes())
	read, err := analyze.ReadReport(&out)
	if err != nil || !slices.Equal(read.Remarks, report.Remarks) || len(read.Remarks) != 2 {
		t.Errorf("%v, %+v", err, read)
	}
}

// Escapes keep terminals from harm; they must not change what the report says.
func TestJSONSaysTheSameWithItsEscapes(t *testing.T) {
	r := smallResult(t)
	r.Name = "<a&b> ä 大 \x1b[2J \u202e \u009b \U000e0041 \u2028 \x7f \n"
	var out bytes.Buffer
	if err := format.JSON(&out, analyze.NewReport("1", r)); err != nil {
		t.Fatal(err)
	}
	harmless(t, out.Bytes())
	if !strings.Contains(out.String(), "<a&b> ä 大 ") {
		t.Errorf("escaped without need:\n%s", out.Bytes())
	}
	var read analyze.Report
	if err := json.Unmarshal(out.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if read.Snapshots[0].Name != r.Name {
		t.Errorf("%q became %q", r.Name, read.Snapshots[0].Name)
	}
}

func TestJSONCanBeReadBack(t *testing.T) {
	s, err := snapshots.Open(filepath.FromSlash(captures + "unknown-node-1.7.12/b-tail-segment"))
	if err != nil {
		t.Fatal(err)
	}
	var out, again bytes.Buffer
	if err := format.JSON(&out, report(t, s)); err != nil {
		t.Fatal(err)
	}
	var read analyze.Report
	if err := json.Unmarshal(out.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if err := format.JSON(&again, &read); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(out.Bytes(), again.Bytes()) {
		t.Errorf("got\n%s", again.Bytes())
	}
}

func TestSchemasAreInTheirOwnLanguage(t *testing.T) {
	for name, schema := range map[string][]byte{
		"report": format.Schema, "description": format.DescriptionSchema, "upgrade": format.UpgradeSchema, "what-if": format.WhatIfSchema,
		"survey": format.SurveySchema, "replication": format.ReplicationSchema, "removals": format.RemovableSchema,
	} {
		if !bytes.Contains(schema, []byte("https://json-schema.org/draft/2020-12/schema")) {
			t.Errorf("the schema of the %s does not say what it is", name)
		}
		compile(t, schema)
	}
	if _, err := os.Stat("schema.json"); err != nil {
		t.Error(err)
	}
}
