package snapshots

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"restate-lint/snapshots/cluster"
)

// Nodes is the nodes configuration: who is, and who was, a member of the cluster.
type Nodes struct {
	Document    *Document
	ClusterName string
	// Fingerprint is 0 when the cluster has none (Restate before 1.5).
	Fingerprint cluster.Fingerprint
	// ModifiedAt is 0 when it was not recorded (Restate before 1.6).
	ModifiedAt cluster.HLC
	Features   []string
	// NameLookup maps names to ids as the document says; it may disagree with the nodes.
	NameLookup []NameLookup
	// FingerprintAt and FeaturesAt are those fields, or the document where they are left out.
	FingerprintAt, FeaturesAt Position

	nodes []Node // ascending by id
	// listed says that the list has an entry of every node, read or not; unread counts entries that say whose they are and
	// not what it is.
	listed bool
	unread int
}

// A NameLookup is one entry of the nodes configuration's index by name.
type NameLookup struct {
	Name string
	Node cluster.NodeID
	At   Position
}

// A Node is one entry of the nodes configuration.
type Node struct {
	ID cluster.NodeID
	// Removed means a tombstone: the node has left and its id stays taken. All other fields but At are then empty.
	Removed bool
	// Unreadable means an entry of a shape that is not known: it may be a node or a tombstone. All other fields but At are
	// then empty, and the document is not complete.
	Unreadable bool
	Name       string
	// Generation counts the starts of the node's process, from 1. It is the zero value when it is not known: left out, or
	// impossible.
	Generation cluster.GenerationalNodeID
	Address    string
	Roles      []cluster.Role
	Location   cluster.Location
	Storage    cluster.StorageState
	Worker     cluster.WorkerState
	// Metadata is empty when it is left out, which meant member up to Restate 1.4 and provisioning from 1.5.
	Metadata cluster.MetadataServerState
	// Release is the zero value when the node did not say (Restate before 1.6).
	Release cluster.Release

	// At is the entry; the others are its fields, or the entry where a field is left out.
	At, NameAt, GenerationAt, AddressAt, RolesAt, LocationAt, StorageAt, WorkerAt, MetadataAt, ReleaseAt Position
}

// Len is the number of entries, removed nodes included.
func (n *Nodes) Len() int { return len(n.nodes) }

// All yields every node in ascending order of ids, removed ones included.
func (n *Nodes) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for i := range n.nodes {
			if !yield(&n.nodes[i]) {
				return
			}
		}
	}
}

// Place is the place of a node's entry in the order of All; ok is false when the id is unknown.
func (n *Nodes) Place(id cluster.NodeID) (place int, ok bool) {
	// Ids are given out in order and tombstones stay, so an id is nearly always at its own place.
	if len(n.nodes) > 0 {
		if i := uint64(id - n.nodes[0].ID); i < uint64(len(n.nodes)) && n.nodes[i].ID == id {
			return int(i), true
		}
	}
	return slices.BinarySearchFunc(n.nodes, id, func(node Node, id cluster.NodeID) int { return cmp.Compare(node.ID, id) })
}

// At returns the node at a place, which is 0 to Len-1.
func (n *Nodes) At(place int) *Node { return &n.nodes[place] }

// Get returns the entry of a node, or nil when the id is unknown.
func (n *Nodes) Get(id cluster.NodeID) *Node {
	place, ok := n.Place(id)
	if !ok {
		return nil
	}
	return &n.nodes[place]
}

// Class tells what a reference to a node means: active (registered), removed (a tombstone), unknown (no entry) or
// undetermined (an entry that cannot be read).
func (n *Nodes) Class(id cluster.NodeID) cluster.Class { return n.Get(id).class() }

func (node *Node) class() cluster.Class {
	switch {
	case node == nil:
		return cluster.Unknown
	case node.Removed:
		return cluster.Removed
	case node.Unreadable:
		return cluster.Undetermined
	}
	return cluster.Active
}

// Unreadable returns the ids of the entries that cannot be read, ascending. listed is true when the list was read to its
// end and nothing else of it is missing: a node that has no entry is then unknown for sure.
func (n *Nodes) Unreadable() (ids []cluster.NodeID, listed bool) {
	for node := range n.All() {
		if node.Unreadable {
			ids = append(ids, node.ID)
		}
	}
	return ids, n.listed
}

// Newest is the highest id that was ever given out, as far as the document knows. New nodes get the next one,
// so an unknown id above it may belong to a node that joined after the document was captured.
func (n *Nodes) Newest() cluster.NodeID {
	if len(n.nodes) == 0 {
		return 0
	}
	return n.nodes[len(n.nodes)-1].ID
}

// Member describes a node as a member of a nodeset.
func (n *Nodes) Member(id cluster.NodeID) cluster.Member {
	node := n.Get(id)
	member := cluster.Member{Node: id, Class: node.class()}
	if member.Class == cluster.Active {
		member.State, member.Location = node.Storage, node.Location
	}
	return member
}

// Release is the oldest release that a registered node runs; the zero Release when no node says.
func (n *Nodes) Release() cluster.Release {
	var oldest cluster.Release
	for node := range n.All() {
		if !node.Release.IsZero() && (oldest.IsZero() || node.Release.Compare(oldest) < 0) {
			oldest = node.Release
		}
	}
	return oldest
}

// decodeNode adds one entry of the list `nodes`. It fails when the entry cannot be understood. One whose id can be told is
// added all the same: references to it must not pass for those to a node that was never registered.
func (n *Nodes) decodeNode(entry value) bool {
	key, config, ok := entry.pair()
	if !ok {
		return false
	}
	key.what = "node id"
	id, ok := key.uint(math.MaxUint32)
	if !ok {
		return false
	}
	at := config.at()
	node := Node{ID: cluster.NodeID(id), At: at, NameAt: at, GenerationAt: at, AddressAt: at, RolesAt: at, LocationAt: at, StorageAt: at, WorkerAt: at, MetadataAt: at, ReleaseAt: at}
	config.what = "entry of " + node.ID.String()
	switch {
	case config.result.Type == gjson.String && config.result.Str == "Tombstone":
		node.Removed = true
	case config.result.IsObject():
		node.Unreadable = !node.decode(config)
	default:
		node.Unreadable = true
	}
	if node.Unreadable {
		n.unread++
		config.invalid(`"Tombstone" or {"Node": …}`)
	}
	n.nodes = append(n.nodes, node)
	return !node.Unreadable
}

// decode reads the fields of a node. It fails when the entry is none.
func (node *Node) decode(config value) bool {
	entry, _ := config.object()
	body := entry.get("Node", config.what)
	if !body.result.IsObject() {
		return false
	}
	fields, _ := body.object()
	name := node.ID.String()

	v := fields.get("name", "name of "+name)
	node.Name, _ = v.string()
	node.NameAt = v.at()
	if v := fields.get("address", "address of "+name); !v.isNull() {
		node.Address, _ = v.string()
		node.AddressAt = v.at()
	}
	generation := fields.get("current_generation", "generation of "+name)
	node.GenerationAt = generation.at()
	if run, ok := generation.generationalNodeID(); ok && (run.ID != node.ID || run.Generation == 0) {
		generation.invalid("a run of " + name + ", counted from 1")
	} else {
		node.Generation = run
	}

	node.Storage = cluster.StorageProvisioning
	if v, ok := fields.nested("log_server_config", "storage_state", "storage state of "+name); ok {
		node.Storage, node.StorageAt = enum(v, cluster.StorageStates()), v.at()
	}
	node.Worker = cluster.WorkerProvisioning
	if v, ok := fields.nested("worker_config", "worker_state", "worker state of "+name); ok {
		node.Worker, node.WorkerAt = enum(v, cluster.WorkerStates()), v.at()
	}
	if v, ok := fields.nested("metadata_server_config", "metadata_server_state", "metadata server state of "+name); ok {
		node.Metadata, node.MetadataAt = enum(v, cluster.MetadataServerStates()), v.at()
	}
	if v := fields.get("roles", "role of "+name); !v.isNull() {
		node.RolesAt = v.at()
		for _, role := range v.elements(maxElements) {
			if name, ok := role.string(); !ok || cluster.Role(name).Known() {
				node.Roles = append(node.Roles, cluster.Role(name).Canonical())
			} else {
				node.Roles = append(node.Roles, enum(role, cluster.Roles()))
			}
		}
	}
	if v := fields.get("location", "location of "+name); !v.isNull() {
		node.LocationAt = v.at()
		if s, ok := v.string(); ok {
			var err error
			if node.Location, err = cluster.ParseLocation(s); err != nil {
				v.invalid("a location such as region.zone")
			}
		}
	}
	if v := fields.get("binary_version", "binary version of "+name); !v.isNull() {
		node.ReleaseAt = v.at()
		if s, ok := v.string(); ok {
			var err error
			if node.Release, err = cluster.ParseRelease(s); err != nil {
				v.invalid("a version such as 1.7.12")
			}
		}
	}
	return true
}

// nested returns a state that has an object of its own around it; ok is false when it is left out, which is legal.
func (o object) nested(outer, inner, what string) (value, bool) {
	v := o.get(outer, what)
	if v.isNull() {
		return v, false
	}
	config, ok := v.object()
	if !ok {
		return v, false
	}
	v = config.get(inner, what)
	return v, !v.isNull()
}

// enum returns the spelling as it is, with an oddity when it is not one of the known ones.
func enum[T ~string](v value, known []T) T {
	s, ok := v.string()
	if ok && !slices.Contains(known, T(s)) {
		v.add(Oddity{Kind: UnknownValue, Value: strconv.Quote(s), Want: oneOf(known)})
	}
	return T(s)
}

func oneOf[T ~string](words []T) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = string(word)
	}
	return "one of " + strings.Join(list, ", ")
}

// generationalNodeID reads the metadata's form of one, [id, generation].
func (v value) generationalNodeID() (cluster.GenerationalNodeID, bool) {
	var none cluster.GenerationalNodeID
	var parts [2]uint64
	i := 0
	if v.result.IsArray() {
		v.result.ForEach(func(_, part gjson.Result) bool {
			if i < 2 {
				n, rounded, ok := parseUint(part)
				if !ok || rounded || n > math.MaxUint32 {
					i = 3
					return false
				}
				parts[i] = n
			}
			i++
			return i < 3
		})
	}
	if i != 2 {
		v.invalid("a pair [node id, generation]")
		return none, false
	}
	return cluster.GenerationalNodeID{ID: cluster.NodeID(parts[0]), Generation: uint32(parts[1])}, true
}

// finish sorts the entries and takes over the scalar fields.
func (n *Nodes) finish(fields object) {
	// Of several entries with one id the first stays. Restate prints the entries in any order, so their places must not
	// decide unless nothing else does.
	rank := func(node *Node) int { return truth(!node.Unreadable) + truth(!node.Unreadable && !node.Removed) }
	slices.SortStableFunc(n.nodes, func(a, b Node) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.Generation.Generation, a.Generation.Generation), cmp.Compare(rank(&b), rank(&a)),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Storage, b.Storage), cmp.Compare(a.Worker, b.Worker),
			cmp.Compare(a.Metadata, b.Metadata), cmp.Compare(a.Location.String(), b.Location.String()))
	})
	kept := n.nodes[:0]
	for i, node := range n.nodes {
		if i > 0 && node.ID == kept[len(kept)-1].ID {
			fields.add(Oddity{Kind: InvalidValue, At: node.At, What: "node id " + node.ID.String(), Value: "registered twice", Want: "one entry for each node id"})
			continue
		}
		kept = append(kept, node)
	}
	n.nodes = kept

	if v := fields.get("cluster_name", "cluster name"); !v.isNull() || n.Document.Complete {
		n.ClusterName, _ = v.string()
	}
	var numbers []value
	n.FingerprintAt = n.Document.At(n.Document.Offset, "")
	n.FeaturesAt = n.FingerprintAt
	if v := fields.get("cluster_fingerprint", "cluster fingerprint"); !v.isNull() {
		fingerprint, _ := v.uint(math.MaxUint64)
		n.Fingerprint, n.FingerprintAt = cluster.Fingerprint(fingerprint), v.at()
		numbers = append(numbers, v)
	}
	if v := fields.get("modified_at", "modification time"); !v.isNull() {
		modified, _ := v.uint(math.MaxUint64)
		n.ModifiedAt = cluster.HLC(modified)
		numbers = append(numbers, v)
	}
	reportRounded(numbers)
	if v := fields.get("features", "feature"); !v.isNull() {
		n.FeaturesAt = v.at()
		for _, feature := range v.elements(maxElements) {
			name, _ := feature.string()
			n.Features = append(n.Features, name)
		}
	}
	if v := fields.get("name_lookup", "name lookup"); !v.isNull() {
		names, _ := v.object()
		for _, f := range names.fields {
			entry := names.child(f.value, f.name, "id of node "+strconv.Quote(f.name))
			if id, ok := entry.uint(math.MaxUint32); ok {
				n.NameLookup = append(n.NameLookup, NameLookup{Name: f.name, Node: cluster.NodeID(id), At: entry.at()})
			}
		}
	}
}

// reportRounded marks the large integers of a document as rounded when every one of them looks so.
func reportRounded(numbers []value) {
	var large []value
	for _, v := range numbers {
		n, rounded, ok := parseUint(v.result)
		switch {
		case !ok || rounded || n <= 1<<53: // rounded ones are reported already
		case !looksRounded(n):
			return
		default:
			large = append(large, v)
		}
	}
	for _, v := range large {
		v.add(Oddity{Kind: RoundedNumber, Value: v.shown()})
	}
}
