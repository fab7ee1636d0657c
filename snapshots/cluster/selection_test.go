package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	. "restate-lint/snapshots/cluster"
)

// located returns active read-write members N1, N2, … at the given locations; "" is a node without one.
func located(t *testing.T, locations ...string) []Member {
	t.Helper()
	var members []Member
	for i, text := range locations {
		location, err := ParseLocation(text)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, Member{Node: NodeID(i + 1), Class: Active, State: StorageReadWrite, Location: location})
	}
	return members
}

func anywhere(n int) []string { return make([]string, n) }

func TestSelectNodeset(t *testing.T) {
	sixInThreeZones := []string{"eu.a", "eu.a", "eu.b", "eu.b", "eu.c", "eu.c"}
	for _, example := range []struct {
		name        string
		locations   []string
		replication string
		target      int
		want        string
	}{
		{"one copy takes two nodes", anywhere(5), "1", 0, "2"},
		{"one copy on a single node", anywhere(1), "1", 0, "1"},
		{"two copies", anywhere(5), "2", 0, "3"},
		{"three copies", anywhere(9), "3", 0, "5"},
		{"four copies", anywhere(9), "4", 0, "7"},
		{"no more than there are", anywhere(2), "2", 0, "2"},
		{"a target above what is needed", anywhere(9), "2", 6, "6"},
		{"a target below what is needed", anywhere(9), "3", 2, "5"},
		{"never more than 128", anywhere(200), "100", 0, "128"},
		{"too few nodes", anywhere(3), "5", 0, "0, missing [{node 3 5}]"},
		{"nobody", nil, "1", 0, "0, missing [{node 0 1}]"},

		// The sizes that Restate 1.7.12 chose in a real cluster.
		{"two nodes of each zone", sixInThreeZones, "{node: 3, zone: 2}", 0, "6"},
		{"one node of each zone", sixInThreeZones, "{node: 2, zone: 2}", 0, "3"},
		{"locations do not matter to flat replication", sixInThreeZones, "{node: 3}", 0, "5"},
		{"a factor of one region", sixInThreeZones, "{region: 1, zone: 2, node: 3}", 0, "5"},
		{"uneven zones", []string{"eu.a", "eu.a", "eu.b", "eu.b", "eu.a", "eu.c"}, "{node: 4, zone: 3}", 0, "6"},

		{"zones that are too big are not emptied", []string{"eu.a", "eu.a", "eu.a", "eu.a", "eu.b"}, "{zone: 2}", 0, "3"},
		{"too few zones", sixInThreeZones, "{zone: 4}", 0, "0, missing [{zone 3 4}]"},
		{"too few nodes for the zones", []string{"eu.a", "eu.b"}, "{zone: 2, node: 3}", 0, "0, missing [{node 2 3}]"},
		{"zones of one name in two regions are two", []string{"eu.a", "us.a"}, "{zone: 2}", 0, "2"},
		{"too few regions", sixInThreeZones, "{region: 2}", 0, "0, missing [{region 1 2}]"},
		{"a single node without a zone spoils it", append([]string{"eu"}, sixInThreeZones...), "{zone: 2}", 0, "0, unlocated [1]"},
		{"so does one without a location", append([]string{""}, sixInThreeZones...), "{region: 1, node: 2}", 0, "0, unlocated [1]"},
		{"a region is enough where regions count", []string{"eu", "us", "eu"}, "{region: 2}", 0, "3"},
	} {
		t.Run(example.name, func(t *testing.T) {
			replication, err := ParseReplication(example.replication)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(SelectNodeset(located(t, example.locations...), replication, example.target)); got != example.want {
				t.Errorf("got %s, want %s", got, example.want)
			}
		})
	}
	if got := show(SelectNodeset(located(t, anywhere(3)...), Replication{}, 0)); got != "0" {
		t.Errorf("without a scope: got %s, want 0", got)
	}
	twice := append(located(t, "", ""), located(t, "")...)
	if got := SelectNodeset(twice, Replication{Node: 3}, 0).Possible(); got {
		t.Error("a candidate that is given twice was counted twice")
	}
}

func show(selection Selection) string {
	text := fmt.Sprint(selection.Size)
	if selection.Missing != nil {
		text += fmt.Sprintf(", missing %v", selection.Missing)
	}
	if selection.Unlocated != nil {
		text += ", unlocated ["
		for i, node := range selection.Unlocated {
			if i > 0 {
				text += " "
			}
			text += fmt.Sprint(uint32(node))
		}
		text += "]"
	}
	return text
}

func TestSelectReplicas(t *testing.T) {
	for _, example := range []struct {
		name        string
		locations   []string
		replication string
		want        string
	}{
		{"as many as there are copies", anywhere(5), "2", "2"},
		{"too few workers", anywhere(1), "2", "0, missing [{node 1 2}]"},
		{"a worker without a zone is passed over", []string{"eu.a", "", "eu.b"}, "{zone: 2}", "2, unlocated [2]"},
		{"and is then missing", []string{"eu.a", "eu", "eu.b"}, "{zone: 2, node: 3}", "0, missing [{node 2 3}], unlocated [2]"},
		{"one region", []string{"eu.a", "eu.b"}, "{region: 2}", "0, missing [{region 1 2}]"},
		{"regions and zones", []string{"eu.a", "eu.b", "us.a"}, "{region: 2, zone: 3}", "3"},
	} {
		t.Run(example.name, func(t *testing.T) {
			replication, err := ParseReplication(example.replication)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(SelectReplicas(located(t, example.locations...), replication)); got != example.want {
				t.Errorf("got %s, want %s", got, example.want)
			}
		})
	}
}

func randomCluster(random *rand.Rand, most int) ([]Member, Replication) {
	labels := []Location{{}, {Region: "r1"}, {Region: "r1", Zone: "a"}, {Region: "r1", Zone: "b"}, {Region: "r2", Zone: "a"}, {Region: "r2", Zone: "c"}}
	if random.IntN(2) == 0 {
		labels = labels[2:] // everybody located, or nearly no choice ever succeeds
	}
	members := make([]Member, 1+random.IntN(most))
	for i := range members {
		members[i] = Member{Node: NodeID(i + 1), Class: Active, State: StorageReadWrite, Location: labels[random.IntN(len(labels))]}
	}
	replication := Replication{Node: uint8(1 + random.IntN(4))}
	if random.IntN(2) == 0 {
		replication.Zone = uint8(1 + random.IntN(int(replication.Node)))
	}
	if random.IntN(3) == 0 {
		replication.Region = uint8(1 + random.IntN(int(max(1, replication.Zone))))
	}
	return members, replication
}

// Restate takes nodes one by one from the domain that it has taken the fewest from, until no domain with nodes left has
// given less than its share and there are enough.
func TestSelectedNodesetsHaveTheSizeThatTakingThemOneByOneGives(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	possible := 0
	for range 20_000 {
		members, replication := randomCluster(random, 12)
		target := random.IntN(8)
		selection := SelectNodeset(members, replication, target)
		if !selection.Possible() {
			continue
		}
		possible++
		across, share := NodeScope, replication.Copies()
		for _, scope := range []Scope{ZoneScope, RegionScope} {
			if factor, constrained := replication.Factor(scope); constrained {
				across, share = scope, replication.Copies()-factor+1
			}
		}
		left, taken := make(map[Location]int), make(map[Location]int)
		for _, member := range members {
			domain, _ := member.Location.Domain(across)
			left[domain]++
		}
		size := 0
		for {
			var next Location
			found := false
			for domain, nodes := range left {
				if nodes > 0 && (!found || taken[domain] < taken[next]) {
					next, found = domain, true
				}
			}
			if !found || taken[next] >= share && size >= NodesetSize(replication, target) {
				break
			}
			left[next]--
			taken[next]++
			size++
		}
		if selection.Size != size {
			t.Fatalf("%v for %v, target %d: size %d, want %d", members, replication, target, selection.Size, size)
		}
	}
	if possible < 5_000 {
		t.Errorf("only %d of 20,000 clusters had a choice", possible)
	}
}

// A replica set is possible exactly if some set of as many located workers as there are copies meets the property.
func TestSelectedReplicaSetsExist(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 5_000 {
		members, replication := randomCluster(random, 7)
		exists := false
		for subset := range 1 << len(members) {
			var chosen []Member
			for i, member := range members {
				_, zone := member.Location.Domain(ZoneScope)
				_, region := member.Location.Domain(RegionScope)
				if subset>>i&1 == 1 && (zone || replication.Zone == 0) && (region || replication.Region == 0) {
					chosen = append(chosen, member)
				}
			}
			everybody := func(Member) bool { return true }
			if len(chosen) == replication.Copies() && NewChecker(chosen, replication).WriteQuorum(everybody) {
				exists = true
			}
		}
		if got := SelectReplicas(members, replication).Possible(); got != exists {
			t.Fatalf("%v for %v: possible %v, want %v", members, replication, got, exists)
		}
	}
}

func TestWeaker(t *testing.T) {
	for _, example := range []struct {
		mine, other string
		want        bool
	}{
		{"2", "2", false},
		{"1", "2", true},
		{"3", "2", false},
		{"3", "{zone: 2, node: 3}", true},
		{"{zone: 2, node: 2}", "{zone: 2, node: 3}", true},
		{"{region: 1, zone: 2, node: 3}", "{zone: 2, node: 3}", false},
		{"{zone: 2, node: 3}", "{region: 1, zone: 2, node: 3}", false},
		{"{region: 2}", "{zone: 2}", false},
		{"{zone: 2}", "{region: 2}", true},
		{"{zone: 2}", "2", false},
		{"4", "{zone: 2}", true},
		{"{zone: 2}", "4", true},
	} {
		mine, _ := ParseReplication(example.mine)
		other, _ := ParseReplication(example.other)
		if got := mine.Weaker(other); got != example.want {
			t.Errorf("%s weaker than %s: got %v", example.mine, example.other, got)
		}
	}
	if (Replication{}).Weaker(Replication{}) || !(Replication{}).Weaker(Replication{Node: 1}) {
		t.Error("a property without a scope is weaker than every other one, and not than itself")
	}
}

func TestLosses(t *testing.T) {
	sixInThreeZones := []string{"eu.a", "eu.a", "eu.b", "eu.b", "eu.c", "eu.c"}
	for _, example := range []struct {
		name        string
		locations   []string
		replication string
		scope       Scope
		want        string
	}{
		{"two of three", anywhere(3), "2", NodeScope, ""},
		{"two of two", anywhere(2), "2", NodeScope, "N1 writes, N2 writes"},
		{"one of two", anywhere(2), "1", NodeScope, "N1 seals, N2 seals"},
		{"three of three", anywhere(3), "3", NodeScope, "N1 writes, N2 writes, N3 writes"},
		{"three of five", anywhere(5), "3", NodeScope, ""},
		{"a single node", anywhere(1), "1", NodeScope, "N1 writes seals"},
		{"spread over zones", sixInThreeZones, "{zone: 2, node: 3}", ZoneScope, ""},
		{"all zones are needed", sixInThreeZones, "{zone: 3}", ZoneScope, "eu.a writes, eu.b writes, eu.c writes"},
		{"all copies may be in one zone", []string{"eu.a", "eu.a", "eu.b"}, "2", ZoneScope, "eu.a writes seals"},
		{"nodes without a zone are in none", []string{"eu.a", "", ""}, "2", ZoneScope, ""},
		{"regions", []string{"eu.a", "eu.b", "us.a"}, "{zone: 2}", RegionScope, "eu writes seals"},
	} {
		t.Run(example.name, func(t *testing.T) {
			replication, err := ParseReplication(example.replication)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for i, loss := range Losses(located(t, example.locations...), replication, Release{}, example.scope) {
				if i > 0 {
					got += ", "
				}
				if example.scope == NodeScope {
					got += loss.Node.String()
				} else {
					got += loss.Domain.String()
				}
				if loss.Writes {
					got += " writes"
				}
				if loss.Seals {
					got += " seals"
				}
			}
			if got != example.want {
				t.Errorf("got %q, want %q", got, example.want)
			}
		})
	}
}

// Losing nodes is the same as declaring them gone, as far as what works before is concerned.
func TestLossesAreThoseOfNodesThatAreGone(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 5_000 {
		members, replication := randomCluster(random, 7)
		for i := range members {
			switch random.IntN(8) {
			case 0:
				members[i].Class = Removed
			case 1:
				members[i].Class = Unknown
			case 2:
				members[i].State = StorageStates()[random.IntN(6)]
			}
		}
		before := Judge(members, replication, Release{})
		for _, scope := range []Scope{NodeScope, ZoneScope} {
			losses := Losses(members, replication, Release{}, scope)
			for _, member := range NewChecker(members, replication).Effective() {
				domain, labelled := member.Location.Domain(scope)
				if scope == ZoneScope && !labelled {
					continue
				}
				after := slices.Clone(members)
				for i, other := range after {
					elsewhere, _ := other.Location.Domain(scope)
					if other.Class == Active && other.State != StorageDisabled && other.State != StorageDataLoss &&
						(scope == NodeScope && other.Node == member.Node || scope == ZoneScope && elsewhere == domain) {
						after[i].State = StorageGone
					}
				}
				verdict := Judge(after, replication, Release{})
				want := Loss{Writes: before.Writable && !verdict.Writable, Seals: before.Seal.Passed() && !verdict.Seal.Passed()}
				var got Loss
				for _, loss := range losses {
					if scope == NodeScope && loss.Node == member.Node || scope == ZoneScope && loss.Domain == domain {
						got = Loss{Writes: loss.Writes, Seals: loss.Seals}
					}
				}
				if got != want {
					t.Fatalf("%v for %v without %v %v: got %+v, want %+v", members, replication, member.Node, domain, got, want)
				}
			}
		}
	}
}

// In whatever order a nodeset has its members, and however many zones there are, domains come by their names.
func TestLossesOfDomainsAreInTheOrderOfTheirNames(t *testing.T) {
	several := 0
	rapid.Check(t, func(t *rapid.T) {
		var members []Member
		for id := range rapid.IntRange(1, 80).Draw(t, "size") {
			location := Location{
				Region: rapid.SampledFrom([]string{"eu", "eu-1", "us"}).Draw(t, "region"),
				Zone:   strconv.Itoa(rapid.IntRange(0, 30).Draw(t, "zone")),
			}
			members = append(members, Member{Node: NodeID(id + 1), Class: Active, State: StorageReadWrite, Location: location})
		}
		for _, scope := range []Scope{ZoneScope, RegionScope} {
			replication := Replication{Zone: uint8(NewChecker(members, Replication{Zone: 1}).Domains(ZoneScope))}
			losses := Losses(members, replication, Release{}, scope)
			if len(losses) > 1 {
				several++
			}
			if !slices.IsSortedFunc(losses, func(a, b Loss) int { return a.Domain.Compare(b.Domain) }) {
				t.Fatalf("the losses at the scope %s are in the order %v", scope, losses)
			}
		}
	})
	if several == 0 {
		t.Error("no cluster with several losses was made")
	}
}
