package flight

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"time"
)

// Transport opens a span of kind [KindClient] for each request that is made, which lasts until the response's body has been read
// or closed, and sends its context with the request. A request that has a context in its header already belongs to
// that one.
type Transport struct {
	// Base makes the requests; [http.DefaultTransport] if it is nil.
	Base http.RoundTripper
	// Skip is asked which requests are no spans and carry no context. Nil: all are and do.
	Skip func(*http.Request) bool
}

func (t Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}

// CloseIdleConnections does so in Base, if that can.
func (t Transport) CloseIdleConnections() {
	if base, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// RoundTrip implements [http.RoundTripper].
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	// Base says what is wrong with a request that is for nowhere.
	if r.URL == nil || t.Skip != nil && t.Skip(r) {
		return t.base().RoundTrip(r)
	}
	ctx := r.Context()
	if parent, ok := fromHeader(r.Header); ok && distributed.Load() && !isForwarded(ctx, parent) {
		if own, _ := FromContext(ctx); own.SpanID != parent.SpanID {
			ctx = ContextWithRemote(ctx, parent)
		}
	}
	observe := observed()
	if !CurrentFilter().Has(FilterHTTP) || !isRecording() && observe == nil {
		return t.base().RoundTrip(handOn(ctx, r))
	}
	ctx, span := start(ctx, KindClient, methodOf(r))
	if span == nil {
		return t.base().RoundTrip(handOn(ctx, r))
	}
	return t.roundTrip(r, &call{ctx: ctx, span: span, url: pathOf(r.URL), method: r.Method, observe: observe})
}

// handOn returns the request with the context that ctx has, and the request itself if there is none.
func handOn(ctx context.Context, r *http.Request) *http.Request {
	_, remote := innermost(ctx)
	_, hasBaggage := ctx.Value(baggageKey{}).(string)
	span, _ := innermost(ctx)
	arrived, _ := fromHeader(r.Header)
	if span == nil && !remote.IsValid() && !hasBaggage && !isForwarded(ctx, arrived) {
		return r
	}
	return withHeader(ctx, r)
}

// isForwarded reports whether a context came with the request that is being served, and stands in the header of another one
// only because a proxy has copied that. Nobody in this process has put it there to be the parent.
func isForwarded(ctx context.Context, c SpanContext) bool {
	served, ok := ctx.Value(requestKey{}).(*request)
	return ok && c.IsValid() && c.TraceID == served.arrived.TraceID && c.SpanID == served.arrived.SpanID
}

// withHeader returns a request for ctx with a header of its own, in which its span is: a RoundTripper may not change its
// request. Everything else is shared, as the caller may still set trailers. The trace is told of the span when it ends.
func withHeader(ctx context.Context, r *http.Request) *http.Request {
	sent := r.WithContext(ctx)
	sent.Header = r.Header.Clone()
	if sent.Header == nil {
		sent.Header = make(http.Header)
	}
	if c, ok := fromHeader(sent.Header); ok && distributed.Load() && isForwarded(ctx, c) {
		delete(sent.Header, traceparentHeader)
		delete(sent.Header, tracestateHeader)
	}
	inject(ctx, sent.Header, (*Span).contextToBeSaid)
	return sent
}

func (t Transport) roundTrip(r *http.Request, call *call) (*http.Response, error) {
	call.span.Set(requestAttributes(r, call.url)...)
	ctx := call.ctx
	if call.observe != nil && CurrentFilter().Has(FilterTLS) {
		ctx = observeHandshakes(ctx, call.span, call.observe)
	}
	hasReturned := false
	defer func() {
		if !hasReturned {
			call.end(0, errPanicInTransport)
		}
	}()
	sent := withHeader(ctx, r)
	response, err := t.base().RoundTrip(sent)
	hasReturned = true
	if err != nil || response == nil {
		call.end(0, err)
		return response, err
	}
	if response.Request == sent {
		response.Request = r
	}
	call.answered(response)
	return response, nil
}

func requestAttributes(r *http.Request, url string) []slog.Attr {
	attributes := []slog.Attr{
		slog.String("http.request.method", conventional(methodOf(r))), slog.String("url.full", url),
		slog.String("server.address", r.URL.Hostname()),
	}
	port, err := strconv.Atoi(r.URL.Port())
	if err != nil {
		port = map[string]int{"http": 80, "https": 443}[r.URL.Scheme]
	}
	if port > 0 {
		attributes = append(attributes, slog.Int("server.port", port))
	}
	return attributes
}

// A call is a request that has been made and is not over.
type call struct {
	ctx     context.Context
	span    *Span
	method  string
	url     string
	observe func(any)
	once    sync.Once
	status  int
}

// answered ends the call when the body of the response is over; at once if there is none.
func (c *call) answered(response *http.Response) {
	c.status = response.StatusCode
	switch body := response.Body.(type) {
	case nil:
		c.end(c.status, nil)
	case io.ReadWriteCloser:
		// The connection of a switched protocol may be written to.
		response.Body = struct {
			io.Writer
			*callBody
		}{body, &callBody{body, c}}
	default:
		if body == http.NoBody {
			c.end(c.status, nil)
			return
		}
		response.Body = &callBody{body, c}
	}
}

func (c *call) end(status int, err error) {
	c.once.Do(func() {
		if status > 0 {
			c.span.Set(slog.Int("http.response.status_code", status))
		}
		if err == nil && status >= 400 {
			c.span.Fail(statusError(status))
		}
		c.span.Fail(callError(err))
		c.span.End()
		if c.observe != nil {
			c.observe(&HTTPSpan{
				Context: c.span.Context(), Parent: c.span.remote, Kind: KindClient,
				Method: c.method, URL: c.url, StatusCode: status,
				Start: c.span.start, Duration: time.Since(c.span.start), Err: c.span.failure,
			})
		}
	})
}

// callBody ends its call when it was read to its end, or closed.
type callBody struct {
	io.ReadCloser
	call *call
}

func (b *callBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if err == io.EOF {
		b.call.end(b.call.status, nil)
	} else if err != nil {
		b.call.end(b.call.status, err)
	}
	return n, err
}

func (b *callBody) Close() error {
	defer b.call.end(b.call.status, nil)
	return b.ReadCloser.Close()
}

var errPanicInTransport = typedError{errors.New("the transport has panicked"), "panic"}

// callError returns what the failure of a request is called; nil where whoever made it has given it up.
func callError(err error) error {
	var (
		dns       *net.DNSError
		timeout   net.Error
		handshake *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		connect   *net.OpError
	)
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return nil
	case errors.As(err, &timeout) && timeout.Timeout():
		return typedError{err, "timeout"}
	case errors.As(err, &dns):
		return typedError{err, "dns"}
	case errors.As(err, &handshake) || errors.As(err, &record) || errors.As(err, &alert):
		return typedError{err, "tls"}
	case errors.As(err, &connect) && connect.Op == "dial":
		return typedError{err, "connect"}
	}
	if _, ok := err.(typedError); ok {
		return err
	}
	return typedError{err, "_OTHER"}
}

// observeHandshakes has observe told of the handshakes that a request is the reason of.
func observeHandshakes(ctx context.Context, span *Span, observe func(any)) context.Context {
	var mutex sync.Mutex
	var begin time.Time
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeStart: func() {
			mutex.Lock()
			defer mutex.Unlock()
			begin = time.Now()
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			mutex.Lock()
			defer mutex.Unlock()
			observe(&TLSSpan{
				Context: span.Context(), ServerName: state.ServerName, Version: state.Version,
				CipherSuite: state.CipherSuite, Resumed: state.DidResume,
				Start: begin, Duration: time.Since(begin), Err: err,
			})
		},
	})
}
