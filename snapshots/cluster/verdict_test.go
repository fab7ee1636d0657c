package cluster_test

import (
	"fmt"
	"slices"
	"testing"

	. "restate-lint/snapshots/cluster"
)

func TestVerdicts(t *testing.T) {
	member := func(id NodeID, state StorageState) Member { return Member{Node: id, Class: Active, State: state} }
	in := func(member Member, region, zone string) Member {
		member.Location = Location{Region: region, Zone: zone}
		return member
	}
	const readWrite = StorageReadWrite
	old := Release{Major: 1, Minor: 4, Patch: 2}
	for _, example := range []struct {
		name        string
		members     []Member
		replication Replication
		release     Release
		want        string
	}{
		{
			"healthy", []Member{member(1, readWrite), member(2, readWrite), member(3, readWrite)}, Replication{Node: 2}, Release{},
			"[N1 (active), N2 (active), N3 (active)] 3 effective, writable true, seal success, missing []",
		}, {
			"one removed", []Member{member(3, readWrite), {Node: 4, Class: Removed}, member(1, readWrite)}, Replication{Node: 2}, Release{},
			"[N3 (active), N4 (removed), N1 (active)] 2 effective, 1 removed, writable true, seal success, missing []",
		}, {
			"two of three removed", []Member{member(1, readWrite), {Node: 2, Class: Removed}, {Node: 3, Class: Removed}}, Replication{Node: 2}, Release{},
			"[N1 (active), N2 (removed), N3 (removed)] 1 effective, 2 removed, writable false, seal success, missing [{node 1 2}]",
		}, {
			"one unknown raises the f-majority", []Member{member(1, readWrite), {Node: 9, Class: Unknown}}, Replication{Node: 1}, Release{},
			"[N1 (active), N9 (unknown)] 2 effective, 1 unknown, writable true, seal none, missing []",
		}, {
			"the same as a removed one would not", []Member{member(1, readWrite), {Node: 9, Class: Removed}}, Replication{Node: 1}, Release{},
			"[N1 (active), N9 (removed)] 1 effective, 1 removed, writable true, seal success, missing []",
		}, {
			"nobody left", []Member{{Node: 1, Class: Removed}, member(2, StorageDisabled)}, Replication{Node: 1}, Release{},
			"[N1 (removed), N2 (disabled)] 0 effective, 1 removed, 1 disabled, writable false, seal best-effort, missing [{node 0 1}]",
		}, {
			"two lost their data", []Member{member(1, readWrite), member(2, StorageDataLoss), member(3, StorageDataLoss)}, Replication{Node: 2}, Release{},
			"[N1 (active), N2 (data-loss), N3 (data-loss)] 3 effective, writable false, seal best-effort, missing []",
		}, {
			"one gone of two, one copy", []Member{member(1, readWrite), member(2, StorageGone)}, Replication{Node: 1}, Release{},
			"[N1 (active), N2 (gone)] 2 effective, writable true, seal none, missing []",
		}, {
			"read-only since 1.4.3", []Member{member(1, readWrite), member(2, StorageReadOnly)}, Replication{Node: 2}, Release{Major: 1, Minor: 4, Patch: 3},
			"[N1 (active), N2 (read-only)] 2 effective, writable true, seal success, missing []",
		}, {
			"read-only before 1.4.3", []Member{member(1, readWrite), member(2, StorageReadOnly)}, Replication{Node: 2}, old,
			"[N1 (active), N2 (read-only)] 2 effective, writable false, seal success, missing []",
		}, {
			"never started", []Member{member(1, StorageProvisioning)}, Replication{Node: 1}, Release{},
			"[N1 (provisioning)] 1 effective, writable false, seal success, missing []",
		}, {
			"a state of a newer Restate", []Member{member(1, "melting\n")}, Replication{Node: 1}, Release{},
			`[N1 ("melting\n")] 1 effective, writable true, seal success, missing []`,
		}, {
			"not captured", []Member{{Node: 1}, member(2, readWrite)}, Replication{Node: 2}, Release{},
			"[N1 (not captured), N2 (active)] 2 effective, 1 undetermined, writable false, seal success, missing []",
		}, {
			"both copies in one zone", []Member{in(member(1, readWrite), "r", "a"), in(member(2, readWrite), "r", "a"), member(3, readWrite)},
			Replication{Node: 3, Zone: 2, Region: 2}, Release{},
			"[N1 (active), N2 (active), N3 (active)] 3 effective, writable false, seal success, missing [{zone 1 2} {region 1 2}]",
		}, {
			"no scope given", []Member{member(1, readWrite)}, Replication{}, Release{},
			"[N1 (active)] 1 effective, writable false, seal none, missing []",
		}, {
			"listed twice", []Member{member(1, readWrite), member(1, readWrite), {Node: 1, Class: Removed}}, Replication{Node: 2}, Release{},
			"[N1 (active)] 1 effective, writable false, seal success, missing [{node 1 2}]",
		}, {
			"empty", nil, Replication{Zone: 2}, Release{},
			"[] 0 effective, writable false, seal best-effort, missing [{node 0 2} {zone 0 2}]",
		},
	} {
		t.Run(example.name, func(t *testing.T) {
			if got := describe(Judge(example.members, example.replication, example.release)); got != example.want {
				t.Errorf("got  %s\nwant %s", got, example.want)
			}
		})
	}
}

func describe(verdict Verdict) string {
	printed := fmt.Sprintf("%s %d effective", verdict.Nodeset(), verdict.Effective)
	for _, count := range []struct {
		name  string
		value int
	}{{"undetermined", verdict.Undetermined}, {"unknown", verdict.Unknown}, {"removed", verdict.Removed}, {"disabled", verdict.Disabled}} {
		if count.value > 0 {
			printed += fmt.Sprintf(", %d %s", count.value, count.name)
		}
	}
	return printed + fmt.Sprintf(", writable %v, seal %s, missing %v", verdict.Writable, verdict.Seal, verdict.Missing)
}

func TestVerdictsLeaveTheNodesetAlone(t *testing.T) {
	members := []Member{{Node: 2, Class: Unknown, State: StorageDisabled}, {Node: 1, Class: Active, State: StorageReadWrite}}
	before := slices.Clone(members)
	verdict := Judge(members, Replication{Node: 1}, Release{})
	verdict.Members[0].Node = 7
	if !slices.Equal(members, before) {
		t.Errorf("got %+v", members)
	}
}

func ExampleJudge() {
	verdict := Judge([]Member{
		{Node: 3, Class: Active, State: StorageReadWrite},
		{Node: 4, Class: Removed},
		{Node: 1, Class: Active, State: StorageDataLoss},
	}, Replication{Node: 2}, Release{})
	fmt.Println(verdict.Nodeset())
	fmt.Printf("%d effective, writable: %v, seal: %s\n", verdict.Effective, verdict.Writable, verdict.Seal)
	// Output:
	// [N3 (active), N4 (removed), N1 (data-loss)]
	// 2 effective, writable: false, seal: success
}

func BenchmarkJudge(b *testing.B) {
	for _, size := range []int{9, 128} {
		var members []Member
		for id := range size {
			location := Location{Region: "eu-central-1", Zone: fmt.Sprint("az", id%3)}
			members = append(members, Member{Node: NodeID(id + 1), Class: Active, State: StorageReadWrite, Location: location})
		}
		for _, replication := range []Replication{{Node: 3}, {Node: 3, Zone: 2}} {
			b.Run(fmt.Sprintf("members=%d/replication=%s", size, replication), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Judge(members, replication, Release{})
				}
			})
		}
	}
}

func BenchmarkFMajorityOf(b *testing.B) {
	for _, size := range []int{9, 128} {
		var members []Member
		for id := range size {
			location := Location{Region: "eu-central-1", Zone: fmt.Sprint("az", id%3)}
			members = append(members, Member{Node: NodeID(id + 1), Class: Active, State: StorageReadWrite, Location: location})
		}
		b.Run(fmt.Sprintf("members=%d", size), func(b *testing.B) {
			checker := NewChecker(members, Replication{Node: 3, Zone: 2})
			set := checker.SetOf(func(member Member) bool { return member.Node%2 == 0 })
			b.ReportAllocs()
			for b.Loop() {
				checker.FMajorityOf(set)
			}
		})
	}
}
