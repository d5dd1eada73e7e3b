package flight

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// HTTPSpan is a request, as server or as client.
type HTTPSpan struct {
	Context SpanContext
	// Parent is the span that it is part of, where that is in another process.
	Parent SpanContext
	Kind   Kind // [KindServer] or [KindClient]
	Method string
	// URL is the path where the request is served, and scheme, host and path where it is made: never user, query or fragment.
	URL string
	// Route is the pattern that has matched; empty where nobody knows.
	Route      string
	StatusCode int
	Start      time.Time
	Duration   time.Duration
	Err        error
}

// SQLSpan is a query, or something else that a database was asked.
type SQLSpan struct {
	// Context is that of the span that it is part of.
	Context SpanContext
	// System is db.system.name of the semantic conventions: "postgresql".
	System string
	// Database is the name of the database within the system.
	Database string
	// Query is without its literals and comments.
	Query string
	// Rows is how many rows it has changed or returned; −1 where nobody knows.
	Rows     int64
	Start    time.Time
	Duration time.Duration
	Err      error
}

// TLSSpan is a handshake.
type TLSSpan struct {
	// Context is that of the span that it is part of.
	Context    SpanContext
	ServerName string
	// Version and CipherSuite are the numbers of package [crypto/tls].
	Version     uint16
	CipherSuite uint16
	Resumed     bool
	Start       time.Time
	Duration    time.Duration
	Err         error
}

var onSpan atomic.Pointer[func(any)]

// OnSpan has observe called with each [*HTTPSpan], [*SQLSpan] and [*TLSSpan] that package flight makes, when it has ended,
// whether or not something records; nil ends that. It is called on the goroutine that ends the span, by several at once.
func OnSpan(observe func(span any)) {
	if observe == nil {
		onSpan.Store(nil)
		return
	}
	onSpan.Store(&observe)
}

func observed() func(any) {
	if observe := onSpan.Load(); observe != nil {
		return *observe
	}
	return nil
}

// Record writes a request that some other code has made into the execution trace, as it is over, and as part of the span in ctx.
func (s HTTPSpan) Record(ctx context.Context) {
	name := methodName(s.Method)
	attributes := []slog.Attr{slog.String("http.request.method", conventional(name))}
	if s.Route != "" && s.Kind == KindServer {
		name += " " + s.Route
		attributes = append(attributes, slog.String("http.route", s.Route))
	}
	key := "url.full"
	if s.Kind == KindServer {
		key = "url.path"
	}
	attributes = append(attributes, slog.String(key, withoutSecrets(s.URL)))
	if s.StatusCode > 0 {
		attributes = append(attributes, slog.Int("http.response.status_code", s.StatusCode))
	}
	record(ctx, FilterHTTP, s.Kind, name, attributes, s.Err, s.Duration)
}

// Record writes a query that some other code has made into the execution trace, as it is over, and as part of the span in ctx.
func (s SQLSpan) Record(ctx context.Context) {
	query := withoutLiterals(s.Query)
	attributes := queryAttributes(s.System, s.Database, query)
	if s.Rows >= 0 {
		attributes = append(attributes, slog.Int64("db.response.returned_rows", s.Rows))
	}
	record(ctx, FilterSQL, KindClient, "query", attributes, queryError(s.Err), s.Duration)
}

// queryError returns what may be written down of the failure of a query: databases quote values.
func queryError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return typedError{errors.New(withoutLiterals(err.Error())), errorTypeOfQuery(err)}
}

// Record writes a handshake that some other code has made into the execution trace, as it is over, and as part of the span
// in ctx.
func (s TLSSpan) Record(ctx context.Context) {
	attributes := []slog.Attr{slog.Bool("tls.established", s.Err == nil), slog.Bool("tls.resumed", s.Resumed)}
	if s.ServerName != "" {
		attributes = append(attributes, slog.String("server.address", s.ServerName))
	}
	if s.Version != 0 {
		_, number, _ := strings.Cut(tls.VersionName(s.Version), " ")
		attributes = append(attributes, slog.String("tls.protocol.name", "tls"),
			slog.String("tls.protocol.version", number), slog.String("tls.cipher", tls.CipherSuiteName(s.CipherSuite)))
	}
	record(ctx, FilterTLS, KindInternal, "TLS handshake", attributes, s.Err, s.Duration)
}

// record opens a span and ends it, and says how long ago it has begun.
func record(ctx context.Context, category Filter, kind Kind, name string, attributes []slog.Attr, err error, duration time.Duration) {
	if !isRecording() || !CurrentFilter().Has(category) {
		return
	}
	_, span := start(ctx, kind, name)
	if span == nil {
		return
	}
	span.Fail(err)
	span.Set(attributes...)
	span.lasted(duration)
	span.End()
}

// withoutSecrets returns a URL without user, query and fragment.
func withoutSecrets(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return pathOf(u)
}

// pathOf is what of a URL may be written down.
func pathOf(u *url.URL) string {
	if u.Opaque != "" {
		return u.Scheme + ":"
	}
	if u.Host == "" {
		return u.EscapedPath()
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
