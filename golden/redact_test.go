package golden_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/golden"
)

func redactions(t interface{ Fatal(...any) }, list ...golden.Redaction) *golden.Redactions {
	for i := range list {
		if list[i].Reason == "" {
			list[i].Reason = "internal"
		}
	}
	r, err := golden.NewRedactions(list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARedactionReplacesWhatItMatches(t *testing.T) {
	report := func() *golden.Golden {
		g := example()
		g.ClusterName = "acme-prod"
		g.Gaps = append(g.Gaps, golden.Gap{Kind: "pp_epoch_0", Reason: "acme.json: not JSON"})
		g.Findings[0].Title = "node db1.acme.corp and db2.acme.corp"
		g.Findings[0].Remedy = []string{"restatectl --address http://db1.acme.corp:5122/"}
		g.Findings[1].Fingerprint = "finds@part/db1.acme.corp"
		g.Findings = append(g.Findings, golden.Finding{Fingerprint: "finds@part/db2.acme.corp", Severity: 1})
		return g
	}
	for _, test := range []struct {
		name      string
		redaction golden.Redaction
		want      []string
	}{
		{"a whole text", golden.Redaction{Pointer: "/cluster_name", Placeholder: "[cluster name]"}, []string{`"cluster_name": "[cluster name]"`}},
		{"parts of a text", golden.Redaction{Pointer: "/findings/*/title", Match: `db\d+\.[a-z.]+`, Placeholder: "[node name]"},
			[]string{`"title": "node [node name] and [node name]"`}},
		{"each step", golden.Redaction{Pointer: "/findings/*/remedy/*", Match: `db\d+\.[a-z.]+`, Placeholder: "[node name]"},
			[]string{`"restatectl --address http://[node name]:5122/"`}},
		{"entities", golden.Redaction{Pointer: "/findings/*/fingerprint", Match: `db\d+\.[a-z.]+`, Placeholder: "[node name]"},
			[]string{`"finds@part/[node name]~a14f"`, `"finds@part/[node name]~b857"`, `"finds@log/2"`}},
		{"a reason", golden.Redaction{Pointer: "/gaps/*/reason", Match: `^acme`, Placeholder: "[file]"}, []string{`"[file].json: not JSON"`, `"not captured"`}},
		{"all texts of findings", golden.Redaction{Pointer: "/findings", Match: `db\d+\.[a-z.]+`, Placeholder: "[node name]"},
			[]string{`"finds@part/[node name]~a14f"`, `"node [node name] and [node name]"`, `"restatectl --address http://[node name]:5122/"`}},
		{"all fields", golden.Redaction{Pointer: "/findings/*/*", Match: `db\d+\.[a-z.]+`, Placeholder: "[node name]"},
			[]string{`"finds@part/[node name]~a14f"`, `"node [node name] and [node name]"`, `"restatectl --address http://[node name]:5122/"`}},
		{"everything", golden.Redaction{Pointer: "/*", Match: `acme`, Placeholder: "[customer]"},
			[]string{`"cluster_name": "[customer]-prod"`, `"[customer].json: not JSON"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := redactions(t, test.redaction)
			before := report()
			redacted := string(r.Apply(before).Encode())
			for _, want := range test.want {
				if !strings.Contains(redacted, want) {
					t.Errorf("%s is not in\n%s", want, redacted)
				}
			}
			if len(r.Useless()) > 0 {
				t.Errorf("%v is said to match nothing", r.Useless())
			}
			if !bytes.Equal(before.Encode(), report().Encode()) {
				t.Error("the report itself was changed")
			}
			if _, err := golden.Decode([]byte(redacted)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestARedactionThatMatchesNothingIsUseless(t *testing.T) {
	for _, test := range []struct {
		redaction golden.Redaction
		useless   bool
	}{
		{golden.Redaction{Pointer: "/findings/*/title", Match: "acme", Placeholder: "[x]"}, true},
		{golden.Redaction{Pointer: "/findings/*/title", Match: "bad", Placeholder: "[x]"}, false},
		{golden.Redaction{Pointer: "/findings/*/title", Placeholder: "[x]"}, false},
		// No finding has a nodeset: who knows what one would say.
		{golden.Redaction{Pointer: "/findings/*/nodeset", Match: "acme", Placeholder: "[x]"}, false},
	} {
		r := redactions(t, test.redaction)
		r.Apply(example())
		if useless := r.Useless(); (len(useless) > 0) != test.useless {
			t.Errorf("%v: %v", test.redaction, useless)
		}
	}
}

func TestARedactionThatWasOfUseWhenAcceptedIsNotUseless(t *testing.T) {
	r := redactions(t, golden.Redaction{Pointer: "/findings", Match: "acme", Placeholder: "[customer]"})
	r.Apply(example())
	accepted := example()
	r.Recall(accepted)
	if len(r.Useless()) != 1 {
		t.Error("a golden without the placeholder makes it useful")
	}
	accepted.Findings[0].Why = "[customer] said so"
	r.Recall(accepted)
	if len(r.Useless()) != 0 || accepted.Findings[0].Why != "[customer] said so" {
		t.Error(r.Useless(), accepted.Findings[0])
	}
}

func TestWrongRedactionsAreErrors(t *testing.T) {
	for text, want := range map[string]string{
		`[{pointer: /findings/*/titel, placeholder: "[x]", reason: r}]`:                                                `r.yaml:1:14: "/findings/*/titel" matches nothing that can be redacted: there are /cluster_name, `,
		`[{pointer: /snapshot, placeholder: "[x]", reason: r}]`:                                                        `"/snapshot" matches nothing that can be redacted`,
		`[{pointer: /, placeholder: "[x]", reason: r}]`:                                                                `"/" matches nothing that can be redacted`,
		`[{pointer: cluster_name, placeholder: "[x]", reason: r}]`:                                                     `"cluster_name" matches nothing that can be redacted`,
		`[{pointer: "*", placeholder: "[x]", reason: r}]`:                                                              `"*" matches nothing that can be redacted`,
		`[{pointer: /findings/*/title/x, placeholder: "[x]", reason: r}]`:                                              `matches nothing that can be redacted`,
		`[{pointer: /findings/0/title, placeholder: "[x]", reason: r}]`:                                                `"/findings/0/title" matches nothing that can be redacted`,
		`[{pointer: /cluster_name, placeholder: "[x]"}]`:                                                               `r.yaml:1:14: reason of a redaction is missing`,
		`[{pointer: /cluster_name, placeholder: "[x]", reason: " "}]`:                                                  `reason is empty`,
		`[{placeholder: "[x]", reason: r}]`:                                                                            `pointer of a redaction is missing`,
		`[{pointer: /cluster_name, placeholder: x, reason: r}]`:                                                        `the placeholder "x" does not name a type in brackets`,
		`[{pointer: /cluster_name, reason: r}]`:                                                                        `placeholder of a redaction is missing`,
		`[{pointer: /cluster_name, placeholder: [x], reason: r}]`:                                                      `placeholder has to be a text, and is a list: a text that starts with [ has to stand in quotes`,
		`[{pointer: /cluster_name, placeholder: "[]", reason: r}]`:                                                     `the placeholder "[]" does not name a type in brackets`,
		`[{pointer: /cluster_name, placeholder: "[a\u001b]", reason: r}]`:                                              `does not name a type in brackets`,
		`[{pointer: /cluster_name, match: "(", placeholder: "[x]", reason: r}]`:                                        `match: error parsing regexp`,
		`[{pointer: /cluster_name, match: "x*", placeholder: "[x]", reason: r}]`:                                       `matches the empty text`,
		`[{pointer: /cluster_name, placeholder: "[x]", reasn: x}]`:                                                     `unknown key "reasn" of a redaction; did you mean reason?`,
		"\n- {pointer: /x, placeholder: '[x]', reason: r}\n- {pointer: /cluster_name, placeholder: '[x]', reason: ''}": "\nr.yaml:3:56: reason is empty",
		`{}`:                            `r.yaml:1:13: redactions has to be a list`,
		"[]\nredactions: []":            "already defined",
		"&a []":                         "anchors are not supported",
		"*a":                            "has to stand in quotes",
		"\n<<<<<<< HEAD\n- {}\n=======": "r.yaml:2:1: holds merge-conflict markers",
	} {
		if _, err := golden.DecodeRedactions("r.yaml", []byte("redactions: "+text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", text, err, want)
		}
	}
	for _, text := range []string{"", "redaction: []", "redactions: [", strings.Repeat("#", 1<<20)} {
		if _, err := golden.DecodeRedactions("r.yaml", []byte(text)); err == nil {
			t.Errorf("no error for %.40q", text)
		}
	}
	for _, text := range []string{"redactions: []", "redactions:\n# - {}\n", "\ufeffredactions:\r\n- {pointer: /findings, match: 'a  b', placeholder: '[x y]', reason: r}\r\n"} {
		if _, err := golden.DecodeRedactions("r.yaml", []byte(text)); err != nil {
			t.Error(err)
		}
	}
}

func TestRedactionsAreThoseOfTheStore(t *testing.T) {
	store := golden.Store{Dir: t.TempDir()}
	if r, err := store.Redactions(); r != nil || err != nil {
		t.Error(r, err)
	}
	var none *golden.Redactions
	if none.Apply(example()) == nil || none.Useless() != nil {
		t.Error("nothing is not nothing")
	}
	path := filepath.Join(store.Dir, golden.RedactionsFile)
	if err := os.WriteFile(path, []byte("redactions:\n  - {pointer: /cluster_name, placeholder: '[name]', reason: internal}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := store.Redactions()
	if err != nil || r.Apply(example()).ClusterName != "[name]" {
		t.Error(r, err)
	}
	if err := os.WriteFile(path, []byte("redactions:\n  - {}\n  - {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = store.Redactions()
	if err == nil || strings.Count(err.Error(), path+":2:") != 3 || strings.Count(err.Error(), path+":3:") != 3 {
		t.Error(err)
	}
}

func TestTheRedactionsThatTheReadmeShowsAreRead(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "```yaml\nredactions:")
	block, _, ok := strings.Cut(block, "```")
	if !ok {
		t.Fatal("the README shows no redactions")
	}
	r, err := golden.DecodeRedactions("README.md", []byte("redactions:"+block))
	if err != nil {
		t.Fatal(err)
	}
	g := example()
	g.Findings[0].Title = "on db1.corp.example"
	if title := r.Apply(g).Findings[0].Title; title != "on [host name]" {
		t.Error(title)
	}
}

// What was redacted once is not redacted again: a pending report is as it will be in the golden.
func TestRedactingTwiceIsRedactingOnce(t *testing.T) {
	pointers := rapid.SampledFrom([]string{"/cluster_name", "/gaps/*/reason", "/findings/*/title", "/findings/*/why", "/findings/*/fingerprint", "/findings", "/*"})
	matches := rapid.SampledFrom([]string{"", "n", "e+", `\d`, "[a-z]+", `\w+`, ".+", "na", "g/4", `"`})
	placeholders := rapid.SampledFrom([]string{"[name]", "[node name]", "[n]", "[entry 1]"})
	rapid.Check(t, func(t *rapid.T) {
		r := redactions(t, rapid.SliceOfN(rapid.Custom(func(t *rapid.T) golden.Redaction {
			return golden.Redaction{Pointer: pointers.Draw(t, "pointer"), Match: matches.Draw(t, "match"), Placeholder: placeholders.Draw(t, "placeholder")}
		}), 0, 3).Draw(t, "redactions")...)
		report := goldens(t, "report")
		once := r.Apply(report)
		if twice := r.Apply(once); !bytes.Equal(twice.Encode(), once.Encode()) {
			t.Fatal(golden.Unified(once, twice))
		}
		if len(once.Findings) != len(report.Findings) {
			t.Fatal("a finding was lost")
		}
		read, err := golden.Decode(once.Encode())
		if err != nil || !golden.Compare(read, once).Empty() {
			t.Fatal(err)
		}
	})
}

// Whatever is redacted, a finding about one entity is not taken for one about another.
func TestRedactedFindingsAreStillComparedByFingerprint(t *testing.T) {
	with := func(entities ...string) *golden.Golden {
		g := &golden.Golden{Snapshot: "s"}
		for _, entity := range entities {
			g.Findings = append(g.Findings, golden.Finding{Fingerprint: "finds@part/" + entity, Severity: 1, Title: entity})
		}
		return g
	}
	for _, match := range []string{"", "acme-.*", "[a-z]+", ".+"} {
		r := redactions(t, golden.Redaction{Pointer: "/findings", Match: match, Placeholder: "[node name]"})
		before, after := r.Apply(with("acme-one", "acme-two")), r.Apply(with("acme-two", "acme-three"))
		d := golden.Compare(before, after)
		if len(d.Changes()) != 2 || d.Cluster[0].Kind != golden.New || d.Cluster[1].Kind != golden.Resolved {
			t.Errorf("match %q: %v", match, d)
		}
		if text := string(before.Encode()); strings.Contains(text, "acme") {
			t.Errorf("match %q: %s", match, text)
		}
	}
}

func FuzzDecodeRedactions(f *testing.F) {
	f.Add([]byte("redactions:\n  - pointer: /findings/*/title\n    match: 'n[0-9]+'\n    placeholder: '[node name]'\n    reason: internal\n"))
	f.Add([]byte("redactions: []\n"))
	f.Add([]byte("redactions: !00 00000")) // made the library panic
	f.Add([]byte("redactions: [&a {pointer: /cluster_name}, *a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := golden.DecodeRedactions("r.yaml", text)
		if err != nil {
			return
		}
		once := r.Apply(example())
		if _, err := golden.Decode(once.Encode()); err != nil {
			t.Fatal(err)
		}
	})
}
