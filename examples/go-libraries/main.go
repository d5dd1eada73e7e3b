// Command go-libraries is an ordinary service beside go-service, with the libraries that services are made of: PostgreSQL by
// lib/pq and by pgx, go-redis, and gRPC as client and as server. It says nothing of that in its trace either. It is asked by
// itself, records that with runtime/trace, and writes down beside it what it really did.
//
//	go-libraries -postgres postgres://postgres@127.0.0.1:5432/postgres -redis 127.0.0.1:6379 -o libraries.trace
//
// The truth is NAME.truth.json, as go-service writes it. Its modules are chosen so that it builds with every Go from 1.22 on.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"

	"example.com/go-service/journal"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go-libraries:", err)
		os.Exit(1)
	}
}

func run() error {
	output := flag.String("o", "", "the trace `file` to write, ending in .trace")
	postgres := flag.String("postgres", "", "the `URL` of a PostgreSQL whose user may make temporary tables")
	redis := flag.String("redis", "", "the `address` of a Redis")
	requests := flag.Int("requests", 30, "how many requests")
	clients := flag.Int("clients", 2, "how many clients at the same time")
	flag.Parse()
	if !strings.HasSuffix(*output, ".trace") {
		return fmt.Errorf("-o FILE.trace is missing")
	}
	runtime.GOMAXPROCS(2)

	j := journal.New()
	service, err := startService(j, *postgres, *redis)
	if err != nil {
		return err
	}
	defer service.close()
	// What is asked for the first time makes connections, and large stacks of its own.
	service.work(len(paths), 1)
	if err := j.Record(*output, func() { service.work(*requests, *clients) }); err != nil {
		return err
	}
	if err := service.failure(); err != nil {
		return err
	}
	return j.Write(strings.TrimSuffix(*output, ".trace") + ".truth.json")
}
