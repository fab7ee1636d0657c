package snapshots

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// What is read of every real capture is what its note counts, which was derived by other means when it was made.
func TestCapturesMatchTheirNotes(t *testing.T) {
	captures, err := Find("testdata/captures/...")
	if err != nil {
		t.Fatal(err)
	}
	if len(captures) < 20 {
		t.Fatalf("only %d captures", len(captures))
	}
	for _, c := range captures {
		t.Run(c.Name, func(t *testing.T) {
			text, err := fs.ReadFile(c.FS, "capture.json")
			if err != nil {
				t.Fatal(err)
			}
			var note struct {
				Derived *struct {
					Nodes                      map[string]string
					Versions                   map[string]uint32
					Logs, Segments, Partitions int
				} `json:"derived_from_metadata"`
			}
			if err := json.Unmarshal(text, &note); err != nil || note.Derived == nil {
				t.Fatal(err, note)
			}
			s, err := c.Read()
			if err != nil {
				t.Fatal(err)
			}
			nodes := make(map[string]string)
			for node := range s.Nodes.All() {
				nodes[node.ID.String()] = "Tombstone"
				if !node.Removed {
					metadata := string(node.Metadata)
					if metadata == "provisioning" {
						metadata = "-"
					}
					nodes[node.ID.String()] = fmt.Sprintf("gen %d, storage %s, worker %s, metadata %s", node.Generation.Generation, node.Storage, node.Worker, metadata)
				}
			}
			for id, want := range note.Derived.Nodes {
				if nodes[id] != want {
					t.Errorf("%s is %q, want %q", id, nodes[id], want)
				}
				delete(nodes, id)
			}
			if len(nodes) > 0 {
				t.Errorf("unexpected nodes %v", nodes)
			}
			for key, want := range note.Derived.Versions {
				if d := s.Document(Kind(key)); d == nil || uint32(d.Version) != want {
					t.Errorf("%s is %v, want v%d", key, d, want)
				}
			}
			logs, segments := 0, 0
			gaps := s.Logs.Each(func(log *Log) {
				logs++
				segments += len(log.Segments)
				if len(log.Oddities) > 0 {
					t.Errorf("log %d: oddities %v", log.ID, log.Oddities)
				}
				if len(log.Defects) > 0 != (strings.Contains(c.Name, "params-not-json") && log.ID == 0) {
					t.Errorf("log %d: defects %v", log.ID, log.Defects)
				}
			})
			if logs != note.Derived.Logs || segments != note.Derived.Segments || s.Partitions.Len() != note.Derived.Partitions {
				t.Errorf("%d logs, %d segments, %d partitions, want %+v", logs, segments, s.Partitions.Len(), *note.Derived)
			}
			if len(gaps) > 0 || len(s.Oddities) > 0 {
				t.Errorf("gaps %v, oddities %v", gaps, s.Oddities)
			}
			for _, gap := range s.Gaps {
				switch {
				case gap.Kind == SchemaRegistry && strings.HasPrefix(gap.Reason, "null"): // until the first deployment
				case gap.Key == "rule_book" && gap.Reason == "empty": // restatectl cannot print it
				default:
					t.Errorf("gap %v", gap)
				}
			}
			for _, kind := range []Kind{NodesConfig, BifrostConfig, PartitionTable, EpochMetadata} {
				if !s.Captured(kind) {
					t.Errorf("%s is not captured", kind)
				}
			}
		})
	}
}
