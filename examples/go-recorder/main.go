// Command go-recorder makes small execution traces of known contents.
//
//	go-recorder -list
//	go-recorder -scenario tasks -o tasks.trace
//	go-recorder -scenario http -requests 0 -bytes 100000000 -clients 8 -traced 0.2 -o large.trace
//
// Beside each trace it writes NAME.truth.json: what the program really did and
// when, measured with the wall clock around each call, so that a reader of
// traces can be checked against something other than a reader of traces.
//
// It builds for Unix with every Go from 1.22 on; a scenario that needs a newer
// Go has a build constraint and is not listed by an older one. The cgo scenario
// needs CGO_ENABLED=1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
)

// A scenario is one kind of work to record.
type scenario struct {
	about string
	// godebug holds settings the runtime reads only as the process starts.
	godebug string
	// keepsAllProcs leaves GOMAXPROCS alone. Other scenarios run on two Ps,
	// which is enough to migrate and to steal and makes every machine's
	// recordings alike.
	keepsAllProcs bool
	run           func(*recorder) error
}

// scenarios is filled by the init function of each scenario's file, since
// build constraints decide which files there are.
var scenarios = map[string]scenario{}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go-recorder:", err)
		os.Exit(1)
	}
}

func run() error {
	name := flag.String("scenario", "", "what to record; see -list")
	list := flag.Bool("list", false, "list the scenarios this build has")
	r := new(recorder)
	flag.StringVar(&r.output, "o", "", "the trace `file` to write, ending in .trace")
	flag.IntVar(&r.load.requests, "requests", 6, "http: stop after this many requests; 0: no limit")
	flag.Int64Var(&r.load.bytes, "bytes", 0, "http: stop when the trace has about this many bytes; 0: no limit")
	flag.IntVar(&r.load.clients, "clients", 3, "http: clients at work at the same time")
	flag.Float64Var(&r.load.traced, "traced", 1, "http: share of the requests that carry tasks, regions and logs")
	flag.Parse()

	if *list {
		printScenarios()
		return nil
	}
	chosen, ok := scenarios[*name]
	if !ok {
		return fmt.Errorf("no scenario %q in this build (%s): choose one of -list", *name, runtime.Version())
	}
	if r.output == "" || flag.NArg() > 0 {
		return errors.New("usage: go-recorder -scenario NAME -o FILE.trace")
	}
	if err := requireGODEBUG(chosen.godebug); err != nil {
		return err
	}
	if !chosen.keepsAllProcs {
		runtime.GOMAXPROCS(2)
	}
	r.truth = newTruth(*name)
	if err := chosen.run(r); err != nil {
		return err
	}
	return r.truth.write(r.base() + ".truth.json")
}

func printScenarios() {
	names := make([]string, 0, len(scenarios))
	for name := range scenarios {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("%-14s %s\n", name, scenarios[name].about)
	}
}
