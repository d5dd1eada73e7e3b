// Package service is what the programs of this module have in common: a service whose requests do as much work as they say. The
// programs trace it each in another way, so that the difference between two of them is what tracing costs.
//
//	GET /work/{id}?loops=20000&allocations=20&size=1024&pause=1ms&workers=2
package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"net"
	"net/http"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Flags are those that all programs know.
type Flags struct {
	// Listen is the address to serve at.
	Listen string
	// Interval is the time from one export, or one snapshot, to the next.
	Interval time.Duration
}

// AddFlags registers them; they count once [flag.Parse] was called.
func AddFlags() *Flags {
	f := new(Flags)
	flag.StringVar(&f.Listen, "listen", "127.0.0.1:8080", "address to serve at")
	flag.DurationVar(&f.Interval, "interval", time.Second, "time from one export, or one snapshot, to the next")
	return f
}

// A Span does something within a span of a name, or just does it, where nothing is traced.
type Span func(ctx context.Context, name string, do func(context.Context))

// Untraced is a [Span] that is none.
func Untraced(ctx context.Context, _ string, do func(context.Context)) { do(ctx) }

// The limits of what one request may ask for: whoever mistypes a number gets an answer.
const (
	maxLoops       = 1_000_000_000
	maxAllocations = 1_000_000
	maxSize        = 1 << 20
	maxWorkers     = 1_000
	maxPause       = 10 * time.Second
)

// Load is the work of a request.
type load struct {
	loops, allocations, size, workers int
	pause                             time.Duration
}

// New returns the service. Each request does its work within a span called work.
func New(span Span) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /work/{id}", func(w http.ResponseWriter, r *http.Request) {
		load, err := parse(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var sum uint64
		span(r.Context(), "work", func(context.Context) { sum = load.work() })
		fmt.Fprintf(w, "%s: %x\n", r.PathValue("id"), sum)
	})
	return mux
}

func parse(r *http.Request) (load, error) {
	l, query := load{size: 1024, workers: 1}, r.URL.Query()
	for _, setting := range []struct {
		name        string
		value       *int
		least, most int
	}{
		{"loops", &l.loops, 0, maxLoops},
		{"allocations", &l.allocations, 0, maxAllocations},
		{"size", &l.size, 1, maxSize},
		{"workers", &l.workers, 1, maxWorkers},
	} {
		text := query.Get(setting.name)
		if text == "" {
			continue
		}
		value, err := strconv.Atoi(text)
		if err != nil || value < setting.least || value > setting.most {
			return l, fmt.Errorf("%s=%.20s: a number within %d and %d is wanted", setting.name, text, setting.least, setting.most)
		}
		*setting.value = value
	}
	if text := query.Get("pause"); text != "" {
		pause, err := time.ParseDuration(text)
		if err != nil || pause < 0 || pause > maxPause {
			return l, fmt.Errorf("pause=%.20s: a duration within 0s and %v is wanted", text, maxPause)
		}
		l.pause = pause
	}
	return l, nil
}

// work spreads the load over goroutines, and each of them waits for the whole pause.
func (l load) work() uint64 {
	var sum atomic.Uint64
	var wait sync.WaitGroup
	for number := range l.workers {
		wait.Go(func() { sum.Add(l.share(number)) })
	}
	wait.Wait()
	return sum.Load()
}

// share is the part of one goroutine. What it returns depends on all that it did, so that none of it can be left out.
func (l load) share(number int) uint64 {
	time.Sleep(l.pause)
	hash := fnv.New64()
	for range part(l.allocations, l.workers, number) {
		memory := make([]byte, l.size)
		memory[number%l.size] = byte(number)
		hash.Write(memory[:1])
	}
	sum := hash.Sum64()
	for range part(l.loops, l.workers, number) {
		sum = sum*6364136223846793005 + 1442695040888963407
	}
	return sum
}

// part is how many of all are those of one worker.
func part(all, workers, number int) int {
	if number < all%workers {
		return all/workers + 1
	}
	return all / workers
}

// Serve serves until the program is asked to end.
func Serve(address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	log.Printf("serving at http://%s", listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	shut := make(chan error, 1)
	go func() {
		<-ended.Done()
		ctx, cancel := Limit()
		defer cancel()
		shut <- server.Shutdown(ctx)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-shut
}

// Limit is how long ending may take.
func Limit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 30*time.Second)
}
