package analyze

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"restate-lint/rules"
	"restate-lint/snapshots"
)

// sourceNames are the two ways in which the source of a document is called.
var sourceNames = regexp.MustCompile(`"(?:[A-Za-z0-9._/-]*#|metadata/)?([a-z_]+(?:_[0-9]+)?)(?:\.json)?"`)

// A store gives the findings of the documents that were captured of the same cluster, at the same lines and columns.
func TestStoresGiveTheFindingsOfTheirDocuments(t *testing.T) {
	const etcdCapture, bucketCapture = "../snapshots/testdata/captures/etcd-backend-1.7.12/1-healthy", "../snapshots/testdata/stores/object-store-metadata-1.7.12"
	unpacked := filepath.Join(t.TempDir(), "etcd.db")
	packed, err := os.Open("../snapshots/stores/etcd/testdata/capture/snapshot.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	database, err := io.ReadAll(r)
	if err == nil {
		err = os.WriteFile(unpacked, database, 0o444)
	}
	if err != nil {
		t.Fatal(err)
	}
	for store, documents := range map[string]string{
		unpacked: etcdCapture,
		"../snapshots/stores/etcd/testdata/capture/get-prefix.json": etcdCapture,
		bucketCapture + "/bucket":                                   bucketCapture + "/metadata",
		"../snapshots/testdata/stores/healthy-3node-1.7.12":         "../snapshots/testdata/captures/healthy-3node-1.7.12/metadata",
	} {
		var reports [2]string
		for i, path := range []string{store, documents} {
			snapshot, err := snapshots.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			result := CheckWith(snapshot, rules.All(), Options{})
			result.Name = ""
			if err := result.Hash(); err != nil {
				t.Fatal(err)
			}
			for i, gap := range result.Gaps { // that a key does not exist is said by a file, or by a whole store
				if strings.HasPrefix(gap.Reason, "null: ") {
					result.Gaps[i].Source = ""
				}
			}
			text, err := json.MarshalIndent(result, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Findings) == 0 || !strings.Contains(string(text), `"line"`) {
				t.Fatalf("%s: %d findings", path, len(result.Findings))
			}
			reports[i] = sourceNames.ReplaceAllString(string(text), `"$1"`)
		}
		if reports[0] != reports[1] {
			t.Errorf("%s:\n%s\nis not\n%s", store, reports[0], reports[1])
		}
	}
	if after, err := os.ReadFile(unpacked); err != nil || !bytes.Equal(after, database) {
		t.Errorf("the database was changed, %v", err)
	}
}
