package config

import (
	"bytes"
	"encoding/json"
	"fmt"

	"restate-lint/rules"
)

type object = map[string]any

// Schema returns the JSON Schema (draft 2020-12) of the file, for editors: it knows every rule and option of this version.
// What it accepts, Parse may still refuse, such as a pattern that no rule matches.
func Schema() []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schema()); err != nil {
		panic(err) // it holds nothing that cannot be encoded
	}
	return b.Bytes()
}

func schema() object {
	text := func(description string) object {
		return object{"description": description, "type": "string", "pattern": `\S`}
	}
	listOf := func(description string, items any) object {
		return object{"description": description, "type": "array", "items": items}
	}
	rulePattern := object{
		"description": "The id of a rule, or a pattern such as nodeset-*.",
		"anyOf":       []any{object{"enum": ruleIDs()}, object{"type": "string", "pattern": `[*?\[]`}},
	}
	entries := object{}
	for _, rule := range rules.All() {
		entries[rule.ID] = ruleSchema(rule)
	}
	return object{
		"$schema":  "https://json-schema.org/draft/2020-12/schema",
		"$id":      "https://restate-lint.invalid/config-1.schema.json",
		"title":    "configuration of restate-lint (" + FileName + ")",
		"type":     "object",
		"required": []string{"version"},
		"properties": object{
			"version": object{"description": "The version of the form of this file.", "const": Version},
			"profile": text("The profile that applies where --profile names none: post-mortem, pre-upgrade, ci, or one of this file."),
			"rules": object{
				"description":          "What is to be otherwise about rules.",
				"type":                 []string{"object", "null"},
				"properties":           entries,
				"additionalProperties": false,
			},
			"profiles": object{
				"description": "Choices of rules and thresholds, beside those that there are anyway.",
				"type":        []string{"array", "null"},
				"items": object{
					"type":     "object",
					"required": []string{"name", "summary"},
					"properties": object{
						"name":             text("What --profile calls it."),
						"summary":          text("What it is for, in one line."),
						"rules":            listOf("The rules that run; all without it.", rulePattern),
						"skip":             listOf("Rules that do not run.", rulePattern),
						"documents":        listOf("Only rules run that need nothing but these documents.", object{"enum": documents()}),
						"fail_on":          object{"description": "Exit with 1 on findings of this severity and above.", "enum": []string{"error", "warning", "note", "never"}, "default": "error"},
						"show":             object{"description": "Print findings of this severity and above.", "enum": []string{"note", "warning", "error"}, "default": "note"},
						"require_complete": object{"description": "Exit with 3 when a rule is undecided.", "type": "boolean", "default": false},
					},
					"additionalProperties": false,
				},
			},
			"suppressions": object{
				"description": "Findings that do not count. They stay in reports, marked.",
				"type":        []string{"array", "null"},
				"items": object{
					"type":     "object",
					"required": []string{"rule", "entity", "reason"},
					"properties": object{
						"rule":     rulePattern,
						"entity":   text("What the finding is about, as in its fingerprint behind the @: log/*/segment/*/node/N4. * stands for anything within a step, ** for any number of steps."),
						"snapshot": text("The name of a snapshot, or a pattern of the same kind. All snapshots without it."),
						"reason":   text("Why it does not count."),
						"owner":    text("Who answers for it."),
						"expires":  object{"description": "The last day on which it holds, in UTC. Then the findings count again.", "type": "string", "format": "date", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`},
					},
					"additionalProperties": false,
				},
			},
		},
		"additionalProperties": false,
	}
}

func ruleSchema(rule *rules.Rule) object {
	severity := object{
		"description": fmt.Sprintf("%v where it is not set. off: the rule does not run. No finding becomes graver than this, and none that the rule holds for milder than usual.", rule.Severity),
		"enum":        severities,
	}
	properties := object{"severity": severity}
	if len(rule.Options) > 0 {
		options := object{}
		for _, o := range rule.Options {
			options[o.Name] = object{"description": o.Doc, "type": "integer", "minimum": o.Min, "maximum": o.Max, "default": o.Default}
		}
		properties["options"] = object{"type": "object", "properties": options, "additionalProperties": false}
	}
	return object{
		"description": rule.Summary,
		"oneOf":       []any{severity, object{"type": "object", "properties": properties, "additionalProperties": false}},
	}
}
