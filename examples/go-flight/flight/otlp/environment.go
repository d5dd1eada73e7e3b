package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"example.com/go-flight/internal/convert"
)

// A target is where the batches of a signal go.
type target struct {
	url     string
	headers http.Header
	timeout time.Duration
	gzip    bool
	// tls has the certificates that count; nil: those of the system.
	tls *tls.Config
}

// variables are what the signals are called in the names of variables.
var variables = map[convert.Signal]string{convert.Traces: "TRACES", convert.Metrics: "METRICS", convert.Logs: "LOGS"}

// of are the signals as options have them.
var of = map[convert.Signal]Signals{convert.Traces: Traces, convert.Metrics: Metrics, convert.Logs: Logs}

// An environment reads variables, of which an empty one counts as unset (OpenTelemetry, "Environment Variable
// Specification").
type environment func(name string) string

// isDisabled reports whether OTEL_SDK_DISABLED is true.
func (e environment) isDisabled() bool { return strings.EqualFold(e("OTEL_SDK_DISABLED"), "true") }

// isParentBased reports whether a trace of another process is followed: not where the environment wants the id alone to count.
func (e environment) isParentBased() bool {
	sampler := e("OTEL_TRACES_SAMPLER")
	return sampler != "always_on" && sampler != "traceidratio"
}

// ignored warns of what somebody wants in vain.
func (e environment) ignored(o *Options, warnings []error) []error {
	for _, signal := range []string{"", "TRACES_", "METRICS_", "LOGS_"} {
		prefix := "OTEL_EXPORTER_OTLP_" + signal
		if protocol := e(prefix + "PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
			warnings = append(warnings, fmt.Errorf("otlp: %sPROTOCOL=%s: only http/protobuf is spoken, and is used", prefix, protocol))
		}
		if compression := e(prefix + "COMPRESSION"); compression != "" && compression != "gzip" && compression != "none" {
			warnings = append(warnings, fmt.Errorf("otlp: %sCOMPRESSION=%q: there are gzip and none", prefix, compression))
		}
		for _, name := range []string{"CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE"} {
			if o.Client != nil && e(prefix+name) != "" {
				warnings = append(warnings, fmt.Errorf("otlp: %s%s is ignored: Options.Client says which certificates count", prefix, name))
			}
		}
	}
	return warnings
}

// fill sets what options leave open. What the environment says wrongly is told as warnings and otherwise ignored, as the
// specification wants.
func (e environment) fill(o *Options) (warnings []error) {
	if o.Interval == 0 {
		o.Interval, warnings = e.milliseconds("OTEL_BSP_SCHEDULE_DELAY", warnings)
	}
	if o.Ratio == 0 {
		o.Ratio, warnings = e.ratio(warnings)
	}
	if o.Signals == 0 {
		o.Signals, warnings = e.signals(warnings)
	}
	return e.ignored(o, warnings)
}

func (e environment) milliseconds(name string, warnings []error) (time.Duration, []error) {
	text := e(name)
	if text == "" {
		return 0, warnings
	}
	number, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, append(warnings, fmt.Errorf("otlp: %s=%q: a number of milliseconds is wanted", name, text))
	}
	return time.Duration(number) * time.Millisecond, warnings
}

// ratio returns the share of traces to send. Parents are of no concern: who is sampled follows from the trace id, and what a
// program wrote down as not sampled is not sent anyway.
func (e environment) ratio(warnings []error) (float64, []error) {
	switch sampler := e("OTEL_TRACES_SAMPLER"); strings.TrimPrefix(sampler, "parentbased_") {
	case "", "always_on":
		return 1, warnings
	case "always_off":
		return 0, warnings
	case "traceidratio":
		text := e("OTEL_TRACES_SAMPLER_ARG")
		if text == "" {
			return 1, warnings
		}
		ratio, err := strconv.ParseFloat(text, 64)
		if err != nil || !(ratio >= 0 && ratio <= 1) {
			return 1, append(warnings, fmt.Errorf("otlp: OTEL_TRACES_SAMPLER_ARG=%q: a number from 0 to 1 is wanted", text))
		}
		return ratio, warnings
	default:
		return 1, append(warnings, fmt.Errorf("otlp: OTEL_TRACES_SAMPLER=%q is not known, everything is sent", sampler))
	}
}

func (e environment) signals(warnings []error) (Signals, []error) {
	signals := Traces
	for name, signal := range map[string]Signals{
		"OTEL_TRACES_EXPORTER": Traces, "OTEL_METRICS_EXPORTER": Metrics, "OTEL_LOGS_EXPORTER": Logs,
	} {
		switch exporter := e(name); exporter {
		case "":
		case "otlp":
			signals |= signal
		case "none":
			signals &^= signal
		default:
			warnings = append(warnings, fmt.Errorf("otlp: %s=%q: there are otlp and none", name, exporter))
		}
	}
	return signals, warnings
}

// targets returns where each signal goes that is wanted.
func (e environment) targets(o Options) (map[convert.Signal]target, []error, error) {
	var warnings []error
	targets := map[convert.Signal]target{}
	for signal, name := range variables {
		if o.Signals&of[signal] == 0 {
			continue
		}
		address, err := e.address(o.Endpoint, signal)
		if err != nil {
			return nil, nil, err
		}
		headers := o.Headers
		if headers == nil {
			headers, warnings = e.headers(name, warnings)
		}
		target := target{url: address, headers: http.Header{}, gzip: e.ofSignal(name, "COMPRESSION") == "gzip"}
		for key, value := range headers {
			target.headers.Set(key, value)
		}
		target.timeout, warnings = e.timeout(o, name, warnings)
		if o.Client == nil {
			target.tls, warnings = e.certificates(name, warnings)
		}
		targets[signal] = target
	}
	return targets, warnings, nil
}

// ofSignal returns a variable for a signal, else the one for all.
func (e environment) ofSignal(name, variable string) string {
	if own := e("OTEL_EXPORTER_OTLP_" + name + "_" + variable); own != "" {
		return own
	}
	return e("OTEL_EXPORTER_OTLP_" + variable)
}

func (e environment) timeout(o Options, name string, warnings []error) (time.Duration, []error) {
	timeout := o.Timeout
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_" + name + "_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"} {
		if timeout == 0 {
			timeout, warnings = e.milliseconds(variable, warnings)
		}
	}
	setDefault(&timeout, defaultTimeout)
	return timeout, warnings
}

// certificates returns who may sign the receiver's certificate, and what is shown to the receiver; nil where nothing is said.
func (e environment) certificates(name string, warnings []error) (*tls.Config, []error) {
	authorities, certificate, key := e.ofSignal(name, "CERTIFICATE"), e.ofSignal(name, "CLIENT_CERTIFICATE"), e.ofSignal(name, "CLIENT_KEY")
	if authorities == "" && certificate == "" && key == "" {
		return nil, warnings
	}
	config := new(tls.Config)
	if authorities != "" {
		config.RootCAs = x509.NewCertPool()
		pem, err := os.ReadFile(authorities)
		if err == nil && !config.RootCAs.AppendCertsFromPEM(pem) {
			err = fmt.Errorf("%s holds no certificate", authorities)
		}
		if err != nil {
			// Nobody is trusted then: others than were meant would be.
			warnings = append(warnings, fmt.Errorf("otlp: OTEL_EXPORTER_OTLP_CERTIFICATE for %s: %w", strings.ToLower(name), err))
		}
	}
	if certificate != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return config, append(warnings, fmt.Errorf("otlp: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY for %s: %w", strings.ToLower(name), err))
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, warnings
}

// address returns the URL for a signal: one that the signal's own variable names as it is, else below the base.
func (e environment) address(endpoint string, signal convert.Signal) (string, error) {
	if endpoint == "" {
		if own := e("OTEL_EXPORTER_OTLP_" + variables[signal] + "_ENDPOINT"); own != "" {
			parsed, err := parseURL(own)
			if err != nil {
				return "", err
			}
			return parsed.String(), nil
		}
		endpoint = e("OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	setDefault(&endpoint, defaultEndpoint)
	parsed, err := parseURL(endpoint)
	if err != nil {
		return "", err
	}
	return parsed.JoinPath("v1", signal.String()).String(), nil
}

// headers returns those for a signal: its own are added to those for all.
func (e environment) headers(name string, warnings []error) (map[string]string, []error) {
	headers := map[string]string{}
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_" + name + "_HEADERS"} {
		parsed, err := parseHeaders(e(variable))
		if err != nil {
			// The value may be a secret.
			warnings = append(warnings, fmt.Errorf("otlp: %s is no list of key=value pairs", variable))
			continue
		}
		maps.Copy(headers, parsed)
	}
	return headers, warnings
}

// parseHeaders reads key1=value1,key2=value2, with values percent-encoded.
func parseHeaders(text string) (map[string]string, error) {
	headers := map[string]string{}
	for member := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(member) == "" {
			continue
		}
		key, value, found := strings.Cut(member, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if key = strings.TrimSpace(key); !found || key == "" || err != nil {
			return nil, fmt.Errorf("otlp: malformed header")
		}
		headers[http.CanonicalHeaderKey(key)] = value
	}
	return headers, nil
}

// resource returns the variables that say what sends, with the program's name as the service's name of last resort.
func (e environment) resource() []string {
	name := strings.ReplaceAll(url.QueryEscape(programName()), "+", "%20")
	attributes, service := e("OTEL_RESOURCE_ATTRIBUTES"), e("OTEL_SERVICE_NAME")
	if _, err := parseHeaders(attributes); err != nil && service == "" {
		service = programName() // malformed attributes are left out, and the name with them
	}
	return []string{
		"OTEL_RESOURCE_ATTRIBUTES=service.name=" + name + "," + attributes,
		"OTEL_SERVICE_NAME=" + service,
	}
}

func programName() string {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	return strings.TrimSuffix(filepath.Base(program), ".exe")
}
