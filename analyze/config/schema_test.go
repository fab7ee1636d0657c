package config_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"

	"restate-lint/analyze/config"
	"restate-lint/rules"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validYAML is what the schema says of a YAML file.
func validYAML(schema *jsonschema.Schema, text []byte) error {
	document, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func TestTheSchemaAcceptsWhatIsRight(t *testing.T) {
	schema := compiled(t)
	for name, text := range map[string][]byte{"whole": []byte(whole), "starter": config.Starter, "uncommented": uncommented()} {
		if err := validYAML(schema, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What only the program can tell, the schema lets pass: what there is beside the file, and the names of profiles.
func TestTheSchemaRefusesWhatIsWrong(t *testing.T) {
	lenient := map[string]bool{"merge-conflict": false, "bad-patterns": false, "tags": true, "anchors": true, "two-documents": true}
	schema := compiled(t)
	paths, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path[:len(path)-len(".txtar")])
		if validYAML(schema, archive.Files[0].Data) == nil && !lenient[name] {
			t.Errorf("%s: the schema accepts it", name)
		}
	}
}

func TestTheSchemaKnowsEveryRuleAndOption(t *testing.T) {
	schema := compiled(t)
	for _, rule := range rules.All() {
		for _, o := range rule.Options {
			for value, right := range map[int64]bool{o.Min: true, o.Max: true, o.Min - 1: false, o.Max + 1: false} {
				text, err := yaml.Marshal(map[string]any{"version": 1, "rules": map[string]any{
					rule.ID: map[string]any{"severity": "off", "options": map[string]int64{o.Name: value}},
				}})
				if err != nil {
					t.Fatal(err)
				}
				_, err = config.Parse("f", text)
				if accepts := validYAML(schema, text) == nil; accepts != right || (err == nil) != right {
					t.Errorf("%s: %s: %d: the schema says %v, and reading it %v", rule.ID, o.Name, value, accepts, err)
				}
			}
		}
	}
}
