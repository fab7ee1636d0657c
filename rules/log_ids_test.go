package rules

import (
	"math/rand/v2"
	"testing"

	"restate-lint/snapshots/cluster"
)

func TestLogIDsAreASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var set logIDs
		model := make(map[cluster.LogID]bool)
		for range 200 {
			id := cluster.LogID(random.Uint64()) >> random.UintN(64)
			if edge := random.UintN(4); edge == 0 {
				id = highLogs - 2 + cluster.LogID(random.UintN(4))
			}
			if set.has(id) != model[id] {
				t.Fatalf("%d: in the set %v", id, set.has(id))
			}
			if added := set.add(id); added == model[id] {
				t.Fatalf("%d: added %v", id, added)
			}
			if model[id] = true; set.len != len(model) {
				t.Fatalf("%d of %d are in the set", set.len, len(model))
			}
		}
		for id := range model {
			if !set.has(id) {
				t.Fatalf("%d is not in the set", id)
			}
		}
	}
}
