package rules

import (
	"testing"

	"pgregory.net/rapid"

	"restate-lint/snapshots/cluster"
)

// What is proposed can be met. Nothing that is stricter is among what might be proposed: factors that are no higher than
// asked for, and where they had to be lowered, no higher than what so many domains are good for.
func TestALoweredReplicationIsTheStrictestThatCanBeMet(t *testing.T) {
	proposals := 0
	rapid.Check(t, func(r *rapid.T) {
		labels := []cluster.Location{{Region: "r1", Zone: "a"}, {Region: "r1", Zone: "b"}, {Region: "r1", Zone: "c"}, {Region: "r2", Zone: "a"}, {Region: "r3", Zone: "a"}, {}}
		if rapid.IntRange(0, 3).Draw(r, "unlocated") > 0 {
			labels = labels[:5]
		}
		var members []cluster.Member
		for i, location := range rapid.SliceOfN(rapid.SampledFrom(labels), 1, 9).Draw(r, "locations") {
			members = append(members, cluster.Member{Node: cluster.NodeID(i + 1), Class: cluster.Active, State: cluster.StorageReadWrite, Location: location})
		}
		factor := rapid.Uint8Range(0, 12)
		asked := cluster.Replication{Node: factor.Draw(r, "node"), Zone: factor.Draw(r, "zone"), Region: factor.Draw(r, "region")}
		if asked.Validate() != nil {
			r.Skip("not a property")
		}
		for _, kind := range []struct {
			lower    func(cluster.Replication, []cluster.Member) (cluster.Replication, bool)
			possible func(cluster.Replication) bool
			most     func(int) int
		}{
			{lowerForLogs, func(p cluster.Replication) bool { return cluster.SelectNodeset(members, p, 0).Possible() }, mostForLogs},
			{lowerForPartitions, func(p cluster.Replication) bool { return cluster.SelectReplicas(members, p).Possible() }, mostForPartitions},
		} {
			if kind.possible(asked) {
				continue
			}
			proposed, ok := kind.lower(asked, members)
			if !ok {
				continue
			}
			proposals++
			if proposed.Validate() != nil || !kind.possible(proposed) {
				r.Fatalf("%v is proposed for %v, and cannot be met", proposed, asked)
			}
			// The limits of what might be proposed, scope by scope.
			zones, _ := domains(members, cluster.ZoneScope)
			regions, _ := domains(members, cluster.RegionScope)
			limit := func(wanted, have int) int {
				if wanted > have {
					return kind.most(have)
				}
				return wanted
			}
			zone, region := max(int(asked.Zone), int(asked.Region)), int(asked.Region)
			node := asked.Copies()
			for n := 1; n <= node; n++ {
				for z := 1; z <= n && z <= zone; z++ {
					for g := 1; g <= z && g <= region; g++ {
						stricter := cluster.Replication{Node: uint8(n), Zone: uint8(z), Region: uint8(g)}
						above := !stricter.Weaker(proposed) && proposed.Weaker(stricter)
						within := g <= limit(region, regions) && (z <= limit(zone, zones) || z <= g) && (n <= limit(node, len(members)) || n <= z)
						if above && within && kind.possible(stricter) {
							r.Fatalf("%v is proposed for %v, and %v could be met", proposed, asked, stricter)
						}
					}
				}
			}
		}
	})
	if proposals == 0 {
		t.Error("nothing was ever proposed")
	}
}

func TestLoweredReplicationKeepsTheScopes(t *testing.T) {
	zones := func(names ...string) (members []cluster.Member) {
		for i, name := range names {
			location, err := cluster.ParseLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			members = append(members, cluster.Member{Node: cluster.NodeID(i + 1), Class: cluster.Active, State: cluster.StorageReadWrite, Location: location})
		}
		return members
	}
	six := zones("eu.a", "eu.a", "eu.b", "eu.b", "eu.c", "eu.c")
	for _, example := range []struct {
		asked            string
		members          []cluster.Member
		logs, partitions string
	}{
		{"9", six, "{node: 3, zone: 2}", "{zone: 2}"},
		{"{region: 2}", six, "{zone: 2}", "{zone: 2}"},
		{"{region: 2, node: 4}", six, "{node: 4, zone: 2}", "{node: 4, zone: 2}"},
		{"{zone: 4, node: 5}", six, "{node: 5, zone: 2}", "{node: 5, zone: 2}"},
		{"{zone: 3, node: 9}", six, "{zone: 3}", "{zone: 3}"},
		{"{zone: 3}", zones("eu.a", "eu.a", "eu.b"), "{node: 3, zone: 2}", "{node: 3, zone: 2}"},
		{"{zone: 3}", zones("eu.a", "eu.a", "eu.a"), "{node: 3}", "{node: 3}"},
		{"5", zones("", "", ""), "{node: 2}", "{node: 2}"},
		{"5", zones("", "", "eu.a"), "{node: 2}", "{node: 2}"},
		{"3", zones("", ""), "{node: 2}", "{node: 2}"},
		{"2", zones(""), "{node: 1}", "{node: 1}"},
		{"2", nil, "", ""},
		{"{zone: 4}", append(zones("eu"), six...), "", "{node: 4, zone: 2}"}, // a log server without a zone spoils every choice by zones
	} {
		asked, err := cluster.ParseReplication(example.asked)
		if err != nil {
			t.Fatal(err)
		}
		show := func(lowered cluster.Replication, ok bool) string {
			if !ok {
				return ""
			}
			return lowered.String()
		}
		if got := show(lowerForLogs(asked, example.members)); got != example.logs {
			t.Errorf("%s of %d log servers: %q, want %q", example.asked, len(example.members), got, example.logs)
		}
		if got := show(lowerForPartitions(asked, example.members)); got != example.partitions {
			t.Errorf("%s of %d workers: %q, want %q", example.asked, len(example.members), got, example.partitions)
		}
	}
}
