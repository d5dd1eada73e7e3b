package flight_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"example.com/go-flight/flight"
)

// A whole service: spans of its requests, and snapshots into a folder each five seconds and while a request is slow.
func Example() {
	recorder, err := flight.StartRecorder(flight.RecorderOptions{
		Interval: 5 * time.Second,
		Sinks:    []flight.Sink{flight.Dir(os.TempDir(), flight.DirOptions{Name: "orders"})},
		OnError:  func(err error) { log.Print(err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer recorder.Shutdown(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		ctx, span := flight.Start(r.Context(), "look up", slog.String("order.id", r.PathValue("id")))
		defer span.End()
		slog.InfoContext(ctx, "looking up")
	})
	server := &http.Server{Handler: flight.HTTP{
		Skip: func(r *http.Request) bool { return r.URL.Path == "/healthz" },
		Slow: &flight.Trigger{After: time.Second, Fire: recorder.Trigger},
	}.Handler(mux)}
	_ = server // server.ListenAndServe()
}

func ExampleTransport() {
	client := &http.Client{Transport: flight.Transport{}, Timeout: 10 * time.Second}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://example.com/", nil)
	if err != nil {
		log.Fatal(err)
	}
	_, _ = client, request // client.Do(request)
}

func ExampleStart() {
	charge := func(context.Context) error { return nil }
	ctx, span := flight.Start(context.Background(), "charge", slog.Int("items", 3))
	defer span.End()
	if err := charge(ctx); err != nil {
		span.Fail(err)
	}
}

// A queue hands the context of a span from one process to another.
func ExampleContextWithRemote() {
	sent := http.Header{}
	flight.Inject(flight.Extract(context.Background(), http.Header{
		"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
	}), sent)

	parent, err := flight.ParseTraceparent(sent.Get("Traceparent"))
	if err != nil {
		log.Fatal(err)
	}
	ctx, span := flight.StartKind(flight.ContextWithRemote(context.Background(), parent), flight.KindConsumer, "process orders")
	defer span.End()
	own, _ := flight.FromContext(ctx)
	fmt.Println(own.TraceID)
	// Output: 4bf92f3577b34da6a3ce929d0e0e4736
}

func ExampleWrapConnector() {
	var connector driver.Connector // of the driver: pq.NewConnector(…), mysql.NewConnector(…)
	if connector == nil {
		return
	}
	database := sql.OpenDB(flight.WrapConnector(connector, flight.SQLOptions{System: "postgresql", Database: "shop"}))
	defer database.Close()
}

func ExampleSetFilter() {
	flight.SetFilter(flight.FilterHTTP | flight.FilterSQL)
	defer flight.SetFilter(flight.FilterAll)
	fmt.Println(flight.CurrentFilter().Has(flight.FilterHTTP), flight.CurrentFilter().Has(flight.FilterCustom))
	// Output: true false
}

func ExampleOnSpan() {
	flight.OnSpan(func(span any) {
		switch span := span.(type) {
		case *flight.HTTPSpan:
			log.Print(span.Method, span.URL, span.StatusCode, span.Duration)
		case *flight.SQLSpan:
			log.Print(span.Query, span.Rows, span.Duration)
		case *flight.TLSSpan:
			log.Print(span.ServerName, span.Resumed, span.Duration)
		}
	})
	defer flight.OnSpan(nil)
}
