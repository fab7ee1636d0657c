package cluster

import (
	"cmp"
	"fmt"
	"strings"
)

// Location says where a node runs, "region.zone". Either label may be missing, but there is no zone without a region.
// Two zones of the same name in different regions are different zones. The zero value is a node without a location.
type Location struct {
	Region, Zone string
}

// ParseLocation reads "region.zone", "region", "region." or nothing, as Restate does since 1.2: white space around the
// whole is dropped, and a label holds neither a space nor a colon.
func ParseLocation(input string) (Location, error) {
	region, zone, _ := strings.Cut(strings.TrimSpace(input), ".")
	switch {
	case strings.Contains(zone, "."):
		return Location{}, fmt.Errorf("invalid location %q: more than the two labels region.zone", input)
	case strings.ContainsAny(region, " :") || strings.ContainsAny(zone, " :"):
		return Location{}, fmt.Errorf("invalid location %q: a label holds a space or a colon", input)
	case region == "" && zone != "":
		return Location{}, fmt.Errorf("invalid location %q: a zone without a region", input)
	}
	return Location{Region: region, Zone: zone}, nil
}

// String returns the shortest text that ParseLocation reads as this location; a node without one gives "".
func (location Location) String() string {
	if location.Zone == "" {
		return location.Region
	}
	return location.Region + "." + location.Zone
}

// Domain returns the failure domain that a node at this location belongs to at a scope: its region without the zone, or
// its zone with the region. It reports false if the location has no label there, and at NodeScope, where each node is
// a domain of its own.
func (location Location) Domain(scope Scope) (Location, bool) {
	switch {
	case scope == RegionScope && location.Region != "":
		return Location{Region: location.Region}, true
	case scope == ZoneScope && location.Region != "" && location.Zone != "":
		return location, true
	}
	return Location{}, false
}

// Compare orders by the names of regions, and within a region by those of zones.
func (location Location) Compare(other Location) int {
	return cmp.Or(cmp.Compare(location.Region, other.Region), cmp.Compare(location.Zone, other.Zone))
}
