package snapshots

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"restate-lint/snapshots/cluster"
)

const markerText = `{"cluster_name":"c","cluster_fingerprint":12591687028427125161,"max_version":"1.7.12","current_version":"1.7.11","min_forward_compatible_version":"1.6.0","is_provisioned":true,"use_multi_db_layout":true}`

func readFiles(files map[string]string) *Snapshot {
	fsys := fstest.MapFS{}
	var names []string
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
		names = append(names, name)
	}
	s, _ := Read("case", fsys, names...)
	return s
}

func TestMarkersAreReadExactlyAndNoneIsARival(t *testing.T) {
	s := readFiles(map[string]string{"config/n2/.cluster-marker": markerText, "config/n1/marker": markerText})
	if len(s.Markers) != 2 || len(s.Rivals) != 0 || len(s.Documents) != 2 {
		t.Fatalf("%d markers, %d rivals, %d documents", len(s.Markers), len(s.Rivals), len(s.Documents))
	}
	m := s.Markers[0]
	if m.Document.Source.Name != "config/n1/marker" || m.ClusterName != "c" || m.Fingerprint != 12591687028427125161 || !m.MultiDB ||
		m.Max != (cluster.Release{Major: 1, Minor: 7, Patch: 12}) || m.Current != (cluster.Release{Major: 1, Minor: 7, Patch: 11}) || m.MinForward != (cluster.Release{Major: 1, Minor: 6}) {
		t.Errorf("%+v", m)
	}
	if m.CurrentAt.Pointer != "/current_version" {
		t.Errorf("current version at %q", m.CurrentAt.Pointer)
	}
}

func TestADamagedMarkerIsAGap(t *testing.T) {
	for _, text := range []string{markerText[:20], markerText[:150], "", "x"} {
		s := readFiles(map[string]string{".cluster-marker": text})
		if len(s.Gaps) == 0 || s.Gaps[0].Source != ".cluster-marker" {
			t.Errorf("%q: gaps %v", text, s.Gaps)
		}
	}
}

func TestConfigurationsAreToldFromTheirContent(t *testing.T) {
	const config = "# a comment\n\nnode-name = \"n1\"\n\n[worker.invoker]\nretry-policy = { type = \"none\" }\n[worker.snapshots]\ndestination = 'file:///x'\n"
	s := readFiles(map[string]string{"config/anything": config, "config/pyproject.toml": "[project]\nname = \"x\"\n", "config/broken.toml": "node-name = \n", "config/list": "[1, 2]"})
	if len(s.Configs) != 1 {
		t.Fatalf("%d configurations", len(s.Configs))
	}
	c := s.Configs[0]
	if c.NodeName != "n1" || len(c.Find("worker.invoker.retry-policy")) != 1 || len(c.Find("worker.invoker.retry")) != 0 ||
		!slices.Equal(c.Find("*.*tr?-policy"), []string{"worker.invoker.retry-policy"}) || !slices.Equal(c.Texts("worker.snapshots.destination"), []string{"file:///x"}) {
		t.Errorf("%+v", c)
	}
	lines, err := c.Source.Lines([]int64{c.At("worker.invoker.retry-policy").Offset, c.At("worker.snapshots").Offset, c.At("nothing").Offset})
	if err != nil || lines[0].Number != 6 || lines[1].Number != 7 || lines[2].Number != 1 {
		t.Errorf("%+v %v", lines, err)
	}
}

func TestListingsAreToldFromTheirContent(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		nodes int
		local bool
	}{
		"find":       {"data/n1\ndata/n1/db\ndata/n1/log-store\ndata/n1/local-metadata-store\ndata/n2/log-store\n", 2, true},
		"ls -la":     {"total 8\ndrwxr-xr-x 1 root root 10 Nov 23 02:00 .\ndrwxr-xr-x 1 root root 10 Nov 23 02:00 db\n-rw-r--r-- 1 root root 10 Nov 23 02:00 .cluster-marker\ndrwxr-xr-x 1 root root 10 Nov 23 02:00 local-metadata-store/\n", 1, true},
		"ls":         {"db\nlog-store\nreplicated-metadata-server\n", 1, false},
		"ls -R":      {"/d/n1:\ndb\nlog-store\n\n/d/n1/log-store:\n000.log\n\n/d/n2:\nlocal-metadata-store\n", 2, true},
		"prose":      {"The directory\nlocal-metadata-store\nis gone.\n", 0, false},
		"other":      {"main.go\nREADME.md\n", 0, false},
		"json":       {"{\"log-store\": 1}\n", 0, false},
		"restatectl": {"Logs v5\nlog-store\n", 0, false},
	} {
		s := readFiles(map[string]string{"listing.txt": c.text})
		if c.nodes == 0 {
			if len(s.Listings) != 0 {
				t.Errorf("%s: taken for a listing", name)
			}
			continue
		}
		if len(s.Listings) != 1 || s.Listings[0].Nodes != c.nodes || s.Listings[0].Has("local-metadata-store") != c.local {
			t.Errorf("%s: %+v", name, s.Listings)
		}
	}
}

func TestTheHiddenMarkerBelongsToACaptureButMakesNone(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("data/.cluster-marker", markerText)
	if _, err := Open(dir + "/data"); err == nil {
		t.Error("a data directory was taken for a capture")
	}
	write("capture/.cluster-marker", markerText)
	write("capture/.hidden", markerText)
	write("capture/config/n1/.cluster-marker", markerText)
	write("capture/metadata/partition_table.json", `{"version":1,"num_partitions":1,"partitions":[]}`)
	s, err := Open(dir + "/capture")
	if err != nil || len(s.Markers) != 2 {
		t.Errorf("%v, %d markers", err, len(s.Markers))
	}
}

func FuzzCompanion(f *testing.F) {
	for _, seed := range []string{markerText, "node-name = \"n1\"\n[worker]\nx = 1\n", "db\nlog-store\n", "total 1\ndrwxr-xr-x 1 root root 10 Nov 23 02:00 log-store\n", "[[a]]\n", "a = [[1]]\n"} {
		f.Add([]byte(seed))
		f.Add([]byte(seed[:len(seed)/2]))
	}
	f.Fuzz(func(_ *testing.T, text []byte) {
		s, _ := Read("case", fstest.MapFS{"x": &fstest.MapFile{Data: text}}, "x")
		for _, c := range s.Configs {
			c.Find("*.retry-policy")
			c.At("worker")
		}
	})
}
