package main

import "math"

// A load says how much work the http scenario does. It stops at whichever of
// its limits comes first.
type load struct {
	requests int
	bytes    int64
	clients  int
	// traced is the share of requests that carry tasks, regions and logs,
	// as a sampler at the head chooses them.
	traced float64
}

// traces reports whether the n-th request is among the traced ones, which are
// spread evenly.
func (l load) traces(n int) bool {
	return math.Floor(float64(n+1)*l.traced) > math.Floor(float64(n)*l.traced)
}
