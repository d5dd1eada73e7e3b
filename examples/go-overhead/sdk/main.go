// Command sdk is the service as OpenTelemetry's Go SDK traces it: otelhttp around the handler, and spans in batches by OTLP/HTTP.
package main

import (
	"context"
	"errors"
	"flag"
	"log"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/go-overhead/service"
)

func main() {
	flags := service.AddFlags()
	endpoint := flag.String("otlp", "http://localhost:4318", "where to send spans to")
	flag.Parse()
	if err := run(flags, *endpoint); err != nil {
		log.Fatal(err)
	}
}

func run(flags *service.Flags, endpoint string) error {
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"))
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(flags.Interval)),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "overhead"))),
	)
	otel.SetTracerProvider(provider)
	handler := otelhttp.NewHandler(service.New(span), "overhead")
	err = service.Serve(flags.Listen, handler)
	ctx, cancel := service.Limit()
	defer cancel()
	return errors.Join(err, provider.Shutdown(ctx))
}

func span(ctx context.Context, name string, do func(context.Context)) {
	ctx, span := otel.Tracer("overhead").Start(ctx, name)
	defer span.End()
	do(ctx)
}
