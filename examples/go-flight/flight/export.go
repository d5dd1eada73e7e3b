package flight

import (
	"errors"

	"example.com/go-flight/internal/hook"
)

// SetExportEndpoint says where spans are sent, such as "otel-collector:4318", by package flight/otlp, which the program has to
// import: it converts traces in the process itself, and takes long to compile.
func SetExportEndpoint(endpoint string) error {
	set := hook.ExportEndpoint()
	if set == nil {
		return errors.New(`flight: no exporter is there: import _ "example.com/go-flight/flight/otlp"`)
	}
	return set(endpoint)
}
