package main

import (
	"runtime"
	"runtime/debug"
	"sync"
)

func init() {
	scenarios["gc"] = scenario{
		about: "garbage collections: marking, assists, sweeping, waiting",
		run:   runGC,
	}
	scenarios["gc-generations"] = scenario{
		about: "garbage collections that are under way as generations begin",
		// Shorter than the marking.
		godebug: "traceadvanceperiod=2000000",
		run:     runGC,
	}
}

// keepAlive is the heap that the collector has to mark. It holds pointers, or
// there would be nothing to follow, in one piece, since runtime.GC makes two
// events for each piece it sweeps.
var keepAlive []*int

func runGC(r *recorder) error {
	targets := new([64]int)
	keepAlive = make([]*int, 8<<20)
	for i := range keepAlive {
		keepAlive[i] = &targets[i%len(targets)]
	}
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	return r.record(func() error {
		var workers sync.WaitGroup
		workers.Add(3)
		for i := 0; i < 3; i++ {
			go func() {
				defer workers.Done()
				for n := 0; n < 6; n++ {
					runtime.KeepAlive(list(2000))
					pause()
				}
			}()
		}
		workers.Wait()
		collectAlone()
		return nil
	})
}

// collectAlone demands a collection on a single P. On two, runtime.GC yields in
// a loop until the other has swept: up to a hundred thousand events.
func collectAlone() {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.GC()
}

// A node is small and has a pointer: allocating many of them while the
// collector marks makes their goroutine assist.
type node struct {
	next *node
	_    [56]byte
}

// list needs no recursion, whose many different stacks would fill the trace.
func list(length int) (head *node) {
	for i := 0; i < length; i++ {
		head = &node{next: head}
	}
	return head
}
