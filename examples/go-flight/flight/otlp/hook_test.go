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
