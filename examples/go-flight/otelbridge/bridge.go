// Package otelbridge joins what OpenTelemetry's Go SDK and the execution trace tell of the same program.
//
// The SDK opens a task of package runtime/trace for each span that it records, of which the trace tells where the time went, what it
// waited for and what woke it. [NewSpanProcessor] writes into the trace which span of the SDK each of these tasks is, so that
// trace-to-otel says it of the SDK's own spans and makes no others beside them (`--sdk-exports` of trace-converter, `sdk_exports` of
// trace-sidecar):
//
//	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(otelbridge.NewSpanProcessor()), …)
//
// [FromOTel] and [ToOTel] hand a span's context from one library to the other where both make spans.
package otelbridge

import (
	"context"
	"encoding/json"
	"runtime/trace"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"example.com/go-flight/flight"
)

// NewSpanProcessor returns a processor that exports nothing and costs nothing while nothing records the execution trace.
// Register it behind all others: what starts a task of its own when a span starts would be taken for the span.
func NewSpanProcessor() sdktrace.SpanProcessor { return processor{} }

type processor struct{}

// next says of the task that begins next on the goroutine, and has that name, which span it is: docs/span-logs.md.
type next struct {
	Traceparent string `json:"traceparent"`
	Name        string `json:"name"`
}

// OnStart implements [sdktrace.SpanProcessor]. The SDK calls it on the goroutine on which it opens the span's task right
// afterwards; ctx is what is around the span.
func (processor) OnStart(ctx context.Context, span sdktrace.ReadWriteSpan) {
	if !trace.IsEnabled() || !span.SpanContext().IsValid() {
		return
	}
	message, err := json.Marshal(next{toFlight(span.SpanContext()).String(), span.Name()})
	// The runtime cuts what is longer: it would be no JSON.
	if err == nil && len(message) <= 1024 {
		trace.Log(ctx, "otel.next", string(message))
	}
}

// OnEnd implements [sdktrace.SpanProcessor].
func (processor) OnEnd(sdktrace.ReadOnlySpan) {}

// Shutdown implements [sdktrace.SpanProcessor].
func (processor) Shutdown(context.Context) error { return nil }

// ForceFlush implements [sdktrace.SpanProcessor].
func (processor) ForceFlush(context.Context) error { return nil }

// FromOTel returns a context in which package flight's spans belong to the span of OpenTelemetry that is in ctx.
func FromOTel(ctx context.Context) context.Context {
	span := oteltrace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return ctx
	}
	return flight.ContextWithRemote(ctx, toFlight(span))
}

// ToOTel returns a context in which OpenTelemetry's spans belong to package flight's span that is in ctx.
func ToOTel(ctx context.Context) context.Context {
	own, ok := flight.FromContext(ctx)
	if !ok {
		return ctx
	}
	// A state that the other library refuses is none.
	state, _ := oteltrace.ParseTraceState(own.State)
	return oteltrace.ContextWithRemoteSpanContext(ctx, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID(own.TraceID), SpanID: oteltrace.SpanID(own.SpanID),
		TraceFlags: oteltrace.TraceFlags(own.Flags), TraceState: state,
	}))
}

func toFlight(span oteltrace.SpanContext) flight.SpanContext {
	return flight.SpanContext{
		TraceID: flight.TraceID(span.TraceID()), SpanID: flight.SpanID(span.SpanID()),
		Flags: byte(span.TraceFlags()), State: span.TraceState().String(),
	}
}
