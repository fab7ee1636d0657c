package snapshots

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// sourced returns the gaps that name a source, those of reading the logs included.
func sourced(s *Snapshot) []string {
	gaps := s.Gaps
	if s.Logs != nil {
		gaps = append(slices.Clone(gaps), s.Logs.Each(func(*Log) {})...)
	}
	var list []string
	for _, gap := range gaps {
		if gap.Source != "" {
			list = append(list, gap.String())
		}
	}
	return list
}

func TestOneTruncationIsOneGap(t *testing.T) {
	const text = `{"version":1,"config":null,"logs":[[0,{"chain":[]}],[1,{"chain":[]}]],"modified_at":7}`
	for end := strings.Index(text, "[["); end < len(text); end++ {
		s, err := read(map[string]string{"b.json": text[:end]})
		if got := sourced(s); err != nil || len(got) != 1 || s.Captured(BifrostConfig) {
			t.Errorf("cut at %d: %v, gaps %q", end, err, got)
		}
	}
}

// What is no segment must not make the segment before it the tail.
func TestAnElementOfAChainThatIsNoSegmentKeepsItsPlace(t *testing.T) {
	const good = `[1,{"kind":"local","index":0,"params":"0_0"}]`
	for _, element := range []string{`"x"`, `7`, `null`, `{}`, `[]`, `[5]`, `[5,{},6]`, `[5,"x"]`} {
		for _, chain := range []string{good + "," + element, element + "," + good} {
			s, _ := read(map[string]string{"b.json": `{"version":1,"config":null,"logs":[[0,{"chain":[` + good + `]}],[1,{"chain":[` + chain + `]}]]}`})
			s.Logs.Each(func(log *Log) {
				if log.ID == 0 {
					return
				}
				if len(log.Segments) != 2 || len(log.Defects) != 1 {
					t.Fatalf("%s: got %v, %v", chain, log.Segments, log.Defects)
				}
				broken := log.Defects[0].Segment
				sound := 1 - broken
				if log.Segments[broken].Kind != UnknownKind || log.Segments[sound].Kind != Local || log.Open(sound) != strings.HasSuffix(chain, good) {
					t.Errorf("%s: got %v", chain, log.Segments)
				}
				if text := string(log.segmentText(broken)); !strings.HasPrefix(text, element) {
					t.Errorf("%s: the broken one stands at %q", chain, text)
				}
			})
		}
	}
}

// guarded fails the test when a file that is none is opened.
type guarded struct {
	fstest.MapFS
	t *testing.T
}

func (g guarded) Stat(name string) (fs.FileInfo, error) { return fs.Stat(g.MapFS, name) }

func (g guarded) Open(name string) (fs.File, error) {
	if file := g.MapFS[name]; file != nil && !file.Mode.IsRegular() {
		g.t.Errorf("%s was opened", name)
	}
	return g.MapFS.Open(name)
}

func TestADocumentThatIsNoRegularFileIsNeverOpened(t *testing.T) {
	fsys := guarded{fstest.MapFS{"pp_epoch_0.json": {Mode: fs.ModeNamedPipe}, "nodes_config.json": {Data: []byte(smallNodes)}, "x": {Mode: fs.ModeDevice}}, t}
	r := reader{window: newWindow(nil, 0, 1<<10)}
	if r.sniff(fsys, "pp_epoch_0.json") || r.sniff(fsys, "x") || !r.sniff(fsys, "nodes_config.json") {
		t.Error("a pipe looks like a document")
	}
	s, err := Read("", fsys, "nodes_config.json", "pp_epoch_0.json")
	if got := sourced(s); err != nil || len(got) != 1 || got[0] != "pp_epoch_0 (pp_epoch_0.json): not a regular file" {
		t.Errorf("%v, gaps %q", err, got)
	}
}

// What is wrong with the only file is said without its name: whoever asked for it knows it, and may print it anyway.
func TestErrorsOfASingleFileDoNotRepeatItsName(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"package.json":      {`{"name":"x"}`, "not a document of Restate's metadata"},
		"nodes_config.json": {`null`, "null: the key does not exist in the metadata store"},
		"binary":            {"\x7fELF\x00\x00\n{\x00\x01\x02", "not JSON"},
		"brace":             {"{7:8}", "not JSON"},
		"cut":               {`{"version":`, "the text ends in the middle of a value"},
	} {
		fsys := memory(map[string]string{name: test.text})
		if _, err := (Capture{Name: name, Files: []string{name}, FS: fsys}).Read(); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		if _, err := (Capture{Name: "c", Files: []string{name}, FS: fsys}).Read(); err == nil || !strings.HasSuffix(err.Error(), ": "+test.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s in a directory: got %v", name, err)
		}
	}
}
