// Command go-service is an ordinary service of the standard library, with nothing in it that would make its trace tell of
// requests: no task, no region, no log. It serves HTTP, makes requests and asks a database, all of it on loopback and by
// itself, records that with runtime/trace, and writes down beside it what it really did.
//
//	go-service -load http1 -o http1.trace
//
// The truth is NAME.truth.json: each request, call and query with its goroutine, and its start and end by the wall clock.
// Or it serves until it is asked to end, and lets itself be recorded by who asks for /debug/pprof/trace:
//
//	go-service -listen 127.0.0.1:8080 -journal journal.json
//
// It builds with every Go from 1.22 on.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"example.com/go-service/journal"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go-service:", err)
		os.Exit(1)
	}
}

func run() error {
	output := flag.String("o", "", "the trace `file` to write, ending in .trace")
	load := flag.String("load", "http1", "http1, tls (HTTP/1 over TLS) or http2")
	requests := flag.Int("requests", 60, "how many requests")
	clients := flag.Int("clients", 2, "how many clients at the same time")
	address := flag.String("listen", "", "serve at this `address`, and record nothing")
	journalFile := flag.String("journal", "", "the `file` to write what was served to, with -listen")
	flag.Parse()
	if *address != "" {
		return serve(*address, *journalFile)
	}
	if !strings.HasSuffix(*output, ".trace") {
		return fmt.Errorf("-o FILE.trace is missing")
	}
	runtime.GOMAXPROCS(2)

	j := journal.New()
	service, err := startService(j, "127.0.0.1:0", *load)
	if err != nil {
		return err
	}
	defer service.close()

	// A request is under way when the recording begins, and another one when it ends.
	before := service.startWaiting()
	var after func()
	err = j.Record(*output, func() {
		before()
		service.work(*requests, *clients)
		after = service.startWaiting()
	})
	if err != nil {
		return err
	}
	after()
	return j.Write(strings.TrimSuffix(*output, ".trace") + ".truth.json")
}

func serve(address, journalFile string) error {
	ended, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	j := journal.New()
	service, err := startService(j, address, "http1")
	if err != nil {
		return err
	}
	<-ended.Done()
	service.close()
	return j.Write(journalFile)
}
