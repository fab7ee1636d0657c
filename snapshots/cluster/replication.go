package cluster

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Scope is the size of a failure domain. The constants are in the order from small to big.
type Scope uint8

const (
	// NodeScope makes each node a domain.
	NodeScope Scope = iota
	// ZoneScope makes the nodes of one zone of one region a domain.
	ZoneScope
	// RegionScope makes the nodes of one region a domain.
	RegionScope
)

// scopes lists every scope from small to big.
var scopes = [...]Scope{NodeScope, ZoneScope, RegionScope}

// String returns the scope as it is spelled in a replication property.
func (scope Scope) String() string {
	switch scope {
	case NodeScope:
		return "node"
	case ZoneScope:
		return "zone"
	case RegionScope:
		return "region"
	}
	return "scope(" + strconv.Itoa(int(scope)) + ")"
}

// Replication is a replication property: over how many domains of each scope the copies of a record are spread.
// A factor of 0 means that the scope is not given. The zero value gives no scope at all and is not valid.
type Replication struct {
	Node, Zone, Region uint8
}

// ParseReplication reads the text form that Restate accepts: a factor alone, "3", for nodes, or factors by scope,
// "{node: 3, zone: 2}", in any order and case, with white space between the tokens inside the braces. Factors are 1 to
// 255. A scope given twice keeps its last factor. Each factor must fit those read before it: one for a bigger scope
// may not exceed one for a smaller scope.
func ParseReplication(input string) (Replication, error) {
	if factor, ok := parseFactor(input); ok {
		return Replication{Node: factor}, nil
	}
	list, opened := strings.CutPrefix(input, "{")
	list, closed := strings.CutSuffix(list, "}")
	if !opened || !closed {
		return Replication{}, fmt.Errorf("invalid replication %q: want a factor of 1 to 255 or {scope: factor, …}", input)
	}
	var replication Replication
	for entry := range strings.SplitSeq(list, ",") {
		name, digits, _ := strings.Cut(entry, ":")
		name, digits = strings.TrimSpace(name), strings.TrimSpace(digits)
		given := replication.given(name)
		if given == nil {
			return Replication{}, fmt.Errorf("invalid replication %q: scope %q is not node, zone or region", input, name)
		}
		factor, ok := parseFactor(digits)
		if !ok {
			return Replication{}, fmt.Errorf("invalid replication %q: factor %q is not a number from 1 to 255", input, digits)
		}
		*given = factor
		if err := replication.Validate(); err != nil {
			return Replication{}, fmt.Errorf("invalid replication %q: %w", input, err)
		}
	}
	return replication, nil
}

func parseFactor(digits string) (uint8, bool) {
	factor, ok := decimal(digits, math.MaxUint8)
	return uint8(factor), ok && factor > 0
}

// given returns the factor of the scope of this name, in any case, or nil if there is no such scope.
func (replication *Replication) given(name string) *uint8 {
	switch strings.ToLower(name) {
	case "node":
		return &replication.Node
	case "zone":
		return &replication.Zone
	case "region":
		return &replication.Region
	}
	return nil
}

// Factor returns the number of domains of a scope that must hold a copy, and whether the scope is constrained. The node
// scope always is, if any scope is: where it is not given, the factor of the smallest given scope counts.
func (replication Replication) Factor(scope Scope) (int, bool) {
	var factor uint8
	switch scope {
	case NodeScope:
		factor = replication.Node
		if factor == 0 {
			factor = replication.Zone
		}
		if factor == 0 {
			factor = replication.Region
		}
	case ZoneScope:
		factor = replication.Zone
	case RegionScope:
		factor = replication.Region
	}
	return int(factor), factor > 0
}

// Copies returns the number of copies of each record, 1 to 255; 0 if no scope is given.
func (replication Replication) Copies() int {
	copies, _ := replication.Factor(NodeScope)
	return copies
}

// Validate says why Restate would refuse the property as text: no scope is given, or the factor of a bigger scope exceeds
// that of a smaller one. The object form in the parameters of a loglet is not checked when Restate reads it, so a
// capture may hold either. Restate panics on the first when it uses it (1.2 to 1.7).
func (replication Replication) Validate() error {
	copies, given := replication.Factor(NodeScope)
	if !given {
		return errors.New("no scope is given")
	}
	smaller, limit := NodeScope, copies
	for _, scope := range scopes[1:] {
		factor, given := replication.Factor(scope)
		if !given {
			continue
		}
		if factor > limit {
			return fmt.Errorf("the %s factor %d exceeds the %s factor %d", scope, factor, smaller, limit)
		}
		smaller, limit = scope, factor
	}
	return nil
}

// String returns the property as Restate prints it, with only the scopes that are given: "{node: 3, zone: 2}".
func (replication Replication) String() string {
	printed := []byte{'{'}
	for scope, factor := range [...]uint8{replication.Node, replication.Zone, replication.Region} {
		if factor == 0 {
			continue
		}
		if len(printed) > 1 {
			printed = append(printed, ", "...)
		}
		printed = append(printed, Scope(scope).String()...)
		printed = append(printed, ": "...)
		printed = strconv.AppendUint(printed, uint64(factor), 10)
	}
	return string(append(printed, '}'))
}
