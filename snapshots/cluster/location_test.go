package cluster_test

import (
	"testing"

	. "restate-lint/snapshots/cluster"
)

func TestLocationsAreReadAsRestateDoes(t *testing.T) {
	testParser(t, ParseLocation, map[string]Location{
		"us-east2.use2-az3": {Region: "us-east2", Zone: "use2-az3"},
		"us-east2":          {Region: "us-east2"},
		"us-east2.":         {Region: "us-east2"},
		" eu.west-1\n":      {Region: "eu", Zone: "west-1"},
		".":                 {},
		"":                  {},
		"  ":                {},
	}, ".az1", "a.b.c", "a..", "a..b", "..", ":", "my region", "a.my zone", "a.b:c", "a. b")
}

func TestZonesOfTheSameNameInTwoRegionsAreTwoDomains(t *testing.T) {
	east, west := Location{Region: "a", Zone: "1"}, Location{Region: "b", Zone: "1"}
	eastern, _ := east.Domain(ZoneScope)
	western, _ := west.Domain(ZoneScope)
	if eastern == western {
		t.Errorf("both are %s", eastern)
	}
}

func TestLocationsBelongToTheDomainsTheyHaveLabelsFor(t *testing.T) {
	for _, example := range []struct {
		location Location
		scope    Scope
		want     string
		ok       bool
	}{
		{Location{"eu", "1"}, ZoneScope, "eu.1", true},
		{Location{"eu", "1"}, RegionScope, "eu", true},
		{Location{"eu", "1"}, NodeScope, "", false},
		{Location{"eu", ""}, ZoneScope, "", false},
		{Location{"eu", ""}, RegionScope, "eu", true},
		{Location{"", "1"}, ZoneScope, "", false},
		{Location{}, RegionScope, "", false},
		{Location{"eu", "1"}, Scope(9), "", false},
	} {
		got, ok := example.location.Domain(example.scope)
		if got.String() != example.want || ok != example.ok {
			t.Errorf("%+v at %s: got %q, %v", example.location, example.scope, got, ok)
		}
	}
}
