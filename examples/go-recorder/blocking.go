package main

import (
	"runtime"
	"sync"
)

func init() {
	scenarios["blocking"] = scenario{
		about: "goroutines that block in channels, select, package sync and for ever",
		run:   runBlocking,
	}
}

func runBlocking(r *recorder) error {
	// Blocked before the recording begins and for ever: such a goroutine is
	// in the trace by its status only.
	go func() { <-(chan int)(nil) }()
	pause()
	return r.record(func() error {
		for _, block := range []func(){
			blockInSend, blockInReceive, blockInSelect, blockInMutex,
			blockInRWMutex, blockInCond, blockInWaitGroup, blockForEver, yield,
		} {
			block()
		}
		return nil
	})
}

func blockInSend() {
	values := make(chan int)
	go func() { values <- 1 }()
	pause()
	<-values
}

func blockInReceive() {
	values := make(chan int)
	go func() { pause(); values <- 1 }()
	<-values
}

func blockInSelect() {
	values, stop := make(chan int), make(chan struct{})
	go func() { pause(); close(stop) }()
	select {
	case <-values:
	case <-stop:
	}
}

func blockInMutex() {
	var lock sync.Mutex
	lock.Lock()
	done := takeElsewhere(&lock)
	pause()
	lock.Unlock()
	<-done
}

func blockInRWMutex() {
	var lock sync.RWMutex
	lock.RLock()
	done := takeElsewhere(&lock)
	pause()
	lock.RUnlock()
	<-done
}

// takeElsewhere takes the lock and gives it back on another goroutine.
func takeElsewhere(lock sync.Locker) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		lock.Lock()
		defer lock.Unlock()
	}()
	return done
}

func blockInCond() {
	var lock sync.Mutex
	ready := false
	cond := sync.NewCond(&lock)
	go func() {
		pause()
		lock.Lock()
		ready = true
		lock.Unlock()
		cond.Broadcast()
	}()
	lock.Lock()
	for !ready {
		cond.Wait()
	}
	lock.Unlock()
}

func blockInWaitGroup() {
	var group sync.WaitGroup
	group.Add(1)
	go func() { pause(); group.Done() }()
	group.Wait()
}

// blockForEver leaves one goroutine for each way to wait for nothing.
func blockForEver() {
	go func() { select {} }()
	go func() { <-(chan int)(nil) }()
	pause()
}

func yield() {
	done := make(chan struct{})
	go func() { runtime.Gosched(); close(done) }()
	runtime.Gosched()
	<-done
}
