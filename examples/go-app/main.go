// Go-app is an ordinary service to trace: a front that asks a back, which asks a database. One program plays both roles.
//
//	go-app -role back -listen 127.0.0.1:8081 -dir /tmp/traces/back
//	go-app -role front -listen 127.0.0.1:8080 -back http://127.0.0.1:8081 -dir /tmp/traces/front
//	curl http://127.0.0.1:8080/order/7
//
// All that it does for its traces is in package flight. With -otlp localhost:4318 in place of -dir it sends its spans itself.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof" // for /debug/pprof/trace, on the default mux
	"os/signal"
	"syscall"
	"time"

	"example.com/go-flight/flight"
	"example.com/go-flight/flight/otlp"
)

func main() {
	role := flag.String("role", "front", "front or back")
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve at")
	back := flag.String("back", "http://127.0.0.1:8081", "where the back is, for the front")
	journalFile := flag.String("journal", "", "file to write each span, region and log into, for tests")
	dir := flag.String("dir", "", "directory for snapshots")
	push := flag.String("push", "", "URL to post snapshots to")
	token := flag.String("token", "", "bearer token for -push")
	var t tracing
	flag.DurationVar(&t.slow, "slow", 200*time.Millisecond, "requests that take this long ask for a snapshot")
	flag.DurationVar(&t.Interval, "interval", time.Second, "time between snapshots; 0 for none")
	flag.DurationVar(&t.MinAge, "min-age", 10*time.Second, "how long the flight recorder remembers")
	flag.Uint64Var(&t.MaxBytes, "max-bytes", 64<<20, "how much it remembers at most")
	flag.StringVar(&t.otlp, "otlp", "", "where to send spans to, such as localhost:4318, instead of giving snapshots away")
	flag.BoolVar(&t.continuous, "continuous", false, "with -otlp: trace all the time, without the flight recorder")
	flag.BoolVar(&t.isOff, "no-recorder", false, "do not record: for who asks /debug/pprof/trace")
	flag.Parse()

	journal, err := openJournal(*journalFile)
	if err != nil {
		log.Fatal(err)
	}
	var service *http.ServeMux
	switch *role {
	case "front":
		service = newFront(*back, journal)
	case "back":
		service = newBack(journal)
	default:
		log.Fatalf("-role %s: there are front and back", *role)
	}
	t.Service = *role
	t.OnError = func(err error) { log.Print(err) }
	if *dir != "" {
		t.Sinks = append(t.Sinks, flight.Dir(*dir, flight.DirOptions{}))
	}
	if *push != "" {
		t.Sinks = append(t.Sinks, flight.Push(*push, flight.PushOptions{Token: *token}))
	}
	if err := run(*listen, service, t, journal); err != nil {
		log.Fatal(err)
	}
	if err := journal.close(); err != nil {
		log.Fatal(err)
	}
}

// run serves until the program is asked to end, and gives away the last of its traces then.
func run(address string, service *http.ServeMux, t tracing, journal *journal) error {
	requests, shutdown, err := t.start()
	if err != nil {
		return err
	}
	if shutdown != nil {
		recorded := time.Now()
		defer func() {
			journal.collections(recorded)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := shutdown(ctx); err != nil {
				log.Print(err)
			}
		}()
	}
	http.Handle("/", requests.Handler(journal.handler(service)))
	http.Handle("GET /debug/pprof/otlp", otlp.Handler())
	return serve(address)
}

// tracing says what becomes of the program's traces.
type tracing struct {
	flight.RecorderOptions
	slow              time.Duration
	otlp              string
	continuous, isOff bool
}

// start begins to record, and returns what makes spans of requests, and what ends it.
func (t tracing) start() (flight.HTTP, func(context.Context) error, error) {
	switch {
	case t.isOff:
		return flight.HTTP{}, nil, nil
	case t.otlp != "":
		exporter, err := otlp.Start(context.Background(), t.exporterOptions())
		if err != nil {
			return flight.HTTP{}, nil, err
		}
		return flight.HTTP{}, exporter.Shutdown, nil
	}
	recorder, err := flight.StartRecorder(t.RecorderOptions)
	if err != nil {
		return flight.HTTP{}, nil, err
	}
	http.HandleFunc("POST /snapshot", func(w http.ResponseWriter, r *http.Request) {
		if _, err := recorder.Snapshot(r.Context(), "asked for"); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return flight.HTTP{Slow: &flight.Trigger{After: t.slow, Fire: recorder.Trigger}}, recorder.Shutdown, nil
}

// exporterOptions are for who sends spans what the flags say of snapshots.
func (t tracing) exporterOptions() otlp.Options {
	return otlp.Options{
		Endpoint: t.otlp, Continuous: t.continuous,
		Interval: t.Interval, MinAge: t.MinAge, MaxBytes: t.MaxBytes,
		Resource: map[string]string{"service.name": t.Service},
	}
}

func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	log.Printf("serving at http://%s", listener.Addr())
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	shut := make(chan error, 1)
	go func() {
		<-ended.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		shut <- server.Shutdown(ctx)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-shut
}
