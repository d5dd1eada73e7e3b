package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// An operation is a request, call or query that took place. Times are nanoseconds of the Unix epoch.
type operation struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Goroutine uint64 `json:"goroutine"`
	Start     int64  `json:"start"`
	End       int64  `json:"end"`
}

type journal struct {
	mu         sync.Mutex
	GoVersion  string      `json:"go_version"`
	Begin      int64       `json:"begin"`
	End        int64       `json:"end"`
	Operations []operation `json:"operations"`
}

func newJournal() *journal {
	// Enough that noting one needs no memory.
	return &journal{GoVersion: runtime.Version(), Operations: make([]operation, 0, 4096)}
}

func (j *journal) begin() { j.Begin = time.Now().UnixNano() }

func (j *journal) end() { j.End = time.Now().UnixNano() }

// note begins an operation on this goroutine, and returns how to end it.
func (j *journal) note(kind, name string) func() {
	// First, as the other takes a while.
	start := time.Now().UnixNano()
	goroutine := goroutineID()
	return func() {
		end := time.Now().UnixNano()
		j.mu.Lock()
		defer j.mu.Unlock()
		j.Operations = append(j.Operations, operation{kind, name, goroutine, start, end})
	}
}

func (j *journal) write(name string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

// goroutineID reads the id from the first line of a stack, "goroutine 7 [running]:", for want of a function for it.
func goroutineID() uint64 {
	var buffer [64]byte
	fields := bytes.Fields(buffer[:runtime.Stack(buffer[:], false)])
	id, _ := strconv.ParseUint(string(fields[1]), 10, 64)
	return id
}
