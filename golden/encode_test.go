package golden_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"restate-lint/golden"
)

func TestWhatIsNoGoldenIsNamedAsSuch(t *testing.T) {
	good := string(example().Encode())
	with := func(old, replacement string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the example has no %s", old)
		}
		return strings.Replace(good, old, replacement, 1)
	}
	beforeFindings, _, _ := strings.Cut(good, `"findings"`)
	for _, test := range []struct {
		name, text string
		is         error
		message    string
	}{
		{"empty", "", golden.ErrNotGolden, "line 1: not a golden of restate-lint: unexpected end of JSON input"},
		{"truncated", good[:len(good)/2], golden.ErrNotGolden, "unexpected end of JSON input"},
		{"a syntax error", with(`"c"`, `c`), golden.ErrNotGolden, "line 4: not a golden of restate-lint: invalid character 'c'"},
		{"text behind it", good + "{}", golden.ErrNotGolden, "after top-level value"},
		{"a list", "[]", golden.ErrNotGolden, "it is an array"},
		{"a capture", `{"version": 3, "logs": []}`, golden.ErrNotGolden, "it states no schema_version and snapshot"},
		{"a report", `{"schema_version": 1, "snapshots": []}`, golden.ErrNotGolden, "but a whole report"},
		{"a newer schema", with(`"schema_version": 1`, `"schema_version": 2, "more": true`), golden.ErrVersion, "is of another schema version: 2, where this program knows 1"},
		{"git's conflict", with(`    {"kind":"nodes_config"`, "<<<<<<< HEAD\n    {\"kind\":\"nodes_config\""), golden.ErrConflict, "line 7: holds merge-conflict markers"},
		{"the rest of a conflict", with(`    {"kind":"nodes_config"`, "=======\r\n    {\"kind\":\"nodes_config\""), golden.ErrConflict, "line 7: holds merge-conflict markers"},
		{"an unknown field", with(`"cluster_name"`, `"hash": "00", "cluster_name"`), golden.ErrNotGolden, `line 4: not a golden of restate-lint: "hash" is not a key`},
		{"a key twice", with(`"findings"`, `"gaps": [], "findings"`), golden.ErrNotGolden, `"gaps" is there twice`},
		{"null findings", beforeFindings + `"findings": null}`, golden.ErrNotGolden, "findings is missing"},
		{"an unknown severity", with(`"warning"`, `"fatal"`), golden.ErrNotGolden, `"fatal" is not a severity`},
		{"no severity", with(`"severity": "warning",`, ``), golden.ErrNotGolden, "has no severity"},
		{"an unknown suppressor", with(`"severity": "warning",`, `"severity": "warning", "suppressed": "me",`), golden.ErrNotGolden, `"me" is nothing that suppresses`},
		{"an unknown state", with(`"passed"`, `"skipped"`), golden.ErrNotGolden, `"skipped" is not a state of the rule passes`},
		{"a fingerprint of nothing", with(`finds@log/2`, `log/2`), golden.ErrNotGolden, `"log/2" is not the fingerprint`},
		{"a finding twice", with(`finds@log/10`, `finds@log/2`), golden.ErrNotGolden, `findings has "finds@log/2" twice`},
		{"an outcome twice", with(`"passes"`, `"lacks"`), golden.ErrNotGolden, `outcomes has "lacks" twice`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := golden.Decode([]byte(test.text))
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.message) {
				t.Errorf("got error %q, want %q in it", err, test.message)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
		})
	}
}

func TestALayoutedGoldenIsTheSame(t *testing.T) {
	want := example().Encode()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, want, "", "\t"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"indented": pretty.Bytes(),
		"CRLF":     bytes.ReplaceAll(want, []byte("\n"), []byte("\r\n")),
	} {
		g, err := golden.Decode(text)
		if err != nil {
			t.Fatal(name, err)
		}
		if !golden.Compare(example(), g).Empty() || !bytes.Equal(g.Encode(), want) {
			t.Errorf("%s: %s", name, golden.Unified(example(), g))
		}
	}
}

func FuzzDecode(f *testing.F) {
	good := example().Encode()
	f.Add(good)
	f.Add(good[:len(good)-20])
	f.Add(bytes.Replace(good, []byte("lacks"), []byte("passes"), 1))
	f.Add([]byte(`{"schema_version":1,"snapshot":"\u0000","cluster_name":null,"documents":[],"gaps":[],"outcomes":[],"findings":[]}`))
	f.Add([]byte("<<<<<<< HEAD\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		g, err := golden.Decode(text)
		if err != nil {
			return
		}
		again, err := golden.Decode(g.Encode())
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v\n%s", err, g.Encode())
		}
		if d := golden.Compare(g, again); !d.Empty() || !bytes.Equal(g.Encode(), again.Encode()) {
			t.Fatal(d)
		}
	})
}
