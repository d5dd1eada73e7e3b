// Package hook is where packages that are heavy to build register what package flight offers on their behalf, so that
// flight need not import them, and the other way round what programs need not see.
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

var sampleRatio atomic.Pointer[func(parentBased bool, ratio float64)]

// RegisterSampleRatio says who is told which share of traces an exporter sends, so that others are not handed on as sampled.
// Package flight does so.
func RegisterSampleRatio(set func(parentBased bool, ratio float64)) { sampleRatio.Store(&set) }

// SampleRatio tells it.
func SampleRatio(parentBased bool, ratio float64) {
	if set := sampleRatio.Load(); set != nil {
		(*set)(parentBased, ratio)
	}
}
