package snapshots

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"restate-lint/snapshots/stores"
)

// The directory of a metadata server holds what restatectl printed of the same cluster, null for the key that is not there.
func TestMetadataServerHoldsWhatWasCaptured(t *testing.T) {
	s := readLaid(t, layDown(t, fstest.MapFS{}, "testdata/stores/healthy-3node-1.7.12/replicated-metadata-server", "."))
	want := filesOf(t, "testdata/captures/healthy-3node-1.7.12/metadata")
	for _, d := range s.Documents {
		if got := printed(t, d); got != string(want[d.Key()+".json"].Data) || d.Source.Name != "cap#"+d.Key() {
			t.Errorf("%s of %s is printed as\n%s", d.Key(), d.Source.Name, got)
		}
		delete(want, d.Key()+".json")
	}
	if len(want) != 1 || string(want["schema_registry.json"].Data) != "null\n" || !slices.Equal(gapsOf(s), []string{"schema_registry (cap): " + nullReason}) {
		t.Errorf("not read: %v, gaps %q", want, gapsOf(s))
	}
	if len(s.Stores) != 1 || s.Stores[0].Kind != stores.MetadataServer || len(s.Oddities) > 0 {
		t.Errorf("%+v, oddities %v", s.Stores, s.Oddities)
	}
}

// What the disk of a log server says is never said to be what the server said, and not used where that was asked.
func TestDisksAreWitnessesOfTheirOwn(t *testing.T) {
	files := layDown(t, fstest.MapFS{}, killedLogServer, "n1/log-store")
	s := readLaid(t, files)
	for _, w := range s.Live.Loglets {
		if !w.OnDisk() || w.Witness() != "the disk of N1" {
			t.Errorf("%v: says %s", w.Loglet, w.Witness())
		}
	}
	if d := s.Document(LogStore); d == nil || d.Kind.Live() || len(s.Documents) != 1 {
		t.Errorf("%+v", s.Documents)
	}
	files["sql.json"] = &fstest.MapFile{Data: []byte(`[{"plain_node_id":"N1","gen_node_id":"N1:2","loglet_id":"7_0","local_tail":4,"is_sealed":false,"trim_point":2,"known_global_tail":4}]`)}
	s = readLaid(t, files)
	if len(s.Live.Loglets) != 1 || s.Live.Loglets[0].OnDisk() || s.Live.Loglets[0].Witness() != "N1" || len(s.Stores) != 1 || s.Document(LogStore) != nil {
		t.Errorf("%+v", s.Live.Loglets)
	}
}

// The databases of one cluster's metadata servers are found together, whatever their directories are called.
func TestFindMembers(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, node := range []string{"n1", "n2", "n3"} {
		for _, to := range []string{"members/" + node, "base/" + node + "/replicated-metadata-server"} {
			if err := os.CopyFS(to, os.DirFS(here+"/"+killedCluster+"/"+node+"/replicated-metadata-server")); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, to := range []string{"tables", "partition/lsn_1"} {
		if err := os.CopyFS(to, os.DirFS(here+"/"+partialLogServer)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("partition/lsn_1/metadata.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open("tables"); err != nil || len(s.Stores) != 1 || s.Stores[0].LogServer == nil {
		t.Errorf("tables alone: %v", err)
	}
	if captures, err := Find("partition/..."); err == nil {
		t.Errorf("a partition snapshot is taken for %s", listed(captures))
	}
	for path, want := range map[string]string{
		"members": "3", "members/n1": "1", "members/...": "1 1 1",
		"base": "3", "base/n2": "1", "base/n3/replicated-metadata-server": "1", "base/...": "3",
	} {
		captures, err := Find(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		var members []string
		for _, c := range captures {
			s, err := c.Read()
			if err != nil || len(s.Stores) != 1 || s.Stores[0].Raft == nil {
				t.Fatalf("%s: %v, %+v", path, err, s.Stores)
			}
			members = append(members, fmt.Sprint(len(s.Stores[0].Raft.Members)))
		}
		if got := strings.Join(members, " "); got != want {
			t.Errorf("%s: members %s, want %s", path, got, want)
		}
	}
}
