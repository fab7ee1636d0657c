package snapshots

import (
	"slices"
	"strings"
	"testing"

	"restate-lint/snapshots/cluster"
)

func nodesOf(t *testing.T, entries ...string) *Snapshot {
	t.Helper()
	s, err := read(map[string]string{"n.json": `{"version":1,"cluster_name":"c","name_lookup":{},"nodes":[` + strings.Join(entries, ",") + `]}`})
	if err != nil || s.Nodes == nil {
		t.Fatal(err)
	}
	return s
}

// An entry that is neither a node nor a tombstone may be either.
func TestAnEntryOfUnknownShapeIsNoActiveNode(t *testing.T) {
	for _, entry := range []string{`{"Foo":{}}`, `null`, `{"Tombstone":null}`, `{"Node":null}`, `{"Node":[]}`, `"Gone"`, `{}`, `[]`, `7`} {
		s := nodesOf(t, `[1,{"Node":{"name":"a","current_generation":[1,2]}}]`, `[3,`+entry+`]`)
		if class := s.Nodes.Class(3); class != cluster.Undetermined {
			t.Errorf("%s: the class is %v", entry, class)
		}
		if member := s.Nodes.Member(3); member != (cluster.Member{Node: 3}) {
			t.Errorf("%s: as a member it is %+v", entry, member)
		}
		if s.Captured(NodesConfig) || !slices.ContainsFunc(s.Gaps, func(g Gap) bool { return g.Kind == NodesConfig && g.Source != "" }) {
			t.Errorf("%s: the document counts as complete, with the gaps %v", entry, s.Gaps)
		}
		if !slices.ContainsFunc(s.Oddities, func(o Oddity) bool { return o.What == "entry of N3" && o.Kind == InvalidValue }) {
			t.Errorf("%s: it is not odd: %v", entry, s.Oddities)
		}
		if s.Nodes.Class(1) != cluster.Active || s.Nodes.Class(2) != cluster.Unknown || s.Nodes.Newest() != 3 {
			t.Errorf("%s: the other nodes are different", entry)
		}
	}
}

func TestAGenerationThatIsNotKnownIsZero(t *testing.T) {
	for _, generation := range []string{``, `,"current_generation":null`, `,"current_generation":7`, `,"current_generation":[2,7]`, `,"current_generation":[1,0]`,
		`,"current_generation":[1]`, `,"current_generation":[1,-1]`} {
		s := nodesOf(t, `[1,{"Node":{"name":"a"`+generation+`}}]`)
		if node := s.Nodes.Get(1); node.Generation != (cluster.GenerationalNodeID{}) || s.Nodes.Class(1) != cluster.Active {
			t.Errorf("%s: the generation is %v", generation, node.Generation)
		}
		if len(s.Oddities) != 1 || !s.Captured(NodesConfig) {
			t.Errorf("%s: oddities %v", generation, s.Oddities)
		}
	}
}

// Restate prints the nodes in any order.
func TestTheOrderOfNodesDoesNotDecideBetweenEqualIDs(t *testing.T) {
	const first, second, third = `[1,{"Node":{"name":"a","current_generation":[1,2]}}]`, `[1,{"Node":{"name":"b","current_generation":[1,3]}}]`, `[1,{"Node":{"name":"c","current_generation":[1,3]}}]`
	const tombstone, odd, fresh = `[1,"Tombstone"]`, `[1,{"Foo":1}]`, `[1,{"Node":{"name":"z"}}]`
	for want, entries := range map[string][]string{
		"a": {first, tombstone, odd},
		"b": {first, second, third, tombstone},
		"z": {tombstone, fresh, odd},
		"":  {odd, tombstone},
	} {
		for range entries {
			entries = append(entries[1:], entries[0])
			s := nodesOf(t, entries...)
			if node := s.Nodes.Get(1); s.Nodes.Len() != 1 || node.Name != want || node.Unreadable {
				t.Errorf("%v: got %+v, want %q", entries, node, want)
			}
			var places []string
			text := `{"version":1,"cluster_name":"c","name_lookup":{},"nodes":[` + strings.Join(entries, ",") + `]}`
			for _, oddity := range s.Oddities {
				if oddity.Value == "registered twice" {
					places = append(places, strings.SplitAfter(text[oddity.At.Offset:], "]")[0])
				}
			}
			if len(places) != len(entries)-1 {
				t.Errorf("%v: %d entries are odd", entries, len(places))
			}
			slices.Sort(places)
			for i, place := range places {
				if i > 0 && place == places[i-1] || want != "" && strings.Contains(place, `"name":"`+want+`"`) {
					t.Errorf("%v: the odd ones are %q", entries, places)
				}
			}
		}
	}
}
