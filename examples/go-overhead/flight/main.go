// Command flight is the service as package flight traces it: its flight recorder runs, and nobody reads it; or it gives a snapshot
// away each interval; or all of the trace goes into a file.
//
//	flight
//	flight -last /tmp/traces
//	flight -dir /tmp/traces
//	flight -stream /tmp/all.trace
package main

import (
	"errors"
	"flag"
	"log"
	"os"
	"runtime/trace"

	"example.com/go-flight/flight"
	overhead "example.com/go-overhead"
	"example.com/go-overhead/service"
)

func main() {
	flags := service.AddFlags()
	dir := flag.String("dir", "", "directory for a snapshot each interval; without it the recorder's content goes nowhere")
	last := flag.String("last", "", "directory for the recorder's content when the service ends, where there is no -dir")
	stream := flag.String("stream", "", "file for all of the trace, in place of the flight recorder")
	flag.Parse()
	if err := run(flags, *dir, *last, *stream); err != nil {
		log.Fatal(err)
	}
}

func run(flags *service.Flags, dir, last, stream string) error {
	var stop func() error
	var err error
	if stream == "" {
		stop, err = record(flags, dir, last)
	} else {
		stop, err = write(stream)
	}
	if err != nil {
		return err
	}
	return errors.Join(service.Serve(flags.Listen, overhead.Traced()), stop())
}

// record keeps the latest of the trace in memory, as much as is needed for snapshots that leave nothing out.
func record(flags *service.Flags, dir, last string) (func() error, error) {
	options := flight.RecorderOptions{
		MinAge: 3 * flags.Interval, MaxBytes: 64 << 20,
		OnError: func(err error) { log.Print(err) },
	}
	switch {
	case dir != "":
		options.Interval = flags.Interval
		options.Sinks = []flight.Sink{flight.Dir(dir, flight.DirOptions{})}
	case last != "":
		// Without an interval there is one snapshot, that of the end.
		options.Sinks = []flight.Sink{flight.Dir(last, flight.DirOptions{})}
	}
	recorder, err := flight.StartRecorder(options)
	if err != nil {
		return nil, err
	}
	return func() error {
		ctx, cancel := service.Limit()
		defer cancel()
		return recorder.Shutdown(ctx)
	}, nil
}

// write has the runtime write all of the trace into a file.
func write(name string) (func() error, error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := trace.Start(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		trace.Stop()
		return file.Close()
	}, nil
}
