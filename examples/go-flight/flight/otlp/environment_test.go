package otlp

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/go-flight/flight"
	"example.com/go-flight/internal/convert"
	"example.com/go-flight/internal/hook"
)

// TestMain takes away what the environment of whoever runs the tests says.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OTEL_") {
			os.Unsetenv(name)
		}
	}
	m.Run()
}

func env(pairs map[string]string) environment {
	return func(name string) string { return pairs[name] }
}

func TestAddresses(t *testing.T) {
	for _, test := range []struct {
		endpoint string
		env      map[string]string
		traces   string
	}{
		{"", nil, "http://localhost:4318/v1/traces"},
		{"collector:4318", nil, "http://collector:4318/v1/traces"},
		{"127.0.0.1:4318", nil, "http://127.0.0.1:4318/v1/traces"},
		{"https://example.org/otlp/", nil, "https://example.org/otlp/v1/traces"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1"}, "http://a:1/v1/traces"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:2/x"}, "http://b:2/x"},
		{"http://c:3", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:2/x"}, "http://c:3/v1/traces"},
	} {
		targets, warnings, err := env(test.env).targets(Options{Endpoint: test.endpoint, Signals: Traces})
		if err != nil || len(warnings) > 0 {
			t.Fatal(err, warnings)
		}
		if got := targets[convert.Traces].url; got != test.traces {
			t.Errorf("%q with %v: %s, want %s", test.endpoint, test.env, got, test.traces)
		}
	}
	for _, endpoint := range []string{"ftp://a", "http://", "http://[::1", "/v1/traces"} {
		if _, _, err := env(nil).targets(Options{Endpoint: endpoint, Signals: Traces}); err == nil {
			t.Errorf("%q is accepted", endpoint)
		}
	}
}

func TestHeadersAndTimeouts(t *testing.T) {
	targets, warnings, err := env(map[string]string{
		"OTEL_EXPORTER_OTLP_HEADERS":        "authorization=Bearer%20x, a = 1",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=2",
		"OTEL_EXPORTER_OTLP_LOGS_HEADERS":   "nonsense",
		"OTEL_EXPORTER_OTLP_TIMEOUT":        "2000",
		"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT":   "30",
	}).targets(Options{Signals: Traces | Logs})
	if err != nil || len(warnings) != 1 || len(targets) != 2 {
		t.Fatal(err, warnings)
	}
	traces, logs := targets[convert.Traces], targets[convert.Logs]
	if traces.headers.Get("Authorization") != "Bearer x" || traces.headers.Get("A") != "2" || logs.headers.Get("A") != "1" {
		t.Errorf("headers %v, %v", traces.headers, logs.headers)
	}
	if traces.timeout != 2*time.Second || logs.timeout != 30*time.Millisecond {
		t.Errorf("time-outs %v, %v", traces.timeout, logs.timeout)
	}
}

func TestSamplersAndSignals(t *testing.T) {
	for _, test := range []struct {
		env      map[string]string
		ratio    float64
		signals  Signals
		warnings int
	}{
		{nil, 1, Traces, 0},
		{map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, 0.25, Traces, 0},
		{map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "NaN"}, 1, Traces, 1},
		{map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}, 0, Traces, 0},
		{map[string]string{"OTEL_TRACES_SAMPLER": "mine"}, 1, Traces, 1},
		{map[string]string{"OTEL_METRICS_EXPORTER": "otlp", "OTEL_TRACES_EXPORTER": "none"}, 1, Metrics, 0},
		{map[string]string{"OTEL_LOGS_EXPORTER": "console"}, 1, Traces, 1},
		{map[string]string{"OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"}, 1, Traces, 1},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, 1, Traces, 2},
	} {
		var options Options
		warnings := env(test.env).fill(&options)
		if options.Ratio != test.ratio || options.Signals != test.signals || len(warnings) != test.warnings {
			t.Errorf("%v: ratio %v, signals %v, warnings %v", test.env, options.Ratio, options.Signals, warnings)
		}
	}
}

// TestSamplersReachTheSpans sees to it that what is not sent is not handed on as sampled either.
func TestSamplersReachTheSpans(t *testing.T) {
	r := newReceiver(t)
	parent := flight.SpanContext{TraceID: flight.TraceID{15: 1}, SpanID: flight.SpanID{1}, Flags: 1} // the lowest of all ratios
	for _, test := range []struct {
		sampler string
		options Options
		sampled bool
	}{
		{"", Options{}, true},
		{"traceidratio", Options{}, false},
		{"parentbased_traceidratio", Options{}, true},
		{"", Options{Ratio: 0.5}, true},
		{"traceidratio", Options{Ratio: 0.5}, false},
	} {
		test.options.Endpoint = r.URL
		e := startTest(t, test.options, map[string]string{"OTEL_TRACES_SAMPLER": test.sampler, "OTEL_TRACES_SAMPLER_ARG": "0.5"})
		ctx, span := flight.Start(flight.ContextWithRemote(t.Context(), parent), "work")
		span.End()
		if c, _ := flight.FromContext(ctx); c.IsSampled() != test.sampled || (span != nil) != test.sampled {
			t.Errorf("%q, %v: sampled %t", test.sampler, test.options.Ratio, c.IsSampled())
		}
		if _, span := flight.Start(t.Context(), "root"); test.sampler == "" && test.options.Ratio == 0 && span == nil {
			t.Error("a root is not sampled")
		} else {
			span.End()
		}
		if err := e.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	hook.SampleRatio(true, 1)
}

func TestTheProgramsNameOutlivesMalformedAttributes(t *testing.T) {
	for attributes, want := range map[string]string{"": "", "service.name=a,b=c": "", "nonsense": programName()} {
		got := env(map[string]string{"OTEL_RESOURCE_ATTRIBUTES": attributes}).resource()
		if !slices.Contains(got, "OTEL_SERVICE_NAME="+want) {
			t.Errorf("%q: %q", attributes, got)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, options := range []Options{
		{Interval: time.Minute, MinAge: time.Second},
		{Interval: -1},
		{Ratio: 2},
		{MaxMemory: 1},
		{Signals: 64},
		{QueueBytes: -1},
	} {
		if err := options.check(); err == nil {
			t.Errorf("%+v are accepted", options)
		}
	}
}
