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

// judgedBy is the verdict of a store that holds a golden, or none.
func judgedBy(t interface{ Fatal(...any) }, dir string, accepted, current *golden.Golden) *golden.Verdict {
	store := golden.Store{Dir: dir}
	if accepted != nil {
		named := *accepted
		named.Snapshot = current.Snapshot
		if err := store.Write(&named); err != nil {
			t.Fatal(err)
		}
	}
	return store.Judge(current)
}

// Whatever is decided: the golden then differs from the report by what was not accepted, and the pending report differs
// from the golden by what was skipped.
func TestAReviewDoesWhatWasDecided(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		accepted, current := goldens(t, "accepted"), goldens(t, "current")
		verdict := judgedBy(t, dir, accepted, current)
		if part := rapid.SampledFrom([]golden.Part{"", golden.Cluster, golden.Tool}).Draw(t, "part"); part != "" {
			verdict.Only(part)
		}
		review := verdict.Review(current)
		for _, change := range review.Changes {
			change.Decision = rapid.SampledFrom([]golden.Decision{"", golden.Accept, golden.Reject, golden.Skip}).Draw(t, "decision")
		}
		if review.Count(golden.Accept)+review.Count(golden.Reject)+review.Count(golden.Skip) != len(review.Changes) {
			t.Fatal("a change has no decision, or two")
		}
		next, err := review.Golden()
		if err != nil {
			t.Fatal(err)
		}
		if (next == nil) != (review.Count(golden.Accept) == 0) {
			t.Fatalf("%d changes were accepted, and the golden is %v", review.Count(golden.Accept), next)
		}
		if next == nil {
			next = verdict.Accepted
		}
		all := len(golden.Compare(verdict.Accepted, current).Changes())
		if left := golden.Compare(next, current); len(left.Changes()) != all-review.Count(golden.Accept) {
			t.Fatalf("%d of %d changes were accepted, and these are left:\n%s", review.Count(golden.Accept), all, left)
		}
		pending, err := review.Pending()
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		if pending != nil {
			left = len(golden.Compare(next, pending).Changes())
			if left == 0 {
				t.Fatal("a pending report that is as accepted")
			}
		}
		if want := all - review.Count(golden.Accept) - review.Count(golden.Reject); left != want {
			t.Fatalf("%d changes are pending where %d were not decided about", left, want)
		}
	})
}

func TestAReportWithoutAGoldenIsReviewedAsAWhole(t *testing.T) {
	for _, test := range []struct {
		decision                 golden.Decision
		wantGolden, wantsPending bool
	}{{golden.Accept, true, false}, {golden.Reject, false, false}, {golden.Skip, false, true}, {"", false, true}} {
		review := judgedBy(t, t.TempDir(), nil, example()).Review(example())
		if len(review.Changes) != 1 || review.Decide("dump", test.decision) != 1 || review.FromTool(0) {
			t.Fatalf("%+v", review.Changes)
		}
		next, err := review.Golden()
		pending, errPending := review.Pending()
		if err != nil || errPending != nil || (next != nil) != test.wantGolden || (pending != nil) != test.wantsPending {
			t.Errorf("%q: %v, %v, %v, %v", test.decision, next, err, pending, errPending)
		}
	}
}

func TestChangesAreDecidedAboutByKeyOrRule(t *testing.T) {
	current := example()
	current.Findings[0].Observed = "5"
	current.Findings = append(current.Findings, golden.Finding{Fingerprint: "finds@log/3", Severity: 1})
	current.ClusterName = "other"
	for key, want := range map[string]int{"finds": 2, "finds@log/2": 1, "cluster_name": 1, "log/2": 0, "": 0} {
		review := judgedBy(t, t.TempDir(), example(), current).Review(current)
		if got := review.Decide(key, golden.Accept); got != want || review.Count(golden.Accept) != want {
			t.Errorf("%q decides about %d changes, want %d", key, got, want)
		}
	}
}

func TestWhatMustNotBeReplacedIsNotReviewed(t *testing.T) {
	for text, want := range map[string]int{"<<<<<<< HEAD\n": 1, `{"schema_version": 2, "snapshot": "dump"}`: 0, "[]": 0} {
		store := golden.Store{Dir: t.TempDir()}
		if err := os.WriteFile(store.Path("dump"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if review := store.Judge(example()).Review(example()); len(review.Changes) != want {
			t.Errorf("%s: %d changes, want %d", text, len(review.Changes), want)
		}
	}
}

func TestPendingReportsLieBesideGoldens(t *testing.T) {
	dir := t.TempDir()
	accepted, pending := golden.Store{Dir: dir}, golden.Store{Dir: dir, Pending: true}
	for _, name := range []string{"a", "b/c"} {
		if err := accepted.Write(named(name)); err != nil {
			t.Fatal(err)
		}
	}
	other := named("b/c")
	other.ClusterName = "other"
	if err := pending.Write(other); err != nil {
		t.Fatal(err)
	}
	if pending.Path("b/c") != filepath.Join(dir, "b", "c.golden.new") {
		t.Error(pending.Path("b/c"))
	}
	if names, err := pending.List(); err != nil || strings.Join(names, " ") != "b/c" {
		t.Error(names, err)
	}
	if names, err := accepted.List(); err != nil || strings.Join(names, " ") != "a b/c" {
		t.Error(names, err)
	}
	if g, err := pending.Read("b/c"); err != nil || g.ClusterName != "other" {
		t.Error(g, err)
	}
	if err := pending.Remove("b/c"); err != nil {
		t.Error(err)
	}
	if err := pending.Remove("b/c"); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
	if files := tree(t, dir); len(files) != 2 {
		t.Error(files)
	}
}

func TestAPendingReportIsOnTheSnapshotOfItsName(t *testing.T) {
	pending := golden.Store{Dir: t.TempDir(), Pending: true}
	if err := os.WriteFile(pending.Path("other"), example().Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	if g, err := pending.Read("other"); err == nil {
		t.Errorf("read %v", g)
	}
}

func TestNothingIsRemovedThroughALink(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "dump.golden.json")
	if err := os.WriteFile(victim, example().Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	store := golden.Store{Dir: t.TempDir()}
	if err := os.Symlink(outside, filepath.Join(store.Dir, "link")); err != nil {
		t.Skip(err)
	}
	if err := store.Remove("link/dump"); err == nil {
		t.Error("removed through a link")
	}
	if _, err := os.Stat(victim); err != nil {
		t.Error(err)
	}
}

func TestLeftoversAreNamedWithTheReason(t *testing.T) {
	accepted := golden.Store{Dir: t.TempDir()}
	pending := golden.Store{Dir: t.TempDir(), Pending: true}
	for _, name := range []string{"gone/a", "here"} {
		if err := accepted.Write(named(name)); err != nil {
			t.Fatal(err)
		}
	}
	other := named("other")
	other.ClusterName = "other"
	for _, g := range []*golden.Golden{named("here"), other} {
		if err := pending.Write(g); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(accepted.Dir, "gone", ".restate-lint-X.tmp"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	list := func(leftovers []golden.Leftover, err error) {
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range leftovers {
			b.WriteString(filepath.Base(l.Path) + ": " + l.Why + "\n")
			if err := l.Remove(); err != nil {
				t.Error(err)
			}
		}
	}
	list(accepted.Orphaned([]string{"here"}))
	list(pending.Settled(accepted))
	list(accepted.Unfinished())
	if b.String() != "a.golden.json: there is no such snapshot\nhere.golden.new: is as accepted\n.restate-lint-X.tmp: was not written to its end\n" {
		t.Error(b.String())
	}
	if files := append(tree(t, accepted.Dir), tree(t, pending.Dir)...); strings.Join(files, " ") != "here.golden.json other.golden.new" {
		t.Error(files)
	}
	if _, err := os.Stat(filepath.Join(accepted.Dir, "gone")); err == nil {
		t.Error("an empty folder was left")
	}
}
