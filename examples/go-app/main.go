// Go-app is an ordinary service to trace: a front that asks a back, which asks a database. One program plays both roles.
//
//	go-app -role back -listen 127.0.0.1:8081 -dir /tmp/traces/back
//	go-app -role front -listen 127.0.0.1:8080 -back http://127.0.0.1:8081 -dir /tmp/traces/front
//	curl http://127.0.0.1:8080/order/7
//
// All that it does for its traces is in package flight.
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
)

func main() {
	role := flag.String("role", "front", "front or back")
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve at")
	back := flag.String("back", "http://127.0.0.1:8081", "where the back is, for the front")
	journalFile := flag.String("journal", "", "file to write each span, region and log into, for tests")
	slow := flag.Duration("slow", 200*time.Millisecond, "requests that take this long ask for a snapshot")
	dir := flag.String("dir", "", "directory for snapshots")
	push := flag.String("push", "", "URL to post snapshots to")
	token := flag.String("token", "", "bearer token for -push")
	var options flight.RecorderOptions
	flag.DurationVar(&options.Interval, "interval", time.Second, "time between snapshots; 0 for none")
	flag.DurationVar(&options.MinAge, "min-age", 10*time.Second, "how long the flight recorder remembers")
	flag.Uint64Var(&options.MaxBytes, "max-bytes", 64<<20, "how much it remembers at most")
	noRecorder := flag.Bool("no-recorder", false, "do not record: for who asks /debug/pprof/trace")
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
	options.Service = *role
	options.OnError = func(err error) { log.Print(err) }
	if *dir != "" {
		options.Sinks = append(options.Sinks, flight.Dir(*dir, flight.DirOptions{}))
	}
	if *push != "" {
		options.Sinks = append(options.Sinks, flight.Push(*push, flight.PushOptions{Token: *token}))
	}
	if err := run(*listen, service, options, *noRecorder, *slow, journal); err != nil {
		log.Fatal(err)
	}
	if err := journal.close(); err != nil {
		log.Fatal(err)
	}
}

// run serves until the program is asked to end, and takes a last snapshot then.
func run(address string, service *http.ServeMux, options flight.RecorderOptions, noRecorder bool, slow time.Duration, journal *journal) error {
	var requests flight.HTTP
	if !noRecorder {
		recorder, err := flight.StartRecorder(options)
		if err != nil {
			return err
		}
		recorded := time.Now()
		requests.Slow = &flight.Trigger{After: slow, Fire: recorder.Trigger}
		http.HandleFunc("POST /snapshot", func(w http.ResponseWriter, r *http.Request) {
			if _, err := recorder.Snapshot(r.Context(), "asked for"); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
		defer func() {
			journal.collections(recorded)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := recorder.Shutdown(ctx); err != nil {
				log.Print(err)
			}
		}()
	}
	http.Handle("/", requests.Handler(journal.handler(service)))
	return serve(address)
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
