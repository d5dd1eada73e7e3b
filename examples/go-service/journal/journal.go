// Package journal is what a program writes down of itself while it records its own trace: the truth beside the recording.
package journal

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"runtime/trace"
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

// A Journal is what was done, and from when to when it was recorded.
type Journal struct {
	mu         sync.Mutex
	GoVersion  string      `json:"go_version"`
	Begin      int64       `json:"begin"`
	End        int64       `json:"end"`
	Operations []operation `json:"operations"`
}

// New begins an empty one.
func New() *Journal {
	// Enough that noting one needs no memory.
	return &Journal{GoVersion: runtime.Version(), Operations: make([]operation, 0, 4096)}
}

// Record has work recorded with runtime/trace, and calls it its whole time.
func (j *Journal) Record(name string, work func()) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := trace.Start(file); err != nil {
		return err
	}
	j.Begin = time.Now().UnixNano()
	work()
	j.End = time.Now().UnixNano()
	trace.Stop()
	return nil
}

// Note begins an operation on this goroutine that comes right after, and returns how to end it.
func (j *Journal) Note(kind, name string) func() {
	noted := &operation{Kind: kind, Name: name, Goroutine: goroutineID()}
	done := j.end(noted)
	// Last, as memory for the others may be long in coming.
	noted.Start = time.Now().UnixNano()
	return done
}

// NoteSince is Note for an operation that began at a time before.
func (j *Journal) NoteSince(start time.Time, kind, name string) func() {
	return j.end(&operation{Kind: kind, Name: name, Goroutine: goroutineID(), Start: start.UnixNano()})
}

func (j *Journal) end(noted *operation) func() {
	return func() {
		noted.End = time.Now().UnixNano()
		j.mu.Lock()
		defer j.mu.Unlock()
		j.Operations = append(j.Operations, *noted)
	}
}

// Write makes a file of it.
func (j *Journal) Write(name string) error {
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
