package snapshots

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const (
	oneFolder   = "lsn_00000000000000000921-snap_134PD57Pr1wIREDZAvU3LpL"
	otherFolder = "lsn_00000000000000000500-snap_10Jfm2Jnw7opiQU6ykTdUgV"
	pointer     = `{"version":"V2","partition_id":7,"log_id":9,"cluster_name":"c","cluster_fingerprint":12591687028427125161,"node_name":"n1",
"created_at":"2026-11-23T02:10:36.113Z","snapshot_id":"snap_134PD57Pr1wIREDZAvU3LpL","min_applied_lsn":921,"path":"` + oneFolder + `","retained_snapshots":[
{"snapshot_id":"snap_134PD57Pr1wIREDZAvU3LpL","min_applied_lsn":921,"created_at":"2026-11-23T02:10:36.113Z","path":"` + oneFolder + `"},
{"snapshot_id":"snap_10Jfm2Jnw7opiQU6ykTdUgV","min_applied_lsn":500,"created_at":"2026-11-22T02:10:36.113Z","path":"` + otherFolder + `"}]}`
)

func repositoryOf(t *testing.T, files map[string]string) *Repository {
	t.Helper()
	fsys := fstest.MapFS{"nodes_config.json": {Data: []byte(`{"version":1,"cluster_name":"c","nodes":[]}`)}}
	names := []string{"nodes_config.json"}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
		names = append(names, name)
	}
	s, err := Read("case", fsys, names...)
	if err != nil {
		t.Fatal(err)
	}
	if s.Repository == nil {
		return &Repository{}
	}
	return s.Repository
}

func TestPointersOfEveryFormat(t *testing.T) {
	v1 := strings.Replace(pointer[:strings.Index(pointer, `,"retained`)]+"}", `"V2","partition_id":7,"log_id":9`, `"V1","partition_id":7`, 1)
	for name, file := range map[string]struct {
		text     string
		retained int
		hasLog   bool
		archived uint64
	}{
		"V2":     {pointer, 2, true, 500},
		"V1":     {v1, 0, false, 921},
		"sorted": {strings.Replace(pointer, `"version":"V2",`, "", 1)[:len(pointer)-len(`"version":"V2",`)-1] + `,"version":"V2"}`, 2, true, 500},
	} {
		t.Run(name, func(t *testing.T) {
			latest := repositoryOf(t, map[string]string{"any/name.json": file.text}).Get(7)
			if latest == nil {
				t.Fatal("not read")
			}
			if latest.MinAppliedLSN != 921 || latest.Path != oneFolder || latest.ClusterName != "c" || latest.Fingerprint != 12591687028427125161 || latest.Under ||
				!latest.CreatedAt.Equal(time.Date(2026, 11, 23, 2, 10, 36, 113e6, time.UTC)) {
				t.Errorf("%+v", latest)
			}
			if len(latest.Retained) != file.retained || latest.HasLog != file.hasLog || uint64(latest.Archived()) != file.archived || latest.Format != name && name != "sorted" {
				t.Errorf("%s: %d retained, log %t, archived %d", latest.Format, len(latest.Retained), latest.HasLog, latest.Archived())
			}
		})
	}
}

// Listings of all tools name the same files.
func TestListingsOfEveryTool(t *testing.T) {
	for name, format := range map[string]string{
		"aws s3 ls --recursive": "2026-11-23 02:10:36      35546 %s\n",
		"aws s3 ls, no prefix":  "2026-11-23 02:10:36      35546 %s\r\n",
		"find":                  "./%s\n",
		"gsutil ls -l":          "     35546  2026-11-23T02:10:36Z  gs://bucket/%s\n",
		"s3cmd ls":              "2026-11-23 02:10  35546  s3://bucket/%s\n",
		"size and path":         "601\t%s\n",
		"quoted":                "\"%s\",\n",
	} {
		t.Run(name, func(t *testing.T) {
			prefix := "snaps/cl1/"
			if strings.Contains(name, "no prefix") {
				prefix = ""
			}
			var listing strings.Builder
			for _, path := range []string{"7/latest.json", "7/" + oneFolder + "/000020.sst", "7/" + oneFolder + "/metadata.json", "7/" + otherFolder + "/000021.sst"} {
				fmt.Fprintf(&listing, format, prefix+path)
			}
			r := repositoryOf(t, map[string]string{"snapshots/listing.txt": listing.String(), "snapshots/snaps/cl1/7/latest.json": pointer})
			if !r.Listed || !r.Holds(7) || r.Holds(8) {
				t.Fatalf("listed %t", r.Listed)
			}
			one, known := r.Folder(r.Get(7), oneFolder)
			if !known || !one.Metadata || one.Files != 1 {
				t.Errorf("%+v %t", one, known)
			}
			other, known := r.Folder(r.Get(7), otherFolder)
			if !known || other.Metadata || other.Files != 1 {
				t.Errorf("%+v %t", other, known)
			}
		})
	}
}

// What other tools print is no listing, and the folders of an export hold much else.
func TestOtherTextIsNoListing(t *testing.T) {
	for _, text := range []string{
		"", "\n", "Snapshot created for partition 0: snap_134PD57Pr1wIREDZAvU3LpL (log 0 @ LSN >= 921)\n",
		"lsn_1-snap_x/metadata.json\n", "x/lsn_1-snap_x/metadata.json\n", "99999999/latest.json\n", "latest.json\n", "7/lsn_x-snap_x/\n", "\x00\x01 7/latest.json\n",
		strings.Repeat("2026-11-23 INFO something else\n", 3) + "INFO uploaded s3://b/7/" + oneFolder + "/metadata.json\n",
	} {
		if r := repositoryOf(t, map[string]string{"restatectl/out.txt": text}); r.Listed {
			t.Errorf("%q is taken for a listing", text)
		}
	}
}

func TestPrefixesOfOtherClustersAreLeftOut(t *testing.T) {
	other := strings.Replace(strings.Replace(pointer, `"cluster_name":"c"`, `"cluster_name":"other"`, 1), "921", "5000", 1)
	r := repositoryOf(t, map[string]string{"snapshots/a/7/latest.json": other, "snapshots/b/7/latest.json": pointer})
	if len(r.Latest) != 1 || r.Get(7).ClusterName != "c" {
		t.Errorf("%+v", r.Latest)
	}
	r = repositoryOf(t, map[string]string{"snapshots/a/7/latest.json": other})
	if len(r.Latest) != 1 || r.Get(7).ClusterName != "other" {
		t.Errorf("the only prefix is left out: %+v", r.Latest)
	}
}

// A repository that lies about by itself is no capture; damaged files of one in a capture are gaps.
func TestDamagedPointersAreGaps(t *testing.T) {
	for n := range len(pointer) {
		fsys := fstest.MapFS{
			"nodes_config.json":         {Data: []byte(`{"version":1,"cluster_name":"c","nodes":[]}`)},
			"snapshots/7/latest.json":   {Data: []byte(pointer[:n])},
			"snapshots/7/listing.txt":   {Data: []byte("1 x/7/latest.json\n")},
			"snapshots/7/metadata.json": {Data: []byte(strings.ReplaceAll(pointer, "921", `"x"`)[:n])},
		}
		s, err := Read("case", fsys, "nodes_config.json", "snapshots/7/latest.json", "snapshots/7/listing.txt", "snapshots/7/metadata.json")
		if err != nil {
			t.Fatal(err)
		}
		if s.Captured(SnapshotRepository) {
			t.Fatalf("cut at byte %d, the repository counts as whole", n)
		}
	}
}

func TestRegistryKeepsNoSecretAndNoMoreThanRulesNeed(t *testing.T) {
	const v2 = `{"version":2,"deployments_v2":[{"id":"dp_1","ty":{"Http":{"address":"https://u:hunter2@svc:9080/p?sig=hunter2"}},
"delivery_options":{"additional_headers":{"Authorization":"hunter2"}},"supported_protocol_versions":{"start":5,"end":7},"sdk_version":"s/1",
"services":[{"name":"A","revision":2,"public":false,"handlers":[{"name":"run"},{"name":"go"}]}]}],"subscriptions":[],
"kafka_clusters":[{"name":"k","properties":{"sasl.password":"hunter2"}}]}`
	const v1 = `{"version":2,"services":{"A":{"revision":2,"location":{"latest_deployment":"dp_1","public":false}}},
"deployments":[["dp_1",{"metadata":{"ty":{"Http":{"address":"https://u:hunter2@svc:9080/p?sig=hunter2"}},"delivery_options":{"additional_headers":{"Authorization":"hunter2"}},
"supported_protocol_versions":{"start":5,"end":7},"sdk_version":"s/1"},"services":[["A",{"name":"A","revision":2,"public":false,"handlers":[["run",{"name":"run"}],["go",{"name":"go"}]]}]]}]],"subscriptions":[]}`
	for name, text := range map[string]string{"v1": v1, "v2": v2} {
		s, err := Read("case", fstest.MapFS{"s.json": {Data: []byte(text)}}, "s.json")
		if err != nil {
			t.Fatal(err)
		}
		r := s.Registry
		if r.Legacy != (name == "v1") || len(r.Deployments) != 1 || !s.Schema.Source.Secret {
			t.Fatalf("%s: %+v", name, r)
		}
		d := r.Deployments[0]
		if d.ID != "dp_1" || d.Endpoint != "https://svc:9080" || !d.Path || d.ProtocolStart != 5 || d.ProtocolEnd != 7 || d.SDK != "s/1" ||
			fmt.Sprint(d.Services) != "[{A 2 false [run go]}]" || len(d.Secrets) != 3 {
			t.Errorf("%s: %+v", name, d)
		}
		if kept := fmt.Sprintf("%+v %+v", r.Deployments, r.Secrets); strings.Contains(kept, "hunter2") {
			t.Errorf("%s: a secret is kept: %s", name, kept)
		}
	}
}
