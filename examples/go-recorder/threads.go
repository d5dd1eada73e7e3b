package main

import (
	"runtime"
	"sync"
)

func init() {
	scenarios["threads"] = scenario{
		about: "goroutines locked to threads, threads that come and go",
		run:   runThreads,
	}
}

func runThreads(r *recorder) error {
	return r.record(func() error {
		// Locked goroutines hand messages around, each on its own thread.
		first, second := make(chan int), make(chan int)
		var locked sync.WaitGroup
		locked.Add(2)
		go func() {
			defer locked.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for i := 0; i < 5; i++ {
				first <- i
				<-second
			}
		}()
		go func() {
			defer locked.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for i := 0; i < 5; i++ {
				<-first
				second <- i
			}
		}()
		locked.Wait()

		// A goroutine that exits while locked takes its thread with it, and
		// thread ids can come again.
		for i := 0; i < 4; i++ {
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				runtime.LockOSThread()
			}()
			<-gone
			pause()
		}
		return nil
	})
}
