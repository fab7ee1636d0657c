package rules_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"restate-lint/analyze"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// A failure prints the seed that repeats it; a file would end up among the cases.
var _ = flag.Set("rapid.nofailfile", "true")

// A world is an invented cluster. Its documents are printed from it, and what rules must find is computed from it
// without any of the code under test.
type world struct {
	nodes []worldNode
	logs  []worldLog
}

type worldNode struct {
	id         uint32
	removed    bool
	state      string
	location   string
	generation uint32
}

type worldLog struct {
	id       uint32
	segments []worldSegment
}

type worldSegment struct {
	base               uint64
	index              uint32
	kind               string
	nodeset            []uint32
	node, zone, region int // factors; 0 where the property does not give the scope
	sequencer          string
}

func drawWorld(t *rapid.T) world {
	var w world
	const highest = 9
	for _, id := range rapid.SliceOfNDistinct(rapid.Uint32Range(0, highest), 1, 7, rapid.ID).Draw(t, "ids") {
		w.nodes = append(w.nodes, worldNode{
			id:         id,
			removed:    rapid.IntRange(0, 3).Draw(t, "removed") == 0,
			state:      rapid.SampledFrom([]string{"read-write", "read-write", "disabled", "read-only", "gone", "data-loss", "provisioning", "hibernating"}).Draw(t, "state"),
			location:   rapid.SampledFrom([]string{"", "eu", "eu.", "eu.a", "eu.b", "us.a"}).Draw(t, "location"),
			generation: rapid.Uint32Range(1, 3).Draw(t, "generation"),
		})
	}
	for _, id := range rapid.SliceOfNDistinct(rapid.Uint32Range(0, 12), 0, 5, rapid.ID).Draw(t, "logs") {
		log := worldLog{id: id}
		base, index := uint64(1), rapid.Uint32Range(0, 12).Draw(t, "first index")
		for range rapid.IntRange(1, 4).Draw(t, "segments") {
			log.segments = append(log.segments, drawSegment(t, base, index, highest+3))
			base += rapid.Uint64Range(1, 1000).Draw(t, "records")
			index += rapid.Uint32Range(1, 3).Draw(t, "hole")
		}
		if rapid.IntRange(0, 4).Draw(t, "sealed") == 0 {
			log.segments = append(log.segments, worldSegment{base: base, index: log.segments[len(log.segments)-1].index, kind: "sealed"})
		}
		w.logs = append(w.logs, log)
	}
	return w
}

func drawSegment(t *rapid.T, base uint64, index, highest uint32) worldSegment {
	s := worldSegment{base: base, index: index, kind: "replicated"}
	if rapid.IntRange(0, 9).Draw(t, "local") == 0 {
		s.kind = "local"
		return s
	}
	s.nodeset = rapid.SliceOfN(rapid.Uint32Range(0, highest), 0, 6).Draw(t, "nodeset") // now and then a node twice
	s.sequencer = fmt.Sprintf("N%d:%d", rapid.Uint32Range(0, highest).Draw(t, "sequencer"), rapid.Uint32Range(1, 4).Draw(t, "run"))
	// A factor for a bigger scope may exceed that for a smaller one: Restate computes with what stands there.
	s.node, s.zone, s.region = rapid.IntRange(0, 4).Draw(t, "node"), rapid.IntRange(0, 3).Draw(t, "zone"), rapid.IntRange(0, 2).Draw(t, "region")
	if s.node+s.zone+s.region == 0 {
		s.node = 1
	}
	return s
}

// find computes what the rules about nodesets must find in the world: lines "severity fingerprint".
func (w world) find() []string {
	known, newest := make(map[uint32]worldNode), uint32(0)
	for _, node := range w.nodes {
		known[node.id] = node
		newest = max(newest, node.id)
	}
	var found []string
	for _, log := range w.logs {
		for _, segment := range log.segments {
			report := func(severity, rule, format string, args ...any) {
				entity := fmt.Sprintf("log/%d/segment/%d", log.id, segment.index) + fmt.Sprintf(format, args...)
				found = append(found, severity+" "+rule+"@"+entity)
			}
			nodes, zones, regions := make(map[uint32]bool), make(map[string]bool), make(map[string]bool)
			members := slices.Clone(segment.nodeset)
			slices.Sort(members)
			for _, id := range slices.Compact(members) {
				node, registered := known[id]
				switch {
				case !registered && id > newest:
					report("warning", "nodeset-unknown-node", "/node/N%d", id)
				case !registered:
					report("error", "nodeset-unknown-node", "/node/N%d", id)
				case node.removed:
					report("warning", "nodeset-removed-node", "/node/N%d", id)
					continue
				case node.state == "disabled":
					report("warning", "nodeset-disabled-node", "/node/N%d", id)
					continue
				}
				nodes[id] = true
				region, zone, _ := strings.Cut(node.location, ".")
				if region != "" {
					regions[region] = true
				}
				if zone != "" {
					zones[node.location] = true
				}
			}
			if segment.kind != "replicated" {
				continue
			}
			copies := segment.node
			if copies == 0 {
				copies = segment.zone
			}
			if copies == 0 {
				copies = segment.region
			}
			if len(nodes) < copies || len(zones) < segment.zone || len(regions) < segment.region {
				report("error", "segment-under-replicated", "")
			}
			if len(nodes) == 0 && len(segment.nodeset) > 0 {
				report("error", "segment-no-readable-node", "")
			}
		}
	}
	slices.Sort(found)
	return found
}

// A printing is a way to write a world down that changes nothing.
type printing struct {
	indent      string
	nodes, logs []int // the order of the lists
	params      string
}

func drawPrinting(t *rapid.T, w world) printing {
	return printing{
		indent: rapid.SampledFrom([]string{"  ", "\t", ""}).Draw(t, "indent"),
		nodes:  rapid.Permutation(numbers(len(w.nodes))).Draw(t, "order of nodes"),
		logs:   rapid.Permutation(numbers(len(w.logs))).Draw(t, "order of logs"),
		params: rapid.SampledFrom([]string{"", "", " "}).Draw(t, "indent of parameters"),
	}
}

func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func (w world) print(p printing) fstest.MapFS {
	type object = map[string]any
	nodes, logs, names := []any{}, []any{}, object{}
	for _, i := range p.nodes {
		node := w.nodes[i]
		if node.removed {
			nodes = append(nodes, []any{node.id, "Tombstone"})
			continue
		}
		name := fmt.Sprintf("n%d", node.id)
		names[name] = node.id
		nodes = append(nodes, []any{node.id, object{"Node": object{
			"name": name, "address": "http://" + name + ":5122/", "current_generation": []uint32{node.id, node.generation}, "location": node.location,
			"roles": []string{"worker", "log-server"}, "log_server_config": object{"storage_state": node.state},
		}}})
	}
	for _, i := range p.logs {
		log := w.logs[i]
		chain := []any{}
		for _, s := range log.segments {
			config := object{"index": s.index, "kind": s.kind, "created_at": nil}
			switch s.kind {
			case "local":
				config["params"] = "1234567890"
			case "sealed":
				config["params"] = `{"sealed_at":1795400061039}`
			default:
				config["params"] = s.params(log.id, p.params)
			}
			chain = append(chain, []any{s.base, config})
		}
		logs = append(logs, []any{log.id, object{"chain": chain}})
	}
	document := func(v any) *fstest.MapFile {
		text, err := json.Marshal(v)
		if p.indent != "" {
			text, err = json.MarshalIndent(v, "", p.indent)
		}
		if err != nil {
			panic(err)
		}
		return &fstest.MapFile{Data: append(text, '\n')}
	}
	return fstest.MapFS{
		"nodes_config.json": document(struct {
			Version     int    `json:"version"`
			ClusterName string `json:"cluster_name"`
			NameLookup  object `json:"name_lookup"`
			Nodes       []any  `json:"nodes"`
		}{5, "c", names, nodes}),
		"bifrost_config.json": document(struct {
			Version int    `json:"version"`
			Config  object `json:"config"`
			Logs    []any  `json:"logs"`
		}{7, nil, logs}),
	}
}

func (s worldSegment) params(log uint32, indent string) string {
	replication := make(map[string]int)
	for scope, factor := range map[string]int{"node": s.node, "zone": s.zone, "region": s.region} {
		if factor > 0 {
			replication[scope] = factor
		}
	}
	params := struct {
		Loglet      uint64         `json:"loglet_id"`
		Sequencer   string         `json:"sequencer"`
		Replication map[string]int `json:"replication"`
		Nodeset     []uint32       `json:"nodeset"`
	}{uint64(log)<<32 | uint64(s.index), s.sequencer, replication, append([]uint32{}, s.nodeset...)}
	text, err := json.Marshal(params)
	if indent != "" {
		text, err = json.MarshalIndent(params, "", indent)
	}
	if err != nil {
		panic(err)
	}
	return string(text)
}

func analyzed(t interface{ Fatal(...any) }, files fstest.MapFS, selected []*rules.Rule) *analyze.Result {
	snapshot, _ := snapshots.Read("case", files, fileNames(files)...)
	result := analyze.Check(snapshot, selected)
	if err := result.Locate(); err != nil {
		t.Fatal(err)
	}
	for _, outcome := range result.Outcomes {
		if outcome.State == analyze.Crashed {
			t.Fatal(outcome.Rule + " crashed: " + outcome.Crash)
		}
	}
	return result
}

// The rules about members and domains of nodesets find exactly what a straightforward computation finds, and point at
// the member that they are about.
func TestNodesetRulesFindEverythingAndNothingElse(t *testing.T) {
	var selected []*rules.Rule
	for _, id := range []string{"nodeset-unknown-node", "nodeset-removed-node", "nodeset-disabled-node", "segment-under-replicated", "segment-no-readable-node"} {
		selected = append(selected, rules.Find(id))
	}
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		files := w.print(drawPrinting(t, w))
		result := analyzed(t, files, selected)
		var got []string
		for _, f := range result.Findings {
			got = append(got, fmt.Sprintf("%v %s", f.Severity, f.Fingerprint))
			if f.Subject.Node == "" {
				continue
			}
			text := string(files[f.Location.Source].Data[f.Location.Position.Offset:])
			id := strings.TrimPrefix(f.Subject.Node, "N")
			if rest, ok := strings.CutPrefix(text, id); !ok || rest[0] >= '0' && rest[0] <= '9' {
				t.Errorf("%s points at %.20q", f.Fingerprint, text)
			}
		}
		slices.Sort(got)
		if want := w.find(); !slices.Equal(got, want) {
			t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// How documents are printed, and in which order they list nodes and logs, changes nothing in what any rule says.
func TestFindingsDoNotDependOnOrderAndFormat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		said := func(label string) []string {
			var lines []string
			for _, f := range analyzed(t, w.print(drawPrinting(t, w)), rules.All()).Findings {
				lines = append(lines, fmt.Sprintf("%v %s\n  title %s\n  observed %s\n  message %s", f.Severity, f.Fingerprint, f.Title, f.Observed, f.Message()))
			}
			return lines
		}
		one, other := said("one"), said("other")
		for i := range max(len(one), len(other)) {
			if i >= len(one) || i >= len(other) || one[i] != other[i] {
				t.Fatalf("finding %d differs:\n%s\n%s", i, strings.Join(one[min(i, len(one)):min(i+1, len(one))], ""), strings.Join(other[min(i, len(other)):min(i+1, len(other))], ""))
			}
		}
	})
}

// A healthy cluster, with everything that Restate 1.7 writes, gives at most notes.
func TestNoRuleDisputesAHealthyCluster(t *testing.T) {
	for _, c := range loadCases(t) {
		if c.rule != "capture-inconsistent" || c.name != "healthy" {
			continue
		}
		for _, f := range analyzed(t, c.files, rules.All()).Findings {
			if f.Severity > rules.Note {
				t.Errorf("%v %s: %s", f.Severity, f.Fingerprint, f.Message())
			}
		}
		return
	}
	t.Fatal("there is no case capture-inconsistent/healthy")
}

// Whatever happens to a capture, no rule crashes over it: documents that are null, empty, of another shape or cut off.
// Each document of a case meets some of that, and all of it comes up many times.
func TestNoRuleCrashesOnDamagedCaptures(t *testing.T) {
	damages := []func(string) string{
		func(string) string { return "" },
		func(string) string { return "null\n" },
		func(string) string { return "{}\n" },
		func(string) string { return "[[]]\n" },
		func(string) string { return "not json\n" },
		func(string) string { return `{"version":1}` },
		func(string) string {
			return `{"version":1,"nodes":[[1,{"Node":null}],[2],[]],"logs":[[0,null],[1,{"chain":[[1]]}]],"partitions":[[0,{}]]}`
		},
		func(text string) string { return strings.ReplaceAll(text, "1", "-1") },
		func(text string) string { return strings.ReplaceAll(text, `"params"`, `"settings"`) },
		func(text string) string { return strings.ReplaceAll(text, "{", "[") },
		func(text string) string { return text[:len(text)/3] },
		func(text string) string { return text[:len(text)*3/4] },
		func(text string) string { return text[len(text)/2:] },
	}
	next := 0
	for _, c := range loadCases(t) {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			for _, name := range fileNames(c.files) {
				for range 3 {
					damaged := maps.Clone(c.files)
					damaged[name] = &fstest.MapFile{Data: []byte(damages[next%len(damages)](string(c.files[name].Data)))}
					next++
					analyzed(t, damaged, rules.All())
				}
			}
		})
	}
}
