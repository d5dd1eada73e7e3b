package main

import (
	"context"
	"sync"
)

func init() {
	scenarios["regions"] = scenario{
		about: "regions: nested, over goroutines and tasks, unclosed, begun too early",
		run:   runRegions,
	}
}

func runRegions(r *recorder) error {
	ctx := context.Background()
	// On a goroutine of its own: a region without a known begin may only end
	// where no other region is open, or readers reject the trace.
	begin, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		<-begin
		early := r.region(ctx, "begun before the recording")
		begin <- struct{}{}
		<-end
		early.end()
		close(ended)
	}()
	err := r.beginBefore(func() { begin <- struct{}{}; <-begin })
	if err != nil {
		return err
	}
	return r.record(func() error {
		nestedRegions(r, ctx)
		regionsOverGoroutines(r, ctx)
		regionsOfTwoTasks(r, ctx)
		regionEndedElsewhere(r, ctx)

		close(end)
		<-ended

		taskless := r.region(ctx, "without a task")
		r.log(ctx, "taskless", "inside a region without a task")
		pause()
		taskless.end()

		open, t := r.task(ctx, "task around an unclosed region")
		r.region(open, "unclosed")
		pause()
		t.end()
		return nil
	})
}

func nestedRegions(r *recorder, ctx context.Context) {
	ctx, t := r.task(ctx, "nested")
	outer := r.region(ctx, "outer")
	pause()
	middle := r.region(ctx, "middle")
	inner := r.region(ctx, "inner")
	r.log(ctx, "depth", "three")
	pause()
	inner.end()
	again := r.region(ctx, "inner")
	again.end()
	middle.end()
	r.log(ctx, "depth", "one")
	outer.end()
	r.log(ctx, "depth", "none")
	t.end()
}

// regionsOverGoroutines opens regions of one task on several goroutines, one of
// which exits and leaves its region open.
func regionsOverGoroutines(r *recorder, ctx context.Context) {
	ctx, t := r.task(ctx, "spread out")
	around := r.region(ctx, "wait for helpers")
	var helpers sync.WaitGroup
	for _, name := range []string{"helper a", "helper b"} {
		name := name
		helpers.Add(1)
		go func() {
			defer helpers.Done()
			g := r.region(ctx, name)
			pause()
			g.end()
		}()
	}
	helpers.Add(1)
	go func() {
		defer helpers.Done()
		r.region(ctx, "left open by its goroutine")
		pause()
	}()
	helpers.Wait()
	around.end()
	t.end()
}

// regionsOfTwoTasks nests a region of one task in a region of another, which
// Go's documents allow.
func regionsOfTwoTasks(r *recorder, ctx context.Context) {
	first, t1 := r.task(ctx, "first of two tasks")
	second, t2 := r.task(ctx, "second of two tasks")
	outer := r.region(first, "region of the first task")
	inner := r.region(second, "region of the second task")
	r.log(first, "whose", "logged to the first task inside the second's region")
	pause()
	inner.end()
	outer.end()
	t2.end()
	t1.end()
}

// regionEndedElsewhere breaks the rule that a region ends on the goroutine it
// began on. Readers accept it where the ending goroutine has no region open.
func regionEndedElsewhere(r *recorder, ctx context.Context) {
	ctx, t := r.task(ctx, "region ended elsewhere")
	regions := make(chan *region)
	go func() { regions <- r.region(ctx, "ended on another goroutine") }()
	g := <-regions
	pause()
	g.end()
	t.end()
}
