// Package otlp sends what a program's execution trace tells as OpenTelemetry spans, from within the program: no agent, no
// sidecar, no cgo.
//
//	exporter, err := otlp.Start(ctx, otlp.Options{Endpoint: "http://localhost:4318"})
//	// …
//	defer exporter.Shutdown(ctx)
//
// Or, with all that the environment says (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME and so on):
//
//	import _ "example.com/go-flight/flight/auto"
//
// [Handler] gives spans to whoever asks, and costs nothing until then.
//
// # What is sent
//
// Requests, calls and queries of unmodified programs, as the stacks of the trace tell; tasks, regions and logs of
// [runtime/trace]; and what package flight writes. A [runtime/trace.FlightRecorder] records; what it holds is taken each
// interval. Snapshots overlap, each span is sent once, and a span may begin in one and end in another.
//
// # What it costs
//
// Recording costs what the flight recorder costs, converting about 0.6 % of a core at 1,200 spans a second. The package that
// converts is generated: it takes go build one to two minutes of CPU time once, and makes a program about 15 MB larger, or 8 MB
// when it is linked with -ldflags="-s -w".
//
// # What can be lost
//
// At least once is the rule while the process lives: what was not accepted is sent again, and the same spans are the same
// bytes. Lost is what a crash takes with it, an interval's worth and the queue (with [Options.Continuous], a second more, which
// the runtime's tracer holds back); what the flight recorder forgets because
// [Options.MaxBytes] is too small for an interval; and what the queue has no room for while the receiver is away: the oldest
// goes first. [Stats] counts it. Who must outlive a kill uses trace-sidecar.
package otlp
