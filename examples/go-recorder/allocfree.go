//go:build go1.23

package main

func init() {
	scenarios["allocfree"] = scenario{
		about:   "the experiment that records each allocation and free",
		godebug: "traceallocfree=1",
		run:     runAllocFree,
	}
}

var kept []any

func runAllocFree(r *recorder) error {
	return r.record(func() error {
		for i := 0; i < 20; i++ {
			kept = append(kept, new(int64), make([]byte, 100*i), &struct{ name string }{"kept"})
		}
		// Larger than any size class: a span of its own.
		kept = append(kept, make([]byte, 100<<10))
		collectAlone()
		kept = nil
		// Two cycles: the first finds the memory free, the second's beginning
		// makes sure that it has been swept.
		collectAlone()
		collectAlone()
		// Deep recursion makes a goroutine's stack grow, thus allocate.
		done := make(chan int)
		go func() { done <- deep(1000) }()
		<-done
		return nil
	})
}

func deep(n int) int {
	var frame [16]int
	if n == 0 {
		return frame[0]
	}
	return deep(n-1) + frame[n%16]
}
