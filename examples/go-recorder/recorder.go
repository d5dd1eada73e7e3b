package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/trace"
	"strings"
	"sync/atomic"
	"time"
)

// A recorder runs a scenario, writes its traces and keeps the truth about it.
type recorder struct {
	output string
	load   load
	truth  *truth
	// written counts the bytes of the trace so far.
	written atomic.Int64
}

// A countedFile adds what is written to it to a recorder's count.
type countedFile struct {
	*os.File
	written *atomic.Int64
}

func (f countedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written.Add(int64(n))
	return n, err
}

// base is the output file's name without its ending.
func (r *recorder) base() string { return strings.TrimSuffix(r.output, ".trace") }

// record runs the work while the runtime writes its trace to the output file.
func (r *recorder) record(work func() error) error {
	file, err := r.create(r.output)
	if err != nil {
		return err
	}
	begin := measure(func() { err = trace.Start(countedFile{file, &r.written}) })
	if err != nil {
		return fmt.Errorf("start the trace: %w", err)
	}
	workErr := work()
	r.truth.Recording = &span{Begin: begin, End: measure(trace.Stop)}
	if err := file.Close(); err != nil {
		return err
	}
	return workErr
}

// create makes a trace file and notes it in the truth.
func (r *recorder) create(name string) (*os.File, error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	r.truth.addFile(name)
	return file, nil
}

// beginBefore runs begin in a short recording of its own that is thrown away.
// What it begins can end in the recording proper, which then holds an end
// without a beginning; with tracing off the begin would not count at all.
func (r *recorder) beginBefore(begin func()) error {
	if err := trace.Start(io.Discard); err != nil {
		return fmt.Errorf("start the earlier trace: %w", err)
	}
	begin()
	trace.Stop()
	r.truth.forgetBeginnings()
	return nil
}

// A task is a trace.Task together with the truth about it.
type task struct {
	inner *trace.Task
	truth *taskTruth
	all   *truth
}

// taskKey finds the truth of a context's task.
type taskKey struct{}

func (r *recorder) task(ctx context.Context, name string) (context.Context, *task) {
	var inner *trace.Task
	begin := measure(func() { ctx, inner = trace.NewTask(ctx, name) })
	t := r.truth.beginTask(taskOf(ctx), name, begin)
	return context.WithValue(ctx, taskKey{}, t), &task{inner, t, r.truth}
}

func (t *task) end() {
	t.all.endTask(t.truth, measure(t.inner.End))
}

// taskOf returns the truth of the context's task, nil without one.
func taskOf(ctx context.Context) *taskTruth {
	t, _ := ctx.Value(taskKey{}).(*taskTruth)
	return t
}

// A region is a trace.Region together with the truth about it.
type region struct {
	inner *trace.Region
	truth *regionTruth
	all   *truth
}

func (r *recorder) region(ctx context.Context, name string) *region {
	var inner *trace.Region
	begin := measure(func() { inner = trace.StartRegion(ctx, name) })
	return &region{inner, r.truth.beginRegion(taskOf(ctx), name, begin), r.truth}
}

func (g *region) end() {
	g.all.endRegion(g.truth, measure(g.inner.End))
}

func (r *recorder) log(ctx context.Context, category, message string) {
	at := measure(func() { trace.Log(ctx, category, message) })
	r.truth.log(taskOf(ctx), category, message, at)
}

// pause lets a span last long enough to be told from its neighbours.
func pause() { time.Sleep(500 * time.Microsecond) }
