package cluster

import (
	"math/bits"
	"time"
)

// HLC is a hybrid logical clock timestamp as Restate writes it since 1.6 (modified_at, tail_ts): milliseconds since
// 2022-01-01 UTC in the upper 42 bits and a counter in the lower 22, plus one. 0 means that there is none.
type HLC uint64

const (
	hlcCounterBits = 22
	hlcEpoch       = 1640995200000 // 2022-01-01T00:00:00Z in Unix milliseconds
)

// Time returns the physical part of the timestamp in UTC, exact to the millisecond, and whether there is one.
func (timestamp HLC) Time() (time.Time, bool) {
	if timestamp == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64((timestamp-1)>>hlcCounterBits) + hlcEpoch).UTC(), true
}

// Fingerprint tells clusters of the same name apart. Restate generates one since 1.5, for older clusters when a node
// joins; 0 means that there is none. Metadata holds it as a number, log lines and error messages as text.
type Fingerprint uint64

const base62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// String returns the text form: the number with its bytes reversed, as 11 digits in base 62.
func (fingerprint Fingerprint) String() string {
	var digits [11]byte
	rest := bits.ReverseBytes64(uint64(fingerprint))
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[rest%62]
		rest /= 62
	}
	return string(digits[:])
}
