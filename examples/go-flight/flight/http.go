package flight

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// HTTP says how requests that a server takes become spans. The zero value is ready to use.
type HTTP struct {
	// Route returns what http.route says of a request that has been served, one of few texts. Nil: what [SetRoute] said, else
	// the pattern of the [http.ServeMux] that has served it.
	Route func(*http.Request) string
	// Skip is asked which requests are no spans. Nil: all are.
	Skip func(*http.Request) bool
	// Untrusted says that requests come from strangers: the traces that they say they belong to are not looked at.
	Untrusted bool
	// Slow is what is done when a request takes long. Nil: nothing.
	Slow *Trigger
}

// A Trigger does something as soon as a request has taken a certain time, while it goes on.
type Trigger struct {
	// After is that time. What is meant to take long does not count: event streams, connections that were taken over, and
	// everything below /debug/pprof/.
	After time.Duration
	// Fire is what is done, such as [Recorder.Trigger].
	Fire func(reason string) bool
}

// Handler opens a span for each request that next serves, as [HTTP.Handler] does.
func Handler(next http.Handler) http.Handler { return HTTP{}.Handler(next) }

// Handler opens a span of kind [KindServer] for each request that next serves. It belongs to the span of the client that made
// the request, if the request says so. A handler within another one makes no second span.
func (h HTTP) Handler(next http.Handler) http.Handler {
	mux, _ := next.(*http.ServeMux)
	return &server{HTTP: h, next: next, mux: mux, code: codeOf(next)}
}

type server struct {
	HTTP
	next http.Handler
	// mux is next, if it is one.
	mux *http.ServeMux
	// code is where next is in the source.
	code []slog.Attr
	// endpoints are those that were asked for, each with what its requests have in common.
	endpoints sync.Map
	count     atomic.Int32
}

// mostEndpoints is of how many endpoints it is remembered what their requests have in common.
const mostEndpoints = 1000

// An endpointKey tells endpoints apart.
type endpointKey struct{ method, route, pattern string }

// An endpoint is a method of a route.
type endpoint struct{ name, message string }

// A request is one that is being served.
type request struct {
	span  *Span
	route atomic.Pointer[string]
	// arrived is the context that it came with, whether it is believed or not.
	arrived SpanContext
}

type requestKey struct{}

// SetRoute says which route the request that is being served under ctx has, for routers that [http.Request] does not know
// of: one of few texts, such as "/orders/{id}".
func SetRoute(ctx context.Context, route string) {
	if served, ok := ctx.Value(requestKey{}).(*request); ok {
		served.route.Store(&route)
	}
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if s.Skip != nil && s.Skip(r) || isServed(ctx) {
		s.next.ServeHTTP(w, r)
		return
	}
	if !s.Untrusted {
		ctx = Extract(ctx, r.Header)
	}
	var span *Span
	observe := observed()
	if CurrentFilter().Has(FilterHTTP) && (isRecording() || observe != nil) {
		ctx, span = start(ctx, KindServer, methodOf(r))
	}
	slow := s.watch(r)
	arrived, _ := fromHeader(r.Header)
	if span == nil && slow == nil {
		if s.Untrusted && arrived.IsValid() || isRefused(ctx) {
			ctx = context.WithValue(ctx, requestKey{}, &request{arrived: arrived})
		}
		if ctx != r.Context() {
			r = r.WithContext(ctx)
		}
		s.next.ServeHTTP(w, r)
		return
	}
	served := &request{span: span, arrived: arrived}
	inner := r.WithContext(context.WithValue(ctx, requestKey{}, served))
	answer := &answer{ResponseWriter: w, slow: slow}
	hasReturned := false
	defer func() {
		slow.stop()
		panicked := recover()
		// The server looks for these in the request that it has made.
		r.MultipartForm, r.Pattern = inner.MultipartForm, inner.Pattern
		status := answer.finalStatus(hasReturned)
		switch {
		case panicked == http.ErrAbortHandler:
			// It is how a handler gives up an answer whose client has gone or that it cannot complete: no bug of its own.
			status = answer.status
		case !hasReturned:
			span.Fail(errPanic)
		case status >= 500:
			span.Fail(statusError(status))
		}
		s.conclude(span, served, inner, status, observe)
		if panicked != nil {
			panic(panicked)
		}
	}()
	s.next.ServeHTTP(answer.shaped(), inner)
	hasReturned = true
}

// isServed reports whether the request is a span already, or the sampler did not want it. One that was made in the course of serving another is not.
func isServed(ctx context.Context) bool {
	served, ok := ctx.Value(requestKey{}).(*request)
	if !ok {
		return false
	}
	if served.span == nil {
		return isRefused(ctx)
	}
	span, _ := innermost(ctx)
	return span == nil || span.kind != KindClient
}

func (s *server) conclude(span *Span, served *request, r *http.Request, status int, observe func(any)) {
	if span == nil {
		return
	}
	route := s.routeOf(served, r)
	endpoint := s.endpointOf(methodOf(r), route, r)
	span.describe(endpoint.name, endpoint.message)
	span.Set(slog.String("url.path", r.URL.EscapedPath()))
	if status > 0 {
		span.Set(slog.Int("http.response.status_code", status))
	}
	span.End()
	if observe != nil {
		observe(&HTTPSpan{
			Context: span.Context(), Parent: span.remote, Kind: KindServer,
			Method: r.Method, URL: r.URL.EscapedPath(), Route: route, StatusCode: status,
			Start: span.start, Duration: time.Since(span.start), Err: span.failure,
		})
	}
}

// endpointOf returns what the request has in common with others.
func (s *server) endpointOf(method, route string, r *http.Request) *endpoint {
	key := endpointKey{method, route, r.Pattern}
	if known, ok := s.endpoints.Load(key); ok {
		return known.(*endpoint)
	}
	made := &endpoint{name: method}
	attributes := []slog.Attr{slog.String("http.request.method", conventional(method))}
	if route != "" {
		made.name += " " + route
		attributes = append(attributes, slog.String("http.route", route))
	}
	made.message = messageOf(made.name, append(attributes, s.codeOf(r)...))
	if s.count.Add(1) <= mostEndpoints {
		s.endpoints.Store(key, made)
	}
	return made
}

func (s *server) routeOf(served *request, r *http.Request) string {
	if s.Route != nil {
		return s.Route(r)
	}
	if route := served.route.Load(); route != nil {
		return *route
	}
	return routeOfPattern(r.Pattern)
}

// routeOfPattern returns the path of a pattern of [http.ServeMux]: "GET example.com/a/{b}" is /a/{b}.
func routeOfPattern(pattern string) string {
	if at := strings.IndexByte(pattern, '/'); at >= 0 {
		return pattern[at:]
	}
	return ""
}

// codeOf returns where in the source the handler of a request is.
func (s *server) codeOf(r *http.Request) []slog.Attr {
	if r.Pattern == "" {
		return s.code
	}
	if s.mux == nil {
		// Some mux further in knows whose the pattern is.
		return nil
	}
	handler, _ := s.mux.Handler(r)
	return codeOf(handler)
}

// codeOf returns where in the source a handler is, as far as it is a function or has methods of its own.
func codeOf(handler http.Handler) []slog.Attr {
	value := reflect.ValueOf(handler)
	if !value.IsValid() {
		return nil
	}
	pc := uintptr(0)
	if value.Kind() == reflect.Func {
		pc = value.Pointer()
	} else if method, ok := value.Type().MethodByName("ServeHTTP"); ok {
		pc = method.Func.Pointer()
	}
	function := runtime.FuncForPC(pc)
	if function == nil {
		return nil
	}
	file, line := function.FileLine(pc)
	return []slog.Attr{
		slog.String("code.function.name", function.Name()), slog.String("code.file.path", file), slog.Int("code.line.number", line),
	}
}

// methodOf returns a name that nobody outside can choose: each name stays in the trace.
func methodOf(r *http.Request) string { return methodName(r.Method) }

func methodName(method string) string {
	switch method {
	case "":
		return http.MethodGet
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return unknownMethod
}

const unknownMethod = "HTTP"

// conventional returns what http.request.method says where methodOf says so.
func conventional(method string) string {
	if method == unknownMethod {
		return "_OTHER"
	}
	return method
}

// A typedError is a failure by its name in error.type.
type typedError struct {
	error
	name string
}

func (e typedError) errorType() string { return e.name }
func (e typedError) Unwrap() error     { return e.error }

var errPanic = typedError{errors.New("the handler has panicked"), "panic"}

// A statusError is a status that is a failure. It needs no description: the number says it.
type statusError int

func (e statusError) Error() string {
	return "status " + strconv.Itoa(int(e)) + " " + http.StatusText(int(e))
}

func (e statusError) errorType() string { return strconv.Itoa(int(e)) }

// A watch is a request that may become slow. Nil is one that may take as long as it likes.
type watch struct{ timer *time.Timer }

func (s *server) watch(r *http.Request) *watch {
	if s.Slow == nil || s.Slow.Fire == nil || isMeantToLast(r) {
		return nil
	}
	return &watch{time.AfterFunc(s.Slow.After, func() { s.Slow.Fire("slow request") })}
}

func (w *watch) stop() {
	if w != nil {
		w.timer.Stop()
	}
}

func isMeantToLast(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/debug/pprof/") || isEventStream(r.Header.Get("Accept")) ||
		r.Header.Get("Upgrade") != ""
}

func isEventStream(mediaType string) bool { return strings.HasPrefix(mediaType, "text/event-stream") }
