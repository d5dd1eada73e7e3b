package main

import (
	"context"
	"sync"
)

func init() {
	scenarios["tasks"] = scenario{
		about: "tasks: nested, parallel, handed over, unclosed, begun too early",
		run:   runTasks,
	}
}

func runTasks(r *recorder) error {
	ctx := context.Background()
	var early *task
	var earlyCtx context.Context
	err := r.beginBefore(func() { earlyCtx, early = r.task(ctx, "begun before the recording") })
	if err != nil {
		return err
	}
	return r.record(func() error {
		nestedTasks(r, ctx)
		handedOverTask(r, ctx)
		parallelTasks(r, ctx)
		childOutlivesParent(r, ctx)

		_, child := r.task(earlyCtx, "child of a task begun before")
		pause()
		child.end()
		early.end()

		_, twice := r.task(ctx, "ended twice")
		twice.end()
		twice.end()

		_, unnamed := r.task(ctx, "")
		unnamed.end()

		open, _ := r.task(ctx, "unclosed")
		_, closed := r.task(open, "closed child of an unclosed task")
		pause()
		closed.end()
		return nil
	})
}

func nestedTasks(r *recorder, ctx context.Context) {
	checkout, outer := r.task(ctx, "checkout")
	r.log(checkout, "order", "42")
	payment, middle := r.task(checkout, "payment")
	pause()
	card, inner := r.task(payment, "card check")
	r.log(card, "card", "accepted")
	pause()
	inner.end()
	middle.end()
	r.log(checkout, "order", "shipped")
	outer.end()
}

// handedOverTask ends a task on another goroutine than it began on, as a
// request does that waits in a queue for its worker.
func handedOverTask(r *recorder, ctx context.Context) {
	queued, t := r.task(ctx, "handed over")
	done := make(chan struct{})
	go func() {
		defer close(done)
		pause()
		r.log(queued, "worker", "took the task over")
		t.end()
	}()
	<-done
}

// parallelTasks has several children of one parent run at the same time under
// one name, so that only their ids tell them apart.
func parallelTasks(r *recorder, ctx context.Context) {
	parent, t := r.task(ctx, "fan out")
	var workers sync.WaitGroup
	for i := 0; i < 3; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			mine, t := r.task(parent, "worker")
			pause()
			r.log(mine, "worker", "done")
			t.end()
		}()
	}
	workers.Wait()
	t.end()
}

func childOutlivesParent(r *recorder, ctx context.Context) {
	parent, short := r.task(ctx, "parent that ends first")
	_, long := r.task(parent, "child that outlives its parent")
	pause()
	short.end()
	pause()
	long.end()
}
