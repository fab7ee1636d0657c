package cluster_test

import (
	"math"
	"testing"
	"time"

	. "restate-lint/snapshots/cluster"
)

func TestClockTimestampsCarryMilliseconds(t *testing.T) {
	for timestamp, want := range map[HLC]string{
		647611954860392449: "2026-11-23T01:38:42.087Z", // written by a 1.7.12 server
		1:                  "2022-01-01T00:00:00Z",
		1 << 22:            "2022-01-01T00:00:00Z", // the highest counter of the first millisecond
		1<<22 + 1:          "2022-01-01T00:00:00.001Z",
		math.MaxUint64:     "2161-05-15T07:35:11.103Z",
	} {
		if got, ok := timestamp.Time(); !ok || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%d: got %s, %v, want %s", timestamp, got.Format(time.RFC3339Nano), ok, want)
		}
	}
	if got, ok := HLC(0).Time(); ok {
		t.Errorf("0 is no timestamp, got %s", got)
	}
}

func TestFingerprintsPrintInBase62(t *testing.T) {
	for fingerprint, want := range map[Fingerprint]string{
		17700569142996992:    "01000000000",
		12591687028427125161: "eABd3ofIJd4",
		0:                    "00000000000",
		1 << 56:              "00000000001",
		61 << 56:             "0000000000Z",
	} {
		if got := fingerprint.String(); got != want {
			t.Errorf("%d: got %s, want %s", uint64(fingerprint), got, want)
		}
	}
}
