package otlp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/go-flight/flight"
)

// A receiver keeps what is sent to it.
type receiver struct {
	*httptest.Server
	mutex    sync.Mutex
	received bytes.Buffer
	requests int
}

func newReceiver(t *testing.T) *receiver {
	r := new(receiver)
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.received.Write(body)
		r.requests++
	}))
	t.Cleanup(r.Close)
	return r
}

// count returns how often a text has come.
func (r *receiver) count(text string) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return bytes.Count(r.received.Bytes(), []byte(text))
}

// startTest starts an exporter that takes snapshots on demand only.
func startTest(t *testing.T, options Options, pairs map[string]string) *Exporter {
	t.Helper()
	options.Interval, options.MinAge = time.Hour, 2*time.Hour
	options.OnError = func(err error) { t.Log(err) }
	e, err := start(t.Context(), options, env(pairs))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestSpansAreSentOnce(t *testing.T) {
	for _, continuous := range []bool{false, true} {
		r := newReceiver(t)
		e := startTest(t, Options{Endpoint: r.URL, Continuous: continuous, Resource: map[string]string{"service.name": "unit"}}, nil)
		ctx := context.WithoutCancel(t.Context())
		_, first := trace.NewTask(ctx, "first-task")
		first.End()
		_, over := trace.NewTask(ctx, "over-task")
		if err := e.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if !continuous && r.count("first-task") != 1 || r.count("over-task") != 0 {
			t.Errorf("continuous %t: after a snapshot: %d first, %d over", continuous, r.count("first-task"), r.count("over-task"))
		}
		over.End()
		if err := e.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		_, last := trace.NewTask(ctx, "last-task")
		last.End()
		if err := e.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"first-task", "over-task", "last-task"} {
			if n := r.count(name); n != 1 {
				t.Errorf("continuous %t: %s was sent %d times", continuous, name, n)
			}
		}
		if r.count("unit") == 0 || r.count("otlp.export") != 0 {
			t.Errorf("continuous %t: no resource, or the exporter's own spans", continuous)
		}
		stats := e.Stats()
		if stats.Sent < 3 || stats.Sent != stats.Spans || stats.Dropped+stats.Failed+stats.Rejected != 0 || stats.QueueBytes != 0 {
			t.Errorf("continuous %t: %+v", continuous, stats)
		}
	}
}

// TestSendingIsNotSent sees to it that an idle program falls silent.
func TestSendingIsNotSent(t *testing.T) {
	for _, client := range []*http.Client{nil, {Transport: flight.Transport{Base: http.DefaultTransport.(*http.Transport).Clone()}}} {
		sendingIsNotSent(t, client)
	}
}

func sendingIsNotSent(t *testing.T, client *http.Client) {
	t.Helper()
	url, received := plainReceiver(t)
	e := startTest(t, Options{Endpoint: url, Client: client}, nil)
	ctx := context.WithoutCancel(t.Context())
	_, task := trace.NewTask(ctx, "some-task")
	task.End()
	for range 4 {
		if err := e.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if client != nil {
		client.CloseIdleConnections() // the receiver waits for it
	}
	all := received()
	if n := strings.Count(all, "http.request.method"); n != 0 || strings.Count(all, "some-task") != 1 {
		t.Errorf("%d spans of the exporter's own requests in %d bytes", n, len(all))
	}
}

// plainReceiver accepts everything, and is no server in the eyes of the trace of this process.
func plainReceiver(t *testing.T) (url string, received func() string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var bodies bytes.Buffer
	var connections sync.WaitGroup
	var mutex sync.Mutex
	serve := func(connection net.Conn) {
		defer connection.Close()
		reader := bufio.NewReader(connection)
		for {
			request, err := http.ReadRequest(reader)
			if err != nil {
				return // the client has gone
			}
			body, err := io.ReadAll(request.Body)
			if err != nil {
				t.Error(err)
			}
			mutex.Lock()
			bodies.Write(body)
			mutex.Unlock()
			io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}
	connections.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return // closed
			}
			connections.Go(func() { serve(connection) })
		}
	})
	return "http://" + listener.Addr().String(), func() string {
		listener.Close()
		connections.Wait()
		return bodies.String()
	}
}

func TestNothingIsLeftAfterShutdown(t *testing.T) {
	r := newReceiver(t)
	e := startTest(t, Options{Endpoint: r.URL}, nil)
	if err := e.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	var stacks strings.Builder
	pprof.Lookup("goroutine").WriteTo(&stacks, 2)
	if strings.Contains(stacks.String(), "otlp.(*Exporter)") || strings.Contains(stacks.String(), "otlp.(*sender)") {
		t.Errorf("goroutines of the exporter's:\n%s", &stacks)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Errorf("the second Shutdown: %v", err)
	}
	if err := e.Flush(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Flush after Shutdown: %v", err)
	}
	again := startTest(t, Options{Endpoint: r.URL}, nil)
	if err := again.Shutdown(t.Context()); err != nil {
		t.Errorf("another one: %v", err)
	}
}

// TestShutdownIsBounded has a receiver that never answers.
func TestShutdownIsBounded(t *testing.T) {
	asked := make(chan struct{}, 10)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or nobody sees that the client goes
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer silent.Close()
	e := startTest(t, Options{Endpoint: silent.URL, Timeout: time.Hour}, nil)
	_, task := trace.NewTask(t.Context(), "some-task")
	task.End()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if err := e.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	<-e.worked // it may still be at the last snapshot
	if stats := e.Stats(); stats.Dropped == 0 || stats.Dropped != stats.Spans {
		t.Errorf("what was not sent is not counted: %+v", stats)
	}
}

func TestDisabled(t *testing.T) {
	for _, pairs := range []map[string]string{
		{"OTEL_SDK_DISABLED": "true"},
		{"OTEL_TRACES_SAMPLER": "always_off"},
		{"OTEL_TRACES_EXPORTER": "none"},
	} {
		e := startTest(t, Options{}, pairs)
		if trace.IsEnabled() {
			t.Errorf("%v: something is recorded", pairs)
		}
		if err := errors.Join(e.Flush(t.Context()), e.Shutdown(t.Context())); err != nil {
			t.Errorf("%v: %v", pairs, err)
		}
	}
}

func TestEachOutageIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	e := &Exporter{options: Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	away := errors.New("the receiver is away")
	var sending outage
	for range 3 {
		e.report(&sending, away)
		e.recovered(&e.converting)
	}
	e.recovered(&sending)
	e.report(&sending, away)
	if n := strings.Count(log.String(), "away"); n != 2 {
		t.Errorf("two outages are logged %d times", n)
	}
}

// TestTheDefaultLoggerMayComeLater has a program that chooses its logger after the exporter has started.
func TestTheDefaultLoggerMayComeLater(t *testing.T) {
	defer log.SetFlags(log.Flags()) // slog.SetDefault changes them, too
	defer log.SetOutput(log.Writer())
	defer slog.SetDefault(slog.Default())
	e := startTest(t, Options{}, map[string]string{"OTEL_SDK_DISABLED": "true"})
	var said bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	e.report(new(outage), errors.New("the receiver is away"))
	if !strings.Contains(said.String(), `level=ERROR msg="the receiver is away"`) {
		t.Errorf("%s", &said)
	}
}

// TestErrorsAreToldOneAtATime has several senders fail.
func TestErrorsAreToldOneAtATime(t *testing.T) {
	var told, telling atomic.Int32
	e := &Exporter{options: Options{Logger: slog.New(slog.DiscardHandler), OnError: func(error) {
		if telling.Add(1) > 1 {
			t.Error("two errors at once")
		}
		for range 10 {
			runtime.Gosched() // others get their chance
		}
		telling.Add(-1)
		told.Add(1)
	}}}
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() { e.report(new(outage), errors.New("the receiver is away")) })
	}
	senders.Wait()
	if told.Load() != 8 {
		t.Errorf("told of %d errors", told.Load())
	}
}

// TestWarningsDoNotHoldStart has a callback that wants a lock which is held around Start.
func TestWarningsDoNotHoldStart(t *testing.T) {
	var mutex sync.Mutex
	var told []error
	mutex.Lock()
	e, err := start(t.Context(), Options{Endpoint: newReceiver(t).URL, OnError: func(err error) {
		mutex.Lock()
		defer mutex.Unlock()
		told = append(told, err)
	}}, env(map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "soon"}))
	mutex.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if len(told) == 0 || !strings.Contains(told[0].Error(), "OTEL_BSP_SCHEDULE_DELAY") {
		t.Errorf("told of %v", told)
	}
}

func TestDefaultTransportMayBeAnother(t *testing.T) {
	standard := http.DefaultTransport
	defer func() { http.DefaultTransport = standard }()
	http.DefaultTransport = failing{}
	if _, ok := newClient(nil, nil).Transport.(*http.Transport); !ok {
		t.Error("the exporter sends by the program's transport")
	}
}

func TestSecondExporterFails(t *testing.T) {
	r := newReceiver(t)
	e := startTest(t, Options{Endpoint: r.URL}, nil)
	if _, err := Start(t.Context(), Options{Endpoint: r.URL}); err == nil {
		t.Error("two exporters record")
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
