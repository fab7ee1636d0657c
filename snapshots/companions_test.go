package snapshots

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	const config = "# a comment\n\nnode-name = \"n1\"\n\n[worker.invoker]\nretry-policy = { type = \"none\" }\n[worker.snapshots]\ndestination = 'file:///x'\n[[kafka-clusters]]\nname = \"k\"\nbrokers = [\"a\", 1, \"b\"]\n[common]\naddresses = [\"a\", 1, \"b\"]\nquiet = false\n"
	s := readFiles(map[string]string{"config/anything": config, "config/pyproject.toml": "[project]\nname = \"x\"\n", "config/broken.toml": "node-name = \n", "config/list": "[1, 2]"})
	if len(s.Configs) != 1 {
		t.Fatalf("%d configurations", len(s.Configs))
	}
	c := s.Configs[0]
	if c.NodeName != "n1" || len(c.Find("worker.invoker.retry-policy")) != 1 || len(c.Find("worker.invoker.retry")) != 0 ||
		!slices.Equal(c.Find("*.*tr?-policy"), []string{"worker.invoker.retry-policy"}) || !slices.Equal(c.Texts("worker.snapshots.destination"), []string{"file:///x"}) ||
		!slices.Equal(c.Texts("common.addresses"), []string{"a", "b"}) || !slices.Equal(c.Find("kafka-clusters"), []string{"kafka-clusters"}) || c.Texts("kafka-clusters") != nil ||
		!c.Off("common.quiet") || c.Off("common.addresses") {
		t.Errorf("%+v", c)
	}
	lines, err := c.Source.Lines([]int64{c.At("worker.invoker.retry-policy").Offset, c.At("worker.snapshots").Offset, c.At("nothing").Offset})
	if err != nil || lines[0].Number != 6 || lines[1].Number != 7 || lines[2].Number != 1 {
		t.Errorf("%+v %v", lines, err)
	}
}

// What the decoder would take long for, or follow by as many calls of itself, is nobody's configuration.
func TestConfigurationsOfTooManyNamesAreNone(t *testing.T) {
	const config = "node-name = \"n1\"\n"
	many := func(n int, format string) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, format, i)
		}
		return text.String()
	}
	for name, test := range map[string]struct {
		text string
		is   bool
	}{
		"many settings":       {config + many(8000, "a%d = 1\n"), true},
		"too many settings":   {config + many(9000, "a%d = 1\n"), false},
		"a megabyte of them":  {config + many(100_000, "a%d = 1\n"), false},
		"many tables":         {config + many(8000, "[a%d]\n"), true},
		"too many tables":     {config + many(9000, "[a%d]\n"), false},
		"too many of a list":  {config + many(9000, "[[a]]\n#%d\n"), false},
		"in a table":          {config + "a = {" + many(9000, "a%d = 1, ") + "b = 1}\n", false},
		"deep list":           {config + "a = " + strings.Repeat("[", 8000) + strings.Repeat("]", 8000) + "\n", true},
		"deeper list":         {config + "a = " + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + "\n", false},
		"deep table":          {config + "a = " + strings.Repeat("{a = ", 4000) + "1" + strings.Repeat("}", 4000) + "\n", true},
		"deeper table":        {config + "a = " + strings.Repeat("{a = ", 1<<19) + "1" + strings.Repeat("}", 1<<19) + "\n", false},
		"many in deep tables": {config + "[" + strings.Repeat("q", 400) + strings.Repeat("."+strings.Repeat("q", 400), 1500) + "]\n" + many(4000, "x%d = 1\n"), true}, // takes minutes if every table is met for every setting
		"deep name":           {config + "a" + strings.Repeat(".a", 8000) + " = 1\n", true},
		"deeper name":         {config + "a" + strings.Repeat(".a", 1<<20) + " = 1\n", false},
		"a setting twice":     {config + config, false},
		"a table twice":       {config + "[worker]\n[worker]\n", false},
		"a list and a table":  {config + "[[worker]]\n[worker]\n", false},
		"no end of a text":    {config + "a = \"\"\"" + strings.Repeat("x", 1<<20), false},
		"nothing but a table": {"[worker]\n", true},
	} {
		s := readFiles(map[string]string{"restate.toml": test.text})
		for _, c := range s.Configs {
			c.Find("*.nothing")
		}
		if is := len(s.Configs) == 1; is != test.is {
			t.Errorf("%s: %v", name, is)
		}
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
	for _, seed := range []string{markerText, "node-name = \"n1\"\n[worker]\nx = 1\n", "db\nlog-store\n", "total 1\ndrwxr-xr-x 1 root root 10 Nov 23 02:00 log-store\n", "[[a]]\n", "a = [[1]]\n", "[worker]\n'a b'.\"c\" = \"\"\"\n\\u00e9\"\"\"\nd = { e = 1979-05-27T07:32:00Z, f = [07:32:00, -0x1f, 1e5] }\n"} {
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
