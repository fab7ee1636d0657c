package cluster_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	. "restate-lint/snapshots/cluster"
)

// Each line of the file is one random cluster with the answers that Restate's own checker gave for the tagged members.
func TestQuorumsAgreeWithRestate(t *testing.T) {
	file, err := os.Open("testdata/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	count := 0
	for lines.Scan() {
		count++
		var vector struct {
			Nodes []struct {
				ID           NodeID       `json:"id"`
				Tombstone    bool         `json:"tombstone"`
				StorageState StorageState `json:"storage_state"`
				Location     string       `json:"location"`
			} `json:"nodes"`
			Nodeset     []NodeID `json:"nodeset"`
			Replication string   `json:"replication"`
			Tagged      []NodeID `json:"tagged"`
			FMajority   string   `json:"f_majority"`
			WriteQuorum bool     `json:"write_quorum"`
		}
		if err := json.Unmarshal(lines.Bytes(), &vector); err != nil {
			t.Fatalf("line %d: %v", count, err)
		}
		nodes := map[NodeID]Member{}
		for _, node := range vector.Nodes {
			location, err := ParseLocation(node.Location)
			if err != nil {
				t.Fatalf("line %d: %v", count, err)
			}
			nodes[node.ID] = Member{Node: node.ID, Class: Active, State: node.StorageState, Location: location}
			if node.Tombstone {
				nodes[node.ID] = Member{Node: node.ID, Class: Removed}
			}
		}
		var members []Member
		for _, id := range vector.Nodeset {
			member, registered := nodes[id]
			if !registered {
				member = Member{Node: id, Class: Unknown}
			}
			members = append(members, member)
		}
		replication, err := ParseReplication(vector.Replication)
		if err != nil {
			t.Fatalf("line %d: %v", count, err)
		}
		tagged := func(member Member) bool { return slices.Contains(vector.Tagged, member.Node) }
		checker := NewChecker(members, replication)
		majority, writable := checker.FMajority(tagged), checker.WriteQuorum(tagged)
		if majority.String() != vector.FMajority || writable != vector.WriteQuorum {
			t.Errorf("line %d: got f-majority %s, write quorum %v\n%s", count, majority, writable, lines.Text())
		}
	}
	if err := lines.Err(); err != nil || count != 3000 {
		t.Fatalf("%d clusters, error %v", count, err)
	}
}

func TestWorkedExamples(t *testing.T) {
	flat := func(count int) (members []Member) {
		for id := range count {
			members = append(members, Member{Node: NodeID(id + 1), Class: Active, State: StorageReadWrite})
		}
		return members
	}
	zones := func(count int) []Member {
		members := flat(count)
		for i := range members {
			members[i].Location = Location{Region: "r", Zone: string(rune('a' + i/2))}
		}
		return members
	}
	with := func(members []Member, change func([]Member)) []Member {
		change(members)
		return members
	}
	for _, example := range []struct {
		name        string
		members     []Member
		replication Replication
		set         []NodeID
		writable    bool
		majority    FMajority
	}{
		{"two of five", flat(5), Replication{Node: 3}, []NodeID{1, 2}, false, None},
		{"three of five", flat(5), Replication{Node: 3}, []NodeID{2, 4, 5}, true, Success},
		{"one of two", flat(2), Replication{Node: 2}, []NodeID{1}, false, Success},
		{"one zone of three", zones(6), Replication{Node: 3, Zone: 2}, []NodeID{1, 2}, false, None},
		{"a zone and a half", zones(6), Replication{Node: 3, Zone: 2}, []NodeID{1, 2, 3}, true, None},
		{"two zones of three", zones(6), Replication{Node: 3, Zone: 2}, []NodeID{1, 2, 3, 4}, true, Success},
		{"half of each zone", zones(6), Replication{Node: 3, Zone: 2}, []NodeID{1, 3, 5}, true, None},
		{"half of two zones and all of one", zones(6), Replication{Node: 3, Zone: 2}, []NodeID{1, 3, 5, 6}, true, Success},
		{"the last effective member", with(flat(3), func(members []Member) {
			members[1].Class, members[2].State = Removed, StorageDisabled
		}), Replication{Node: 2}, []NodeID{1}, false, Success},
		{"no effective member", with(flat(2), func(members []Member) {
			members[0].Class, members[1].State = Removed, StorageDisabled
		}), Replication{Node: 2}, nil, false, BestEffort},
		{"a zone that lost half of its data", with(zones(4), func(members []Member) {
			members[1].State = StorageDataLoss
		}), Replication{Node: 2, Zone: 2}, []NodeID{1, 2}, false, None},
		{"a nodeset of nobody", nil, Replication{Node: 1}, nil, false, BestEffort},
		{"a member that lost its data", with(flat(3), func(members []Member) {
			members[0].State = StorageDataLoss
		}), Replication{Node: 2}, []NodeID{1, 2}, true, SuccessWithRisk},
		{"no scope given", flat(1), Replication{}, []NodeID{1}, false, None},
		{"a node listed twice", append(flat(2), flat(2)...), Replication{Node: 2}, []NodeID{1}, false, Success},
	} {
		t.Run(example.name, func(t *testing.T) {
			in := func(member Member) bool { return slices.Contains(example.set, member.Node) }
			checker := NewChecker(example.members, example.replication)
			if got := checker.WriteQuorum(in); got != example.writable {
				t.Errorf("write quorum: got %v", got)
			}
			if got := checker.FMajority(in); got != example.majority {
				t.Errorf("f-majority: got %s, want %s", got, example.majority)
			}
		})
	}
}

func TestUnknownMembersCountAsProvisioningWithoutLocation(t *testing.T) {
	checker := NewChecker([]Member{
		{Node: 1, Class: Unknown, State: StorageDisabled, Location: Location{Region: "r", Zone: "a"}},
		{Node: 2, Class: Active, State: StorageReadWrite, Location: Location{Region: "r", Zone: "b"}},
		{Node: 3, Class: Removed, State: StorageReadWrite},
		{Node: 4, Class: Active, State: StorageDisabled},
	}, Replication{Node: 2, Zone: 1})
	want := []Member{
		{Node: 1, Class: Unknown, State: StorageProvisioning},
		{Node: 2, Class: Active, State: StorageReadWrite, Location: Location{Region: "r", Zone: "b"}},
	}
	if got := checker.Effective(); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	for scope, want := range map[Scope]int{NodeScope: 2, ZoneScope: 1, RegionScope: 1, Scope(9): 0} {
		if got := checker.Domains(scope); got != want {
			t.Errorf("%s: %d domains, want %d", scope, got, want)
		}
	}
}

func TestSetsHoldMembersByPosition(t *testing.T) {
	var members []Member
	for id := range 130 {
		members = append(members, Member{Node: NodeID(id), Class: Active, State: StorageReadWrite})
	}
	checker := NewChecker(members, Replication{Node: 65})
	set := checker.SetOf(func(member Member) bool { return member.Node%2 == 0 })
	if !set.Has(128) || set.Has(129) || !checker.WriteQuorumOf(set) || checker.FMajorityOf(set).Passed() {
		t.Error("65 of 130 are a write quorum and no f-majority")
	}
	set.Add(129)
	if !set.Has(129) || !checker.FMajorityOf(set).Passed() {
		t.Error("66 of 130 are an f-majority")
	}
	set.Remove(128)
	if set.Has(128) || checker.FMajorityOf(set).Passed() {
		t.Error("65 of 130 are no f-majority")
	}
}

func TestHugeNodesetsAreAnswered(t *testing.T) {
	var members []Member
	for id := range 50_000 {
		location := Location{Region: fmt.Sprint("region-", id%1000), Zone: fmt.Sprint(id)}
		members = append(members, Member{Node: NodeID(id), Class: Active, State: StorageReadWrite, Location: location})
	}
	verdict := Judge(members, Replication{Node: 255, Zone: 255, Region: 255}, Release{})
	if !verdict.Writable || verdict.Seal != Success || verdict.Effective != len(members) {
		t.Errorf("got writable %v, seal %s, effective %d", verdict.Writable, verdict.Seal, verdict.Effective)
	}
}

// anyNodeset draws up to six members of every class and state over up to four zones of two regions.
func anyNodeset(t *rapid.T) []Member {
	states := append(StorageStates(), StorageReadWrite, StorageReadWrite, StorageReadWrite, "melting")
	locations := []Location{{}, {"a", ""}, {"a", "1"}, {"a", "2"}, {"b", "1"}, {"b", "2"}}
	var members []Member
	for id := range rapid.IntRange(0, 6).Draw(t, "size") {
		members = append(members, Member{
			Node:     NodeID(id + 1),
			Class:    rapid.SampledFrom([]Class{Active, Active, Active, Active, Removed, Unknown}).Draw(t, "class"),
			State:    rapid.SampledFrom(states).Draw(t, "state"),
			Location: rapid.SampledFrom(locations).Draw(t, "location"),
		})
	}
	return members
}

func anyReplication(t *rapid.T) Replication {
	factor := rapid.Uint8Range(0, 3)
	return rapid.Custom(func(t *rapid.T) Replication {
		return Replication{Node: factor.Draw(t, "node"), Zone: factor.Draw(t, "zone"), Region: factor.Draw(t, "region")}
	}).Filter(func(replication Replication) bool { return replication != Replication{} }).Draw(t, "replication")
}

// oracle answers from the definitions alone, by trying every subset. It shares nothing with the checker but Member.
type oracle struct {
	members []Member       // the effective nodeset
	factors map[string]int // by scope, only those that are constrained
}

func newOracle(members []Member, replication Replication) oracle {
	result := oracle{factors: map[string]int{}}
	for _, member := range members {
		if member.Class == Unknown {
			member.State, member.Location = StorageProvisioning, Location{}
		}
		if member.Class != Removed && member.State != StorageDisabled {
			result.members = append(result.members, member)
		}
	}
	for scope, factor := range map[string]uint8{"region": replication.Region, "zone": replication.Zone, "node": replication.Node} {
		if factor > 0 {
			result.factors[scope] = int(factor)
		}
	}
	for _, scope := range []string{"zone", "region"} {
		if factor, given := result.factors[scope]; given && result.factors["node"] == 0 {
			result.factors["node"] = factor
		}
	}
	return result
}

// domains groups the positions of the members by their domain at a scope.
func (o oracle) domains(scope string) map[string][]int {
	result := map[string][]int{}
	for position, member := range o.members {
		name := map[string]string{"node": member.Node.String(), "zone": member.Location.Zone, "region": member.Location.Region}[scope]
		if name != "" {
			result[member.Location.Region+"/"+name] = append(result[member.Location.Region+"/"+name], position)
		}
	}
	return result
}

// A set is a bit mask over positions here.
func (o oracle) writeQuorum(set int) bool {
	for scope, factor := range o.factors {
		touched := 0
		for _, domain := range o.domains(scope) {
			if slices.ContainsFunc(domain, func(position int) bool { return set>>position&1 == 1 }) {
				touched++
			}
		}
		if touched < factor {
			return false
		}
	}
	return true
}

// quorums returns for each set of members whether it is a write quorum.
func (o oracle) quorums() []bool {
	quorums := make([]bool, 1<<len(o.members))
	for set := range quorums {
		quorums[set] = o.writeQuorum(set)
	}
	return quorums
}

// conservative reports whether Restate's checker may say no to a set that leaves no write quorum outside. It may if each
// scope at which the members outside touch too few domains for one is of one of two kinds: the effective nodeset has too
// few domains itself and the set has none of them whole, or the domains outside would be enough together with those in the
// set that mix lost with kept data.
func (o oracle) conservative(set int) bool {
	for scope, factor := range o.factors {
		all, whole, mixed := 0, 0, 0
		for _, domain := range o.domains(scope) {
			all++
			if slices.ContainsFunc(domain, func(position int) bool { return set>>position&1 == 0 }) {
				continue
			}
			lost := 0
			for _, position := range domain {
				if o.members[position].State == StorageDataLoss {
					lost++
				}
			}
			if lost > 0 && lost < len(domain) {
				mixed++
			} else {
				whole++
			}
		}
		outside := all - whole - mixed
		tooFewDomains := all < factor && whole == 0
		mixedDomain := outside+mixed >= factor
		if outside < factor && !tooFewDomains && !mixedDomain {
			return false
		}
	}
	return true
}

func TestFMajoritiesLeaveNoWriteQuorumOutside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, replication := anyNodeset(t), anyReplication(t)
		oracle, checker := newOracle(members, replication), NewChecker(members, replication)
		quorums := oracle.quorums()
		for set := range quorums {
			outside := len(quorums) - 1 - set
			ruledOut := true
			for subset := range quorums {
				ruledOut = ruledOut && !(subset&^outside == 0 && quorums[subset])
			}
			in := positions(oracle, set)
			if got := checker.WriteQuorum(in); got != quorums[set] {
				t.Fatalf("write quorum of %b is %v", set, got)
			}
			passed := checker.FMajority(in).Passed()
			switch {
			case passed && !ruledOut:
				t.Fatalf("%b passed, but leaves a write quorum outside", set)
			case !passed && ruledOut && !oracle.conservative(set):
				t.Fatalf("%b did not pass, but leaves no write quorum outside", set)
			case passed && oracle.conservative(set):
				t.Fatalf("%b passed, although Restate is said to be conservative about it", set)
			}
		}
	})
}

func TestMoreMembersNeverLowerAnAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, replication := anyNodeset(t), anyReplication(t)
		oracle, checker := newOracle(members, replication), NewChecker(members, replication)
		for set := range 1 << len(oracle.members) {
			for added := range oracle.members {
				fewer, more := positions(oracle, set), positions(oracle, set|1<<added)
				if checker.WriteQuorum(fewer) && !checker.WriteQuorum(more) {
					t.Fatalf("%b is a write quorum, with %d more it is not", set, added)
				}
				before, after := checker.FMajority(fewer), checker.FMajority(more)
				if before.Passed() && !after.Passed() || before == BestEffort && after < BestEffort {
					t.Fatalf("%b is %s, with %d more %s", set, before, added, after)
				}
			}
		}
	})
}

func positions(oracle oracle, set int) func(Member) bool {
	return func(member Member) bool {
		return slices.ContainsFunc(oracle.members, func(other Member) bool { return other.Node == member.Node }) &&
			set>>slices.IndexFunc(oracle.members, func(other Member) bool { return other.Node == member.Node })&1 == 1
	}
}

func TestNodesetsOfAnyShapeDoNotPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Member {
			return Member{
				Node:     NodeID(rapid.Uint32Range(0, 9).Draw(t, "node")),
				Class:    Class(rapid.Uint8Range(0, 5).Draw(t, "class")),
				State:    StorageState(rapid.SampledFrom([]string{"", "read-write", "disabled", "melting\x1b"}).Draw(t, "state")),
				Location: Location{rapid.StringN(0, 2, -1).Draw(t, "region"), rapid.StringN(0, 2, -1).Draw(t, "zone")},
			}
		})).Draw(t, "members")
		replication := Replication{rapid.Uint8().Draw(t, "node"), rapid.Uint8().Draw(t, "zone"), rapid.Uint8().Draw(t, "region")}
		verdict := Judge(members, replication, Release{})
		if strings.Contains(verdict.Nodeset(), "\x1b") {
			t.Fatal("a state from the capture is printed as it is")
		}
		if verdict.Writable && len(verdict.Missing) > 0 {
			t.Fatal("writable although domains are missing")
		}
	})
}
