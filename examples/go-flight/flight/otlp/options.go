package otlp

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Signals say which kinds of records are sent.
type Signals uint

// The signals; they can be combined by |.
const (
	Traces Signals = 1 << iota
	Metrics
	Logs
)

// Options say what an [Exporter] records and where it sends. What is zero is taken from the environment, as OpenTelemetry
// names its variables, else it is the default.
type Options struct {
	// Endpoint is the receiver's base URL: spans go to /v1/traces below it. "host:port" is short for "http://host:port".
	// Environment: OTEL_EXPORTER_OTLP_ENDPOINT, and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (…_METRICS_…, …_LOGS_…) which are
	// taken as they are. Default: http://localhost:4318.
	Endpoint string
	// Headers are sent along, such as for authentication. Environment: OTEL_EXPORTER_OTLP_HEADERS, and …_TRACES_HEADERS
	// and so on.
	Headers map[string]string
	// Client sends: its transport's proxies and TLS are used as they are. Default: a client with a transport of its own, whose
	// certificates the environment says: OTEL_EXPORTER_OTLP_CERTIFICATE of who may sign the receiver's,
	// OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY to show, and …_TRACES_CERTIFICATE and so on, all
	// of them files in PEM that Start reads. They count whatever the program has made of http.DefaultTransport.
	Client *http.Client
	// Timeout bounds each request. Environment: OTEL_EXPORTER_OTLP_TIMEOUT, …_TRACES_TIMEOUT and so on, in milliseconds.
	// Default: 10 s.
	Timeout time.Duration
	// Interval is the time from one snapshot to the next. Environment: OTEL_BSP_SCHEDULE_DELAY, in milliseconds.
	// Default: 5 s.
	Interval time.Duration
	// MinAge is how long the flight recorder remembers at least. Default: three times Interval.
	MinAge time.Duration
	// MaxBytes bounds what the flight recorder remembers. What does not fit is lost, whatever MinAge says. Default: 64 MiB.
	MaxBytes uint64
	// Continuous traces without a flight recorder, so that every byte is converted once and none is lost. But it takes the
	// place of the program's only tracer: /debug/pprof/trace fails meanwhile, and so does Start while another one traces.
	Continuous bool
	// Resource are attributes that say what sends, such as service.name. They win over OTEL_RESOURCE_ATTRIBUTES and
	// OTEL_SERVICE_NAME. Without any of them, service.name is the program's name.
	Resource map[string]string
	// Ratio is the share of traces that are sent, more than 0 and at most 1, decided by the trace id. Environment:
	// OTEL_TRACES_SAMPLER (always_on, always_off, traceidratio, and the same with parentbased_) and
	// OTEL_TRACES_SAMPLER_ARG. Default: 1. It is package flight's sampler too, unless the program calls [flight.SetSampler]:
	// others are told of the traces that it leaves out that they are not sampled. With parentbased_, which is how Ratio is meant
	// if the environment says nothing, the parent in another process says what is recorded and handed on; what is sent of that
	// is within Ratio still.
	Ratio float64
	// QueueBytes bounds what waits to be sent, of each signal in equal shares. Beyond it the oldest goes, and is counted.
	// Default: 16 MiB.
	QueueBytes int
	// MaxMemory bounds the converter's memory. Default: 256 MiB, of which it takes what it needs.
	MaxMemory int64
	// Signals are what is sent. Default: Traces, or what OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER
	// say.
	Signals Signals
	// OnError is told of each error, one at a time, on goroutines of the exporter's, which wait for it: it must not call Flush or
	// Shutdown, nor end the exporter by flight.SetExportEndpoint. Default: none.
	OnError func(error)
	// Logger is told of errors, once each time they begin. Default: what [slog.Default] is then.
	Logger *slog.Logger
}

const (
	defaultEndpoint = "http://localhost:4318"
	defaultTimeout  = 10 * time.Second
	defaultInterval = 5 * time.Second
	defaultMaxBytes = 64 << 20
	defaultQueue    = 16 << 20
	minMaxMemory    = 16 << 20
)

// check fills in the defaults, and says what is wrong.
func (o *Options) check() error {
	setDefault(&o.Interval, defaultInterval)
	setDefault(&o.MinAge, 3*o.Interval)
	setDefault(&o.MaxBytes, defaultMaxBytes)
	setDefault(&o.QueueBytes, defaultQueue)
	switch {
	case o.Timeout < 0, o.Interval < 0, o.QueueBytes < 0:
		return errors.New("otlp: Timeout, Interval and QueueBytes cannot be negative")
	case o.MinAge < o.Interval:
		return fmt.Errorf("otlp: with a MinAge of %v, what lies between two snapshots of Interval %v is lost", o.MinAge, o.Interval)
	case o.Ratio < 0 || o.Ratio > 1:
		return fmt.Errorf("otlp: Ratio %v is not within 0 and 1", o.Ratio)
	case o.MaxMemory != 0 && o.MaxMemory < minMaxMemory:
		return fmt.Errorf("otlp: MaxMemory is %d bytes, and has to be %d at least", o.MaxMemory, minMaxMemory)
	case o.Signals&^(Traces|Metrics|Logs) != 0:
		return fmt.Errorf("otlp: Signals %#x: there are Traces, Metrics and Logs", uint(o.Signals))
	}
	return nil
}

func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}

// parseURL reads where a receiver is.
func parseURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	parsed, err := url.Parse(text)
	if err != nil {
		// The error quotes the text.
		return nil, errors.New("otlp: the endpoint is no URL: an http or https URL is wanted")
	}
	if parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
		return nil, fmt.Errorf("otlp: endpoint %q: an http or https URL is wanted", withoutSecrets(parsed))
	}
	return parsed, nil
}

// withoutSecrets returns what of a URL may be told: user, password and query may be secrets.
func withoutSecrets(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }
