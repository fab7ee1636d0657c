package cluster_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	. "restate-lint/snapshots/cluster"
)

func FuzzParseNodeID(f *testing.F) {
	fuzzRoundTrip(f, ParseNodeID[string], "N4", "4", "N0", "4294967296", "N+1")
}

func FuzzParseGenerationalNodeID(f *testing.F) {
	fuzzRoundTrip(f, ParseGenerationalNodeID[string], "N1:2", "1:2", "N1:", ":2", "N1:2:3")
}

func FuzzParseLogletID(f *testing.F) {
	fuzzRoundTrip(f, ParseLogletID[string], "3_1", "12884901889", "_", "18446744073709551616")
}

func FuzzParseRelease(f *testing.F) {
	fuzzRoundTrip(f, ParseRelease, "1.7.12", "1.7.0-rc.1", "1.7.7-dev+abc", "0.0.0-unknown", "1..2", "1.2.3-")
}

func FuzzParseReplication(f *testing.F) {
	fuzzRoundTrip(f, ParseReplication, "3", "{node: 3, zone: 2}", "{ REGION :1 }", "{zone: 1, zone: 2}", "{node: 1, zone: 2}", "{}", "256")
}

func FuzzParseLocation(f *testing.F) {
	// Only the whole is trimmed: a label may end in white space other than a space that its own text would lose.
	parse := func(input string) (Location, error) {
		location, err := ParseLocation(input)
		if trimmed := strings.TrimSpace(location.String()); err == nil && trimmed != location.String() {
			return ParseLocation(trimmed)
		}
		return location, err
	}
	fuzzRoundTrip(f, parse, "eu.west-1", "eu.", ".", " eu ", ".west", "a.b.c", "a b", "a:b", "a\t.")
}

// fuzzRoundTrip checks that a parser never panics, and reads what it prints as the same value.
func fuzzRoundTrip[Value interface {
	comparable
	fmt.Stringer
}](f *testing.F, parse func(string) (Value, error), seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		value, err := parse(input)
		if err != nil {
			if !strings.Contains(err.Error(), quoted(input)) {
				t.Fatalf("error %q does not quote %q", err, input)
			}
			return
		}
		if again, err := parse(value.String()); err != nil || again != value {
			t.Fatalf("%q: %q reads as %v, error %v", input, value, again, err)
		}
	})
}

func quoted(input string) string { return strconv.Quote(input) }
