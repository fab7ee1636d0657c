package analyze_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/analyze"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// Whatever an entry that cannot be read stands for: an answer that does not wait for it is the answer of every cluster
// that it may be.
func TestAnswersHoldWhateverUnreadableEntriesAre(t *testing.T) {
	decided := 0
	rapid.Check(t, func(t *rapid.T) {
		m := drawCluster(t)
		var words []string
		for i := range m.nodes {
			m.nodes[i].unreadable = rapid.IntRange(0, 3).Draw(t, "unreadable") == 0
			if rapid.IntRange(0, 2).Draw(t, "silent") == 0 {
				words = append(words, cluster.NodeID(m.nodes[i].id).String())
			}
		}
		got, err := analyze.NewWhatIf("", m.snapshot(t), words)
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.nodes {
			if m.nodes[i].unreadable {
				m.nodes[i] = drawNode(t, m.nodes[i].id)
			}
		}
		want, err := analyze.NewWhatIf("", m.snapshot(t), words)
		if err != nil {
			t.Fatal(err)
		}
		of := make(map[string]analyze.SegmentAnswer)
		for segment := range want.Segments.All() {
			of[segment.Loglet] = segment
		}
		for segment := range got.Segments.All() {
			is := of[segment.Loglet]
			switch {
			case segment.WriteQuorum == nil && segment.FMajority == "undecided":
			case segment.FMajority != is.FMajority || *segment.WriteQuorum != *is.WriteQuorum:
				t.Errorf("%s: f-majority %s, write quorum %v; want %s, %v", segment.Loglet, segment.FMajority, *segment.WriteQuorum, is.FMajority, *is.WriteQuorum)
			default:
				decided++
			}
		}
		lost := slices.Collect(want.Lost.Segments.All())
		for loss := range got.Lost.Segments.All() {
			if !slices.Contains(lost, loss) {
				t.Errorf("%+v is not lost", loss)
			}
		}
		for i, partition := range got.Partitions {
			if partition.Leader != nil && *partition.Leader != *want.Partitions[i].Leader {
				t.Errorf("partition %d: leader %v", i, *partition.Leader)
			}
		}
		if m := got.Metadata; m != nil && (m.Store != want.Metadata.Store || m.Quorum != nil && *m.Quorum != *want.Metadata.Quorum) {
			t.Errorf("metadata: %+v, want %+v", m, want.Metadata)
		}
	})
	if decided == 0 {
		t.Error("nothing was ever decided")
	}
}

func TestAnUnreadableEntryLeavesUndecidedWhatDependsOnIt(t *testing.T) {
	m := small()
	m.nodes[2].unreadable = true
	m.logs = append(m.logs, []madeUpSegment{{cluster.Replication{Node: 1}, []uint32{1}}})
	s := m.snapshot(t)
	w, err := analyze.NewWhatIf("", s, []string{"N1"})
	if err != nil {
		t.Fatal(err)
	}
	segments := slices.Collect(w.Segments.All())
	if segments[0].FMajority != "undecided" || segments[0].WriteQuorum != nil || !slices.Contains(segments[0].EffectiveNodeset, "N3") {
		t.Errorf("a segment that names it: %+v", segments[0])
	}
	if segments[1].FMajority != "none" || *segments[1].WriteQuorum || w.Lost.Segments.Len() != 1 {
		t.Errorf("a segment that does not: %+v, %d lost", segments[1], w.Lost.Segments.Len())
	}
	said := false
	for _, u := range w.Undecided {
		said = said || u.Part == "segments" && strings.Contains(u.Reason, "nodes_config says of N3 cannot be read")
	}
	if !said {
		t.Errorf("nothing says why: %+v", w.Undecided)
	}
	for _, ask := range []func() error{
		func() error { _, err := analyze.NewSurvey("", s, nil); return err },
		func() error {
			_, err := analyze.NewReplicationAnswer("", s, cluster.Replication{Node: 2}, nil)
			return err
		},
		func() error { _, err := analyze.NewWhatIf("", s, []string{"zone:eu.a"}); return err },
	} {
		if err := ask(); !errors.Is(err, analyze.ErrNoNodes) || !strings.Contains(err.Error(), "N3 cannot be read") {
			t.Errorf("got %v", err)
		}
	}
	r, err := analyze.NewRemovable("", s, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range r.Nodes {
		if node.Verdict == analyze.Safe || node.Node == "N3" && (node.Verdict != analyze.NotKnown || node.Restatectl.Accepts != nil || len(node.Blockers) == 0) {
			t.Errorf("%+v", node)
		}
		for _, b := range node.Blockers {
			if b.Kind == analyze.BlockedByRole || b.Kind == analyze.BlockedByLogCapacity || b.Kind == analyze.BlockedByPartitionCapacity {
				t.Errorf("%s: %s depends on N3", node.Node, b.Message)
			}
		}
	}
}

// Where entries are missing that nobody knows of, no node is unknown for sure. What stands behind the list is not asked for.
func TestANodesConfigurationIsCutOff(t *testing.T) {
	cutOff := func(bytes int) *snapshots.Snapshot {
		files := small().files()
		files["nodes_config.json"].Data = files["nodes_config.json"].Data[:len(files["nodes_config.json"].Data)-bytes]
		s, _ := snapshots.Read("cut off", files, "nodes_config.json", "bifrost_config.json")
		return s
	}
	if w, err := analyze.NewWhatIf("", cutOff(1), []string{"N1"}); err != nil || w.Segments.Len() != 1 || len(w.Gaps) == 0 {
		t.Errorf("behind the list: %v, %+v", err, w)
	}
	s := cutOff(40)
	if _, err := analyze.NewWhatIf("", s, []string{"N1"}); !errors.Is(err, analyze.ErrNoNodes) {
		t.Errorf("got %v", err)
	}
	if _, err := analyze.NewRemovable("", s, nil); !errors.Is(err, analyze.ErrNoNodes) {
		t.Errorf("got %v", err)
	}
}
