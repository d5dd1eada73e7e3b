package otelbridge

import (
	"bytes"
	"context"
	"fmt"
	"runtime/trace"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"example.com/go-flight/flight"
)

func recorded(t *testing.T, do func(context.Context, oteltrace.Tracer)) (string, tracetest.SpanStubs) {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithSpanProcessor(NewSpanProcessor()))
	var recording bytes.Buffer
	if err := trace.Start(&recording); err != nil {
		t.Fatal(err)
	}
	func() {
		defer trace.Stop()
		do(context.Background(), provider.Tracer("test"))
	}()
	spans := exporter.GetSpans()
	if err := provider.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	return recording.String(), spans
}

func TestEachSpanOfTheSDKIsNamedInTheTrace(t *testing.T) {
	recording, spans := recorded(t, func(ctx context.Context, tracer oteltrace.Tracer) {
		ctx, outer := tracer.Start(ctx, `outer "one"`)
		_, inner := tracer.Start(ctx, "inner")
		inner.End()
		outer.End()
	})
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	for _, span := range spans {
		own := fmt.Sprintf("00-%s-%s-01", span.SpanContext.TraceID(), span.SpanContext.SpanID())
		want := fmt.Sprintf(`{"traceparent":%q,"name":%q}`, own, span.Name)
		if strings.Count(recording, want) != 1 {
			t.Errorf("%s is not once in the trace", want)
		}
	}
}

func TestContextsGoFromOneToTheOther(t *testing.T) {
	recording, spans := recorded(t, func(ctx context.Context, tracer oteltrace.Tracer) {
		ctx, outer := tracer.Start(ctx, "outer")
		ctx, middle := flight.StartKind(FromOTel(ctx), flight.KindClient, "middle")
		if middle.Context().TraceID.String() != outer.SpanContext().TraceID().String() {
			t.Errorf("%s is not part of %s", middle.Context(), outer.SpanContext().TraceID())
		}
		_, inner := tracer.Start(ToOTel(ctx), "inner")
		inner.End()
		middle.End()
		outer.End()
	})
	inner, outer := spans[0], spans[1]
	if inner.SpanContext.TraceID() != outer.SpanContext.TraceID() || !inner.Parent.IsRemote() {
		t.Errorf("%+v is not part of %+v", inner.Parent, outer.SpanContext)
	}
	if !strings.Contains(recording, inner.Parent.SpanID().String()) {
		t.Error("the trace does not know the parent")
	}
}

func TestWithoutASpanContextsStayAsTheyAre(t *testing.T) {
	ctx := context.Background()
	if FromOTel(ctx) != ctx || ToOTel(ctx) != ctx {
		t.Error("a context was changed")
	}
}
