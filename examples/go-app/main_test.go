package main

import (
	"testing"
	"time"

	"example.com/go-flight/flight"
)

func TestWhoSendsSpansHeedsTheRecordersFlags(t *testing.T) {
	recorder := flight.RecorderOptions{Interval: time.Minute, MinAge: time.Hour, MaxBytes: 1 << 20, Service: "some-service"}
	options := tracing{RecorderOptions: recorder, otlp: "receiver:4318", continuous: true}.exporterOptions()
	if options.Interval != recorder.Interval || options.MinAge != recorder.MinAge || options.MaxBytes != recorder.MaxBytes ||
		options.Resource["service.name"] != recorder.Service || options.Endpoint != "receiver:4318" || !options.Continuous {
		t.Errorf("%+v", options)
	}
}
