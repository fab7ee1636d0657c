package snapshots

import (
	"math"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// cells are the values of one row. Asking for a column that is not there gives the zero value.
type cells struct {
	object
	row row
}

func (c *cells) has(column string) bool {
	result, ok := c.find(column)
	return ok && result.Type != gjson.Null
}

func (c *cells) cell(column string) value {
	result, _ := c.find(column)
	return value{text: c.text, result: result, pointer: c.pointer, what: column}
}

func (c *cells) uint(column string, most uint64) uint64 {
	if !c.has(column) {
		return 0
	}
	n, _ := c.required(column, most)
	return n
}

func (c *cells) lsn(column string) cluster.LSN { return cluster.LSN(c.uint(column, math.MaxUint64)) }

func (c *cells) offsetOf(column string) LogletOffset {
	return LogletOffset(c.uint(column, math.MaxUint32))
}

func (c *cells) version(column string) cluster.Version {
	return cluster.Version(c.uint(column, math.MaxUint32))
}

func (c *cells) bool(column string) bool {
	if !c.has(column) {
		return false
	}
	v := c.cell(column)
	if !v.result.IsBool() {
		v.invalid("true or false")
	}
	return v.result.Bool()
}

// wordLength bounds the words that are kept of a row.
const wordLength = 64

// word is a short text in lower case, such as a state. It does not keep the row alive.
func (c *cells) word(column string) string {
	if !c.has(column) {
		return ""
	}
	s, _ := c.cell(column).string()
	if len(s) > wordLength {
		s = strings.ToValidUTF8(s[:wordLength], "") + "…"
	}
	switch s { // most words are one of these, and need no memory of their own
	case "leader", "Leader":
		return "leader"
	case "follower", "Follower":
		return "follower"
	case "active":
		return "active"
	}
	return strings.Clone(strings.ToLower(s))
}

// node is the node that a row is about. The id with the generation says more, and is left out of some rows.
func (c *cells) node() (node cluster.GenerationalNodeID, ok bool) {
	if c.has("gen_node_id") {
		if node, ok = c.generational("gen_node_id"); ok {
			return node, true
		}
	}
	v := c.cell("plain_node_id")
	s, ok := v.string()
	if !ok {
		return node, false
	}
	id, err := cluster.ParseNodeID(s)
	if err != nil {
		v.invalid("a node id such as N1")
		return node, false
	}
	return cluster.GenerationalNodeID{ID: id}, true
}

func (c *cells) generational(column string) (id cluster.GenerationalNodeID, ok bool) {
	if !c.has(column) {
		return id, false
	}
	v := c.cell(column)
	s, ok := v.string()
	if !ok {
		return id, false
	}
	id, err := cluster.ParseGenerationalNodeID(s)
	if err != nil {
		v.invalid("a generational node id such as N1:2")
	}
	return id, err == nil
}

// required is an integer without which the row is about nothing.
func (c *cells) required(column string, most uint64) (uint64, bool) {
	v := c.cell(column)
	if _, rounded, _ := parseUint(v.result); rounded { // no row is worth a guess
		v.invalid("an exact integer")
		return 0, false
	}
	return v.uint(most)
}

// epoch reads a number, or a text such as "e2": tables differ.
func (c *cells) epoch(column string) cluster.LeaderEpoch {
	if v := c.cell(column); v.result.Type == gjson.String {
		n, err := strconv.ParseUint(strings.TrimPrefix(v.result.Str, "e"), 10, 64)
		if err != nil {
			v.invalid("a leader epoch such as e2")
		}
		return cluster.LeaderEpoch(n)
	}
	return cluster.LeaderEpoch(c.uint(column, math.MaxUint64))
}

func itoa(n int) string { return strconv.Itoa(n) }
