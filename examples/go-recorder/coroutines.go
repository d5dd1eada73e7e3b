//go:build go1.23

package main

import (
	"fmt"
	"iter"
)

func init() {
	scenarios["coroutines"] = scenario{
		about: "coroutines of iter.Pull: run out, stopped early, never resumed",
		run:   runCoroutines,
	}
}

func runCoroutines(r *recorder) error {
	return r.record(func() error {
		next, stop := iter.Pull(countTo(10))
		sum := 0
		for n, ok := next(); ok; n, ok = next() {
			sum += n
		}
		stop()
		if sum != 45 {
			return fmt.Errorf("the coroutine's numbers add up to %d", sum)
		}

		early, stopEarly := iter.Pull(countTo(10))
		early()
		stopEarly()

		// Created and never switched to: it is blocked from its first event.
		_, stopUnused := iter.Pull(countTo(10))
		stopUnused()

		// Two coroutines that take turns, one pulling the other.
		outer, stopOuter := iter.Pull(doubled(countTo(3)))
		defer stopOuter()
		for _, ok := outer(); ok; _, ok = outer() {
		}

		// Left for ever: the trace ends while it is blocked.
		left, _ := iter.Pull(countTo(10))
		left()
		return nil
	})
}

func countTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < n; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

func doubled(numbers iter.Seq[int]) iter.Seq[int] {
	return func(yield func(int) bool) {
		next, stop := iter.Pull(numbers)
		defer stop()
		for n, ok := next(); ok; n, ok = next() {
			if !yield(2 * n) {
				return
			}
		}
	}
}
