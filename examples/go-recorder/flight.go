//go:build go1.25

package main

import (
	"context"
	"fmt"
	"runtime/trace"
	"time"
)

func init() {
	const period = "traceadvanceperiod=50000000"
	scenarios["flight"] = scenario{
		about:   "overlapping flight-recorder snapshots, with spans across them",
		godebug: period,
		run: func(r *recorder) error {
			return r.recordFlight(func(snapshot func() error) error { return flightWork(r, snapshot) })
		},
	}
	scenarios["flight-whole"] = scenario{
		about:   "the same beside an ordinary trace of the whole process",
		godebug: period,
		run: func(r *recorder) error {
			return r.record(func() error {
				return r.recordFlight(func(snapshot func() error) error { return flightWork(r, snapshot) })
			})
		},
	}
}

// recordFlight runs the work under the flight recorder. Each call of snapshot
// writes what the recorder then holds to NAME.0.trace, NAME.1.trace, …
func (r *recorder) recordFlight(work func(snapshot func() error) error) error {
	flight := trace.NewFlightRecorder(trace.FlightRecorderConfig{
		// Short enough to drop the oldest generations before the last
		// snapshot, long enough that neighbours share some.
		MinAge:   150 * time.Millisecond,
		MaxBytes: 1 << 20,
	})
	var err error
	begin := measure(func() { err = flight.Start() })
	if err != nil {
		return fmt.Errorf("start the flight recorder: %w", err)
	}
	err = work(func() error { return r.snapshot(flight) })
	r.truth.Flight = &span{Begin: begin, End: measure(flight.Stop)}
	return err
}

func (r *recorder) snapshot(flight *trace.FlightRecorder) error {
	number := len(r.truth.Snapshots)
	name := fmt.Sprintf("%s.%d.trace", r.base(), number)
	file, err := r.create(name)
	if err != nil {
		return err
	}
	written := measure(func() { _, err = flight.WriteTo(file) })
	if err != nil {
		return fmt.Errorf("write snapshot %d: %w", number, err)
	}
	r.truth.addSnapshot(name, written)
	return file.Close()
}

func flightWork(r *recorder, snapshot func() error) error {
	ctx := context.Background()
	whole, t := r.task(ctx, "crosses all snapshots")
	outer := r.region(whole, "crosses all snapshots")
	for i := 0; i < 3; i++ {
		part, inside := r.task(whole, fmt.Sprintf("inside window %d", i))
		crossing, across := r.task(whole, fmt.Sprintf("crosses snapshot %d", i))
		inner := r.region(crossing, fmt.Sprintf("crosses snapshot %d", i))
		r.log(part, "window", fmt.Sprint(i))
		time.Sleep(80 * time.Millisecond)
		inside.end()
		if err := snapshot(); err != nil {
			return err
		}
		r.log(crossing, "after snapshot", fmt.Sprint(i))
		inner.end()
		across.end()
	}
	time.Sleep(80 * time.Millisecond)
	outer.end()
	t.end()
	r.task(ctx, "open at the last snapshot")
	return snapshot()
}
