package otlp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/trace"
	"testing"
	"time"

	"example.com/go-flight/flight"
)

func TestSetExportEndpoint(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000") // on demand only
	here, there := newReceiver(t), newReceiver(t)
	ctx := context.WithoutCancel(t.Context())
	set := func(endpoint string) {
		t.Helper()
		if err := flight.SetExportEndpoint(endpoint); err != nil {
			t.Fatal(err)
		}
	}
	task := func(name string) {
		t.Helper()
		_, task := trace.NewTask(ctx, name)
		task.End()
		if err := Default().Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	set("") // there is none to end
	set(here.URL)
	first := Default()
	task("task-one")
	set(there.URL)
	if err := flight.SetExportEndpoint("ftp://nowhere"); err == nil {
		t.Error("an endpoint that is none is accepted")
	}
	task("task-two")
	if Default() != first {
		t.Error("to send elsewhere takes another exporter")
	}
	set("")
	if err := first.Flush(ctx); !errors.Is(err, ErrClosed) || trace.IsEnabled() {
		t.Errorf("without an endpoint: %v, recording %t", err, trace.IsEnabled())
	}
	set(here.URL)
	task("task-three")
	if err := Default().Shutdown(ctx); err != nil {
		t.Error(err)
	}
	for name, want := range map[string][2]int{"task-one": {1, 0}, "task-two": {0, 1}, "task-three": {1, 0}} {
		if got := [2]int{here.count(name), there.count(name)}; got != want {
			t.Errorf("%s came %v times, want %v", name, got, want)
		}
	}
}

// TestSetExportEndpointOfTheProgramsOwn has an exporter that the program has started itself: it is redirected and ended, and the
// next one after it.
func TestSetExportEndpointOfTheProgramsOwn(t *testing.T) {
	here, there := newReceiver(t), newReceiver(t)
	ctx := context.WithoutCancel(t.Context())
	for i := range 2 {
		e, err := Start(ctx, Options{Endpoint: here.URL, Interval: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if Default() != e {
			t.Error("it is not the default")
		}
		if err := flight.SetExportEndpoint(there.URL); err != nil {
			t.Fatal(err)
		}
		_, task := trace.NewTask(ctx, "some-task")
		task.End()
		if err := flight.SetExportEndpoint(""); err != nil {
			t.Fatal(err)
		}
		if trace.IsEnabled() || there.count("some-task") != i+1 || here.count("some-task") != 0 {
			t.Errorf("recording %t, %d came", trace.IsEnabled(), there.count("some-task"))
		}
	}
}

// TestOnlyAnExporterThatEndedIsReplaced has the program start others beside its default one.
func TestOnlyAnExporterThatEndedIsReplaced(t *testing.T) {
	idle := func() *Exporter { return startTest(t, Options{}, map[string]string{"OTEL_SDK_DISABLED": "true"}) }
	first, second := idle(), idle()
	SetDefault(first)
	defer SetDefault(nil)
	offerDefault(second)
	if Default() != first {
		t.Error("one that goes on is replaced")
	}
	if err := first.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	offerDefault(second)
	if Default() != second {
		t.Error("one that was shut down is still the default")
	}
}

// TestSetExportEndpointWhileItEnds has one call end the exporter while another one names a receiver: the last one counts.
func TestSetExportEndpointWhileItEnds(t *testing.T) {
	there := newReceiver(t)
	for range 3 {
		if err := flight.SetExportEndpoint(there.URL); err != nil {
			t.Fatal(err)
		}
		_, task := trace.NewTask(t.Context(), "some-task")
		task.End()
		first, ended := Default(), make(chan error)
		go func() { ended <- flight.SetExportEndpoint("") }()
		<-first.stop
		if err := errors.Join(flight.SetExportEndpoint(there.URL), <-ended); err != nil {
			t.Error(err)
		}
		if Default() == first || !trace.IsEnabled() {
			t.Error("nobody exports")
		}
		if err := flight.SetExportEndpoint(""); err != nil {
			t.Error(err)
		}
	}
}

// TestSetExportEndpointFromOneThatIsAway has receivers that would hold what is sent for longer than a test may take: one wants to
// be left alone, the other never answers.
func TestSetExportEndpointFromOneThatIsAway(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"busy": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) { leave(t, answer) })
	}
}

func leave(t *testing.T, answer http.HandlerFunc) {
	asked := make(chan struct{}, 10)
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or nobody sees that the client goes
		asked <- struct{}{}
		answer(w, r)
	}))
	defer away.Close()
	there := newReceiver(t)
	e := startTest(t, Options{Endpoint: away.URL, Timeout: time.Hour}, nil)
	SetDefault(e)
	_, task := trace.NewTask(t.Context(), "some-task")
	task.End()
	flushed := make(chan error)
	go func() { flushed <- e.Flush(t.Context()) }()
	<-asked
	if err := flight.SetExportEndpoint(there.URL); err != nil {
		t.Fatal(err)
	}
	if err := <-flushed; err != nil || there.count("some-task") != 1 {
		t.Errorf("%d came, %v", there.count("some-task"), err)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
