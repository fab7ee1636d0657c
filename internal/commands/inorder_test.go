package commands

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestInOrderKeepsTheOrderAndStaysClose(t *testing.T) {
	for _, cores := range []int{1, 2, 7} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		elements := make([]int, 300)
		for i := range elements {
			elements[i] = i
		}
		var begun atomic.Int64
		var used []int
		err := inOrder(elements, func(i int) int {
			begun.Add(1)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
			return 2 * i
		}, func(i, double int) error {
			if double != 2*i {
				t.Errorf("%d came of %d", double, i)
			}
			if ahead := int(begun.Load()) - len(used); ahead > 2*cores+2 {
				t.Errorf("%d elements are ahead with %d cores", ahead, cores)
			}
			used = append(used, i)
			return nil
		})
		if err != nil || !slices.Equal(used, elements) {
			t.Errorf("%d cores: %v, %v", cores, used, err)
		}
	}
}

func TestInOrderEndsWithTheFirstError(t *testing.T) {
	full := errors.New("no space left")
	before := runtime.NumGoroutine()
	for failing := range 20 {
		used := 0
		err := inOrder(make([]int, 20), func(i int) int { return i }, func(int, int) error {
			if used++; used > failing {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || used != failing+1 {
			t.Errorf("%v after %d uses, with an error at the first behind %d", err, used, failing)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // the last of them are on their way out
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines became %d", before, after)
	}
}
