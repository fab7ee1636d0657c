package analyze_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/analyze"
	"restate-lint/internal/testcluster"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// subsets are all sets of registered nodes, as bits by their places.
func subsets(ids []cluster.NodeID) [][]cluster.NodeID {
	sets := make([][]cluster.NodeID, 1<<len(ids))
	for set := range sets {
		for i, id := range ids {
			if set>>i&1 != 0 {
				sets[set] = append(sets[set], id)
			}
		}
	}
	return sets
}

// lossesOf finds out by force what is lost with a set of nodes: each quorum is asked for anew.
func lossesOf(t interface{ Fatal(...any) }, s *snapshots.Snapshot, set []cluster.NodeID) (loss analyze.Loss) {
	works := func(node *snapshots.Node) bool {
		return node != nil && !node.Removed && slices.Contains(node.Roles, cluster.RoleWorker) && node.Worker != cluster.WorkerDisabled
	}
	s.Logs.Each(func(log *snapshots.Log) {
		for i := range log.Segments {
			placement := log.Segments[i].Placement
			checker := cluster.NewChecker(placement.Verdict.Members, placement.Replication)
			write := func(set []cluster.NodeID) bool {
				return checker.WriteQuorum(func(m cluster.Member) bool {
					return m.Class == cluster.Active && m.State.AcceptsWrites(s.Release()) && !slices.Contains(set, m.Node)
				})
			}
			seal := func(set []cluster.NodeID) bool {
				return checker.FMajority(func(m cluster.Member) bool {
					return m.Class == cluster.Active && m.State.MayAnswer() && !slices.Contains(set, m.Node)
				}).Passed()
			}
			switch {
			case !log.Open(i) && seal(nil) && !seal(set):
				loss.History++
			case log.Open(i):
				if write(nil) && !write(set) {
					loss.Writes++
				}
				if seal(nil) && !seal(set) {
					loss.Seals++
				}
			}
		}
	})
	for _, epoch := range s.Epochs {
		led := func(set []cluster.NodeID) bool {
			return slices.ContainsFunc(epoch.Current.ReplicaSet, func(id cluster.NodeID) bool {
				return works(s.Nodes.Get(id)) && !slices.Contains(set, id) && (epoch.LeadershipFreeze == nil || epoch.Leader.Node.ID == id)
			})
		}
		if led(nil) && !led(set) {
			loss.Leaders++
		}
	}
	var members []cluster.NodeID
	for node := range s.Nodes.All() {
		if !node.Removed && slices.Contains(node.Roles, cluster.RoleMetadataServer) && node.Metadata == cluster.MetadataMember {
			members = append(members, node.ID)
		}
	}
	left := 0
	for _, id := range members {
		if !slices.Contains(set, id) {
			left++
		}
	}
	loss.Metadata = len(members) >= len(members)/2+1 && left < len(members)/2+1
	return loss
}

// minimal are the sets of at most three nodes for which something is lost, but for none of their proper subsets.
func minimal(losses []analyze.Loss, sets [][]cluster.NodeID, lost func(analyze.Loss) bool) (names []string) {
	for set := range losses {
		if bits.OnesCount(uint(set)) > 3 || !lost(losses[set]) {
			continue
		}
		smallest := true
		for smaller := range set {
			smallest = smallest && (smaller&^set != 0 || !lost(losses[smaller]))
		}
		if smallest {
			names = append(names, setName(sets[set]))
		}
	}
	slices.Sort(names)
	return names
}

func setName(set []cluster.NodeID) string {
	var names []string
	for _, id := range set {
		names = append(names, id.String())
	}
	return strings.Join(names, "+")
}

func TestSurveyAgreesWithBruteForceOverAllSubsets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawCluster(t).snapshot(t)
		var ids []cluster.NodeID
		for node := range s.Nodes.All() {
			if !node.Removed {
				ids = append(ids, node.ID)
			}
		}
		sets := subsets(ids)
		losses := make([]analyze.Loss, len(sets))
		for i, set := range sets {
			losses[i] = lossesOf(t, s, set)
		}
		survey, err := analyze.NewSurvey("", s, nil)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, sets *analyze.NodeSets, want []string) {
			var got []string
			for names := range sets.All() {
				got = append(got, strings.Join(names, "+"))
			}
			if !slices.IsSortedFunc(got, func(a, b string) int { return strings.Count(a, "+") - strings.Count(b, "+") }) {
				t.Errorf("%s: sets of fewer nodes come first: %v", what, got)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", what, got, want)
			}
		}
		if external := len(survey.Undecided) > 0; !external {
			check("metadata", survey.Smallest.Metadata, minimal(losses, sets, func(l analyze.Loss) bool { return l.Metadata }))
		}
		check("writes", survey.Smallest.Writes, minimal(losses, sets, func(l analyze.Loss) bool { return l.Writes > 0 }))
		check("sealing", survey.Smallest.Seals, minimal(losses, sets, func(l analyze.Loss) bool { return l.Seals > 0 }))
		check("leaders", survey.Smallest.Leaders, minimal(losses, sets, func(l analyze.Loss) bool { return l.Leaders > 0 }))

		for i, radius := range survey.Nodes {
			if radius.Node != ids[i].String() || radius.Loss != losses[1<<i] {
				t.Errorf("got %+v, want %v: %+v", radius, ids[i], losses[1<<i])
			}
		}
		for _, radius := range slices.Concat(survey.Zones, survey.Regions) {
			set := 0
			for i, id := range ids {
				location := s.Nodes.Get(id).Location
				if location.Region != "" && (radius.Region == location.Region || location.Zone != "" && radius.Zone == location.String()) {
					set |= 1 << i
				}
			}
			if setName(sets[set]) != strings.Join(radius.Nodes, "+") || radius.Loss != losses[set] {
				t.Errorf("got %+v, want %v: %+v", radius, sets[set], losses[set])
			}
		}
		for _, kind := range []*analyze.NodeSets{survey.Smallest.Writes, survey.Smallest.Seals} {
			worst, compared := survey.Worst(kind, 1000)
			if len(worst) != kind.Len() || !compared {
				t.Errorf("%d of %d sets are compared", len(worst), kind.Len())
			}
			for _, set := range worst {
				want := lossesOf(t, s, parseNodes(t, set.Nodes))
				if got := map[bool]int{true: want.Writes, false: want.Seals}[kind == survey.Smallest.Writes]; got != set.Logs {
					t.Errorf("%v takes %d logs, want %d", set.Nodes, set.Logs, got)
				}
			}
		}
		checkMatrix(t, s, survey)
	})
}

func parseNodes(t interface{ Fatal(...any) }, names []string) (ids []cluster.NodeID) {
	for _, name := range names {
		id, err := cluster.ParseNodeID(name)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// checkMatrix compares each cell with what is lost of the logs of its column.
func checkMatrix(t *rapid.T, s *snapshots.Snapshot, survey *analyze.Survey) {
	columns := slices.Collect(survey.Matrix.Columns())
	for row := range survey.Matrix.Rows(len(columns)) {
		id := parseNodes(t, []string{row.Node})[0]
		for k, column := range columns {
			cell := row.Cells[k]
			member := slices.Contains(column.Nodeset, row.Node)
			answers := s.Nodes.Class(id) == cluster.Active && s.Nodes.Get(id).Storage.MayAnswer()
			writes, seals := false, false
			s.Logs.Each(func(log *snapshots.Log) {
				if log.ID == column.Logs[0] {
					placement := log.Tail().Placement
					verdict := cluster.Judge(placement.Verdict.Members, placement.Replication, s.Release())
					for _, loss := range cluster.Losses(placement.Verdict.Members, placement.Replication, s.Release(), cluster.NodeScope) {
						if loss.Node == id {
							writes, seals = loss.Writes, loss.Seals
						}
					}
					if verdict.Effective != len(column.Nodeset) {
						t.Errorf("column %+v, want %d members", column, verdict.Effective)
					}
				}
			})
			want := byte(analyze.CellOutside)
			switch {
			case !member:
			case !answers:
				want = analyze.CellSilent
			case writes && seals:
				want = analyze.CellBoth
			case writes:
				want = analyze.CellWrites
			case seals:
				want = analyze.CellSeals
			default:
				want = analyze.CellSurvives
			}
			if cell != want {
				t.Errorf("%s in %+v: got %c, want %c", row.Node, column, cell, want)
			}
		}
	}
}

// A survey without some nodes says what a survey would say if they were silent: what a WhatIf loses besides.
func TestSurveyWithoutNodesStartsFromThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawCluster(t)
		m.nodes[0].removed = false // a survey is of nodes
		s := m.snapshot(t)
		var ids []cluster.NodeID
		for node := range s.Nodes.All() {
			if !node.Removed {
				ids = append(ids, node.ID)
			}
		}
		down := rapid.SampledFrom(ids).Draw(t, "down")
		survey, err := analyze.NewSurvey("", s, []string{down.String()})
		if err != nil {
			t.Fatal(err)
		}
		before := lossesOf(t, s, []cluster.NodeID{down})
		for i, radius := range survey.Nodes {
			after := lossesOf(t, s, []cluster.NodeID{down, ids[i]})
			want := analyze.Loss{
				Writes: after.Writes - before.Writes, Seals: after.Seals - before.Seals, History: after.History - before.History,
				Leaders: after.Leaders - before.Leaders, Metadata: after.Metadata && !before.Metadata,
			}
			if radius.Loss != want {
				t.Errorf("without %v: %+v, want %+v", down, radius, want)
			}
		}
	})
}

func TestSurveyOfManyNodesAgreesWithTheSetsOfEachLog(t *testing.T) {
	// More nodes than fit into one word of a set, and nodesets whose smallest sets have three nodes.
	made := testcluster.Cluster{Nodes: 150, Logs: 60, Segments: 1, Members: 5, Nodesets: 60}
	s, err := snapshots.Read("made up", made.FS(), filesOf(made)...)
	if err != nil {
		t.Fatal(err)
	}
	survey, err := analyze.NewSurvey("", s, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	size := 0
	s.Logs.Each(func(log *snapshots.Log) {
		placement := log.Tail().Placement
		nodeset := slices.Sorted(slices.Values(placement.Nodeset))
		size = placement.Replication.Copies() // an f-majority needs all but so many less one
		for _, set := range subsets(nodeset) {
			if len(set) == size {
				want[setName(set)] = true
			}
		}
	})
	got := map[string]bool{}
	for names := range survey.Smallest.Seals.All() {
		got[strings.Join(names, "+")] = true
	}
	if size < 2 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("replication of %d copies: got %d sets, want %d", size, len(got), len(want))
	}
}

func filesOf(made testcluster.Cluster) (names []string) {
	names = []string{"metadata/nodes_config.json", "metadata/bifrost_config.json", "metadata/partition_table.json"}
	for partition := range made.Logs {
		names = append(names, fmt.Sprintf("metadata/pp_epoch_%d.json", partition))
	}
	return names
}

// The time of a survey is to be compared with that of reading alone: go test -bench Survey ./analyze.
func BenchmarkSurvey(b *testing.B) {
	made := testcluster.Cluster{Nodes: 200, Zones: 4, Logs: 65536, Segments: 1, Members: 5, Nodesets: 65536}
	files := made.FS()
	s, err := snapshots.Read("made up", files, "metadata/nodes_config.json", "metadata/bifrost_config.json")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("reading alone", func(b *testing.B) {
		for b.Loop() {
			s.Logs.Each(func(*snapshots.Log) {})
		}
	})
	b.Run("whatif", func(b *testing.B) {
		for b.Loop() {
			if _, err := analyze.NewWhatIf("", s, []string{"N1", "N2"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("survey", func(b *testing.B) {
		for b.Loop() {
			if _, err := analyze.NewSurvey("", s, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
