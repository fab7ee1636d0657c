package analyze

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

// A Survey says which losses a cluster survives: of every single node, zone and region, and which smallest sets of nodes
// are one too many. Like a WhatIf it holds by configuration. What does not work as it is, is lost with no node.
type Survey struct {
	SchemaVersion int    `json:"schema_version"`
	Tool          Tool   `json:"tool"`
	Name          string `json:"name"`
	ClusterName   string `json:"cluster_name"`
	// Without are the nodes that are taken as silent already.
	Without []string `json:"without"`
	// Nodes are the registered ones by id, Zones and Regions those that they are in by name.
	Nodes   []Radius `json:"nodes"`
	Zones   []Radius `json:"zones"`
	Regions []Radius `json:"regions"`

	Smallest SmallestSets `json:"smallest_sets"`
	// Matrix is nil without log metadata.
	Matrix      *Matrix         `json:"matrix"`
	AlreadyLost AlreadyLost     `json:"already_lost"`
	Undecided   []UndecidedPart `json:"undecided"`
	Gaps        []Gap           `json:"gaps"`

	// Logs, Partitions and MetadataMembers count what can be lost: logs with an open replicated tail, partitions that can
	// have a leader, members left of the metadata store.
	Logs, Partitions, MetadataMembers int `json:"-"`

	Inventory Inventory  `json:"-"`
	Documents []Document `json:"-"`
	surveyor  *surveyor
}

// A Radius is the blast radius of a node, a zone or a region: what is lost when all of it is silent.
type Radius struct {
	// One of Node, Zone and Region is set; the last two have their Nodes.
	Node   string   `json:"node,omitempty"`
	Zone   string   `json:"zone,omitempty"`
	Region string   `json:"region,omitempty"`
	Nodes  []string `json:"nodes,omitempty"`
	// Location and StorageState are those of a node.
	Location     string `json:"location,omitempty"`
	StorageState string `json:"storage_state,omitempty"`
	// Tails counts the logs whose open segment has a member there.
	Tails int `json:"tails"`
	Loss
}

// A Loss counts what is lost.
type Loss struct {
	// Writes and Seals count the logs whose open segment can no longer be written, and be sealed.
	Writes int `json:"logs_not_writable"`
	Seals  int `json:"logs_not_sealable"`
	// History counts the sealed segments that no longer have an f-majority.
	History int `json:"sealed_segments_without_f_majority"`
	// Leaders counts the partitions that no longer can have a leader.
	Leaders  int  `json:"partitions_without_leader"`
	Metadata bool `json:"metadata_quorum_lost"`
}

// Any reports whether anything is lost.
func (l Loss) Any() bool { return l != Loss{} }

// AlreadyLost is what does not work as it is.
type AlreadyLost struct {
	// Sealed are the logs whose chains end sealed: they have no open segment, and take no records until they get one.
	// Writes and Seals are those whose open segment cannot be written, and be sealed. All are ascending.
	Sealed   []cluster.LogID       `json:"logs_ended_sealed"`
	Writes   []cluster.LogID       `json:"logs_not_writable"`
	Seals    []cluster.LogID       `json:"logs_not_sealable"`
	History  int                   `json:"sealed_segments_without_f_majority"`
	Leaders  []cluster.PartitionID `json:"partitions_without_leader"`
	Metadata bool                  `json:"metadata_quorum_lost"`
}

func noneLost() AlreadyLost {
	return AlreadyLost{Sealed: []cluster.LogID{}, Writes: []cluster.LogID{}, Seals: []cluster.LogID{}, Leaders: []cluster.PartitionID{}}
}

// Any reports whether anything is lost.
func (l *AlreadyLost) Any() bool {
	return len(l.Sealed) > 0 || len(l.Writes) > 0 || len(l.Seals) > 0 || l.History > 0 || len(l.Leaders) > 0 || l.Metadata
}

// SmallestSets are the sets of up to three nodes whose loss is one too many, without any that has a smaller such set in it.
// Sets are nil for what cannot be told: writes and sealing without log metadata, leaders without epochs, and the quorum of a
// metadata store that is outside of the cluster.
type SmallestSets struct {
	Writes   *NodeSets `json:"writes"`   // stop the writes of some log
	Seals    *NodeSets `json:"sealing"`  // make some log unsealable
	Leaders  *NodeSets `json:"leaders"`  // leave some partition without a possible leader
	Metadata *NodeSets `json:"metadata"` // lose the metadata quorum
}

// Least is the size of the smallest of all sets; 0 when there is none.
func (s *SmallestSets) Least() int {
	least := 0
	for _, sets := range []*NodeSets{s.Writes, s.Seals, s.Leaders, s.Metadata} {
		if size := sets.Least(); size > 0 && (least == 0 || size < least) {
			least = size
		}
	}
	return least
}

// NodeSets are sets of up to three nodes, by size and then by ids.
type NodeSets struct {
	nodes []cluster.NodeID
	sets  []nodeSet
}

// A nodeSet has places in a list of nodes, ascending; what it has less than three is -1.
type nodeSet [setLimit]int32

// setLimit is the size of the biggest sets that are looked for.
const setLimit = 3

func (set *nodeSet) size() int {
	size := 0
	for size < setLimit && set[size] >= 0 {
		size++
	}
	return size
}

// Len is the number of sets.
func (s *NodeSets) Len() int {
	if s == nil {
		return 0
	}
	return len(s.sets)
}

// Least is the size of the smallest set; 0 when there is none.
func (s *NodeSets) Least() int {
	if s.Len() == 0 {
		return 0
	}
	return s.sets[0].size()
}

// All yields the names of the nodes of each set, such as "N1", "N4".
func (s *NodeSets) All() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		if s == nil {
			return
		}
		for i := range s.sets {
			if !yield(s.names(&s.sets[i])) {
				return
			}
		}
	}
}

func (s *NodeSets) names(set *nodeSet) []string {
	names := make([]string, set.size())
	for i := range names {
		names[i] = s.nodes[set[i]].String()
	}
	return names
}

// MarshalJSON writes the sets as lists of names.
func (s *NodeSets) MarshalJSON() ([]byte, error) { return marshalSeq(s.All(), s.Len()) }

// A Matrix says what the loss of each node does to each log.
type Matrix struct {
	surveyor *surveyor
	groups   []*tailGroup // those of open segments
}

// A MatrixColumn is the logs whose open segments have one effective nodeset and replication property.
type MatrixColumn struct {
	Logs        []cluster.LogID `json:"logs"` // ascending
	Replication string          `json:"replication"`
	Nodeset     []string        `json:"effective_nodeset"`
}

// A MatrixRow is one node; its cells are one character for each column.
type MatrixRow struct {
	Node  string `json:"node"`
	Cells string `json:"cells"`
}

// The cells of a matrix.
const (
	CellOutside  = '.' // not a member
	CellSurvives = 'o' // a member; the log survives its loss
	CellWrites   = 'w' // its loss stops writes
	CellSeals    = 's' // its loss makes the log unsealable
	CellBoth     = 'X' // both
	CellSilent   = '-' // a member that never answers
)

// CellMeanings explain the cells.
var CellMeanings = [][2]string{
	{string(CellOutside), "not a member of the nodeset"},
	{string(CellSurvives), "a member whose loss the log survives"},
	{string(CellWrites), "its loss stops writes"},
	{string(CellSeals), "its loss makes the log unsealable"},
	{string(CellBoth), "its loss does both"},
	{string(CellSilent), "a member that does not answer anyway"},
}

// Len is the number of columns.
func (m *Matrix) Len() int { return len(m.groups) }

// Columns yields the columns, those with most logs first.
func (m *Matrix) Columns() iter.Seq[MatrixColumn] {
	return func(yield func(MatrixColumn) bool) {
		for _, group := range m.groups {
			column := MatrixColumn{Logs: group.tails, Replication: group.replication.String(), Nodeset: []string{}}
			for _, place := range slices.Sorted(slices.Values(group.members)) {
				column.Nodeset = append(column.Nodeset, m.surveyor.nodes[place].String())
			}
			if !yield(column) {
				return
			}
		}
	}
}

// Rows yields a row for each registered node and each unknown member, by id, with the cells of the first columns.
func (m *Matrix) Rows(columns int) iter.Seq[MatrixRow] {
	groups := m.groups[:min(columns, len(m.groups))]
	return func(yield func(MatrixRow) bool) {
		for place, id := range m.surveyor.nodes {
			cells := make([]byte, len(groups))
			for i, group := range groups {
				cells[i] = group.cell(int32(place))
			}
			if !yield(MatrixRow{Node: id.String(), Cells: string(cells)}) {
				return
			}
		}
	}
}

// NewSurvey surveys a cluster. The words name nodes that are taken as silent already, as for NewWhatIf.
func NewSurvey(version string, s *snapshots.Snapshot, words []string) (*Survey, error) {
	given, err := silenceOf(s, words)
	if err != nil {
		return nil, err
	}
	if err := readNodes(s, "what each loss stops"); err != nil {
		return nil, err
	}
	survey := &Survey{
		SchemaVersion: SchemaVersion,
		Tool:          Tool{Name: toolName, Version: version},
		Name:          s.Name,
		ClusterName:   s.ClusterName(),
		Without:       given.names(),
		AlreadyLost:   noneLost(),
		Zones:         []Radius{},
		Regions:       []Radius{},
		Undecided:     []UndecidedPart{},
		Inventory:     inventory(s),
		Documents:     documentsOf(s),
	}
	y := newSurveyor(s, given)
	survey.surveyor = y
	gaps := slices.Clone(s.Gaps)
	if s.Logs != nil {
		gaps = append(gaps, survey.readLogs(s)...)
	}
	survey.Gaps = gapsOf(gaps)
	if err := given.unverified(s); err != nil {
		return nil, err
	}
	// What a WhatIf of the same nodes leaves undecided, is undecided here.
	base := &WhatIf{}
	if s.Logs == nil {
		base.undecided("segments", "their nodesets are not known", snapshots.BifrostConfig)
	} else if len(gaps) > len(s.Gaps) {
		base.undecided("segments", "some logs could not be read", snapshots.BifrostConfig)
	}
	if y.undecodable > 0 {
		base.undecided("segments", "the nodeset of "+plural(y.undecodable, "segment")+" cannot be decoded", snapshots.BifrostConfig)
	}
	if y.oversized > 0 {
		base.undecided("segments", plural(y.oversized, "segment")+fmt.Sprintf(" with more than %d members are left out", mostMembers), snapshots.BifrostConfig)
	}
	base.unplaced(y.unplaced)
	if len(y.nodes) > mostNodes {
		base.undecided("smallest_sets", fmt.Sprintf("with more than %d nodes, sets of them are not tried", mostNodes))
	}
	base.partitions(s, given)
	base.metadata(s, given)
	survey.Undecided = append(survey.Undecided, base.Undecided...)
	y.partitions(base.Partitions)
	y.metadata(base.Metadata)

	survey.Logs, survey.Partitions, survey.MetadataMembers = y.logs, len(y.leaders), len(y.members)
	survey.alreadyLost(base)
	survey.radii()
	survey.Smallest = y.smallestSets()
	if s.Logs != nil {
		survey.Matrix = y.matrix()
	}
	return survey, nil
}

func (v *Survey) readLogs(s *snapshots.Snapshot) []snapshots.Gap {
	v.Inventory.Logs, v.Inventory.Segments = 0, 0
	gaps := s.Logs.Each(func(log *snapshots.Log) {
		v.Inventory.Logs++
		v.Inventory.Segments += len(log.Segments)
		v.surveyor.add(log)
	})
	v.surveyor.finish()
	return gaps
}

func (v *Survey) alreadyLost(base *WhatIf) {
	lost := &v.AlreadyLost
	lost.Sealed = append(lost.Sealed, v.surveyor.ended...)
	slices.Sort(lost.Sealed)
	for _, group := range v.surveyor.groups {
		if !group.shape.writes {
			lost.Writes = append(lost.Writes, group.tails...)
		}
		if !group.shape.seals {
			lost.Seals = append(lost.Seals, group.tails...)
			lost.History += group.sealed
		}
	}
	slices.Sort(lost.Writes)
	slices.Sort(lost.Seals)
	for i := range base.Partitions {
		if p := &base.Partitions[i]; p.Leader != nil && !*p.Leader {
			lost.Leaders = append(lost.Leaders, p.Partition)
		}
	}
	lost.Metadata = base.Metadata != nil && base.Metadata.Quorum != nil && !*base.Metadata.Quorum
}

// radii finds the blast radius of every node, zone and region.
func (v *Survey) radii() {
	y := v.surveyor
	losses := y.nodeLosses()
	for node := range y.snapshot.Nodes.All() {
		if node.Removed {
			continue
		}
		radius := losses[y.places[node.ID]]
		radius.Node, radius.Location, radius.StorageState = node.ID.String(), node.Location.String(), string(node.Storage)
		v.Nodes = append(v.Nodes, radius)
	}
	v.Zones = append(v.Zones, y.domainLosses(cluster.ZoneScope)...)
	v.Regions = append(v.Regions, y.domainLosses(cluster.RegionScope)...)
}

// A SetLoss is a set of nodes and how many logs it takes.
type SetLoss struct {
	Nodes []string
	Logs  int
}

// comparisons bounds the work of finding the worst sets, in members of nodesets that are looked at.
const comparisons = 100_000_000

// Worst returns some of the sets that stop writes or sealing, each with the number of logs that it takes: of those with
// fewest nodes the ones that take most. Where there are too many sets to compare, it returns the first ones, and says so.
func (v *Survey) Worst(sets *NodeSets, most int) (worst []SetLoss, compared bool) {
	members := 0 // of the nodesets that name a node, on average
	for _, group := range v.surveyor.groups {
		members += len(group.members) * len(group.members)
	}
	compared = sets.Len() <= comparisons/(1+members/max(1, len(v.surveyor.nodes)))
	examined := sets.Len()
	if !compared {
		examined = min(examined, most)
	}
	worst = make([]SetLoss, examined)
	for i := range worst {
		worst[i] = SetLoss{Nodes: sets.names(&sets.sets[i]), Logs: v.surveyor.taken(v.Smallest.Writes == sets, &sets.sets[i])}
	}
	slices.SortStableFunc(worst, func(a, b SetLoss) int {
		return cmp.Or(cmp.Compare(len(a.Nodes), len(b.Nodes)), -cmp.Compare(a.Logs, b.Logs))
	})
	return worst[:min(len(worst), most)], compared
}
