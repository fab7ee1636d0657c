package analyze

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/rules"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// Findings get the order and the fingerprints that sorting all of them by everything gives.
func TestFindingsAreSortedAndUnique(t *testing.T) {
	selected := []*rules.Rule{{ID: "a", Severity: rules.Error}, {ID: "b", Severity: rules.Note}}
	rapid.Check(t, func(r *rapid.T) {
		small := rapid.Uint32Range(0, 3)
		var findings []Finding
		for _, rule := range selected {
			for range rapid.IntRange(0, 12).Draw(r, "findings") {
				f := Finding{Rule: rule.ID, Severity: rules.Severity(rapid.IntRange(1, 3).Draw(r, "severity")), Title: fmt.Sprint(len(findings))}
				if log := small.Draw(r, "log"); log > 0 {
					id := cluster.LogID(log)
					f.Subject.Log = &id
				}
				if segment := small.Draw(r, "segment"); segment > 0 {
					index := cluster.SegmentIndex(segment)
					f.Subject.Segment = &index
				}
				f.Subject.Node = rapid.SampledFrom([]string{"", "N2", "N02", "N10", "x"}).Draw(r, "node")
				f.Subject.Part = rapid.SampledFrom([]string{"", "", "a", "a/node/N2"}).Draw(r, "part")
				f.Location.Pointer = rapid.SampledFrom([]string{"", "/logs/0/1/chain/2", "/logs/0/1/chain/10"}).Draw(r, "pointer")
				findings = append(findings, f)
			}
		}
		want := slices.Clone(findings)
		slices.SortStableFunc(want, compareFindings)
		sortFindings(findings, selected, nil)
		seen := make(map[string]int)
		times := make(map[string]int)
		for i := range want {
			if findings[i].Title != want[i].Title {
				r.Fatalf("%+v is at place %d, where %+v belongs", findings[i], i, want[i])
			}
			entity := want[i].Rule + "@" + want[i].Subject.Entity()
			if times[entity]++; times[entity] > 1 {
				entity += fmt.Sprint("#", times[entity])
			}
			if seen[findings[i].Fingerprint]++; seen[findings[i].Fingerprint] > 1 || findings[i].Fingerprint != entity {
				r.Fatalf("the fingerprint of %+v is %q, not %q", want[i].Subject, findings[i].Fingerprint, entity)
			}
		}
	})
}

// A written finding has the fields of a finding, in their order, and the message behind the title.
func TestFindingsAreWrittenWhole(t *testing.T) {
	var want []string
	for field := range reflect.TypeFor[Finding]().Fields() {
		if tag := field.Tag.Get("json"); tag != "" {
			want = append(want, field.Name+" "+tag)
		}
		if field.Name == "Title" {
			want = append(want, "Message message")
		}
	}
	var got []string
	for field := range reflect.TypeFor[writtenFinding]().Fields() {
		got = append(got, field.Name+" "+field.Tag.Get("json"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	id := cluster.LogID(3)
	whole := Finding{
		Rule: "a-rule", Severity: rules.Warning, Fingerprint: "a-rule@log/3", Subject: rules.Subject{Log: &id}, Title: "t <&>", Nodeset: "[N1]", Observed: "o",
		Expected: "e", Why: "w", Cause: "c", Location: At(snapshots.Position{Pointer: "/p"}), Related: []Related{{Message: "m"}}, Remedy: []string{"r > s"},
		Suppressed: &Suppression{By: ByBaseline, Reason: "known"},
	}
	text, err := json.Marshal(whole)
	if err != nil || !bytes.Contains(text, []byte(`"message":"t \u003c\u0026\u003e; nodeset [N1]; o; w"`)) {
		t.Fatalf("%s, %v", text, err)
	}
	for _, stated := range []string{"", "something else"} {
		whole.stated = stated
		if text, err = json.Marshal(whole); err != nil {
			t.Fatal(err)
		}
		var read Finding
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		read.Location.Position = whole.Location.Position // is not written
		if !reflect.DeepEqual(read, whole) {
			t.Errorf("%+v became %+v", whole, read)
		}
	}
}
