package testcluster_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"restate-lint/internal/testcluster"
	"restate-lint/snapshots"
	"restate-lint/snapshots/cluster"
)

const capture = "../../snapshots/testdata/captures/removed-node-1.7.12/4-tombstone/metadata/"

// Every line that is printed has the form of one that restatectl has printed.
func TestPrintsAsRestatectlDoes(t *testing.T) {
	digits, list, names := regexp.MustCompile(`[0-9]+`), regexp.MustCompile(`#(,#)*`), regexp.MustCompile(`"cap-[^"]*"|"http:[^"]*"`)
	shape := func(line string) string {
		line = names.ReplaceAllString(line, `"…"`)
		return list.ReplaceAllString(digits.ReplaceAllString(line, "#"), "#")
	}
	files := testcluster.Cluster{Removed: 1, SealedEvery: 2}.FS()
	paths, err := fs.Glob(files, "metadata/*")
	if err != nil || len(paths) != 3+4 {
		t.Fatal(paths, err)
	}
	for _, name := range paths {
		real, err := os.ReadFile(capture + path.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := os.ReadFile("../../snapshots/testdata/captures/sealed-chain-1.7.12/1-sealed-at-once/metadata/" + path.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		known := make(map[string]bool)
		for line := range strings.SplitSeq(string(real)+string(sealed), "\n") {
			known[shape(line)] = true
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if s := shape(line); !known[s] && !strings.Contains(line, "sealed_at") && !strings.Contains(line, `"cluster_name"`) {
				t.Errorf("%s: no capture has the line %s (%s)", name, line, s)
			}
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, text, "", "  "); err != nil || !bytes.Equal(indented.Bytes(), text) {
			t.Errorf("%s is not indented as it should be: %v", name, err)
		}
	}
}

func TestCompactIsTheSameWithoutWhiteSpace(t *testing.T) {
	var pretty, compact, squeezed bytes.Buffer
	c := testcluster.Cluster{Logs: 50, Zones: 2}
	if err := c.WriteLogs(&pretty); err != nil {
		t.Fatal(err)
	}
	c.Compact = true
	if err := c.WriteLogs(&compact); err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(&squeezed, pretty.Bytes()); err != nil {
		t.Fatal(err)
	}
	if got := bytes.TrimSpace(compact.Bytes()); !bytes.Equal(got, bytes.TrimSpace(squeezed.Bytes())) {
		t.Errorf("got %.300s", got)
	}
}

// What is read of a made-up cluster is what was made up, faults included.
func TestReadsAsMadeUp(t *testing.T) {
	for _, c := range []testcluster.Cluster{
		{},
		{Seed: 2, Nodes: 1, Logs: 1, Segments: 1},
		{Seed: 3, Nodes: 9, Removed: 2, Zones: 3, Logs: 100, Segments: 7, Members: 5, SealedEvery: 10, Unknown: 20},
		{Seed: 4, Nodes: 200, Logs: 24, Segments: 40, Members: 128, Nodesets: 1000, Unknown: 1, Compact: true},
	} {
		files := c.FS()
		paths, err := fs.Glob(files, "metadata/*")
		if err != nil {
			t.Fatal(err)
		}
		s, err := snapshots.Read("test", files, paths...)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Oddities) > 0 || len(s.Gaps) != 1 || s.Gaps[0].Kind != snapshots.SchemaRegistry {
			t.Errorf("%+v: oddities %v, gaps %v", c, s.Oddities, s.Gaps)
		}
		var next uint64
		for partition := range s.Partitions.All() {
			if partition.Start != next {
				t.Errorf("partition %d starts at %d, want %d", partition.ID, partition.Start, next)
			}
			next = partition.End + 1
		}
		if next != 0 {
			t.Errorf("the last partition ends at %d", next-1)
		}
		references := make(map[cluster.Class][]testcluster.Reference)
		segments := 0
		gaps := s.Logs.Each(func(log *snapshots.Log) {
			segments += len(log.Segments)
			if len(log.Oddities)+len(log.Defects) > 0 {
				t.Errorf("log %d: oddities %v, defects %v", log.ID, log.Oddities, log.Defects)
			}
			for i, segment := range log.Segments {
				if segment.Kind == snapshots.SealMarker {
					continue
				}
				for k, node := range segment.Placement.Nodeset {
					class := s.Nodes.Class(node)
					references[class] = append(references[class], testcluster.Reference{Log: uint32(log.ID), Segment: i, Member: k, Node: uint32(node)})
				}
			}
		})
		if len(gaps) > 0 {
			t.Errorf("gaps %v", gaps)
		}
		if !slices.Equal(references[cluster.Unknown], c.UnknownReferences()) || len(references[cluster.Unknown]) != c.Unknown {
			t.Errorf("%+v: unknown nodes are referred to in %v, want %v", c, references[cluster.Unknown], c.UnknownReferences())
		}
		if !slices.Equal(references[cluster.Removed], c.RemovedReferences()) || (len(references[cluster.Removed]) > 0) != (c.Removed > 0) {
			t.Errorf("%+v: removed nodes are referred to in %v, want %v", c, references[cluster.Removed], c.RemovedReferences())
		}
	}
}
