package golden_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"restate-lint/snapshots"
)

// Capturing a cluster again gives its documents in another order, with their lists and keys in another order, and
// another program may have laid them out. Whatever of that happens, no fingerprint and no golden changes.
func TestCapturingAgainChangesNoGolden(t *testing.T) {
	all := captures(t)
	want := make([][]byte, len(all))
	for i, capture := range all {
		want[i] = reportOn(t, capture).Encode()
		for seed := range uint64(2) { // every capture at least so often
			if got := reportOn(t, recaptured(t, capture, rand.New(rand.NewPCG(seed, uint64(i))))).Encode(); !bytes.Equal(got, want[i]) {
				t.Errorf("%s, seed %d: the golden is another one:\n%s", capture.Name, seed, diff(t, want[i], got))
			}
		}
	}
	if t.Failed() {
		return
	}
	rapid.Check(t, func(rt *rapid.T) {
		i := rapid.IntRange(0, len(all)-1).Draw(rt, "capture")
		seed := rapid.Uint64().Draw(rt, "seed")
		if got := reportOn(t, recaptured(t, all[i], rand.New(rand.NewPCG(seed, 0)))).Encode(); !bytes.Equal(got, want[i]) {
			rt.Fatalf("%s: the golden is another one:\n%s", all[i].Name, diff(t, want[i], got))
		}
	})
}

// told are files whose documents are told from their content alone.
var told = []string{"nodes_config.json", "bifrost_config.json", "partition_table.json"}

// recaptured is a capture of the same cluster at the same moment that another program took.
func recaptured(t *testing.T, capture snapshots.Capture, random *rand.Rand) snapshots.Capture {
	t.Helper()
	files := fstest.MapFS{}
	var names []string
	renamed := random.IntN(2) == 0
	for _, name := range capture.Files {
		text, err := fs.ReadFile(capture.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".json") {
			text = rearranged(text, random)
		}
		if main := strings.TrimPrefix(name, "metadata/"); renamed && slices.Contains(told, main) && json.Valid(text) {
			name = fmt.Sprintf("metadata/%d.json", random.Uint32())
		}
		names = append(names, name)
		files[name] = &fstest.MapFile{Data: text}
	}
	capture.FS = files
	capture.Files = names
	random.Shuffle(len(capture.Files), func(i, k int) {
		capture.Files[i], capture.Files[k] = capture.Files[k], capture.Files[i]
	})
	return capture
}

// rearranged puts the keys of a document, and its lists without an order, into another order, and lays it out anew. What
// is not JSON stays as it is.
func rearranged(document []byte, random *rand.Rand) []byte {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return document
	}
	shuffle := func(list []any) {
		random.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
	}
	switch value := value.(type) {
	case []any: // the rows of a query
		shuffle(value)
	case map[string]any:
		for _, name := range []string{"logs", "nodes", "partitions"} {
			if entries, ok := value[name].([]any); ok {
				shuffle(entries)
			}
		}
	}
	w := &layouter{random: random, loose: random.IntN(2) == 0}
	w.value(value)
	return w.text
}

// A layouter writes JSON with its keys in any order, compact or with space at random.
type layouter struct {
	random *rand.Rand
	loose  bool
	text   []byte
}

func (w *layouter) space() {
	if w.loose && w.random.IntN(3) == 0 {
		w.text = append(w.text, []string{" ", "\n", "\t", "\r\n", "        "}[w.random.IntN(5)]...)
	}
}

func (w *layouter) token(token string) {
	w.space()
	w.text = append(w.text, token...)
	w.space()
}

func (w *layouter) value(value any) {
	switch value := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(value))
		for key := range value {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		w.random.Shuffle(len(keys), func(i, k int) { keys[i], keys[k] = keys[k], keys[i] })
		w.token("{")
		for i, key := range keys {
			if i > 0 {
				w.token(",")
			}
			w.leaf(key)
			w.token(":")
			w.value(value[key])
		}
		w.token("}")
	case []any:
		w.token("[")
		for i, entry := range value {
			if i > 0 {
				w.token(",")
			}
			w.value(entry)
		}
		w.token("]")
	default:
		w.leaf(value)
	}
}

func (w *layouter) leaf(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprint(err)) // it was decoded from JSON
	}
	w.token(string(text))
}
