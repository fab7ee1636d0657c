package commands

import (
	"runtime"
	"sync"
)

// inOrder does some work for every element, for several at the same time if there is more than one core, and then calls use
// with what came of it: in the order of the elements, in the caller's goroutine, and as soon as it is there. The first
// error of use ends it. Only a few elements are ahead of the one that is used, however many there are.
func inOrder[E, R any](elements []E, work func(E) R, use func(E, R) error) error {
	workers := min(runtime.GOMAXPROCS(0), len(elements))
	if workers < 2 {
		for _, element := range elements {
			if err := use(element, work(element)); err != nil {
				return err
			}
		}
		return nil
	}
	type task struct {
		element E
		result  chan R
	}
	tasks := make(chan task)
	next := make(chan task, workers) // in order
	stop := make(chan struct{})
	var running sync.WaitGroup
	defer running.Wait()
	defer close(stop)
	for range workers {
		running.Go(func() {
			for t := range tasks {
				t.result <- work(t.element)
			}
		})
	}
	running.Go(func() {
		defer close(next)
		defer close(tasks)
		for _, element := range elements {
			t := task{element, make(chan R, 1)}
			for _, to := range []chan task{next, tasks} {
				select {
				case to <- t:
				case <-stop:
					return
				}
			}
		}
	})
	for t := range next {
		if err := use(t.element, <-t.result); err != nil {
			return err
		}
	}
	return nil
}
