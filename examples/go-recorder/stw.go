package main

import (
	"io"
	"runtime"
	"runtime/pprof"
	"sync"
)

func init() {
	scenarios["stw"] = scenario{
		about: "stop-the-world pauses of several kinds, GOMAXPROCS changes",
		run:   runSTW,
	}
}

func runSTW(r *recorder) error {
	return r.record(func() error {
		stop := make(chan struct{})
		var busy sync.WaitGroup
		for i := 0; i < 3; i++ {
			busy.Add(1)
			go func() {
				defer busy.Done()
				spin(stop)
			}()
		}
		// Up and down, so that Ps appear, run and go away again.
		for _, procs := range []int{4, 1, 3, 2} {
			runtime.GOMAXPROCS(procs)
			pause()
		}
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		runtime.Stack(make([]byte, 1<<10), true)
		if err := pprof.Lookup("goroutine").WriteTo(io.Discard, 1); err != nil {
			return err
		}
		close(stop)
		busy.Wait()
		collectAlone()
		return nil
	})
}

// spin keeps a P busy until stop is closed.
func spin(stop <-chan struct{}) (turns int) {
	for {
		select {
		case <-stop:
			return turns
		default:
			turns++
		}
	}
}
