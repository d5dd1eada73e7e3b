package flight

import (
	"io"
	"net/http"
)

const header = "Traceparent"

// Handler opens a span for each request that next serves. It belongs to the span of the client that made the request,
// if the request says so.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, remote := newRoot(), (*SpanContext)(nil)
		if parent, ok := ParseTraceparent(r.Header.Values(header)); ok {
			own, remote = parent.child(), &parent
		}
		ctx, span := start(r.Context(), "server "+method(r), own, remote)
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Transport opens a span for each request, which lasts until the response's body is closed, and sends its context with
// the request.
type Transport struct {
	// Base makes the requests; [http.DefaultTransport] if it is nil.
	Base http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := Start(r.Context(), "client "+method(r))
	r = r.Clone(ctx) // a RoundTripper may not change its request
	r.Header.Set(header, span.context.String())
	response, err := t.base().RoundTrip(r)
	if err != nil {
		span.End()
		return nil, err
	}
	if body, ok := response.Body.(io.ReadWriteCloser); ok {
		// The connection of a switched protocol may be written to.
		response.Body = struct {
			io.Writer
			spanBody
		}{body, spanBody{body, span}}
	} else {
		response.Body = spanBody{response.Body, span}
	}
	return response, nil
}

func (t Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}

// spanBody ends a span when it is closed. A task may be ended twice: the trace counts the first.
type spanBody struct {
	io.ReadCloser
	span *Span
}

func (b spanBody) Close() error {
	defer b.span.End()
	return b.ReadCloser.Close()
}

// method returns a name that nobody outside can choose: each name stays in the trace.
func method(r *http.Request) string {
	switch r.Method {
	case "":
		return http.MethodGet
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return r.Method
	}
	return "HTTP"
}
