// Package testcluster writes the metadata of made-up clusters of any size, exactly as restatectl prints it, with faults
// whose places are known. It is for tests and benchmarks only.
package testcluster

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing/fstest"
)

// A Cluster says what a made-up cluster is like. The same Cluster always gives the same bytes. The zero value is a small
// healthy one.
type Cluster struct {
	// Seed tells clusters apart that are alike.
	Seed uint64
	// Nodes are registered (3 if zero), with the ids 1 to Nodes. The Removed ones behind them have left a tombstone.
	Nodes, Removed int
	// Zones is the number of zones that the nodes are spread over; none have a location if it is zero.
	Zones int
	// Logs is the number of logs and of partitions (4 if zero), Segments the length of each chain (3 if zero).
	Logs, Segments int
	// Members is the size of nodesets (3 if zero), Nodesets how many different ones there are (16 if zero). Chains keep
	// to one for some segments, as clusters do. Removed nodes are members like others.
	Members, Nodesets int
	// SealedEvery makes one of so many logs end in a seal marker; none if zero.
	SealedEvery int
	// Unknown is the number of segments in which a node that was never registered stands for a member.
	Unknown int
	// Compact leaves out all white space.
	Compact bool
}

// A Reference is a member of a nodeset.
type Reference struct {
	Log     uint32
	Segment int // its place in the chain
	Member  int // its place in the nodeset
	Node    uint32
}

func (c Cluster) filled() Cluster {
	for field, value := range map[*int]int{&c.Nodes: 3, &c.Logs: 4, &c.Segments: 3, &c.Members: 3, &c.Nodesets: 16} {
		if *field == 0 {
			*field = value
		}
	}
	c.Members = min(c.Members, c.Nodes+c.Removed)
	return c
}

// FS holds the documents of the cluster, below metadata.
func (c Cluster) FS() fs.FS {
	c = c.filled()
	files := fstest.MapFS{}
	add := func(name string, text []byte) { files["metadata/"+name+".json"] = &fstest.MapFile{Data: text} }
	var logs bytes.Buffer
	if err := c.WriteLogs(&logs); err != nil {
		panic(err) // a buffer takes everything
	}
	add("bifrost_config", logs.Bytes())
	add("nodes_config", c.NodesConfig())
	add("partition_table", c.PartitionTable())
	for partition := range c.Logs {
		add("pp_epoch_"+strconv.Itoa(partition), c.Epoch(partition))
	}
	return files
}

// Write writes nodes_config.json and bifrost_config.json into a directory that there is.
func (c Cluster) Write(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "nodes_config.json"), c.NodesConfig(), 0o600); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "bifrost_config.json"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(c.WriteLogs(w), w.Flush(), f.Close())
}

// version is that of all documents.
const version = 7

// NodesConfig is the document nodes_config.
func (c Cluster) NodesConfig() []byte {
	c = c.filled()
	p := &printer{compact: c.Compact}
	p.open('{')
	p.field("version").integer(version)
	p.field("cluster_fingerprint").integer(12591687028427125161)
	p.field("cluster_name").quoted("test")
	p.field("features").open('[')
	p.item().quoted("controlled-idempotent-sharding")
	p.close(']')
	p.field("modified_at").integer(647611954860392449)
	p.field("name_lookup").open('{')
	names := make([]string, c.Nodes)
	for i := range names {
		names[i] = name(i + 1)
	}
	slices.Sort(names)
	for _, name := range names {
		id, _ := strconv.ParseUint(name[1:], 10, 32)
		p.field(name).integer(id)
	}
	p.close('}')
	p.field("nodes").open('[')
	for _, i := range c.shuffled(c.Nodes + c.Removed) {
		id := uint64(i + 1)
		p.item().open('[')
		p.item().integer(id)
		if i >= c.Nodes {
			p.item().quoted("Tombstone")
			p.close(']')
			continue
		}
		p.item().open('{')
		p.field("Node").open('{')
		p.field("address").quoted(fmt.Sprintf("http://%s:5122/", name(i+1)))
		p.field("binary_version").quoted("1.7.12")
		p.field("current_generation").pair(id, 2)
		location := ""
		if c.Zones > 0 {
			location = fmt.Sprintf("region.zone%d", i%c.Zones)
		}
		p.field("location").quoted(location)
		p.field("log_server_config").open('{')
		p.field("storage_state").quoted("read-write")
		p.close('}')
		p.field("metadata_server_config").open('{')
		p.field("metadata_server_state").quoted("member")
		p.close('}')
		p.field("name").quoted(name(i + 1))
		p.field("roles").open('[')
		for _, role := range []string{"http-ingress", "admin", "worker", "log-server", "metadata-server"} {
			p.item().quoted(role)
		}
		p.close(']')
		p.field("worker_config").open('{')
		p.field("worker_state").quoted("active")
		p.close('}')
		p.close('}')
		p.close('}')
		p.close(']')
	}
	p.close(']')
	p.close('}')
	return p.end()
}

func name(id int) string { return "n" + strconv.Itoa(id) }

// PartitionTable is the document partition_table, with equal partitions.
func (c Cluster) PartitionTable() []byte {
	c = c.filled()
	p := &printer{compact: c.Compact}
	p.open('{')
	p.field("version").integer(version)
	p.field("num_partitions").integer(uint64(c.Logs))
	p.field("partitions").open('[')
	for i := range c.Logs {
		p.item().open('[')
		p.item().integer(uint64(i))
		p.item().open('{')
		p.field("cf_name").null()
		p.field("db_name").null()
		p.field("key_range").open('{')
		p.field("end").integer(c.boundary(i+1) - 1)
		p.field("start").integer(c.boundary(i))
		p.close('}')
		p.field("log_id").null()
		p.close('}')
		p.close(']')
	}
	p.close(']')
	p.field("replication").open('{')
	p.field("limit").integer(uint64(min(2, c.Nodes)))
	p.close('}')
	p.close('}')
	return p.end()
}

// boundary is the first key of a partition, ceil(i * 2^64 / Logs); 0 for the one behind the last.
func (c Cluster) boundary(i int) uint64 {
	if i >= c.Logs {
		return 0
	}
	key, rest := bits.Div64(uint64(i), 0, uint64(c.Logs))
	if rest > 0 {
		key++
	}
	return key
}

// Epoch is the document pp_epoch_<partition>.
func (c Cluster) Epoch(partition int) []byte {
	c = c.filled()
	p := &printer{compact: c.Compact}
	leader := uint64(partition%c.Nodes + 1)
	p.open('{')
	p.field("version").integer(version)
	p.field("current").open('{')
	p.field("context").open('{')
	p.close('}')
	p.field("modified_at").integer(1795397922235)
	p.field("replica_set").open('[')
	p.item().integer(leader)
	if c.Nodes > 1 {
		p.item().integer(uint64((partition+1)%c.Nodes + 1))
	}
	p.close(']')
	p.field("replication").quoted(fmt.Sprintf("{node: %d}", min(2, c.Nodes)))
	p.field("version").integer(1)
	p.close('}')
	p.field("epoch").integer(2)
	p.field("leader_metadata").open('{')
	p.field("node_id").pair(leader, 2)
	p.field("partition_id").integer(uint64(partition))
	p.close('}')
	p.field("next").null()
	p.close('}')
	return p.end()
}

// WriteLogs writes the document bifrost_config. It holds one log in memory at a time.
func (c Cluster) WriteLogs(w io.Writer) error {
	c = c.filled()
	p := &printer{compact: c.Compact}
	p.open('{')
	p.field("version").integer(version)
	p.field("config").open('{')
	p.field("default_provider").open('{')
	p.field("replicated").open('{')
	property := fmt.Sprintf("{node: %d}", c.copies())
	if c.spread() > 1 {
		property = fmt.Sprintf("{node: %d, zone: %d}", c.copies(), c.spread())
	}
	p.field("replication_property").quoted(property)
	p.field("target_nodeset_size").integer(0)
	p.close('}')
	p.close('}')
	p.close('}')
	p.field("logs").open('[')
	for log, chain := range c.chains() {
		p.item().open('[')
		p.item().integer(uint64(log))
		p.item().open('{')
		p.field("chain").open('[')
		for _, segment := range chain {
			segment.print(p, log, c)
		}
		p.close(']')
		p.close('}')
		p.close(']')
		if len(p.text) > 64<<10 {
			if _, err := w.Write(p.text); err != nil {
				return err
			}
			p.text = p.text[:0]
		}
	}
	p.close(']')
	p.field("modified_at").null()
	p.close('}')
	_, err := w.Write(p.end())
	return err
}

// UnknownReferences are all references to nodes that were never registered, in the order of the document.
func (c Cluster) UnknownReferences() []Reference {
	c = c.filled()
	return c.references(func(node uint32) bool { return int(node) > c.Nodes+c.Removed })
}

// RemovedReferences are all references to removed nodes, in the order of the document.
func (c Cluster) RemovedReferences() []Reference {
	c = c.filled()
	return c.references(func(node uint32) bool { return int(node) > c.Nodes && int(node) <= c.Nodes+c.Removed })
}

func (c Cluster) references(to func(node uint32) bool) (all []Reference) {
	for log, chain := range c.chains() {
		for i, segment := range chain {
			for k, node := range segment.nodeset {
				if to(node) {
					all = append(all, Reference{Log: log, Segment: i, Member: k, Node: node})
				}
			}
		}
	}
	return all
}

// A segment is one element of a chain; a seal marker if it has no nodeset.
type segment struct {
	base, index uint64
	nodeset     []uint32
}

// chains yields the logs in the order of the document, which is none, like that of a hash map.
func (c Cluster) chains() func(func(uint32, []segment) bool) {
	random := c.random(1)
	nodesets := make([][]uint32, c.Nodesets)
	for i := range nodesets {
		for _, k := range random.Perm(c.Nodes + c.Removed)[:c.Members] {
			nodesets[i] = append(nodesets[i], uint32(k+1))
		}
	}
	unknown := make(map[int]bool) // by the segment's place among all
	for len(unknown) < min(c.Unknown, c.Logs*c.Segments) {
		unknown[random.IntN(c.Logs*c.Segments)] = true
	}
	return func(yield func(uint32, []segment) bool) {
		chain := make([]segment, 0, c.Segments+1)
		random := c.random(2)
		for _, log := range c.shuffled(c.Logs) {
			chain = chain[:0]
			base, index, nodeset := uint64(1), uint64(0), nodesets[random.IntN(c.Nodesets)]
			for i := range c.Segments {
				if random.IntN(5) == 0 {
					nodeset = nodesets[random.IntN(c.Nodesets)]
				}
				own := nodeset
				if unknown[log*c.Segments+i] {
					own = slices.Clone(nodeset)
					own[random.IntN(len(own))] = uint32(c.Nodes + c.Removed + 1 + random.IntN(1000))
				}
				chain = append(chain, segment{base: base, index: index, nodeset: own})
				base += 1 + random.Uint64N(1_000_000)
				index += 1 + random.Uint64N(2)
			}
			if c.SealedEvery > 0 && log%c.SealedEvery == 0 {
				chain = append(chain, segment{base: base, index: chain[len(chain)-1].index})
			}
			if !yield(uint32(log), chain) {
				return
			}
		}
	}
}

func (s *segment) print(p *printer, log uint32, c Cluster) {
	p.item().open('[')
	p.item().integer(s.base)
	p.item().open('{')
	p.field("created_at").null()
	p.field("index").integer(s.index)
	if s.nodeset == nil {
		p.field("kind").quoted("sealed")
		p.field("params").raw(`"{\"sealed_at\":1795398527827,\"context\":{\"node\":\"N1:2\",\"source\":\"find-tail\"},\"tail_ts\":null}"`)
	} else {
		p.field("kind").quoted("replicated")
		p.field("params").raw(`"{\"loglet_id\":`).integer(uint64(log)<<32 | s.index)
		p.raw(`,\"sequencer\":\"N`).integer(uint64(s.nodeset[0])).raw(`:2\",\"replication\":{\"node\":`).integer(uint64(c.copies()))
		if c.spread() > 1 {
			p.raw(`,\"zone\":`).integer(uint64(c.spread()))
		}
		p.raw(`},\"nodeset\":[`)
		for i, node := range s.nodeset {
			if i > 0 {
				p.raw(`,`)
			}
			p.integer(uint64(node))
		}
		p.raw(`]}"`)
	}
	p.close('}')
	p.close(']')
}

// copies and spread are the factors of the replication property.
func (c Cluster) copies() int { return min(3, (c.Members+1)/2) }
func (c Cluster) spread() int { return min(2, c.Zones, c.copies()) }

func (c Cluster) random(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(c.Seed, stream)) }

func (c Cluster) shuffled(n int) []int { return c.random(3).Perm(n) }

// A printer prints JSON as serde_json's pretty printer does.
type printer struct {
	text    []byte
	compact bool
	depth   int
	empty   bool // nothing was printed since the last bracket was opened
}

func (p *printer) open(bracket byte) *printer {
	p.text = append(p.text, bracket)
	p.depth++
	p.empty = true
	return p
}

func (p *printer) close(bracket byte) *printer {
	p.depth--
	if !p.empty {
		p.line()
	}
	p.text = append(p.text, bracket)
	p.empty = false
	return p
}

func (p *printer) line() {
	if p.compact {
		return
	}
	p.text = append(p.text, '\n')
	for range p.depth {
		p.text = append(p.text, "  "...)
	}
}

// item starts the next element of an array.
func (p *printer) item() *printer {
	if !p.empty {
		p.text = append(p.text, ',')
	}
	p.empty = false
	p.line()
	return p
}

// field starts the next field of an object.
func (p *printer) field(name string) *printer {
	p.item().quoted(name)
	p.text = append(p.text, ':')
	if !p.compact {
		p.text = append(p.text, ' ')
	}
	return p
}

func (p *printer) raw(text string) *printer {
	p.text = append(p.text, text...)
	return p
}

func (p *printer) integer(n uint64) *printer {
	p.text = strconv.AppendUint(p.text, n, 10)
	return p
}

func (p *printer) quoted(text string) *printer { return p.raw(`"`).raw(text).raw(`"`) }

func (p *printer) null() *printer { return p.raw("null") }

func (p *printer) pair(first, second uint64) {
	p.open('[')
	p.item().integer(first)
	p.item().integer(second)
	p.close(']')
}

func (p *printer) end() []byte { return append(p.text, '\n') }
