// Command direct is the service that sends its spans itself, made of its own execution trace.
package main

import (
	"context"
	"errors"
	"flag"
	"log"

	"example.com/go-flight/flight/otlp"
	overhead "example.com/go-overhead"
	"example.com/go-overhead/service"
)

func main() {
	flags := service.AddFlags()
	endpoint := flag.String("otlp", "localhost:4318", "where to send spans to")
	flag.Parse()
	if err := run(flags, *endpoint); err != nil {
		log.Fatal(err)
	}
}

func run(flags *service.Flags, endpoint string) error {
	exporter, err := otlp.Start(context.Background(), otlp.Options{
		Endpoint: endpoint, Interval: flags.Interval,
		Resource: map[string]string{"service.name": "overhead"},
	})
	if err != nil {
		return err
	}
	err = service.Serve(flags.Listen, overhead.Traced())
	ctx, cancel := service.Limit()
	defer cancel()
	return errors.Join(err, exporter.Shutdown(ctx))
}
