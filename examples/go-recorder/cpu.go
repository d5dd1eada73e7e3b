package main

import (
	"context"
	"io"
	"runtime/pprof"
	"sync"
	"time"
)

func init() {
	scenarios["cpu"] = scenario{
		about: "CPU samples of busy goroutines under pprof labels",
		run:   runCPU,
	}
}

// runCPU profiles while it records, which puts the samples into both. The
// labels of pprof.Do reach the profile only: Go's traces do not hold them.
func runCPU(r *recorder) error {
	return r.record(func() error {
		if err := pprof.StartCPUProfile(io.Discard); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
		var workers sync.WaitGroup
		for _, name := range []string{"first", "second", "third"} {
			labels := pprof.Labels("worker", name)
			workers.Add(1)
			go func() {
				defer workers.Done()
				pprof.Do(context.Background(), labels, func(ctx context.Context) {
					g := r.region(ctx, "burn")
					defer g.end()
					burn(time.Now().Add(100 * time.Millisecond))
				})
			}()
		}
		workers.Wait()
		return nil
	})
}

// burn uses the processor until the deadline.
func burn(deadline time.Time) (turns int) {
	for time.Now().Before(deadline) {
		for i := 0; i < 10_000; i++ {
			turns += i & 1
		}
	}
	return turns
}
