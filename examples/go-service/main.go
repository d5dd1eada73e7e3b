// Command go-service is an ordinary service of the standard library, with nothing in it that would make its trace tell of
// requests: no task, no region, no log. It serves HTTP, makes requests and asks a database, all of it on loopback and by
// itself, records that with runtime/trace, and writes down beside it what it really did.
//
//	go-service -load http1 -o http1.trace
//
// The truth is NAME.truth.json: each request, call and query with its goroutine, and its start and end by the wall clock.
// It builds with every Go from 1.22 on.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/trace"
	"strings"
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
	flag.Parse()
	if !strings.HasSuffix(*output, ".trace") {
		return fmt.Errorf("-o FILE.trace is missing")
	}
	runtime.GOMAXPROCS(2)

	journal := newJournal()
	service, err := startService(journal, *load)
	if err != nil {
		return err
	}
	defer service.close()

	file, err := os.Create(*output)
	if err != nil {
		return err
	}
	defer file.Close()
	// A request is under way when the recording begins, and another one when it ends.
	before := service.startWaiting()
	if err := trace.Start(file); err != nil {
		return err
	}
	journal.begin()
	before()
	service.work(*requests, *clients)
	after := service.startWaiting()
	journal.end()
	trace.Stop()
	after()
	return journal.write(strings.TrimSuffix(*output, ".trace") + ".truth.json")
}
