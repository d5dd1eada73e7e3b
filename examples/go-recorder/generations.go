package main

import (
	"context"
	"fmt"
	"time"
)

func init() {
	scenarios["generations"] = scenario{
		about: "tasks, regions and waits that cross several generations",
		// A tenth of the default period: several generations in a short time.
		godebug: "traceadvanceperiod=100000000",
		run:     runGenerations,
	}
}

func runGenerations(r *recorder) error {
	return r.record(func() error {
		ctx := context.Background()
		// Nothing of it but its status in generations between.
		idle := make(chan struct{})
		go func() { <-idle }()
		go func() {
			asleep := r.region(ctx, "open over all generations")
			<-idle
			asleep.end()
		}()

		whole, t := r.task(ctx, "crosses all generations")
		outer := r.region(whole, "crosses all generations")
		for i := 0; i < 5; i++ {
			part, t := r.task(whole, fmt.Sprintf("part %d", i))
			inner := r.region(part, "part")
			r.log(part, "part", fmt.Sprint(i))
			time.Sleep(80 * time.Millisecond)
			inner.end()
			t.end()
		}
		outer.end()
		t.end()
		close(idle)
		r.task(ctx, "unclosed in the last generation")
		pause()
		return nil
	})
}
