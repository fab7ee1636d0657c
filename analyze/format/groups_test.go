package format

import (
	"fmt"
	"strings"
	"testing"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots/cluster"
)

func segmentFinding(log, segment int, cause string) analyze.Finding {
	l, s := cluster.LogID(log), cluster.SegmentIndex(segment)
	return analyze.Finding{Rule: "some-rule", Severity: rules.Warning, Cause: cause, Subject: rules.Subject{Log: &l, Segment: &s}}
}

func TestGroupsShowThreeOfEachCauseAndFiveCauses(t *testing.T) {
	var findings []analyze.Finding
	for i := range 100 {
		findings = append(findings, segmentFinding(i, 0, fmt.Sprintf("N%d", i%20)))
	}
	var printed []string
	for _, g := range groups(findings, false) {
		printed = append(printed, fmt.Sprintf("%s: %d shown, %d more, %d causes", g.cause, len(g.shown), len(g.more), g.causes))
	}
	want := `N0: 3 shown, 2 more, 1 causes
N1: 3 shown, 2 more, 1 causes
N2: 3 shown, 2 more, 1 causes
N3: 3 shown, 2 more, 1 causes
N4: 3 shown, 2 more, 1 causes
: 0 shown, 75 more, 15 causes`
	if got := strings.Join(printed, "\n"); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestGroupsKeepRulesAndSeveritiesApartAndLoseNothing(t *testing.T) {
	findings := []analyze.Finding{
		{Rule: "a", Severity: rules.Error}, {Rule: "b", Severity: rules.Error}, {Rule: "b", Severity: rules.Error},
		{Rule: "a", Severity: rules.Warning, Cause: "x"}, {Rule: "a", Severity: rules.Warning, Cause: "y"}, {Rule: "a", Severity: rules.Warning, Cause: "x"},
	}
	for all, want := range map[bool]int{false: 4, true: 4} {
		list := groups(findings, all)
		n := 0
		for _, g := range list {
			n += len(g.shown) + len(g.more)
		}
		if len(list) != want || n != len(findings) {
			t.Errorf("all=%v: %d groups of %d findings", all, len(list), n)
		}
	}
}

func TestAllShowsEveryFinding(t *testing.T) {
	var findings []analyze.Finding
	for i := range 50 {
		findings = append(findings, segmentFinding(i, 0, fmt.Sprint(i%7)))
	}
	for _, g := range groups(findings, true) {
		if len(g.more) > 0 {
			t.Errorf("group %s hides %d", g.cause, len(g.more))
		}
	}
}

// subjects reads "log/segment", "log", "pN" for a partition, "NN" for a node, or any document.
func subjects(t *testing.T, words string) (list []rules.Subject) {
	t.Helper()
	for _, word := range strings.Fields(words) {
		var s rules.Subject
		var log, segment, partition uint32
		switch {
		case strings.HasPrefix(word, "N"):
			s.Node = word
		case scan(word, "p%d", &partition):
			id := cluster.PartitionID(partition)
			s.Partition = &id
		case strings.Contains(word, "/") && scan(word, "%d/%d", &log, &segment):
			l, i := cluster.LogID(log), cluster.SegmentIndex(segment)
			s.Log, s.Segment = &l, &i
		case scan(word, "%d", &log):
			l := cluster.LogID(log)
			s.Log = &l
		default:
			s.Document = word
		}
		list = append(list, s)
	}
	return list
}

func scan(text, format string, into ...any) bool {
	n, err := fmt.Sscanf(text, format, into...)
	return err == nil && n == len(into)
}

func TestEntitiesAreListedCompactly(t *testing.T) {
	tests := []struct{ subjects, want string }{
		{"0/3 0/4 0/5 0/9", "log 0 segments 3-5, 9"},
		{"0/3 0/3 0/3", "log 0 segment 3"},
		{"0/1 1/1 2/1 5/1", "logs 0-2 segment 1; log 5 segment 1"},
		{"0/1 0/2 1/1 1/2 2/1", "logs 0-1 segments 1-2; log 2 segment 1"},
		{"0 1 2 7", "logs 0-2, 7"},
		{"4", "log 4"},
		{"p0 p1 p9", "partitions 0-1, 9"},
		{"N1 N2 N3 N7", "N1-N3, N7"},
		{"nodes_config nodes_config bifrost_config", "document/nodes_config; document/bifrost_config"},
		{"0 0/1 p3 N1", "log 0; log 0 segment 1; partition 3; N1"},
	}
	for _, test := range tests {
		var e entities
		for _, s := range subjects(t, test.subjects) {
			e.add(&s)
		}
		if got := strings.Join(e.lines(1000), "|"); got != test.want {
			t.Errorf("%s: got %q, want %q", test.subjects, got, test.want)
		}
	}
}

func TestEntitiesAreCutWithACountOfLogs(t *testing.T) {
	var e entities
	for log := range 1000 {
		for _, segment := range []int{log % 3, 5 + log%3} {
			f := segmentFinding(log, segment, "")
			e.add(&f.Subject)
		}
	}
	lines := e.lines(80)
	if len(lines) > 3 || !strings.HasSuffix(lines[len(lines)-1], "; … (1,000 logs)") {
		t.Errorf("got %q", lines)
	}
}

func TestEntitiesOfOneLogAreCut(t *testing.T) {
	var e entities
	for segment := range 1000 {
		f := segmentFinding(1, 2*segment, "")
		e.add(&f.Subject)
	}
	if got := strings.Join(e.lines(80), "|"); got != "log 1 segments 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, …" {
		t.Errorf("got %q", got)
	}
}
