package cluster_test

import (
	"math"
	"strings"
	"testing"

	. "restate-lint/snapshots/cluster"
)

func TestNodeIDsAreReadStrictly(t *testing.T) {
	testParser(t, ParseNodeID[string], map[string]NodeID{
		"N4": 4, "4": 4, "N0": 0, "007": 7, "4294967295": math.MaxUint32,
	}, "", "N", "NN4", "n4", "N-1", "N+1", "+1", " N1", "N1 ", "1_0", "0x1", "4294967296", "N٣", "99999999999999999999999")
}

func TestGenerationalNodeIDsAreReadStrictly(t *testing.T) {
	testParser(t, ParseGenerationalNodeID[string], map[string]GenerationalNodeID{
		"N1:2": {ID: 1, Generation: 2}, "1:2": {ID: 1, Generation: 2}, "N0:0": {},
		"N4294967295:4294967295": {ID: math.MaxUint32, Generation: math.MaxUint32},
	}, "", ":", "N:", "N1", "N1:", ":2", "N1:2:3", "N1:N2", "N1: 2", "N1:+2", "N1:4294967296", "4294967296:1")
}

func TestLogletIDsAreReadAsTextAndAsNumber(t *testing.T) {
	testParser(t, ParseLogletID[string], map[string]LogletID{
		"0_1": 1, "3_1": 12884901889, "12884901889": 12884901889, "18446744073709551615": math.MaxUint64,
		"4294967295_4294967295": math.MaxUint64,
	}, "", "_", "3_", "_1", "3_1_1", "-3_1", "3_+1", "3 _1", "18446744073709551616", "4294967296_0", "0_4294967296")
}

func TestLogletIDsAreComposedOfLogAndSegment(t *testing.T) {
	id := NewLogletID(3, 1)
	if id != 12884901889 || id.Log() != 3 || id.Index() != 1 || id.String() != "3_1" {
		t.Errorf("got %d, log %d, index %d, %s", uint64(id), id.Log(), id.Index(), id)
	}
}

func TestNumbersPrintAsRestatePrintsThem(t *testing.T) {
	for _, example := range []struct{ got, want string }{
		{NodeID(4).String(), "N4"},
		{GenerationalNodeID{ID: 1, Generation: 2}.String(), "N1:2"},
		{LogletID(1).String(), "0_1"},
		{Version(22).String(), "v22"},
		{LeaderEpoch(2).String(), "e2"},
	} {
		if example.got != example.want {
			t.Errorf("got %s, want %s", example.got, example.want)
		}
	}
}

func TestReadingIdentifiersFromBytesAllocatesNothing(t *testing.T) {
	node, generational, loglet := []byte("N4"), []byte("N4:12"), []byte("3_1")
	allocations := testing.AllocsPerRun(100, func() {
		if id, err := ParseNodeID(node); err != nil || id != 4 {
			t.Fatal(id, err)
		}
		if id, err := ParseGenerationalNodeID(generational); err != nil || id.Generation != 12 {
			t.Fatal(id, err)
		}
		if id, err := ParseLogletID(loglet); err != nil || id.Log() != 3 {
			t.Fatal(id, err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// testParser checks what a parser makes of valid texts, and that its errors quote each invalid one.
func testParser[Value comparable](t *testing.T, parse func(string) (Value, error), valid map[string]Value, invalid ...string) {
	t.Helper()
	for input, want := range valid {
		if got, err := parse(input); err != nil || got != want {
			t.Errorf("%q: got %v and error %v, want %v", input, got, err, want)
		}
	}
	for _, input := range invalid {
		got, err := parse(input)
		var zero Value
		switch {
		case err == nil || got != zero:
			t.Errorf("%q: got %v and error %v, want an error", input, got, err)
		case !strings.Contains(err.Error(), quoted(input)):
			t.Errorf("%q: error %q does not quote the input", input, err)
		}
	}
}
