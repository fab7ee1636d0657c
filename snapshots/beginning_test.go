package snapshots

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// What stands in the place of a document is told by how it begins, unless that may be a part of a document or a secret.
func TestTheBeginningOfWhatIsNoDocument(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nodes_config.json", "Error: could not connect to http://127.0.0.1:5122\ncaused by: x\n", "not JSON: it begins with Error: could not connect to http://127.0.0.1:5122"},
		{"pp_epoch_0.json", "\n  command not found  \n", "not JSON: it begins with command not found"},
		{"sql-nodes.json", "error: no such table\n", "not JSON: it begins with error: no such table"},
		{"sql-nodes.json", "hello\n", "not JSON"},
		{"schema_registry.json", "x-team\n", "not JSON"},
		{"bifrost_config.json", strings.Repeat("ä ", 200), "not JSON: it begins with " + strings.TrimSpace(strings.Repeat("ä ", 30)) + "…"},
		{"nodes_config.json", `"name": "n1"`, "not JSON"},
		{"nodes_config.json", "Bearer abc", "not JSON"},
		{"nodes_config.json", "Error: 401 for key AKIAIOSFODNN7EXAMPLE", "not JSON"},
		{"nodes_config.json", "Error: http://me:hunter2@n1:5122", "not JSON"},
		{"nodes_config.json", "Error: https://s3/x?X-Amz=1", "not JSON"},
		{"nodes_config.json", "Error: \x1b[31mred", "not JSON"},
		{"nodes_config.json", "Error: \u202egnol", "not JSON"},
		{"nodes_config.json", "\xff\xfe", "not JSON"},
	} {
		s, _ := read(map[string]string{test.name: test.text, "partition_table.json": `{"version":1,"num_partitions":0,"partitions":[]}`})
		found := false
		for _, gap := range s.Gaps {
			if gap.Source == test.name {
				if found = true; gap.Reason != test.want {
					t.Errorf("%q: got %q, want %q", test.text, gap.Reason, test.want)
				}
			}
		}
		if !found {
			t.Errorf("%q is no gap", test.text)
		}
	}
}

func TestTheBeginningIsShortAndPlain(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9 :/.]{0,200}`)).Draw(r, "text")
		shown, ok := beginning(text)
		if !ok {
			return
		}
		if utf8.RuneCountInString(shown) > beginningShown+1 || strings.ContainsFunc(shown, func(c rune) bool { return !unicode.IsPrint(c) }) || strings.ContainsAny(shown, `{["`) {
			r.Errorf("%q is shown as %q", text, shown)
		}
	})
}
