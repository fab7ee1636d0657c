package analyze_test

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"restate-lint/analyze"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

func removalOf(t *testing.T, s *snapshots.Snapshot, id cluster.NodeID) analyze.NodeRemoval {
	t.Helper()
	answer, err := analyze.NewRemovable("", s, []string{id.String()})
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Nodes) != 1 {
		t.Fatalf("%d answers", len(answer.Nodes))
	}
	return answer.Nodes[0]
}

// blockers are "kind" or "kind 0_0 1_0" or "kind 2 3".
func blockers(removal analyze.NodeRemoval) (list []string) {
	for _, b := range removal.Blockers {
		text := string(b.Kind)
		for _, loglet := range b.Loglets {
			text += " " + loglet
		}
		for _, partition := range b.Partitions {
			text += fmt.Sprintf(" %d", partition)
		}
		list = append(list, text)
	}
	return list
}

// What restatectl 1.7.12 printed at each step of the capture. It named another loglet each time.
const (
	readWrite = "log server cannot be disabled because it is in read-write state"
	nodeset1  = "log server is part of a node set of loglet 1_0. You need to trim this loglet before disabling the log server"
	nodeset2  = "log server is part of a node set of loglet 2_0. You need to trim this loglet before disabling the log server"
)

// N4 was taken out by force, and N5 removed while alive. The steps are those of captures/removed-node-1.7.12; what
// restatectl did at each is in its COMMANDS.md. It let N4 go when it was disabled, and six segments named a tombstone; it
// let N5 go at every step, which was a replica of partition 1 to its end.
func TestStepsOfARemovedNode(t *testing.T) {
	sealed := "nodeset-sealed 0_0 0_8 1_0 2_0 3_0 3_5"
	for _, example := range []struct {
		step     string
		node     cluster.NodeID
		verdict  analyze.Verdict
		blockers []string
		accepts  bool
		ground   analyze.Ground
		printed  []string // by restatectl
	}{
		{"0-before", 4, analyze.Blocked, []string{"storage-state", "worker-state", "nodeset-open 0_8 3_5", "nodeset-sealed 0_0 1_0 2_0 3_0", "sequencer 0_8 3_5", "replica-set 0 2 3"}, false, analyze.GroundReadWrite, []string{readWrite}},
		{"1-read-only", 4, analyze.Blocked, []string{sealed}, false, analyze.GroundLoglet, []string{nodeset2, nodeset1}},
		{"2-gone", 4, analyze.Blocked, []string{sealed}, false, analyze.GroundLoglet, []string{nodeset2}},
		{"3-disabled", 4, analyze.Blocked, []string{sealed}, true, analyze.GroundDisabled, nil},
		{"4-tombstone", 4, analyze.RemovedTooEarly, []string{sealed}, true, analyze.GroundUnregistered, nil},
		{"0-before", 5, analyze.Blocked, []string{"worker-state", "replica-set 1"}, true, analyze.GroundNothing, nil},
		{"1-read-only", 5, analyze.Blocked, []string{"worker-state", "replica-set 1"}, true, analyze.GroundNothing, nil},
		{"2-gone", 5, analyze.Blocked, []string{"worker-state", "replica-set 1"}, true, analyze.GroundNothing, nil},
		{"3-disabled", 5, analyze.Blocked, []string{"worker-state", "replica-set 1"}, true, analyze.GroundNothing, nil},
		{"4-tombstone", 5, analyze.Blocked, []string{"worker-state", "replica-set 1"}, true, analyze.GroundNothing, nil},
	} {
		t.Run(fmt.Sprintf("%s/%v", example.step, example.node), func(t *testing.T) {
			s := openCapture(t, "removed-node-1.7.12/"+example.step)
			removal := removalOf(t, s, example.node)
			if removal.Verdict != example.verdict || !slices.Equal(blockers(removal), example.blockers) {
				t.Errorf("got %s, blocked by %q\nwant %s, %q", removal.Verdict, blockers(removal), example.verdict, example.blockers)
			}
			answer := removal.Restatectl
			if *answer.Accepts != example.accepts || answer.Ground != example.ground {
				t.Errorf("got %v on ground %q, want %v, %q", *answer.Accepts, answer.Ground, example.accepts, example.ground)
			}
			for _, message := range example.printed {
				if !slices.Contains(answer.Refusals, message) {
					t.Errorf("restatectl printed %q, got %q", message, answer.Refusals)
				}
			}
			if example.accepts != (len(answer.Refusals) == 0) {
				t.Errorf("accepts %v with refusals %q", example.accepts, answer.Refusals)
			}
			if example.ground == analyze.GroundLoglet && len(answer.Refusals) != 4 {
				t.Errorf("one message for each of four logs may be printed, got %q", answer.Refusals)
			}
		})
	}
}

func openCapture(t *testing.T, name string) *snapshots.Snapshot {
	t.Helper()
	s, err := snapshots.Open("../snapshots/testdata/captures/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCommandsComeInTheOrderInWhichTheyWork(t *testing.T) {
	removal := removalOf(t, openCapture(t, "removed-node-1.7.12/0-before"), 4)
	want := []string{
		"restatectl nodes set-storage-state --nodes N4 --storage-state read-only",
		"restatectl nodes set-worker-state --nodes N4 --worker-state draining",
		"restatectl partitions list   # until no partition names N4: the controller moves them",
		"restatectl logs reconfigure --log-id 0 --log-id 3",
		"restatectl snapshots create 0-3 --trim-log   # again until no nodeset names N4: restatectl logs describe --all",
		"# capture the metadata again, and ask again: restate-lint removable N4",
		"# stop the process of N4 (n4)",
		"restatectl nodes remove --nodes N4",
	}
	if !slices.Equal(removal.Commands, want) {
		t.Errorf("got:\n%s", strings.Join(removal.Commands, "\n"))
	}
	for name, s := range map[string]*snapshots.Snapshot{"unknown": openCapture(t, "unknown-node-1.7.12/b-tail-segment"), "zones": openCapture(t, "zone-aware-1.7.12/0-healthy")} {
		answer, err := analyze.NewRemovable("", s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, node := range answer.Nodes {
			for _, command := range node.Commands {
				if regexp.MustCompile(`metadata (put|patch)|--force`).MatchString(command) {
					t.Errorf("%s: %s is told to %s", name, node.Node, command)
				}
			}
		}
	}
}

// N4 leads partition 3 by a pin and partition 5 by a freeze; the placement of partition 2 is frozen with it.
func TestPoliciesAreInTheWay(t *testing.T) {
	removal := removalOf(t, openCapture(t, "placement-policies-1.7.12/1-policies"), 4)
	for _, want := range []string{"replica-set 2 3 5", "leadership-pin 3", "leadership-freeze 5"} {
		if !slices.Contains(blockers(removal), want) {
			t.Errorf("%s is missing: %q", want, blockers(removal))
		}
	}
	for _, want := range []string{
		"restatectl partitions leadership unpin 3",
		"restatectl partitions leadership unfreeze 5",
		"restatectl partitions placement unfreeze 2",
	} {
		if !slices.Contains(removal.Commands, want) {
			t.Errorf("%s is missing:\n%s", want, strings.Join(removal.Commands, "\n"))
		}
	}
}

// The logs of a command are put together; where there are too many ranges, one spans all.
func TestManyLogsMakeFewRanges(t *testing.T) {
	for _, example := range []struct {
		every, logs int
		want        string
	}{
		{2, 8, "restatectl logs reconfigure --log-id 0 --log-id 2 --log-id 4 --log-id 6"},
		{1, 8, "restatectl logs reconfigure --log-id 0-7"},
		{2, 100, "restatectl logs reconfigure --log-id 0-98   # more logs than need it, which does no harm"},
	} {
		m := drained()
		segment := m.logs[0][0]
		m.logs = nil
		for log := range example.logs {
			segment.nodeset = []uint32{1, 2, 3}
			if log%example.every == 0 {
				segment.nodeset = []uint32{1, 2, 4}
			}
			m.logs = append(m.logs, []madeUpSegment{segment})
		}
		if got := removalOf(t, m.snapshot(t), 4).Commands[0]; got != example.want {
			t.Errorf("got %s\nwant %s", got, example.want)
		}
	}
}

// drained is a cluster that has let go of N4: its first nodes are as in small, and it is read-only, draining and unnamed.
func drained() *madeUp {
	m := small()
	m.logs[0][0].nodeset = []uint32{1, 2, 3}
	m.nodes = append(m.nodes, madeUpNode{id: 4, storage: "read-only", worker: "draining", metadata: "standby", location: "eu.b", roles: []string{"worker", "log-server"}})
	return m
}

func TestADrainedNodeIsSafe(t *testing.T) {
	removal := removalOf(t, drained().snapshot(t), 4)
	if removal.Verdict != analyze.Safe || len(removal.Blockers) > 0 || !*removal.Restatectl.Accepts {
		t.Errorf("got %+v", removal)
	}
	if want := []string{"# stop the process of N4 (n4)", "restatectl nodes remove --nodes N4"}; !slices.Equal(removal.Commands, want) {
		t.Errorf("got %q", removal.Commands)
	}
}

func TestEveryBlockerIsNamed(t *testing.T) {
	for _, example := range []struct {
		name   string
		change func(*madeUp)
		want   string
	}{
		{"storage state", func(m *madeUp) { m.nodes[3].storage = "read-write" }, "storage-state; refuses: " + readWrite},
		{"worker state", func(m *madeUp) { m.nodes[3].worker = "active" }, "worker-state; accepts"},
		{"replica set", func(m *madeUp) { m.replicas[0] = []uint32{1, 4} }, "replica-set 0; accepts"},
		{"frozen leadership", func(m *madeUp) { m.replicas[0], m.frozen = []uint32{4, 1}, []int{0} }, "replica-set 0, leadership-freeze 0; accepts"},
		{"metadata membership", func(m *madeUp) {
			m.nodes[3].metadata, m.nodes[3].roles = "member", []string{"metadata-server"}
		}, "metadata-member; refuses: metadata server is an active member"},
		{"membership without the role", func(m *madeUp) { m.nodes[3].metadata = "member" }, "; accepts"},
		{"nodeset", func(m *madeUp) { m.logs[0][0].nodeset = []uint32{1, 2, 4} },
			"nodeset-open 0_0; refuses: log server is part of a node set of loglet 0_0. You need to trim this loglet before disabling the log server"},
		{"nodeset of a disabled node", func(m *madeUp) {
			m.logs[0][0].nodeset = []uint32{1, 2, 4}
			m.nodes[3].storage = "disabled"
		}, "nodeset-open 0_0; accepts"},
		{"last of a role", func(m *madeUp) { m.nodes[3].roles = []string{"admin"} }, "last-of-role; accepts"},
		{"log capacity", func(m *madeUp) { m.nodes[1].storage, m.nodes[2].storage = "read-only", "gone" }, "log-capacity; accepts"},
		{"log capacity in zones", func(m *madeUp) {
			m.provider = "{zone: 2}"
			m.nodes[2].storage = "read-only"
		}, "log-capacity; accepts"},
		{"partition capacity", func(m *madeUp) { m.nodes[1].worker, m.nodes[2].worker = "draining", "disabled" }, "partition-capacity; accepts"},
		{"capacity that the node does not give", func(m *madeUp) {
			m.nodes[3].roles = []string{"admin"}
			m.nodes[0].roles = append(m.nodes[0].roles, "admin")
			m.nodes[1].storage, m.nodes[2].storage, m.nodes[3].storage = "read-only", "gone", "provisioning"
		}, "; accepts"},
	} {
		m := drained()
		example.change(m)
		removal := removalOf(t, m.snapshot(t), 4)
		got := strings.Join(blockers(removal), ", ") + "; "
		if *removal.Restatectl.Accepts {
			got += "accepts"
		} else {
			got += "refuses: " + strings.Join(removal.Restatectl.Refusals, " or ")
		}
		if got != example.want {
			t.Errorf("%s: got %s\nwant %s", example.name, got, example.want)
		}
		if (removal.Verdict == analyze.Safe) != (len(removal.Blockers) == 0) {
			t.Errorf("%s: %s with %d blockers", example.name, removal.Verdict, len(removal.Blockers))
		}
	}
}

func TestLocalLogletsKeepEveryNode(t *testing.T) {
	m := drained()
	files := m.files()
	logs := strings.Replace(string(files["bifrost_config.json"].Data), `"logs":[`, `"logs":[
 [7,{"chain":[[1,{"index":0,"kind":"local","params":"30064771072"}]]}],`, 1)
	read := func(logs string) analyze.NodeRemoval {
		files["bifrost_config.json"].Data = []byte(logs)
		var names []string
		for name := range files {
			names = append(names, name)
		}
		s, err := snapshots.Read("made up", files, names...)
		if err != nil {
			t.Fatal(err)
		}
		return removalOf(t, s, 4)
	}
	removal := read(logs)
	if got := removal.Restatectl.Refusals; removal.Verdict != analyze.Blocked || !slices.Equal(blockers(removal), []string{"local-loglet 7_0"}) ||
		!slices.Equal(got, []string{"loglet 7_0 of kind local requires node N4. You need to trim this loglet before disabling the node"}) {
		t.Errorf("got %+v", removal)
	}
	removal = read(regexp.MustCompile(`"default_provider":\{.*?\}\}`).ReplaceAllString(logs, `"default_provider":"local"`))
	if got := removal.Restatectl; got.Ground != analyze.GroundProvider || !slices.Equal(got.Refusals, []string{"current default loglet provider 'local', does not support disabling nodes"}) {
		t.Errorf("got %+v", got)
	}
}

func TestMissingEvidenceIsNeverSafe(t *testing.T) {
	for _, document := range []string{"bifrost_config.json", "pp_epoch_0.json", "partition_table.json"} {
		files := drained().files()
		delete(files, document)
		var names []string
		for name := range files {
			names = append(names, name)
		}
		s, err := snapshots.Read("made up", files, names...)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := analyze.NewRemovable("", s, []string{"N4"})
		if err != nil {
			t.Fatal(err)
		}
		if removal := answer.Nodes[0]; removal.Verdict != analyze.NotKnown || len(answer.Undecided) == 0 {
			t.Errorf("without %s: %s, undecided %+v", document, removal.Verdict, answer.Undecided)
		} else if accepts := removal.Restatectl.Accepts; (accepts == nil) != (document == "bifrost_config.json") {
			t.Errorf("without %s: restatectl accepts %v", document, accepts)
		}
	}
}

func TestTombstonesAndStrangers(t *testing.T) {
	m := drained()
	m.nodes[3].removed = true
	removal := removalOf(t, m.snapshot(t), 4)
	if removal.Verdict != analyze.Safe || removal.Class != "removed" || len(removal.Commands) > 0 || !*removal.Restatectl.Accepts {
		t.Errorf("a tombstone that nothing names: %+v", removal)
	}
	m.replicas[0] = []uint32{1, 4}
	removal = removalOf(t, m.snapshot(t), 4)
	if removal.Verdict != analyze.RemovedTooEarly || len(removal.Commands) == 0 {
		t.Errorf("a tombstone in a replica set: %+v", removal)
	}
	if _, err := analyze.NewRemovable("", m.snapshot(t), []string{"N9"}); err == nil || err.Error() != "N9: not in the nodes configuration, and nothing names it; there are N1, N2, N3, N4" {
		t.Errorf("a stranger: %v", err)
	}
	m.logs[0][0].nodeset = []uint32{1, 9}
	if removal := removalOf(t, m.snapshot(t), 9); removal.Verdict != analyze.Blocked || removal.Class != "unknown" {
		t.Errorf("an unknown member: %+v", removal)
	}
}

// Commands are pasted into shells, and the name of a node is text of a capture.
func TestHostileNamesStayOutOfCommands(t *testing.T) {
	files := drained().files()
	files["nodes_config.json"].Data = []byte(strings.Replace(string(files["nodes_config.json"].Data), `"name":"n4"`, `"name":"n4\nrm -rf $HOME"`, 1))
	var names []string
	for name := range files {
		names = append(names, name)
	}
	s, err := snapshots.Read("made up", files, names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range removalOf(t, s, 4).Commands {
		if strings.ContainsAny(command, "\n$") {
			t.Errorf("got %q", command)
		}
	}
}

// A node has gone for good: of three nodes two are left, and everything needs both.
func TestNoFurtherNodeMayFail(t *testing.T) {
	answer, err := analyze.NewRemovable("", openCapture(t, "healthy-3node-1.7.12"), []string{"n2"})
	if err != nil {
		t.Fatal(err)
	}
	want := &analyze.Afterwards{
		Writes: []string{"N1", "N3"}, Seals: []string{}, Metadata: []string{"N1", "N3"},
		Warning: "after this no further node may fail: the loss of N1 or N3 stops the writes of every new segment (replication {node: 2}) and takes the metadata quorum; consider adding a node first",
	}
	if got := answer.Nodes[0].Afterwards; !reflect.DeepEqual(got, want) || answer.Together != nil {
		t.Errorf("got %+v", got)
	}
	for _, node := range []string{"N4", "N5"} { // a fourth log server, and a worker that holds no logs
		answer, err := analyze.NewRemovable("", openCapture(t, "removed-node-1.7.12/0-before"), []string{node})
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Nodes[0].Afterwards; got != nil && got.Warning != "" {
			t.Errorf("without %s: %+v", node, got)
		}
	}
}

// What is too much after a removal is what a choice of nodesets without both nodes cannot do without.
func TestRemovalsAgreeWithWhatCouldBeChosen(t *testing.T) {
	warned, spared := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := drawCluster(t)
		m.provider = rapid.SampledFrom([]string{"{node: 1}", "{node: 2}", "{node: 3}", "{node: 2, zone: 2}", "{node: 3, zone: 2, region: 2}"}).Draw(t, "provider")
		s := m.snapshot(t)
		replication := s.Logs.DefaultProvider.Replication
		chosen := func(words ...string) analyze.SelectionAnswer {
			answer, err := analyze.NewReplicationAnswer("", s, replication, words)
			if err != nil {
				t.Fatal(err)
			}
			return answer.Logs
		}
		for i, leaves := range m.nodes {
			if leaves.removed {
				continue
			}
			name := cluster.NodeID(leaves.id).String()
			answer, err := analyze.NewRemovable("", s, []string{name})
			if err != nil {
				t.Fatal(err)
			}
			got := answer.Nodes[0].Afterwards
			if got == nil {
				if leaves.storage == "read-write" || len(leaves.roles) > 1 {
					t.Errorf("without %s: nothing is said", name)
				}
				continue
			}
			left := chosen(name)
			if (got.Writes != nil) != left.Possible {
				t.Errorf("without %s: %+v, but possible %v", name, got, left.Possible)
			}
			for _, other := range m.nodes {
				word := cluster.NodeID(other.id).String()
				if other.removed || other.id == leaves.id {
					continue
				}
				both := chosen(name, word)
				if left.Possible && slices.Contains(got.Writes, word) == both.Possible {
					t.Errorf("without %s: %+v, but without %s as well: %v", name, got, word, both.Possible)
				}
				together, err := analyze.NewRemovable("", s, []string{name, word})
				if err != nil {
					t.Fatal(err)
				}
				holds := leaves.storage == "read-write" || other.storage == "read-write" || slices.Contains(leaves.roles, "log-server") || slices.Contains(other.roles, "log-server")
				if short := slices.ContainsFunc(together.Together.Blockers, func(b analyze.Blocker) bool { return b.Kind == analyze.BlockedByLogCapacity }); short != (holds && !both.Possible) {
					t.Errorf("without %s and %s: %+v, but possible %v", name, word, together.Together, both.Possible)
				}
			}
			if left.Possible && (len(got.Seals) > 0) != (left.Survives.Nodes.Sealing == 0) {
				t.Errorf("without %s: %+v, but survives %+v", name, got, left.Survives)
			}
			members := 0
			for k, other := range m.nodes {
				if k != i && !other.removed && other.metadata == "member" && slices.Contains(other.roles, "metadata-server") {
					members++
				}
			}
			if fragile := members == 1 || members == 2; (len(got.Metadata) > 0) != fragile {
				t.Errorf("without %s: %+v of %d members", name, got, members)
			}
			if got.Warning == "" {
				spared++
			} else {
				warned++
			}
		}
	})
	if warned == 0 || spared == 0 {
		t.Errorf("%d warnings, and %d times none", warned, spared)
	}
}

// A node may be called by its name, unless two have it.
func TestNodesHaveNames(t *testing.T) {
	m := drained()
	files := m.files()
	config := string(files["nodes_config.json"].Data)
	read := func(config string) *snapshots.Snapshot {
		files["nodes_config.json"].Data = []byte(config)
		s, err := snapshots.Read("made up", files, "nodes_config.json", "bifrost_config.json", "pp_epoch_0.json", "partition_table.json")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, example := range []struct{ config, word, want string }{
		{config, "n4", "N4"},
		{strings.Replace(config, `"name":"n4"`, `"name":"N3"`, 1), "N3", "N3"},
		{strings.Replace(config, `"name":"n4"`, `"name":"1"`, 1), "1", "N1"},
		{strings.Replace(config, `"name":"n4"`, `"name":"n3"`, 1), "n3", `error: "n3" is the name of N3, N4: give one of these; there are N1, N2, N3, N4`},
		{config, "zone:eu.a", "N1 N2"},
		{config, "n5", `error: "n5" is not a node such as N3, zone:eu.a, region:eu or @FILE, nor the name of one; there are N1, N2, N3, N4`},
	} {
		answer, err := analyze.NewRemovable("", read(example.config), []string{example.word})
		var names []string
		if err != nil {
			names = append(names, "error: "+err.Error())
		} else {
			for _, node := range answer.Nodes {
				names = append(names, node.Node)
			}
		}
		if got := strings.Join(names, " "); got != example.want {
			t.Errorf("%s: got %s\nwant %s", example.word, got, example.want)
		}
	}
}

// Trimming waits for snapshots, and these for a place to keep them in. Where nobody said that there is none, nothing is told.
func TestASnapshotRepositoryComesFirst(t *testing.T) {
	const step = "# first set a snapshot repository, without which nothing is trimmed: destination in [worker.snapshots] of N1, N3, then restart them"
	row := func(node int, destination string) string {
		return fmt.Sprintf(`{"plain_node_id":"N%d","gen_node_id":"N%[1]d:1","key":"worker.snapshots.destination","value":%q}`, node, destination)
	}
	for _, example := range []struct {
		nodeset []uint32
		config  string
		want    bool
	}{
		{[]uint32{1, 2, 4}, row(1, "null") + "," + row(2, `"s3://bucket"`) + "," + row(3, "null"), true},
		{[]uint32{1, 2, 4}, row(1, `"s3://bucket"`), false},
		{[]uint32{1, 2, 4}, "", false},
		{[]uint32{1, 2, 3}, row(1, "null") + "," + row(3, "null"), false}, // nothing is to be trimmed
	} {
		m := drained()
		m.logs[0][0].nodeset = example.nodeset
		files := m.files()
		if example.config != "" {
			files["sql-config.json"] = &fstest.MapFile{Data: []byte("[" + example.config + "]")}
		}
		s, err := snapshots.Read("made up", files, slices.Collect(maps.Keys(files))...)
		if err != nil {
			t.Fatal(err)
		}
		if commands := removalOf(t, s, 4).Commands; (commands[0] == step) != example.want || slices.Contains(commands[1:], step) {
			t.Errorf("%v with %s: got\n%s", example.nodeset, example.config, strings.Join(commands, "\n"))
		}
	}
}
