package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"

	"restate-lint/analyze/config"
)

// A pool has what may stand somewhere: some of it is right, some almost.
type pool []any

func (p pool) draw(t *rapid.T, label string) any { return rapid.SampledFrom(p).Draw(t, label) }

var anything = pool{nil, true, 7, 1.5, "", " ", "text", []any{}, []any{"x"}, map[string]any{}, map[string]any{"x": 1}}

// object draws some of the fields, seldom one that there is not, and seldom a value of another type.
func object(t *rapid.T, label string, fields map[string]func() any) any {
	if rapid.IntRange(0, 60).Draw(t, label+" is something else") == 60 {
		return anything.draw(t, label)
	}
	drawn := make(map[string]any)
	for _, name := range sorted(fields) {
		switch n := rapid.IntRange(0, 100).Draw(t, label+" "+name); {
		case n == 100:
			drawn[name] = anything.draw(t, label+" "+name)
		case n == 99:
			drawn[name+"s"] = fields[name]()
		case n != 98:
			drawn[name] = fields[name]()
		}
	}
	return drawn
}

func sorted(fields map[string]func() any) (names []string) {
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// mostly draws what is right, seldom what is almost, and very seldom anything.
func mostly(t *rapid.T, label string, right, almost pool) func() any {
	return func() any {
		switch n := rapid.IntRange(0, 60).Draw(t, label+" is wrong"); {
		case n == 60:
			return anything.draw(t, label)
		case n > 56:
			return almost.draw(t, label)
		}
		return right.draw(t, label)
	}
}

func some(t *rapid.T, label string, one func() any) func() any {
	return func() any {
		list := []any{}
		for range rapid.IntRange(0, 2).Draw(t, "how many "+label) {
			list = append(list, one())
		}
		return list
	}
}

func drawConfiguration(t *rapid.T) any {
	severity := mostly(t, "severity", pool{"error", "warning", "note", "off"}, pool{"Error", "never"})
	rulePattern := mostly(t, "rule", pool{"trim-gap", "nodeset-*"}, pool{"trim-gab", "x*", "[", `\`})
	text := mostly(t, "text", pool{"text", "two words", "nightly", "weekly"}, pool{"ci"})
	document := mostly(t, "document", pool{"nodes_config"}, pool{"nodes_confg"})
	day := mostly(t, "day", pool{"2027-01-31"}, pool{"2027-02-30", "soon", "2027-1-31"})
	entity := mostly(t, "entity", pool{"**", "log/*/segment/[0-9]", "log/{1,2}"}, pool{"[", `x\`})
	return object(t, "file", map[string]func() any{
		"version": mostly(t, "version", pool{1}, pool{2, "1"}),
		"profile": mostly(t, "profile", pool{"ci", "pre-upgrade"}, pool{"nightly", "cy"}),
		"rules": func() any {
			return object(t, "rules", map[string]func() any{
				"trim-gap": severity,
				"chain-too-long": func() any {
					return object(t, "rule", map[string]func() any{
						"severity": severity,
						"options": func() any {
							return object(t, "options", map[string]func() any{"max-segments": mostly(t, "option", pool{1, 100, 1000000}, pool{0, -1, 1000001, "1"})})
						},
					})
				},
			})
		},
		"profiles": some(t, "profiles", func() any {
			return object(t, "profile", map[string]func() any{
				"name": text, "summary": text, "rules": some(t, "rules", rulePattern), "skip": some(t, "skip", rulePattern),
				"documents": some(t, "documents", document), "fail_on": mostly(t, "fail_on", pool{"error", "never"}, pool{"off"}),
				"show": mostly(t, "show", pool{"note", "error"}, pool{"never"}), "require_complete": mostly(t, "require_complete", pool{true, false}, pool{"yes"}),
			})
		}),
		"suppressions": some(t, "suppressions", func() any {
			return object(t, "suppression", map[string]func() any{
				"rule": rulePattern, "entity": entity, "snapshot": entity, "reason": text, "owner": text, "expires": day,
			})
		}),
	})
}

// What the schema cannot know: which rules a pattern matches, which profiles there are, what a pattern and a day of the
// calendar is.
var beyondTheSchema = []string{"is not a rule", "is not a pattern", "is not a day", "is not a profile", "already"}

// The schema refuses nothing that the program reads, and what it accepts the program reads, but for what no schema can know.
func TestTheSchemaSaysWhatTheProgramSays(t *testing.T) {
	schema := compiled(t)
	accepted, wrong := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text, err := yaml.Marshal(drawConfiguration(t))
		if err != nil {
			t.Fatal(err)
		}
		refused := validYAML(schema, text)
		_, err = config.Parse("f", text)
		switch {
		case err == nil && refused != nil:
			t.Fatalf("%s\nonly the schema refuses this: %v", text, refused)
		case err == nil:
			accepted++
		case refused == nil && !beyond(err):
			t.Fatalf("%s\nthe schema accepts this: %v", text, err)
		default:
			wrong++
		}
	})
	if !testing.Short() && (accepted == 0 || wrong == 0) { // in short, there may be too few to have some of both
		t.Errorf("%d were accepted, and %d refused", accepted, wrong)
	}
}

// beyond reports whether all problems, of which the first lines name the places, are beyond the schema.
func beyond(err error) bool {
	for line := range strings.Lines(err.Error()) {
		if strings.HasPrefix(line, "f:") && !slices.ContainsFunc(beyondTheSchema, func(text string) bool { return strings.Contains(line, text) }) {
			return false
		}
	}
	return true
}
