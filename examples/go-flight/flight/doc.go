// Package flight makes what a Go program does visible in its execution traces, and its execution traces available, with
// nothing but the standard library: no fork of Go, no agent, no SDK.
//
// It does two things.
//
// Spans. [Handler] opens a [trace.Task] for each request that a server takes, [Transport] one for each request that a
// client makes, [Start] one for whatever else is worth a span. Each has a W3C context of its own, which is logged into
// the execution trace under the category "traceparent"; the context that came with the request is logged as
// "traceparent.parent", and the own one is sent on in the traceparent header. trace-to-otel reads both, so that the spans
// of several processes make one distributed trace.
//
// Snapshots. A [Recorder] runs a [trace.FlightRecorder] and writes what it holds on demand, at an interval, and when a
// request was slow ([Recorder.Handler]): into a directory that trace-sidecar watches, or to its push endpoint.
//
// While nothing records, a span costs two random ids and no more.
package flight
