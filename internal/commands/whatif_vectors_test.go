package commands_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"restate-lint/internal/commands"
	"restate-lint/snapshots/cluster"
)

// A vector is one random cluster with the answers of Restate's own checker for the tagged members of one nodeset.
type vector struct {
	Nodes []struct {
		ID           uint32 `json:"id"`
		Tombstone    bool   `json:"tombstone"`
		StorageState string `json:"storage_state"`
		Location     string `json:"location"`
	} `json:"nodes"`
	Nodeset     []uint32 `json:"nodeset"`
	Replication string   `json:"replication"`
	Tagged      []uint32 `json:"tagged"`
	FMajority   string   `json:"f_majority"`
	WriteQuorum bool     `json:"write_quorum"`
}

// state is the storage state of a node; "" of one that was removed, and "unknown".
func (v *vector) state(id uint32) string {
	for _, node := range v.Nodes {
		if node.ID == id && node.Tombstone {
			return ""
		}
		if node.ID == id {
			return node.StorageState
		}
	}
	return "unknown"
}

// askable reports whether the members that are not tagged can be silent ones: those that never answer are among them.
func (v *vector) askable() bool {
	return !slices.ContainsFunc(v.Tagged, func(id uint32) bool {
		return slices.Contains([]string{"unknown", "gone", "data-loss"}, v.state(id))
	})
}

// All cases of Restate's own checker become the logs of one snapshot, whose silent nodes are those that are not tagged.
func TestWhatIfAgreesWithRestate(t *testing.T) {
	vectors := askableVectors(t)
	if len(vectors) < 1500 {
		t.Fatalf("only %d vectors can be asked", len(vectors))
	}
	// Each case has nodes of its own. The gaps between them make unknown ones.
	const stride = 16
	var nodes, logs, silent []string
	for log, v := range vectors {
		base := uint32(log * stride)
		for _, node := range v.Nodes {
			if node.Tombstone {
				nodes = append(nodes, fmt.Sprintf(`[%d,"Tombstone"]`, base+node.ID))
				continue
			}
			nodes = append(nodes, fmt.Sprintf(`[%d,{"Node":{"name":"n%[1]d","current_generation":[%[1]d,1],"address":"http://n/","roles":["log-server"],"location":%q,"log_server_config":{"storage_state":%q}}}]`,
				base+node.ID, node.Location, node.StorageState))
		}
		replication, err := cluster.ParseReplication(v.Replication)
		if err != nil {
			t.Fatal(err)
		}
		params, err := json.Marshal(map[string]any{
			"loglet_id": cluster.NewLogletID(cluster.LogID(log), 0), "sequencer": "N1:1",
			"replication": replicationObject(replication), "nodeset": shifted(v.Nodeset, base),
		})
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, fmt.Sprintf(`[%d,{"chain":[[1,{"index":0,"kind":"replicated","params":%q}]]}]`, log, params))
		for _, id := range v.Nodeset {
			if !slices.Contains(v.Tagged, id) {
				silent = append(silent, fmt.Sprintf("N%d  # of case %d", base+id, log))
			}
		}
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("nodes_config.json", `{"version":1,"cluster_name":"c","name_lookup":{},"nodes":[`+strings.Join(nodes, ",\n")+`]}`)
	slices.Reverse(logs) // the order of the document must not matter
	write("bifrost_config.json", `{"version":1,"logs":[`+strings.Join(logs, ",\n")+`]}`)
	write("silent", "# the nodes that do not answer\n"+strings.Join(silent, "\n"))

	var stdout, stderr bytes.Buffer
	code := commands.Run([]string{"whatif", "--without", "@" + filepath.Join(dir, "silent"), "--format", "json", dir},
		commands.Environment{Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }})
	if code != 1 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var answer struct {
		Segments []struct {
			Log              int      `json:"log"`
			Segment          int      `json:"segment"`
			Loglet           string   `json:"loglet"`
			Tail             bool     `json:"tail"`
			EffectiveNodeset []string `json:"effective_nodeset"`
			FMajority        string   `json:"f_majority"`
			WriteQuorum      bool     `json:"write_quorum"`
		} `json:"segments"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Segments) != len(vectors) {
		t.Fatalf("%d segments, want %d", len(answer.Segments), len(vectors))
	}
	for log, v := range vectors {
		segment := answer.Segments[log]
		effective := []string{}
		writable := v.WriteQuorum
		for _, id := range v.Nodeset {
			state := v.state(id)
			if state != "" && state != "disabled" {
				effective = append(effective, fmt.Sprintf("N%d", uint32(log*stride)+id))
			}
			if state == "provisioning" && slices.Contains(v.Tagged, id) {
				// Restate's checker leaves it to its caller to ask about writable members only.
				writable = v.writableWithoutProvisioning(t)
			}
		}
		if segment.Log != log || segment.Segment != 0 || segment.Loglet != fmt.Sprintf("%d_0", log) || !segment.Tail ||
			!slices.Equal(segment.EffectiveNodeset, effective) || segment.FMajority != v.FMajority || segment.WriteQuorum != writable {
			t.Errorf("case %d: got %+v\nwant %v, f-majority %s, write quorum %v", log, segment, effective, v.FMajority, writable)
		}
	}
}

func (v *vector) writableWithoutProvisioning(t *testing.T) bool {
	replication, err := cluster.ParseReplication(v.Replication)
	if err != nil {
		t.Fatal(err)
	}
	var members []cluster.Member
	for _, id := range v.Nodeset {
		member := cluster.Member{Node: cluster.NodeID(id), Class: cluster.Unknown}
		for _, node := range v.Nodes {
			if node.ID != id {
				continue
			}
			if member.Class = cluster.Active; node.Tombstone {
				member.Class = cluster.Removed
			}
			member.State = cluster.StorageState(node.StorageState)
			if member.Location, err = cluster.ParseLocation(node.Location); err != nil {
				t.Fatal(err)
			}
		}
		members = append(members, member)
	}
	return cluster.NewChecker(members, replication).WriteQuorum(func(member cluster.Member) bool {
		return slices.Contains(v.Tagged, uint32(member.Node)) && member.State != cluster.StorageProvisioning
	})
}

func askableVectors(t *testing.T) (vectors []vector) {
	file, err := os.Open("../../snapshots/cluster/testdata/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if v.askable() {
			vectors = append(vectors, v)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func replicationObject(replication cluster.Replication) map[string]uint8 {
	object := map[string]uint8{}
	for scope, factor := range map[string]uint8{"node": replication.Node, "zone": replication.Zone, "region": replication.Region} {
		if factor > 0 {
			object[scope] = factor
		}
	}
	return object
}

func shifted(ids []uint32, by uint32) []uint32 {
	result := make([]uint32, len(ids))
	for i, id := range ids {
		result[i] = id + by
	}
	return result
}
