package snapshots

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tidwall/gjson"
)

func printed(t testing.TB, d *Document) string {
	t.Helper()
	var out bytes.Buffer
	if err := d.Print(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Whatever restatectl printed of real clusters of Restate 1.5.3 to 1.7.12 is printed as it was, from any layout.
func TestDocumentsArePrintedAsTheyWere(t *testing.T) {
	files, err := filepath.Glob("testdata/captures/*/*/metadata/*.json")
	if err != nil || len(files) < 100 {
		t.Fatal(len(files), err)
	}
	for _, limit := range []int64{printWhole, 0} {
		defer func(before int64) { printWhole = before }(printWhole)
		printWhole = limit
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(text) == 0 || string(text) == "null\n" || !gjson.ValidBytes(text) {
				continue
			}
			for name, layout := range map[string]string{
				"as it is": string(text), "compact": gjson.GetBytes(text, "@ugly").Raw,
				"sorted": "log line\n" + gjson.GetBytes(text, `@pretty:{"indent":"\t","sortKeys":true}`).Raw, "backwards": backwards(text),
			} {
				s, err := Read("x", fstest.MapFS{filepath.Base(file): {Data: []byte(layout)}}, filepath.Base(file))
				if err != nil {
					t.Fatalf("%s, %s: %v", file, name, err)
				}
				if got := printed(t, s.Documents[0]); got != string(text) {
					t.Fatalf("%s, %s, is printed as\n%s", file, name, got)
				}
			}
		}
	}
}

// backwards has the fields of a document in the opposite order.
func backwards(text []byte) string {
	var fields []string
	gjson.ParseBytes(text).ForEach(func(key, value gjson.Result) bool {
		fields = append(fields, key.Raw+":"+value.Raw)
		return true
	})
	slices.Reverse(fields)
	return "{" + strings.Join(fields, ",") + "}"
}

func TestValuesOfStoresArePrintedAsTheyWere(t *testing.T) {
	s, err := Read("x", fstest.MapFS{"db": {Data: etcdSnapshot(t)}}, "db")
	if err != nil {
		t.Fatal(err)
	}
	want := filesOf(t, capturedEtcd+"/metadata")
	for _, d := range s.Documents {
		if got := printed(t, d); got != string(want[d.Key()+".json"].Data) {
			t.Errorf("%s is printed as\n%s", d.Key(), got)
		}
		delete(want, d.Key()+".json")
	}
	if len(want) > 0 {
		t.Errorf("not printed: %v", slices.Collect(maps.Keys(want)))
	}
}

func TestDamagedDocumentsAreNotPrinted(t *testing.T) {
	for _, limit := range []int64{printWhole, 0} {
		defer func(before int64) { printWhole = before }(printWhole)
		printWhole = limit
		for _, text := range []string{
			`{"version":1,"cluster_name":"c","nodes":[[1,tombstone]]`, `{"version":1,"nodes":[[1,"Tombstone"]`, `{"version":1,"nodes":[[1,"Tombstone"]],"x":tru}`,
		} {
			s, _ := Read("x", fstest.MapFS{"nodes_config.json": {Data: []byte(text)}}, "nodes_config.json")
			d := s.Document(NodesConfig)
			if d == nil {
				t.Fatalf("%s: %v", text, s.Gaps)
			}
			if err := d.Print(io.Discard); err == nil || d.Complete {
				t.Errorf("%s was printed", text)
			}
		}
	}
}

// A document that is not held is printed with a bounded amount of memory, and like one that is.
func TestLargeDocumentsArePrintedInParts(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"logs":[`)
	for i := range 3000 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `[%d,{"chain":[[1,{"kind":"local","params":"%d","index":0}]]}]`, i, i)
	}
	b.WriteString(`],"version":7,"config":null}`)
	s, err := Read("x", fstest.MapFS{"x": {Data: []byte(b.String())}}, "x")
	if err != nil {
		t.Fatal(err)
	}
	want := printed(t, s.Documents[0])
	defer func(before int64) { printWhole = before }(printWhole)
	printWhole = 1 << 10
	if got := printed(t, s.Documents[0]); got != want || !strings.HasPrefix(got, "{\n  \"version\": 7,\n  \"config\": null,\n  \"logs\": [\n    [\n      0,\n      {\n        \"chain\"") {
		t.Errorf("printed in parts as\n%.300s\nand whole as\n%.300s", got, want)
	}
}
