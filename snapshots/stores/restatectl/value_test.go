package restatectl

import (
	"bytes"
	"encoding/hex"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidwall/gjson"
)

func text(t testing.TB, v *Value) string {
	t.Helper()
	text, err := io.ReadAll(v.Open())
	if (err == nil) != (v.Err == nil) || err != nil && err.Error() != v.Err.Error() {
		t.Fatalf("reading gave %v, not %v", err, v.Err)
	}
	if int64(len(text)) != v.Size {
		t.Fatalf("%d bytes of text, and a size of %d", len(text), v.Size)
	}
	return string(text)
}

// real has the raw values of a real store, and what `restatectl metadata get` of Restate 1.7.12 printed of each.
func real(t testing.TB) (values, printed map[string][]byte) {
	t.Helper()
	files, err := filepath.Glob("testdata/etcd/*.bin")
	if err != nil || len(files) != 8 {
		t.Fatal(files, err)
	}
	values, printed = make(map[string][]byte), make(map[string][]byte)
	for _, file := range files {
		key := strings.TrimSuffix(filepath.Base(file), ".bin")
		if values[key], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		if printed[key], err = os.ReadFile(filepath.Join("testdata/etcd", key+".json")); err != nil {
			t.Fatal(err)
		}
	}
	return values, printed
}

func TestRealValuesArePrintedByteForByte(t *testing.T) {
	values, printed := real(t)
	for key, payload := range values {
		v, err := New(key, payload)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if got := text(t, v); got != string(printed[key]) {
			t.Errorf("%s is printed as\n%s\nwant\n%s", key, got, printed[key])
		}
		if want := gjson.GetBytes(printed[key], "version").Uint(); uint64(v.Version) != want {
			t.Errorf("%s has version %d, want %d", key, v.Version, want)
		}
		if err := iotest.TestReader(v.Open(), printed[key]); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// What is printed stays as it is when it is printed again, from any layout.
func TestJSONIsPrintedLikeTheValue(t *testing.T) {
	_, printed := real(t)
	for key, text := range printed {
		for name, layout := range map[string]string{"as it is": string(text), "compact": gjson.GetBytes(text, "@ugly").Raw, "indented": gjson.GetBytes(text, `@pretty:{"indent":"\t","sortKeys":true}`).Raw} {
			got, err := canonical([]byte(layout), math.MaxInt64)
			if err != nil || string(got) != string(text) {
				t.Errorf("%s, %s: %v\n%s", key, name, err, got)
			}
		}
		v, err := New(key, append([]byte{byte(JSON)}, text...))
		if err != nil || v.Size != int64(len(text)) || uint64(v.Version) != gjson.GetBytes(text, "version").Uint() {
			t.Errorf("%s in JSON: %v, %v", key, v, err)
		}
	}
}

func TestRuleBookIsPrintedInAFormOfOurOwn(t *testing.T) {
	payload, err := hex.DecodeString("0604010517012a14040109" + "02040a0505" + "68656c6c6f" + "0884d2dcaf9f33")
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(RuleBookKey, payload)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "version": 1,
  "rules": [
    [
      "*",
      {
        "description": "hello",
        "disabled": false,
        "last_modified": 1795398527364,
        "limits": {
          "concurrency": 10
        },
        "version": 1
      }
    ]
  ]
}
`
	if got := text(t, v); got != want || v.Version != 1 {
		t.Errorf("version %d:\n%s", v.Version, got)
	}
	if !gjson.Valid(want) {
		t.Error("not JSON")
	}
	for n := range len(payload) - 1 {
		if v, err := New(RuleBookKey, payload[:n+1]); err == nil && !gjson.Valid(text(t, v)) {
			t.Errorf("cut at %d: %s", n, text(t, v))
		}
	}
	if _, err := New("nodes_config", payload); err == nil {
		t.Error("bilrost is taken for any key")
	}
}

// The expected texts are those of Rust's serde_json.
func TestFloatsArePrintedAsRustDoes(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.0", math.Copysign(0, -1): "-0.0", 1: "1.0", 2: "2.0", -2.5: "-2.5", 0.1: "0.1", 0.30000001192092896: "0.30000001192092896",
		1e15: "1000000000000000.0", 1e16: "1e16", 123456789012345680: "1.2345678901234568e17", 1234567890123456: "1234567890123456.0",
		0.00001: "0.00001", 0.000001: "1e-6", 0.0000012: "1.2e-6", 0.00012: "0.00012", 5e-324: "5e-324", math.MaxFloat64: "1.7976931348623157e308",
		math.Inf(1): "null", math.NaN(): "null",
	} {
		if got := string(appendFloat(nil, f)); got != want {
			t.Errorf("%g is printed as %s, want %s", f, got, want)
		}
	}
	for raw, want := range map[string]string{
		"18446744073709551615": "18446744073709551615", "-9223372036854775808": "-9223372036854775808", "18446744073709551616": "1.8446744073709552e19",
		"1E2": "100.0", "2.50": "2.5", "-0": "-0.0", "1e999": "1e999",
	} {
		if got := string(appendNumber(nil, raw)); got != want {
			t.Errorf("%s is printed as %s, want %s", raw, got, want)
		}
	}
}

func TestStringsAreEscapedAsRustDoes(t *testing.T) {
	if got, want := string(AppendString(nil, "\x00\x1f\b\t\n\f\r\"\\/\x7f<é\u2028")), `"\u0000\u001f\b\t\n\f\r\"\\/`+"\x7f<é\u2028\""; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Whatever is left of a value is printed, and what is wrong is said; nothing is made up.
func TestDamagedValuesBreakOff(t *testing.T) {
	values, printed := real(t)
	for key, payload := range values {
		for n := range payload {
			if v, err := New(key, payload[:n]); err == nil {
				t.Errorf("%s cut at %d of %d is read: %v", key, n, len(payload), v)
			}
		}
		whole, errors := 0, make(map[string]bool)
		for i := range payload {
			for bit := range 8 {
				damaged := bytes.Clone(payload)
				damaged[i] ^= 1 << bit
				v, err := New(key, damaged)
				if err != nil {
					errors[err.Error()] = true
					continue
				}
				got := text(t, v)
				if v.Err == nil {
					whole++
					if !gjson.Valid(got) {
						t.Fatalf("%s, bit %d of byte %d: this is no JSON:\n%s", key, bit, i, got)
					}
				} else if errors[v.Err.Error()] = true; got == string(printed[key]) {
					t.Errorf("%s, bit %d of byte %d: everything is printed, and yet %v", key, bit, i, v.Err)
				}
			}
		}
		if whole == 0 || len(errors) < 3 {
			t.Errorf("%s: %d whole, errors %v", key, whole, errors)
		}
	}
}

func FuzzNew(f *testing.F) {
	values, _ := real(f)
	for key, payload := range values {
		f.Add(key, payload)
		f.Add(key, payload[:len(payload)/2])
		flipped := bytes.Clone(payload)
		flipped[len(flipped)*2/3] ^= 4
		f.Add(key, flipped)
	}
	f.Add(RuleBookKey, []byte("\x06\x04\x01\x05\x17\x01*\x14\x04\x01\x09\x02\x04\x0a\x05\x05hello\x08\x84\xd2\xdc\xaf\x9f\x33"))
	f.Add("nodes_config", []byte("\x05{\"version\":1,\"a\":[1.50,{}],\"version\":2}"))
	f.Fuzz(func(t *testing.T, key string, payload []byte) {
		v, err := New(key, payload)
		if err != nil {
			return
		}
		if got := text(t, v); v.Err == nil && !gjson.Valid(got) {
			t.Errorf("this is no JSON: %s", got)
		}
		if v.Size > budget(len(payload))+printAhead+textAhead*6+2*maxDepth {
			t.Errorf("%d bytes become %d", len(payload), v.Size)
		}
	})
}
