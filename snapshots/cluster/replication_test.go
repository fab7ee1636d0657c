package cluster_test

import (
	"testing"

	. "restate-lint/snapshots/cluster"
)

func TestReplicationIsReadAsRestateDoes(t *testing.T) {
	testParser(t, ParseReplication, map[string]Replication{
		"3":                             {Node: 3},
		"255":                           {Node: 255},
		"{node: 3, zone: 2}":            {Node: 3, Zone: 2},
		"{zone:2,node:3}":               {Node: 3, Zone: 2},
		"{ Region : 1\t,\nNODE: 003 }":  {Node: 3, Region: 1},
		"{zone: 2}":                     {Zone: 2},
		"{node: 2, node: 3}":            {Node: 3},
		"{node: 3, zone: 3, region: 3}": {Node: 3, Zone: 3, Region: 3},
	},
		"", "0", "256", "-1", "+1", " 3", "3.0", "{}", "{", "}", "{node}", "{node:}", "{node: 0}", "{node: 256}", "{node: +1}",
		"{node: 1,}", "{,node: 1}", "{node: 1 zone: 1}", "{root: 1}", "{node: 1: 2}", "node: 1", "{{node: 1}}", " {node: 1}", "{node: 1} ",
		"{node: 1, zone: 2}", "{zone: 1, region: 2}", "{node: 1, region: 2}",
		"{zone: 2, node: 1, node: 3}", // Restate stops at the second factor
	)
}

func TestTheNodeFactorDefaultsToTheSmallestGivenScope(t *testing.T) {
	for _, example := range []struct {
		replication        Replication
		node, zone, region int // 0: not constrained
	}{
		{Replication{Node: 3}, 3, 0, 0},
		{Replication{Node: 3, Zone: 2}, 3, 2, 0},
		{Replication{Zone: 2}, 2, 2, 0},
		{Replication{Zone: 3, Region: 2}, 3, 3, 2},
		{Replication{Region: 2}, 2, 0, 2},
		{Replication{}, 0, 0, 0},
	} {
		for scope, want := range map[Scope]int{NodeScope: example.node, ZoneScope: example.zone, RegionScope: example.region, Scope(7): 0} {
			if got, ok := example.replication.Factor(scope); got != want || ok != (want > 0) {
				t.Errorf("%s at %s: got %d, %v, want %d", example.replication, scope, got, ok, want)
			}
		}
		if got := example.replication.Copies(); got != example.node {
			t.Errorf("%s: %d copies, want %d", example.replication, got, example.node)
		}
	}
}

func TestEmptyAndInvertedReplicationIsNotValid(t *testing.T) {
	for replication, want := range map[Replication]string{
		{}:                            "no scope is given",
		{Node: 1, Zone: 2}:            "the zone factor 2 exceeds the node factor 1",
		{Node: 1, Region: 2}:          "the region factor 2 exceeds the node factor 1",
		{Node: 3, Zone: 1, Region: 2}: "the region factor 2 exceeds the zone factor 1",
		{Node: 3, Zone: 2, Region: 1}: "",
		{Zone: 2}:                     "",
	} {
		got := ""
		if err := replication.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", replication, got, want)
		}
	}
}

func TestReplicationPrintsTheScopesThatAreGiven(t *testing.T) {
	for replication, want := range map[Replication]string{
		{}:                   "{}",
		{Node: 2}:            "{node: 2}",
		{Node: 3, Zone: 2}:   "{node: 3, zone: 2}",
		{Zone: 3, Region: 2}: "{zone: 3, region: 2}",
	} {
		if got := replication.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
