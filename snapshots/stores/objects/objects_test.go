package objects

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restate-lint/snapshots/stores"
	"restate-lint/snapshots/stores/restatectl"
)

// bucket has the objects that Restate 1.7.12 wrote, by key.
func bucket(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/bucket/*")
	if err != nil || len(files) != 8 {
		t.Fatal(files, err)
	}
	objects := make(map[string][]byte)
	for _, file := range files {
		if objects[filepath.Base(file)], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return objects
}

func head(body []byte) []byte { return body[:min(len(body), SniffSize)] }

// item writes the head of an item of CBOR.
func item(out []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(out, major<<5|byte(n))
	case n < 1<<8:
		return append(out, major<<5|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(out, major<<5|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(out, major<<5|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(out, major<<5|27), n)
}

func text(out []byte, s string) []byte { return append(item(out, cborText, uint64(len(s))), s...) }

// inCBOR is an object as Restate up to 1.5 wrote it.
func inCBOR(envelope string, version uint64, payload []byte, salt uint64) []byte {
	b := text(text(item([]byte{exists}, cborMap, 2), "version"), envelope)
	b = item(text(b, "value"), cborArray, 2)
	b = item(text(item(b, cborMap, 2), "version"), cborUint, version)
	b = item(text(b, "value"), cborBytes, uint64(len(payload)))
	return item(append(b, payload...), cborUint, salt)
}

func TestRealObjects(t *testing.T) {
	for key, body := range bucket(t) {
		if form := FormOf("meta/cluster1/"+key, head(body), int64(len(body))); form != Bilrost {
			t.Fatalf("%s is taken for %v", key, form)
		}
		v, err := Read(Bilrost, bytes.NewReader(body))
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		value, err := restatectl.New(key, v.Payload)
		if err != nil || value.Err != nil || value.Version != v.Version || v.Version == 0 {
			t.Errorf("%s: %v, %+v, version %d", key, err, value, v.Version)
		}
		older := inCBOR("V1", uint64(v.Version), v.Payload, 1<<63)
		if form := FormOf("x", head(older), int64(len(older))); form != CBOR {
			t.Fatalf("%s in CBOR is taken for %v", key, form)
		}
		if again, err := Read(CBOR, bytes.NewReader(older)); err != nil || again.Version != v.Version || !bytes.Equal(again.Payload, v.Payload) {
			t.Errorf("%s in CBOR: %v, %v", key, again, err)
		}
		for name, bare := range map[string][]byte{"bare": v.Payload, "line": append(bytes.Clone(v.Payload), '\n')} {
			if form := FormOf("x", head(bare), int64(len(bare))); form != Bare {
				t.Fatalf("%s, %s, is taken for %v", key, name, form)
			}
			if again, err := Read(Bare, bytes.NewReader(bare)); err != nil || !bytes.Equal(again.Payload, v.Payload) {
				t.Errorf("%s, %s: %v, %v", key, name, again, err)
			}
		}
		for n := 1; n < len(body); n++ { // what is left of an object is never taken for a value
			if got, err := Read(Bilrost, bytes.NewReader(body[:n])); err == nil {
				t.Fatalf("%s cut at %d: %v", key, n, got)
			}
		}
		for n := 1; n < len(older); n++ {
			if got, err := Read(CBOR, bytes.NewReader(older[:n])); err == nil {
				t.Fatalf("%s in CBOR cut at %d: %v", key, n, got)
			}
		}
	}
}

func TestWhatCBORHoldsIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.Uint32().Draw(t, "version")
		payload := rapid.SliceOf(rapid.Byte()).Draw(t, "payload")
		v, err := Read(CBOR, bytes.NewReader(inCBOR("V1", uint64(version), payload, rapid.Uint64().Draw(t, "salt"))))
		if err != nil || v.Version != version || !bytes.Equal(v.Payload, payload) {
			t.Fatalf("%+v, %v", v, err)
		}
	})
	if _, err := Read(CBOR, bytes.NewReader(inCBOR("V2", 1, []byte("x"), 1))); err == nil || !strings.Contains(err.Error(), `of version "V2"`) {
		t.Errorf("a newer envelope: %v", err)
	}
	if _, err := Read(CBOR, bytes.NewReader(inCBOR("V1", 1<<32, []byte("x"), 1))); err == nil {
		t.Error("a version of 33 bits was read")
	}
	deep := append(text(item([]byte{exists}, cborMap, 1), "version"), bytes.Repeat([]byte{0x81}, 1000)...)
	if _, err := Read(CBOR, bytes.NewReader(deep)); err == nil {
		t.Error("endless nesting was read")
	}
}

func TestOtherFilesAreNoObjects(t *testing.T) {
	for name, c := range map[string]struct {
		file, body string
		want       Form
	}{
		"deleted":              {"meta/nodes_config", "d", Deleted},
		"a letter":             {"meta/readme", "d", NoForm},
		"text":                 {"readme", "everything is fine", NoForm},
		"text after the key":   {"nodes_config", "elsewhere", NoForm},
		"JSON":                 {"nodes_config", `{"version":1}`, NoForm},
		"empty":                {"nodes_config", "", NoForm},
		"value cut off":        {"nodes_config", "\x02\x00\x01\x00\x00abcdef", Bare},
		"something in two":     {"x", "\x02\x00\x01\x00\x00abcdef", NoForm},
		"bilrost of no codec":  {"x", "e\x04\x01\x05\x10\x04\x01\x05\x0a\x00", NoForm},
		"bilrost of something": {"x", "e\x04\x01\x05", NoForm},
		"cbor of something":    {"x", "e\xa1\x61x", NoForm},
	} {
		if form := FormOf(c.file, head([]byte(c.body)), int64(len(c.body))); form != c.want {
			t.Errorf("%s is taken for %v, not %v", name, form, c.want)
		}
	}
	for file, want := range map[string]string{"a/nodes_config": "nodes_config", "pp_epoch_12": "pp_epoch_12", "pp_epoch_12.bin": "pp_epoch_12", "pp_epoch_x": "", "etcd_nodes_config.bin": ""} {
		if got := Key(file); got != want {
			t.Errorf("the key of %s is %q", file, got)
		}
	}
}

// flipped has one wrong bit in the middle.
func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 4
	return b
}

func FuzzRead(f *testing.F) {
	for key, body := range bucket(f) {
		f.Add(key, body)
		f.Add(key, body[:len(body)/2])
		f.Add(key, flipped(body))
		v, err := Read(Bilrost, bytes.NewReader(body))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(key, v.Payload)
		f.Add(key, inCBOR("V1", 1, v.Payload, 77))
	}
	f.Fuzz(func(t *testing.T, file string, body []byte) {
		for _, form := range []Form{FormOf(file, head(body), int64(len(body))), CBOR, Bilrost, Bare} {
			v, err := Read(form, bytes.NewReader(body))
			if err == nil && len(v.Payload) > len(body) {
				t.Error("a value is larger than its object")
			}
			if err == nil && v.Payload == nil && form != NoForm && form != Deleted {
				t.Errorf("%v: %+v", form, stores.Value{})
			}
		}
	})
}
