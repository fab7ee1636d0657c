package snapshots

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// Whatever reads an integer reads what strconv does, where it stands, and nothing else.
func TestIntegersAreReadInThreeWays(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const behind = `,":}/ 09x-`
	read := 0
	for range 200_000 {
		number := strconv.FormatUint(random.Uint64()>>random.UintN(64), 10)
		switch random.UintN(8) {
		case 0:
			number = "0" + number
		case 1:
			number = number[:random.IntN(len(number))] + behind[random.IntN(len(behind)):][:1] + number
		}
		before := "       "[:random.IntN(8)]
		text := []byte(before + number + behind[random.IntN(len(behind)):][:1] + "                        "[:random.IntN(25)])
		at, count := len(before), 0
		for at+count < len(text) && '0' <= text[at+count] && text[at+count] <= '9' {
			count++
		}
		want, err := strconv.ParseUint(string(text[at:at+count]), 10, 64)
		valid := err == nil && count <= 19 && (count == 1 || text[at] != '0') && len(text)-at >= longest
		check := func(way string, n uint64, end int, may bool) {
			switch {
			case end == 0 && may:
				t.Fatalf("%s reads nothing at %d of %q", way, at, text)
			case end != 0 && (!may || n != want || end != at+count):
				t.Fatalf("%s reads %d up to %d, at %d of %q", way, n, end, at, text)
			}
		}
		n, end := digits(text, at)
		check("digits", n, end, valid)
		n, end = shortNumber(text, at)
		check("shortNumber", n, end, valid && want>>32 == 0)
		n, ok := digitsBefore(text, at, at+count)
		if end = 0; ok {
			end = at + count
		}
		check("digitsBefore", n, end, valid && 1 <= count && count <= 8)
		if fewer := count - 1; fewer > 0 { // the number goes on, which the caller has to see
			if n, ok = digitsBefore(text, at, at+fewer); ok && n != want/10 {
				t.Fatalf("digitsBefore reads %d as %d digits at %d of %q", n, fewer, at, text)
			}
		}
		if n, ok = digitsBefore(text, at, at+count+1); ok {
			t.Fatalf("digitsBefore reads %d as %d digits at %d of %q", n, count+1, at, text)
		}
		if valid {
			read++
		}
	}
	if read < 50_000 {
		t.Errorf("only %d integers were read", read)
	}
}
