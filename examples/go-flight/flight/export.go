package flight

import (
	"errors"

	"example.com/go-flight/internal/hook"
)

// SetExportEndpoint says where spans are sent, such as "otel-collector:4318", by package flight/otlp, which the program has to
// import: it converts traces in the process itself, and takes long to compile. The exporter that the program has started (by
// otlp.Start, package flight/auto or an earlier call) sends there from now on, with the same headers and certificates, also what
// it has not sent yet; what is on its way to a receiver that has not answered yet may come to both. Where there is none, one is
// started with all else from the environment. The empty endpoint ends it, after it has sent what it has, for ten seconds at most.
// Function otlp.Default returns it, for flight/otlp's Shutdown at the end of the program.
func SetExportEndpoint(endpoint string) error {
	set := hook.ExportEndpoint()
	if set == nil {
		return errors.New(`flight: no exporter is there: import _ "example.com/go-flight/flight/otlp"`)
	}
	return set(endpoint)
}
