package main

import "context"

func init() {
	scenarios["context"] = scenario{
		about: "logs that give tasks and regions a W3C trace context",
		run:   runContext,
	}
}

// The examples of the W3C Trace Context recommendation and two made from them.
const (
	remoteParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ownContext   = "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01"
	innerContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-53995c3f42cd8ad8-01"
	unsampled    = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// runContext logs contexts under the categories of the tracers known to do so:
// the span's own context and, to join a caller, its remote parent.
func runContext(r *recorder) error {
	return r.record(func() error {
		ctx := context.Background()

		served, t := r.task(ctx, "GET /orders")
		r.log(served, "traceparent.parent", remoteParent)
		r.log(served, "traceparent", ownContext)
		g := r.region(served, "query")
		r.log(served, "traceparent", innerContext)
		pause()
		g.end()
		t.end()

		otel, t := r.task(ctx, "otel span")
		r.log(otel, "otel.traceparent", ownContext)
		t.end()

		datadog, t := r.task(ctx, "datadog span")
		// Raw little-endian bytes, hence no valid UTF-8.
		r.log(datadog, "datadog.uint64_span_id", "\xb7\x02\xa9\x0b\xaa\x67\xf0\x00")
		t.end()

		dropped, t := r.task(ctx, "not sampled")
		r.log(dropped, "traceparent", unsampled)
		t.end()

		broken, t := r.task(ctx, "malformed context")
		r.log(broken, "traceparent", "00-00000000000000000000000000000000-b7ad6b7169203331-01")
		r.log(broken, "traceparent", "not a context")
		t.end()
		return nil
	})
}
