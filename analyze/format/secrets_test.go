package format_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/analyze"
	"restate-lint/analyze/format"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// registry has a secret in every place that may hold one, and faults that make rules point into it. Damage is done to it
// to see that what is said about the damage does not show a secret either.
const registry = `{"version":2,"deployments_v2":[
{"id":"dp_1","ty":{"Http":{"address":"http://u:hunter2@localhost:9080/hunter2?sig=hunter2"}},"delivery_options":{"additional_headers":{"authorization":"Bearer hunter2","x-plain":"hunter2"}},"supported_protocol_versions":{"start":1,"end":4},"services":[{"name":"A","revision":1,"public":true,"handlers":[{"name":"run"}]}]},
{"id":"dp_2","ty":{"Http":{"address":"http://u:hunter2@localhost:9080/?token=hunter2"}},"delivery_options":{"additional_headers":"hunter2"},"supported_protocol_versions":{"start":"hunter2","end":["hunter2"]},"services":[{"name":"A","revision":2,"handlers":[{"name":"go"}]}]}],
"subscriptions":[["sub_1",{"id":"sub_1","source":{"Kafka":{"cluster":"k","topic":"t"}},"sink":{"Service":{"name":"Missing","handler":"run"}},"metadata":{"sasl.password":"hunter2"}}],["hunter2"]],
"kafka_clusters":[{"name":"k2","properties":{"sasl.jaas.config":"hunter2","sasl.password":"hunter2","sasl.password":"hunter2"}}]}`

const settings = `[{"plain_node_id":"N1","gen_node_id":"N1:1","key":"worker.snapshots.destination","value":"s3://hunter2"},
{"plain_node_id":"N1","gen_node_id":"N1:1","key":"token","value":"hunter2"},
{"plain_node_id":"N2","gen_node_id":"N2:1","key":"worker.snapshots.destination","value":"null"}]`

const twoNodes = `{"version":3,"cluster_name":"c","name_lookup":{"n1":1,"n2":2},"nodes":[
[1,{"Node":{"name":"n1","address":"http://n1:5122/","current_generation":[1,1],"binary_version":"1.7.12","roles":["worker"],"worker_config":{"worker_state":"active"}}}],
[2,{"Node":{"name":"n2","address":"http://n2:5122/","current_generation":[2,1],"binary_version":"1.7.12","roles":["worker"],"worker_config":{"worker_state":"active"}}}]]}`

// No format ever shows a secret, wherever it stands, also not in the excerpt of a line or in what is said about a damaged
// document.
func TestNoFormatShowsASecret(t *testing.T) {
	damages := map[string]func(string) string{
		"whole":    func(s string) string { return s },
		"one line": func(s string) string { return strings.ReplaceAll(s, "\n", "") },
		"cut":      func(s string) string { return s[:len(s)*2/3] },
		"control":  func(s string) string { return strings.ReplaceAll(s, "Bearer ", "\x01") },
		"not UTF8": func(s string) string { return strings.ReplaceAll(s, "hunter2", "hunter2\xff") },
		"twice":    func(s string) string { return s + "\n" + s },
		"strings":  func(s string) string { return strings.ReplaceAll(s, "{\"Http\"", "\"hunter2\",\"x\":{\"Http\"") },
		"no lists": func(s string) string { return strings.ReplaceAll(s, "[", "\"hunter2\",[") },
		"log line": func(s string) string { return "WARN hunter2\n" + s },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{
				"nodes_config.json":    {Data: []byte(twoNodes)},
				"schema_registry.json": {Data: []byte(damage(registry))},
				"sql-config.json":      {Data: []byte(damage(settings))},
			}
			s, err := snapshots.Read("case", files, "nodes_config.json", "schema_registry.json", "sql-config.json")
			if err != nil {
				t.Fatal(err)
			}
			result := analyze.Check(s, rules.All())
			if name == "whole" && len(result.Findings) < 6 {
				t.Errorf("only %d findings", len(result.Findings))
			}
			report := analyze.NewReport("dev", result)
			var out bytes.Buffer
			if err := (format.Text{All: true, Show: rules.Note}).Result(&out, result); err != nil {
				t.Fatal(err)
			}
			if err := result.Locate(); err != nil {
				t.Fatal(err)
			}
			if err := format.JSON(&out, report); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if strings.Contains(line, "hunter2") {
					t.Errorf("a secret is shown: %s", line)
				}
			}
		})
	}
}
