package flight

import (
	"encoding/binary"
	"math"
	"sync/atomic"

	"example.com/go-flight/internal/hook"
)

// Sampling is what a [Sampler] is asked about: the first span of a trace in this process.
type Sampling struct {
	TraceID TraceID
	// Parent is the span of another process that it belongs to; not valid where it begins a trace.
	Parent SpanContext
	Kind   Kind
	Name   string
}

// A Sampler says whether a trace is recorded. It is asked once for each trace that enters the process or begins in it, and
// while nothing records it is not asked. Spans of a trace that is not recorded are nil, and it is handed on as
// not sampled.
type Sampler func(Sampling) bool

// ParentBased follows the parent of another process where there is one, and root where there is none. Nil records all.
func ParentBased(root Sampler) Sampler {
	return func(s Sampling) bool {
		switch {
		case s.Parent.IsValid():
			return s.Parent.IsSampled()
		case root == nil:
			return true
		}
		return root(s)
	}
}

// Ratio records this fraction of all traces, by their ids, as OpenTelemetry's consistent sampling and package flight/otlp do:
// who has one ratio records the same traces.
func Ratio(fraction float64) Sampler {
	if !(fraction < 1) {
		return func(Sampling) bool { return true }
	}
	// Of the random 56 bits that the specification promises at the end of an id.
	const all = 1 << 56
	rejected := all - uint64(math.Round(max(fraction, 0)*all))
	return func(s Sampling) bool {
		return binary.BigEndian.Uint64(s.TraceID[8:])&(all-1) >= rejected
	}
}

var (
	// sampler is what the program has chosen, if it has.
	sampler atomic.Pointer[Sampler]
	// otherwise is what an exporter wants where the program has chosen nothing.
	otherwise atomic.Pointer[Sampler]
)

func init() {
	sampleRatio(true, 1)
	hook.RegisterSampleRatio(sampleRatio)
}

// sampleRatio has this share of traces recorded where the program has said nothing else.
func sampleRatio(parentBased bool, ratio float64) {
	s := Ratio(ratio)
	if parentBased {
		s = ParentBased(s)
	}
	otherwise.Store(&s)
}

// SetSampler says which traces are recorded from now on. Nil stands for [ParentBased](nil). Until it is called, that holds too,
// or what package flight/otlp was told by its options or OTEL_TRACES_SAMPLER.
func SetSampler(s Sampler) {
	if s == nil {
		s = ParentBased(nil)
	}
	sampler.Store(&s)
}

func isSampled(s Sampling) bool {
	chosen := sampler.Load()
	if chosen == nil {
		chosen = otherwise.Load()
	}
	return (*chosen)(s)
}
