package datadir

import (
	"errors"
	"testing"
)

// What is wrong with a message is said in words of our own, which are the same in every build.
func TestMessagesThatAreNone(t *testing.T) {
	for _, text := range []string{"\xff", "\x0a\x05", "\x08"} {
		if err := message([]byte(text), func(field) {}); !errors.Is(err, errMessage) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
