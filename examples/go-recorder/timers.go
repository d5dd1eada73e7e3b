package main

import (
	"context"
	"time"
)

func init() {
	scenarios["timers"] = scenario{
		about: "sleeps, tickers, timers, deadlines",
		run:   runTimers,
	}
}

func runTimers(r *recorder) error {
	return r.record(func() error {
		for i := 0; i < 3; i++ {
			time.Sleep(time.Millisecond)
		}

		ticker := time.NewTicker(time.Millisecond)
		for i := 0; i < 5; i++ {
			<-ticker.C
		}
		ticker.Stop()

		fired := make(chan struct{})
		time.AfterFunc(time.Millisecond, func() { close(fired) })
		<-fired

		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		<-ctx.Done()

		// One that never fires leaves no event.
		time.NewTimer(time.Hour).Stop()
		return nil
	})
}
