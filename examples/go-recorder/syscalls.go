package main

import (
	"os"
	"sync"
	"syscall"
	"time"
)

func init() {
	scenarios["syscalls"] = scenario{
		about: "system calls: short ones, long ones that lose their P",
		run:   runSyscalls,
	}
}

func runSyscalls(r *recorder) error {
	// Raw blocking pipes: those of package os wait in the network poller.
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		return err
	}
	defer syscall.Close(pipe[0])
	defer syscall.Close(pipe[1])
	return r.record(func() error {
		for i := 0; i < 5; i++ {
			if err := shortCalls(); err != nil {
				return err
			}
		}
		return longCall(pipe)
	})
}

func shortCalls() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	if _, err := null.Write([]byte("nothing")); err != nil {
		return err
	}
	_, err = null.Stat()
	return err
}

// longCall blocks a thread in read for milliseconds while all Ps have other
// work, so that its P is taken from it and the goroutine comes back without.
func longCall(pipe [2]int) error {
	stop := make(chan struct{})
	var others sync.WaitGroup
	for i := 0; i < 2; i++ {
		others.Add(1)
		go func() {
			defer others.Done()
			spin(stop)
		}()
	}
	read := make(chan error)
	go func() {
		_, err := syscall.Read(pipe[0], make([]byte, 1))
		read <- err
	}()
	time.Sleep(20 * time.Millisecond)
	if _, err := syscall.Write(pipe[1], []byte{1}); err != nil {
		return err
	}
	err := <-read
	close(stop)
	others.Wait()
	return err
}
