package golden

import (
	"bytes"
	"os"
	"testing"
)

// agree fails where the fast decoder reads something that the thorough one does not, or reads otherwise. It reports
// whether there was anything to compare.
func agree(t *testing.T, text []byte) bool {
	t.Helper()
	sound := decodeSound(text)
	if sound == nil {
		return false
	}
	thorough, err := decodeAny(text)
	if err != nil {
		t.Fatalf("only the fast decoder reads it: %v", err)
	}
	if !bytes.Equal(sound.Encode(), thorough.Encode()) {
		t.Fatalf("it is read as\n%s\nand as\n%s", sound.Encode(), thorough.Encode())
	}
	return true
}

func TestSoundGoldensAreReadInOnePass(t *testing.T) {
	store := Store{Dir: "testdata"}
	names, err := store.List()
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(store.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		if !agree(t, text) {
			t.Errorf("%s is not decoded in one pass", name)
		}
	}
}

func FuzzDecodersAgree(f *testing.F) {
	for _, text := range []string{
		`{"schema_version":1,"snapshot":"s","cluster_name":"c","documents":[{"kind":"k"}],"gaps":[{"kind":"k","reason":"r"}],` +
			`"outcomes":[{"rule":"r","state":"undecided","missing":["k"]}],` +
			`"findings":[{"fingerprint":"r@e","severity":"note","suppressed":"baseline","title":"t","remedy":["a","b"]}]}`,
		`{"schema_version":1,"snapshot":"","Findings":null,"findings":[{"fingerprint":"a@b","severity":"note","remedy":[]}]}`,
		`{"schema_version":1,"snapshot":"\ud800","gaps":[{}],"outcomes":[{"missing":null}]}`,
		`{"schema_version":1e0,"snapshot":"s","snapshots":[]}`,
		`{"schema_version":1,"snapshot":"s","gaps":[],"gaps":[]}`,
		"<<<<<<< HEAD\n{}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { agree(t, text) })
}
