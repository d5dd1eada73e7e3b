package flight

import (
	"bufio"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRequestsMakeOneTrace(t *testing.T) {
	recorded(t, func() {
		var server SpanContext
		var came string
		service := httptest.NewServer(Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			server, _ = FromContext(r.Context())
			came = r.Header.Get("Traceparent")
			io.WriteString(w, "done")
		})))
		defer service.Close()

		ctx, span := Start(background(), "outer")
		defer span.End()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, service.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := (&http.Client{Transport: Transport{}}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		client, outer := parsed(t, came), span.Context()
		if client.TraceID != outer.TraceID || server.TraceID != outer.TraceID {
			t.Errorf("outer %s, client %s, server %s: not one trace", outer, client, server)
		}
		if client.SpanID == outer.SpanID || server.SpanID == client.SpanID {
			t.Errorf("outer %s, client %s, server %s: not three spans", outer, client, server)
		}
		if len(request.Header) > 0 {
			t.Error("the caller's request was changed")
		}
	})
}

func serve(handler http.Handler, request *http.Request) (response *httptest.ResponseRecorder) {
	response = httptest.NewRecorder()
	defer func() { recover() }()
	handler.ServeHTTP(response, request)
	return response
}

// Fault 11: requests had no kind, method, route, status, error or place in the source.
func TestARequestIsToldOf(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", fail)
	request := httptest.NewRequest("POST", "/orders/7?password=x", nil)
	request.Header.Set("Traceparent", valid)
	objects := said(t, recorded(t, func() { serve(Handler(mux), request) }))
	mustBe(t, "parent", field(objects, "parent"), "0123456789abcdef")
	for key, want := range map[string]any{
		"name": "POST /orders/{id}", "kind": "server", "status": "error", "message": nil,
	} {
		mustBe(t, key, field(objects, key), want)
	}
	for key, want := range map[string]any{
		"http.request.method": "POST", "http.route": "/orders/{id}", "http.response.status_code": 502,
		"url.path": "/orders/7", "error.type": "502", "code.function.name": "example.com/go-flight/flight.fail",
	} {
		mustBe(t, key, attribute(objects, key), want)
	}
}

func fail(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }

func TestStatuses(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    int
	}{
		"none":            {func(http.ResponseWriter, *http.Request) {}, 200},
		"written":         {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a") }, 200},
		"flushed":         {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, 200},
		"early hints":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }, 404},
		"the first":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.WriteHeader(200) }, 404},
		"panic":           {func(http.ResponseWriter, *http.Request) { panic("x") }, 500},
		"panic after 201": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); panic("x") }, 201},
	} {
		objects := said(t, recorded(t, func() { serve(Handler(c.handler), httptest.NewRequest("GET", "/", nil)) }))
		mustBe(t, name, attribute(objects, "http.response.status_code"), c.want)
		if strings.HasPrefix(name, "panic") {
			mustBe(t, name, attribute(objects, "error.type"), "panic")
		}
	}
}

func TestRoutes(t *testing.T) {
	router := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { SetRoute(r.Context(), "/said/{id}") })
	for want, handler := range map[string]http.Handler{
		"/said/{id}": Handler(router),
		"/asked":     HTTP{Route: func(*http.Request) string { return "/asked" }}.Handler(router),
	} {
		objects := said(t, recorded(t, func() { serve(handler, httptest.NewRequest("BREW", "/said/7", nil)) }))
		mustBe(t, "name", field(objects, "name"), "HTTP "+want)
		mustBe(t, "http.route", attribute(objects, "http.route"), want)
		mustBe(t, "http.request.method", attribute(objects, "http.request.method"), "_OTHER")
	}
}

// Fault 7: a handler within a handler made two traces.
func TestAHandlerInAHandlerMakesOneSpan(t *testing.T) {
	var contexts []SpanContext
	see := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c, _ := FromContext(r.Context())
		contexts = append(contexts, c)
	})
	inner := Handler(see)
	both := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		see(w, r)
		inner.ServeHTTP(w, r)
	})
	request := httptest.NewRequest("GET", "/", nil)
	request.Header.Set("Traceparent", valid)
	recorded(t, func() { serve(Handler(both), request) })
	if len(contexts) != 2 || contexts[0] != contexts[1] || contexts[0].TraceID != parsed(t, valid).TraceID {
		t.Errorf("the spans are %v", contexts)
	}
}

func TestStrangersAreNotBelieved(t *testing.T) {
	request := httptest.NewRequest("GET", "/", nil)
	request.Header.Set("Traceparent", valid)
	recorded(t, func() {
		serve(HTTP{Untrusted: true}.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if c, _ := FromContext(r.Context()); c.TraceID == parsed(t, valid).TraceID || !c.IsSampled() {
				t.Errorf("a stranger's trace goes on as %s", c)
			}
		})), request)
	})
}

// Fault 9: files of a form were left behind.
func TestFilesOfFormsAreRemoved(t *testing.T) {
	var name string
	service := httptest.NewServer(Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("file")
		if err != nil {
			t.Error(err)
			return
		}
		defer file.Close()
		name = file.(*os.File).Name()
	})))
	var body strings.Builder
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "a")
	if err != nil {
		t.Fatal(err)
	}
	// More than the server keeps in memory.
	io.Copy(part, io.LimitReader(zeros{}, 33<<20+10<<20))
	form.Close()
	recorded(t, func() {
		response, err := http.Post(service.URL, form.FormDataContentType(), strings.NewReader(body.String()))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	})
	// All requests are over then.
	service.Close()
	if _, err := os.Stat(name); name == "" || !os.IsNotExist(err) {
		os.Remove(name)
		t.Errorf("%q is still there: %v", name, err)
	}
}

type zeros struct{}

func (zeros) Read(into []byte) (int, error) { return len(into), nil }

// What a writer can do it can do behind the handler, too.
func TestWritersKeepTheirShapes(t *testing.T) {
	seen := make(chan string, 1)
	handler := Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shape := r.Proto
		if _, ok := w.(http.Flusher); ok {
			shape += " flushes"
		}
		if _, ok := w.(http.Hijacker); ok {
			shape += " hijacks"
		}
		if _, ok := w.(http.Pusher); ok {
			shape += " pushes"
		}
		if _, ok := w.(io.ReaderFrom); ok {
			shape += " reads"
		}
		if http.NewResponseController(w).SetWriteDeadline(time.Time{}) == nil {
			shape += " unwraps"
		}
		seen <- shape
	}))
	first := httptest.NewServer(handler)
	defer first.Close()
	second := httptest.NewUnstartedServer(handler)
	second.EnableHTTP2 = true
	second.StartTLS()
	defer second.Close()
	recorded(t, func() {
		for want, service := range map[string]*httptest.Server{
			"HTTP/1.1 flushes hijacks reads unwraps": first,
			"HTTP/2.0 flushes pushes unwraps":        second,
		} {
			response, err := service.Client().Get(service.URL)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			mustBe(t, "the shape", <-seen, want)
		}
	})
}

func TestAConnectionThatIsTakenOver(t *testing.T) {
	handler := Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		connection.Close()
	}))
	objects := said(t, recorded(t, func() {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		handler.ServeHTTP(&hijackable{httptest.NewRecorder(), ours}, httptest.NewRequest("GET", "/", nil))
	}))
	mustBe(t, "the status", attribute(objects, "http.response.status_code"), 101)
}

type hijackable struct {
	*httptest.ResponseRecorder
	connection net.Conn
}

func (h *hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.connection, nil, nil }

// Fault 4: requests that are meant to last were slow ones, and one that panicked was not.
func TestSlowRequestsFireWhileTheyGoOn(t *testing.T) {
	stream := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		w.WriteHeader(200)
		time.Sleep(time.Hour)
	}
	for name, c := range map[string]struct {
		path    string
		accept  string
		handler http.HandlerFunc
		want    int
	}{
		"slow":         {"/", "", func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second) }, 1},
		"just not":     {"/", "", func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second - 1) }, 0},
		"panics":       {"/", "", func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second); panic("x") }, 1},
		"a stream":     {"/", "", stream, 0},
		"wants stream": {"/", "text/event-stream", func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }, 0},
		"profile":      {"/debug/pprof/profile", "", func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			fired := make(chan time.Duration, 10)
			begin := time.Now()
			fire := func(string) bool {
				fired <- time.Since(begin)
				return true
			}
			request := httptest.NewRequest("GET", c.path, nil)
			request.Header.Set("Accept", c.accept)
			serve(HTTP{Slow: &Trigger{After: time.Second, Fire: fire}}.Handler(c.handler), request)
			synctest.Wait()
			if len(fired) != c.want {
				t.Errorf("%s: fired %d times", name, len(fired))
			}
			if len(fired) > 0 {
				mustBe(t, name, <-fired, time.Second)
			}
		})
	}
}

func TestSkippedRequestsAreNoSpans(t *testing.T) {
	skip := func(r *http.Request) bool { return r.URL.Path == "/healthz" }
	recording := recorded(t, func() {
		serve(HTTP{Skip: skip}.Handler(http.HandlerFunc(fail)), httptest.NewRequest("GET", "/healthz", nil))
	})
	if len(said(t, recording)) > 0 {
		t.Error("there is a span")
	}
}

// roundTripper is a function that makes requests.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerWith(status int, body io.ReadCloser) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: body, Request: r}, nil
	}
}

func bareRequest(ctx context.Context) *http.Request {
	return (&http.Request{Method: "GET", URL: httptest.NewRequest("GET", "https://u:p@example.com:8443/a?key=x#f", nil).URL}).WithContext(ctx)
}

// Fault 8: nil headers and bodies panicked.
func TestNilHeadersAndBodies(t *testing.T) {
	objects := said(t, recorded(t, func() {
		request := bareRequest(background())
		response, err := Transport{Base: answerWith(404, nil)}.RoundTrip(request)
		if err != nil || response.Request != request {
			t.Errorf("%v of %v, %v", response, request, err)
		}
		if request.Header != nil {
			t.Error("the caller's request was changed")
		}
	}))
	mustBe(t, "kind", field(objects, "kind"), "client")
	for key, want := range map[string]any{
		"http.request.method": "GET", "url.full": "https://example.com:8443/a", "server.address": "example.com",
		"server.port": 8443, "http.response.status_code": 404, "error.type": "404",
	} {
		mustBe(t, key, attribute(objects, key), want)
	}
}

// One log, at the end: nobody else has to know the span before.
func TestACallSaysWhatItIsOnce(t *testing.T) {
	objects := said(t, recorded(t, func() {
		ctx, span := Start(background(), "outer")
		defer span.End()
		Transport{Base: answerWith(200, nil)}.RoundTrip(bareRequest(ctx))
	}))
	// The outer span is told of too, as the call's trace is its.
	if len(objects) != 2 || objects[1]["traceparent"] == nil || objects[1]["kind"] != "client" {
		t.Errorf("%v", objects)
	}
}

// Fault 8: trailers that are set while the body is read got lost.
func TestARequestForNowhereIsAnError(t *testing.T) {
	recorded(t, func() {
		if _, err := (Transport{}).RoundTrip(&http.Request{}); err == nil {
			t.Error("it was answered")
		}
	})
}

func TestTrailersMayComeLate(t *testing.T) {
	request := bareRequest(background())
	request.Trailer = http.Header{"Sum": nil}
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		request.Trailer.Set("Sum", "7")
		mustBe(t, "the trailer", r.Trailer.Get("Sum"), "7")
		return nil, errors.New("enough")
	})
	recorded(t, func() { Transport{Base: base}.RoundTrip(request) })
}

// Fault 8: some spans never ended.
func TestEachCallEnds(t *testing.T) {
	body := func() io.ReadCloser { return io.NopCloser(strings.NewReader("body")) }
	for name, do := range map[string]func(*http.Client, *http.Request){
		"closed": func(client *http.Client, r *http.Request) {
			response, _ := client.Transport.(Transport).RoundTrip(r)
			response.Body.Close()
		},
		"read to its end": func(client *http.Client, r *http.Request) {
			response, _ := client.Transport.(Transport).RoundTrip(r)
			io.ReadAll(response.Body)
		},
		"panic": func(client *http.Client, r *http.Request) {
			defer func() { recover() }()
			Transport{Base: roundTripper(func(*http.Request) (*http.Response, error) { panic("x") })}.RoundTrip(r)
		},
		"error": func(client *http.Client, r *http.Request) {
			Transport{Base: roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("x") })}.RoundTrip(r)
		},
	} {
		ended := 0
		OnSpan(func(span any) {
			if span.(*HTTPSpan).Kind == KindClient {
				ended++
			}
		})
		do(&http.Client{Transport: Transport{Base: answerWith(200, body())}}, bareRequest(background()))
		OnSpan(nil)
		if ended != 1 {
			t.Errorf("%s: %d spans ended", name, ended)
		}
	}
}

func TestErrorsOfCalls(t *testing.T) {
	for want, err := range map[string]error{
		"dns":     &net.OpError{Op: "dial", Err: &net.DNSError{}},
		"connect": &net.OpError{Op: "dial", Err: errors.New("refused")},
		"timeout": context.DeadlineExceeded,
		"_OTHER":  errors.New("x"),
	} {
		mustBe(t, want, errorType(callError(err)), want)
	}
	if callError(context.Canceled) != nil {
		t.Error("who gives up has failed")
	}
}

// Fault 7: a context that an outer transport had set was written over instead of being the parent.
func TestAContextInTheHeaderIsTheParent(t *testing.T) {
	var sent http.Header
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = r.Header
		return nil, errors.New("enough")
	})
	request := bareRequest(background())
	request.Header = http.Header{"Traceparent": {valid}, "Tracestate": {"a=1"}}
	objects := said(t, recorded(t, func() { Transport{Base: base}.RoundTrip(request) }))
	own := parsed(t, sent.Get("Traceparent"))
	if outer := parsed(t, valid); own.TraceID != outer.TraceID || own.SpanID == outer.SpanID {
		t.Errorf("%s is sent in place of %s", own, outer)
	}
	mustBe(t, "Tracestate", sent.Get("Tracestate"), "a=1")
	mustBe(t, "parent", field(objects, "parent"), "0123456789abcdef")
}

// Fault 6: what nobody records is handed on as it came.
// A reverse proxy copies the header of the request that it serves.
func TestAProxysCallBelongsToItsRequest(t *testing.T) {
	for _, untrusted := range []bool{false, true} {
		for _, records := range []bool{false, true} {
			var sent http.Header
			proxy := &httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "backend"}) },
				Transport: Transport{Base: roundTripper(func(r *http.Request) (*http.Response, error) {
					sent = r.Header
					return answerWith(200, http.NoBody)(r)
				})},
			}
			var server SpanContext
			handler := HTTP{Untrusted: untrusted}.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				server, _ = FromContext(r.Context())
				proxy.ServeHTTP(w, r)
			}))
			request := httptest.NewRequest("GET", "/", nil)
			request.Header.Set("Traceparent", valid)
			request.Header.Set("Tracestate", "a=b")
			var objects []map[string]any
			if records {
				objects = said(t, recorded(t, func() { serve(handler, request) }))
			} else {
				serve(handler, request)
			}
			came := parsed(t, valid)
			got, ok := fromHeader(sent)
			switch {
			case !records && untrusted:
				mustBe(t, "a stranger's context", ok, false)
				mustBe(t, "a stranger's state", sent.Get("Tracestate"), "")
			case !records:
				mustBe(t, "the context", got.String(), valid)
			default:
				mustBe(t, "the trace", got.TraceID, server.TraceID)
				mustBe(t, "the trace is the stranger's", got.TraceID == came.TraceID, !untrusted)
				mustBe(t, "a parent elsewhere of the call", field(objectsOf(objects, got.SpanID), "parent"), nil)
			}
		}
	}
}

// objectsOf returns the objects that a span calls its own.
func objectsOf(objects []map[string]any, span SpanID) (own []map[string]any) {
	for _, object := range objects {
		if text, _ := object["traceparent"].(string); strings.Contains(text, span.String()) {
			own = append(own, object)
		}
	}
	return own
}

func TestAnAbortedAnswerIsNoBug(t *testing.T) {
	abort := Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		panic(http.ErrAbortHandler)
	}))
	objects := said(t, recorded(t, func() {
		defer func() { mustBe(t, "what the server gets to see", recover(), any(http.ErrAbortHandler)) }()
		abort.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}))
	mustBe(t, "status", field(objects, "status"), nil)
	mustBe(t, "status code", attribute(objects, "http.response.status_code"), float64(http.StatusAccepted))
}

// flushFails is a writer whose client has gone.
type flushFails struct{ http.ResponseWriter }

var errGone = errors.New("gone")

func (flushFails) Flush()            {}
func (flushFails) FlushError() error { return errGone }

func TestWhatFlushingFailsOfIsTold(t *testing.T) {
	handler := Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mustBe(t, "error", http.NewResponseController(w).Flush(), errGone)
	}))
	recorded(t, func() {
		handler.ServeHTTP(flushFails{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil))
	})
}

func TestWhileNothingRecordsContextsPassThrough(t *testing.T) {
	var sent http.Header
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = r.Header
		return nil, errors.New("enough")
	})
	handler := Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		Transport{Base: base}.RoundTrip(bareRequest(r.Context()))
	}))
	request := httptest.NewRequest("GET", "/", nil)
	request.Header.Set("Traceparent", valid)
	serve(handler, request)
	mustBe(t, "Traceparent", sent.Get("Traceparent"), valid)
	OnSpan(func(any) {})
	serve(handler, request)
	OnSpan(nil)
	mustBe(t, "Traceparent of what is only observed", sent.Get("Traceparent"), valid)
	serve(handler, httptest.NewRequest("GET", "/", nil))
	if len(sent) > 0 {
		t.Errorf("%v is sent", sent)
	}
}

// Fault 8: connections could not be closed.
func TestIdleConnectionsAreClosed(t *testing.T) {
	base := &closing{}
	(&http.Client{Transport: Transport{Base: base}}).CloseIdleConnections()
	if !base.closed {
		t.Error("nobody told the base")
	}
}

type closing struct {
	http.RoundTripper
	closed bool
}

func (c *closing) CloseIdleConnections() { c.closed = true }

func TestSpansAreObserved(t *testing.T) {
	var spans []any
	OnSpan(func(span any) { spans = append(spans, span) })
	defer OnSpan(nil)
	request := httptest.NewRequest("GET", "/a?b=c", nil)
	request.Header.Set("Traceparent", valid)
	serve(Handler(http.HandlerFunc(fail)), request)
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	span := spans[0].(*HTTPSpan)
	if span.Kind != KindServer || span.URL != "/a" || span.StatusCode != 502 || span.Err == nil ||
		span.Parent.String() != valid || span.Context.TraceID != span.Parent.TraceID {
		t.Errorf("%+v", span)
	}
}
