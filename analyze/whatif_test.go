package analyze_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/analyze"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

func TestWhatIfLosesWhatBruteForceLoses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawCluster(t).snapshot(t)
		var set []cluster.NodeID
		var words []string
		for node := range s.Nodes.All() {
			if rapid.Bool().Draw(t, "silent") {
				set, words = append(set, node.ID), append(words, node.ID.String())
			}
		}
		w, err := analyze.NewWhatIf("", s, words)
		if err != nil {
			t.Fatal(err)
		}
		var got analyze.Loss
		for loss := range w.Lost.Segments.All() {
			passed := func(majority string) bool { return strings.HasPrefix(majority, "success") }
			seals := passed(loss.FMajority.Before) && !passed(loss.FMajority.After)
			switch {
			case loss.Tail && loss.WriteQuorum.Before && !loss.WriteQuorum.After:
				got.Writes++
				fallthrough
			case loss.Tail:
				got.Seals += map[bool]int{true: 1}[seals]
			default:
				got.History += map[bool]int{true: 1}[seals]
			}
			if loss.FMajority.Before == loss.FMajority.After && loss.WriteQuorum.Before == loss.WriteQuorum.After {
				t.Errorf("nothing is lost: %+v", loss)
			}
		}
		got.Leaders, got.Metadata = len(w.Lost.Partitions), w.Lost.Metadata
		if want := lossesOf(t, s, set); got != want {
			t.Errorf("without %v: got %+v, want %+v", set, got, want)
		}
		survey, err := analyze.NewSurvey("", s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(w.AlreadyLost, survey.AlreadyLost) {
			t.Errorf("already lost: %+v, by the survey %+v", w.AlreadyLost, survey.AlreadyLost)
		}
		checkSegments(t, s, w, set)
	})
}

// checkSegments compares every answer with what the checker says.
func checkSegments(t *rapid.T, s *snapshots.Snapshot, w *analyze.WhatIf, set []cluster.NodeID) {
	var want []analyze.SegmentAnswer
	s.Logs.Each(func(log *snapshots.Log) {
		for i, segment := range log.Segments {
			checker := cluster.NewChecker(segment.Placement.Verdict.Members, segment.Placement.Replication)
			answer := analyze.SegmentAnswer{Log: log.ID, Segment: segment.Index, Loglet: segment.Loglet.String(), Tail: log.Open(i), EffectiveNodeset: []string{}}
			for _, member := range checker.Effective() {
				answer.EffectiveNodeset = append(answer.EffectiveNodeset, member.Node.String())
			}
			up := func(m cluster.Member) bool { return m.Class == cluster.Active && !slices.Contains(set, m.Node) }
			answer.FMajority = checker.FMajority(func(m cluster.Member) bool { return up(m) && m.State.MayAnswer() }).String()
			writes := checker.WriteQuorum(func(m cluster.Member) bool { return up(m) && m.State.AcceptsWrites(s.Release()) })
			answer.WriteQuorum = &writes
			want = append(want, answer)
		}
	})
	slices.SortStableFunc(want, func(a, b analyze.SegmentAnswer) int { return int(a.Log) - int(b.Log) })
	got, _ := json.Marshal(w.Segments)
	if text, _ := json.Marshal(want); string(got) != string(text) {
		t.Errorf("got  %s\nwant %s", got, text)
	}
}

// small is a cluster of three nodes in two zones, with a log and a partition.
func small() *madeUp {
	m := &madeUp{provider: "{node: 2}", partitions: "{node: 2}"}
	for id, location := range []string{"eu.a", "eu.a", "eu.b"} {
		m.nodes = append(m.nodes, madeUpNode{id: uint32(id + 1), storage: "read-write", worker: "active", metadata: "member", location: location, roles: []string{"worker", "log-server", "metadata-server"}})
	}
	m.logs = [][]madeUpSegment{{{cluster.Replication{Node: 2}, []uint32{1, 2, 3, 7}}}}
	m.replicas = [][]uint32{{1, 2}}
	return m
}

func TestWordsNameNodes(t *testing.T) {
	for _, example := range []struct {
		words, want string
	}{
		{"N3 N1 N3", "N1 N3"},
		{"2", "N2"},
		{"zone:eu.a", "N1 N2"},
		{"region:eu", "N1 N2 N3"},
		{"zone:eu.b N1", "N1 N3"},
		{"N7", "N7"}, // unknown, but a nodeset names it
		{"N8 N9", `error: N8, N9: neither the nodes configuration nor a nodeset names it; there are N1, N2, N3`},
		{"zone:a", "error: zone:a: no node is in that zone; there are eu.a, eu.b"},
		{"region:us", "error: region:us: no node is in that region; there are eu"},
		{"n3 n1", "N1 N3"},
		{"n9 Nx", `error: "n9" is not a node such as N3, zone:eu.a, region:eu or @FILE, nor the name of one; "Nx" is not a node such as N3, zone:eu.a, region:eu or @FILE, nor the name of one; there are N1, N2, N3`},
	} {
		w, err := analyze.NewWhatIf("", small().snapshot(t), strings.Fields(example.words))
		got := ""
		if err != nil {
			got = "error: " + err.Error()
		} else {
			got = strings.Join(w.Without, " ")
		}
		if got != example.want {
			t.Errorf("%q: got %s\nwant %s", example.words, got, example.want)
		}
	}
}

func TestWhatIfSaysWhatItCannotTell(t *testing.T) {
	without := func(t *testing.T, documents ...string) (*analyze.WhatIf, error) {
		t.Helper()
		files := small().files()
		for _, name := range documents {
			delete(files, name)
		}
		var names []string
		for name := range files {
			names = append(names, name)
		}
		s, err := snapshots.Read("made up", files, names...)
		if err != nil {
			t.Fatal(err)
		}
		return analyze.NewWhatIf("", s, []string{"N1"})
	}
	parts := func(w *analyze.WhatIf) (names []string) {
		for _, u := range w.Undecided {
			names = append(names, u.Part+" "+strings.Join(u.Missing, " "))
		}
		return names
	}
	if _, err := without(t, "nodes_config.json"); !errors.Is(err, analyze.ErrNoNodes) {
		t.Errorf("without nodes: %v", err)
	}
	if w, err := without(t); err != nil || len(w.Undecided) > 0 || w.Segments.Len() != 1 {
		t.Errorf("complete: %v, %+v", err, w)
	}
	if w, err := without(t, "bifrost_config.json"); err != nil || w.Segments != nil || !slices.Equal(parts(w), []string{"segments bifrost_config"}) {
		t.Errorf("without logs: %v, %+v", err, w)
	}
	if w, err := without(t, "pp_epoch_0.json"); err != nil || w.Partitions != nil || !slices.Equal(parts(w), []string{"partitions pp_epoch_N"}) {
		t.Errorf("without epochs: %v, %+v", err, w)
	}
	if w, err := without(t, "partition_table.json"); err != nil || len(w.Partitions) != 1 || !slices.Equal(parts(w), []string{"partitions partition_table"}) {
		t.Errorf("without partition table: %v, %+v", err, w)
	}
	m := small()
	for i := range m.nodes {
		m.nodes[i].roles = []string{"worker", "log-server"}
	}
	w, err := analyze.NewWhatIf("", m.snapshot(t), []string{"N1", "N2", "N3"})
	if err != nil || w.Metadata.Store != analyze.ExternalStore || w.Metadata.Quorum != nil || w.Lost.Metadata || !slices.Equal(parts(w), []string{"metadata "}) {
		t.Errorf("external store: %v, %+v", err, w.Metadata)
	}
}

// Read-only log servers take writes since Restate 1.4.3.
func TestReadOnlyNodesTakeWritesByRelease(t *testing.T) {
	for release, want := range map[string]bool{"1.7.12": true, "1.4.3": true, "1.4.2": false} {
		m := small()
		m.logs[0][0].nodeset = []uint32{1, 2}
		m.nodes[1].storage = "read-only"
		files := m.files()
		config := strings.ReplaceAll(string(files["nodes_config.json"].Data), "1.7.12", release)
		files["nodes_config.json"].Data = []byte(config)
		s, err := snapshots.Read("made up", files, "nodes_config.json", "bifrost_config.json")
		if err != nil {
			t.Fatal(err)
		}
		w, err := analyze.NewWhatIf("", s, []string{"N3"})
		if err != nil {
			t.Fatal(err)
		}
		for answer := range w.Segments.All() {
			if *answer.WriteQuorum != want {
				t.Errorf("Restate %s: write quorum %v, want %v", release, answer.WriteQuorum, want)
			}
		}
	}
}

// Where elections are frozen, only the last leader can lead.
func TestFrozenElectionsLeaveTheLastLeaderOnly(t *testing.T) {
	m := small()
	m.frozen = []int{0} // led by the first replica, N1
	for word, want := range map[string]bool{"N1": false, "N2": true} {
		w, err := analyze.NewWhatIf("", m.snapshot(t), []string{word})
		if err != nil {
			t.Fatal(err)
		}
		if p := w.Partitions[0]; *p.Leader != want || !p.Frozen || len(p.Left) != 1 {
			t.Errorf("without %s: %+v", word, p)
		}
	}
}

func TestReplicationAnswers(t *testing.T) {
	for _, example := range []struct {
		replication, without string
		logs, partitions     bool
		size                 int
		missing              string
		survives             analyze.Survival
	}{
		{replication: "1", logs: true, partitions: true, size: 2, survives: analyze.Survival{Nodes: analyze.Losable{Writes: 1}}},
		{replication: "2", logs: true, partitions: true, size: 3, survives: analyze.Survival{Nodes: analyze.Losable{Writes: 1, Sealing: 1}}},
		{replication: "3", logs: true, partitions: true, size: 3, survives: analyze.Survival{Nodes: analyze.Losable{Sealing: 2}}},
		{replication: "4", missing: "3 of 4 nodes"},
		{replication: "3", without: "N2", missing: "2 of 3 nodes"},
		{replication: "{zone: 2}", logs: true, partitions: true, size: 3, survives: analyze.Survival{Nodes: analyze.Losable{Writes: 0, Sealing: 1}}},
		{replication: "{zone: 2}", without: "N3", missing: "1 of 2 zones"},
		{replication: "{zone: 3}", missing: "2 of 3 zones"},
		{replication: "{region: 2}", missing: "1 of 2 regions"},
	} {
		replication, err := cluster.ParseReplication(example.replication)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := analyze.NewReplicationAnswer("", small().snapshot(t), replication, strings.Fields(example.without))
		if err != nil {
			t.Fatal(err)
		}
		logs := answer.Logs
		if logs.Possible != example.logs || answer.Partitions.Possible != example.partitions || logs.Size != example.size ||
			strings.Join(logs.Missing, ", ") != example.missing || logs.Possible && logs.Survives.Nodes != example.survives.Nodes || len(logs.Example) != logs.Size {
			t.Errorf("%+v:\n got %+v\n and %+v", example, logs, answer.Partitions)
		}
	}
}

// What an example of a nodeset survives is what its checker says.
func TestReplicationToleranceAgreesWithBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := small()
		m.nodes = nil
		for id := range uint32(rapid.IntRange(1, 8).Draw(t, "nodes")) {
			m.nodes = append(m.nodes, madeUpNode{
				id: id + 1, storage: "read-write", worker: "active", roles: []string{"worker", "log-server"},
				location: rapid.SampledFrom([]string{"r.a", "r.b", "s.a", "s.c"}).Draw(t, "location"),
			})
		}
		r := cluster.Replication{Node: uint8(rapid.IntRange(1, 4).Draw(t, "copies"))}
		if rapid.Bool().Draw(t, "zones") {
			r.Zone = uint8(rapid.IntRange(1, int(r.Node)).Draw(t, "zone"))
		}
		if rapid.Bool().Draw(t, "regions") {
			r.Region = uint8(rapid.IntRange(1, int(max(1, min(r.Node, r.Zone)))).Draw(t, "region"))
		}
		s := m.snapshot(t)
		answer, err := analyze.NewReplicationAnswer("", s, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !answer.Logs.Possible {
			return
		}
		ids := parseNodes(t, answer.Logs.Example)
		var members []cluster.Member
		for _, id := range ids {
			members = append(members, s.Nodes.Member(id))
		}
		checker := cluster.NewChecker(members, r)
		writes, seals := len(ids), len(ids)
		for _, set := range subsets(ids) {
			left := func(m cluster.Member) bool { return !slices.Contains(set, m.Node) }
			if !checker.WriteQuorum(left) {
				writes = min(writes, len(set)-1)
			}
			if !checker.FMajority(left).Passed() {
				seals = min(seals, len(set)-1)
			}
		}
		// A choice of Restate may have no write quorum where zones and regions are both constrained; it is refused then.
		if writes < 0 {
			return
		}
		if got := answer.Logs.Survives.Nodes; got.Writes != writes || got.Sealing != seals {
			t.Errorf("%v of %v: got %+v, want writes %d, sealing %d", r, answer.Logs.Example, got, writes, seals)
		}
	})
}
