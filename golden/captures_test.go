package golden_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	_ "github.com/sebdah/goldie/v2" // declares the flag -update for all tests of the project

	"restate-lint/analyze"
	"restate-lint/golden"
)

// accepted holds the reports on the captures of the repository. "go test ./golden -update" accepts them as they are.
var accepted = golden.Store{Dir: "testdata"}

func updating(t *testing.T) bool {
	t.Helper()
	if flag.Lookup("update").Value.String() != "true" {
		return false
	}
	if os.Getenv("CI") != "" {
		t.Fatal("goldens are not updated where CI is set")
	}
	return true
}

func TestCapturesGiveTheAcceptedReports(t *testing.T) {
	update := updating(t)
	wanted := make(map[string]bool)
	for _, capture := range captures(t) {
		wanted[capture.Name] = true
		t.Run(capture.Name, func(t *testing.T) {
			current := reportOn(t, capture)
			for _, o := range current.Outcomes {
				if o.State == analyze.Crashed {
					t.Fatalf("rule %s crashed", o.Rule)
				}
			}
			verdict := accepted.Judge(current)
			switch {
			case verdict.State == golden.Accepted:
				text, err := os.ReadFile(accepted.Path(capture.Name))
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Equal(text, current.Encode()) {
					return
				}
				if !update {
					t.Errorf("%s is not in canonical form", accepted.Path(capture.Name))
				}
			case update && verdict.State == golden.Different:
				t.Log(verdict.Difference)
			case update:
				t.Log(verdict.Problem)
			case verdict.State == golden.Different:
				t.Errorf("%s\n%s\nA rule that judges otherwise than in the last release needs another Revision.", verdict.Difference, golden.Unified(verdict.Accepted, current))
			default:
				t.Error(verdict.Err)
			}
			if update {
				if err := accepted.Write(current); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if len(wanted) == 0 {
		t.Fatal("no captures")
	}
	names, err := accepted.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if wanted[name] {
			continue
		}
		if !update {
			t.Errorf("%s is the golden of no capture", accepted.Path(name))
		} else if err := os.Remove(accepted.Path(name)); err != nil {
			t.Error(err)
		}
	}
}
