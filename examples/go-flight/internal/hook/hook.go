// Package hook is where packages that are heavy to build register what package flight offers on their behalf, so that
// flight need not import them.
package hook

import "sync/atomic"

var exportEndpoint atomic.Pointer[func(string) error]

// RegisterExportEndpoint says who is asked when a program calls flight.SetExportEndpoint. Package flight/otlp does so when
// it is imported.
func RegisterExportEndpoint(set func(endpoint string) error) { exportEndpoint.Store(&set) }

// ExportEndpoint returns what was registered, or nil.
func ExportEndpoint() func(endpoint string) error {
	if set := exportEndpoint.Load(); set != nil {
		return *set
	}
	return nil
}
