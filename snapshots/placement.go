package snapshots

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// placements remembers what a text of replication and nodeset means, so that equal segments share one Placement and
// its verdict is computed once. Its size is bounded: a cluster has few distinct placements, and one that has many gains
// nothing from remembering all of them.
type placements struct {
	nodes   *Nodes
	release cluster.Release
	made    int
	usual   usualReplication
	members []cluster.Member // reused, and never nil: a verdict on no members has an empty list of them
	seed    maphash.Seed
	table   [][4]*placementSlot // four places for texts of equal hashes, the newest first; a power of two of them
}

// A placementSlot is one text and what it means. It does not change.
type placementSlot struct {
	hash      uint64
	text      string
	placement *Placement
	err       error
}

// newPlacements returns what remembers the placements of logs that are so many bytes long.
func newPlacements(nodes *Nodes, size int64) *placements {
	p := &placements{
		seed: maphash.MakeSeed(), nodes: nodes, members: []cluster.Member{},
		table: make([][4]*placementSlot, 1<<bits.Len64(uint64(max(15, min(size/1024, 1023))))),
	}
	if nodes != nil {
		p.release = nodes.Release()
	}
	return p
}

// lookup returns the placement that a text stands for. The text may be anything that read turns into the two values,
// as long as equal texts always stand for equal placements.
func (p *placements) lookup(text []byte, read func(text []byte) (replication, nodeset gjson.Result, err error)) (*placementSlot, error) {
	hash := maphash.Bytes(p.seed, text)
	places := &p.table[hash&uint64(len(p.table)-1)]
	for _, slot := range places {
		if slot != nil && slot.hash == hash && slot.text == string(text) {
			return slot, slot.err
		}
	}
	slot := &placementSlot{hash: hash, text: string(text)}
	if slot.placement = p.usually(text); slot.placement == nil {
		replication, nodeset, err := read(text)
		if err != nil {
			return nil, err
		}
		slot.placement, slot.err = p.place(replication, nodeset)
	}
	copy(places[1:], places[:])
	places[0] = slot
	return slot, slot.err
}

func (p *placements) place(replication, nodeset gjson.Result) (*Placement, error) {
	if !replication.IsObject() {
		return nil, errors.New("replication is not an object")
	}
	if !nodeset.IsArray() {
		return nil, errors.New("nodeset is not an array")
	}
	placement := &Placement{Nodeset: make([]cluster.NodeID, 0, min(strings.Count(nodeset.Raw, ",")+1, maxElements))}
	placement.replicate(replication)
	var err error
	nodeset.ForEach(func(_, member gjson.Result) bool {
		var id cluster.NodeID
		id, err = nodesetMember(member)
		if placement.Nodeset = append(placement.Nodeset, id); len(placement.Nodeset) > maxElements {
			err = errTooMany
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	p.judge(placement)
	return placement, nil
}

// replicate takes over the replication property.
func (placement *Placement) replicate(replication gjson.Result) {
	var invalid error
	if placement.Replication, invalid = replicationObject(replication); invalid == nil {
		placement.Computable = placement.Replication.Copies() > 0
		invalid = placement.Replication.Validate()
	}
	if invalid != nil {
		placement.Invalid = invalid.Error()
	}
}

// judge says what holds for a placement.
func (p *placements) judge(placement *Placement) {
	placement.Number = p.made
	p.made++
	if p.nodes == nil {
		placement.Distinct = countDistinct(placement.Nodeset)
	} else {
		p.members = p.members[:0]
		for _, id := range placement.Nodeset {
			p.members = append(p.members, p.nodes.Member(id))
		}
		placement.Verdict = cluster.Judge(p.members, placement.Replication, p.release)
		placement.Distinct = len(placement.Verdict.Members)
	}
}

// A usualReplication is what a text of a replication property means: most nodesets of a cluster share one.
type usualReplication struct {
	text      string
	placement Placement
}

// nodesetKey stands between the replication property and the nodeset where they are JSON within a string.
const nodesetKey = `,\"nodeset\":[`

// usually makes a placement of a text of the usual form, without a parser: numbers of nodes and nothing else behind a
// replication property as that of the placement before. It returns nil for any other.
func (p *placements) usually(text []byte) *Placement {
	i := bytes.Index(text, []byte(nodesetKey))
	if i < 0 {
		return nil
	}
	list := text[i+len(nodesetKey):]
	if p.usual.text == "" || p.usual.text != string(text[:i]) {
		replication, _, err := readEscapedPlacement(slices.Concat(text[:i], []byte(nodesetKey+"]")))
		if err != nil {
			return nil
		}
		p.usual = usualReplication{text: string(text[:i])}
		p.usual.placement.replicate(replication)
	}
	nodeset := make([]cluster.NodeID, 0, min(bytes.Count(list, []byte{','})+1, maxElements))
	for id, digits := uint64(0), 0; len(list) > 0; list = list[1:] {
		switch c := list[0]; {
		case '0' <= c && c <= '9' && (digits == 0 || id > 0):
			id = id*10 + uint64(c-'0')
			digits++
			if id > math.MaxUint32 {
				return nil
			}
		case c == ',' && digits > 0 && len(nodeset) < maxElements, c == ']' && digits > 0 && len(list) == 1 && len(nodeset) < maxElements:
			nodeset = append(nodeset, cluster.NodeID(id))
			id, digits = 0, 0
			if c == ']' {
				placement := p.usual.placement
				placement.Nodeset = nodeset
				p.judge(&placement)
				return &placement
			}
		default:
			return nil
		}
	}
	return nil
}

func countDistinct(nodeset []cluster.NodeID) int {
	sorted := slices.Clone(nodeset)
	slices.Sort(sorted)
	return len(slices.Compact(sorted))
}

// nodesetMember reads a plain node id: a number since Restate 1.2, a text such as "N1" in 1.1.
func nodesetMember(member gjson.Result) (cluster.NodeID, error) {
	switch member.Type {
	case gjson.Number:
		if n, rounded, ok := parseUint(member); ok && !rounded && n <= math.MaxUint32 {
			return cluster.NodeID(n), nil
		}
	case gjson.String:
		if id, err := cluster.ParseNodeID(member.Str); err == nil {
			return id, nil
		}
	}
	return 0, fmt.Errorf("nodeset member %s is not a node id", value{result: member}.shown())
}

// replicationObject reads the form {"node": 3, "zone": 2} and the prototype form of Restate 1.1,
// {"replication_factor": 2, …}. An error says what in it is no scope or no factor; factors that do not fit each other are not looked at.
func replicationObject(result gjson.Result) (cluster.Replication, error) {
	var replication cluster.Replication
	var problem error
	result.ForEach(func(key, factor gjson.Result) bool {
		var scope *uint8
		switch strings.ToLower(key.Str) {
		case "node", "replication_factor":
			scope = &replication.Node
		case "zone":
			scope = &replication.Zone
		case "region":
			scope = &replication.Region
		case "extra_copies", "durability":
			return true
		default:
			problem = fmt.Errorf("%s is not a scope (node, zone, region)", value{result: key}.shown())
			return true
		}
		n, rounded, ok := parseUint(factor)
		if !ok || rounded || n < 1 || n > math.MaxUint8 {
			problem = fmt.Errorf("factor %s of scope %s is not 1 to 255", value{result: factor}.shown(), key.Str)
			return true
		}
		*scope = uint8(n)
		return true
	})
	return replication, problem
}
