// Package flight makes what a Go program does visible in its execution traces, and its execution traces available, with
// nothing but the standard library: no fork of Go, no agent, no SDK.
//
// # Spans
//
// [HTTP] makes a span of each request that a server takes, [Transport] one of each that a client makes, [WrapConnector] one of each
// query, and [Start] one of whatever else is worth it; [LogHandler] puts what log/slog writes on them. They are tasks and regions of
// package runtime/trace, of which logs in the trace say more: docs/span-logs.md of the repository. trace-to-otel reads both, so
// that they become spans of OpenTelemetry, and those of several processes one distributed trace: W3C Trace Context and Baggage are
// taken from requests and sent with them ([Extract], [Inject], [ContextWithRemote]).
//
// While nothing records, spans are nil and nearly free; contexts pass through as they came. What is recorded is chosen by
// [SetSampler] for traces and by [SetFilter], or GODEBUG, for kinds of spans.
//
// # Snapshots
//
// A [Recorder] runs a [runtime/trace.FlightRecorder] and gives away what it holds, on demand, at an interval, and while a request is slow
// ([Trigger]): into a folder that trace-sidecar watches ([Dir]), to its push endpoint ([Push]), or to a [Sink] of one's own. No
// sink holds up the service or another sink.
package flight
