package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"runtime/debug"
	"runtime/trace"
	"strings"
	"sync"
	"time"

	"example.com/go-flight/flight"
)

// A journal writes down each span, region and log, one JSON object a line, so that a test can tell whether a backend has
// them all. An ordinary program has no such thing.
type journal struct {
	mutex sync.Mutex
	file  *os.File
}

// An entry says what was done, in which span, and when, in nanoseconds since 1970.
type entry struct {
	Kind    string `json:"kind"` // server, client, span, region, log, collection or recorded
	Name    string `json:"name"`
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"` // of the span, or of the one that the region or log is in
	Parent  string `json:"parent,omitempty"`
	Start   int64  `json:"start"`
	End     int64  `json:"end"`
}

func openJournal(name string) (*journal, error) {
	if name == "" {
		return &journal{}, nil
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	return &journal{file: file}, err
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

func (j *journal) write(kind, name string, own flight.SpanContext, parent string, start time.Time) {
	j.add(entry{
		Kind: kind, Name: name,
		TraceID: own.TraceID.String(), SpanID: own.SpanID.String(), Parent: parent,
		Start: start.UnixNano(), End: time.Now().UnixNano(),
	})
}

func (j *journal) add(e entry) {
	if j.file == nil {
		return
	}
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // an entry is nothing but texts and numbers
	}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		panic(err) // a test without its truth is worth nothing
	}
}

// handler writes down the span that flight.Handler has opened.
func (j *journal) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		own, _ := flight.FromContext(r.Context())
		parent := ""
		if remote, err := flight.ParseTraceparent(r.Header.Get("Traceparent")); err == nil {
			parent = remote.SpanID.String()
		}
		// The pattern is known when the request has been served.
		defer func() { j.write("server", nameOf(r), own, parent, start) }()
		next.ServeHTTP(w, r)
	})
}

// nameOf is what the span of a request that was served is called.
func nameOf(r *http.Request) string {
	_, route, found := strings.Cut(r.Pattern, "/")
	if !found {
		return r.Method
	}
	return r.Method + " /" + route
}

// A journalTransport writes down the span that flight.Transport has opened.
type journalTransport struct {
	base    http.RoundTripper
	journal *journal
}

func (t journalTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	own, _ := flight.FromContext(r.Context())
	defer t.journal.write("client", r.Method, own, "", time.Now())
	return t.base.RoundTrip(r)
}

func (j *journal) span(ctx context.Context, name string, do func(context.Context) error) error {
	parent, _ := flight.FromContext(ctx)
	ctx, span := flight.Start(ctx, name)
	defer span.End()
	defer j.write("span", name, span.Context(), parent.SpanID.String(), time.Now())
	return do(ctx)
}

func (j *journal) region(ctx context.Context, name string, do func()) {
	own, _ := flight.FromContext(ctx)
	defer j.write("region", name, own, "", time.Now())
	trace.WithRegion(ctx, name, do)
}

func (j *journal) log(ctx context.Context, category, message string) {
	own, _ := flight.FromContext(ctx)
	defer j.write("log", category, own, "", time.Now())
	trace.Log(ctx, category, message)
}

// collections writes down the garbage collections since start, each by the end of its last pause, and from when on these are
// all: the runtime remembers the latest few hundred.
func (j *journal) collections(start time.Time) {
	end := time.Now()
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	for _, pause := range stats.PauseEnd {
		j.add(entry{Kind: "collection", Start: pause.UnixNano(), End: pause.UnixNano()})
	}
	if n := len(stats.PauseEnd); n > 0 && int64(n) < stats.NumGC {
		start = stats.PauseEnd[n-1]
	}
	j.add(entry{Kind: "recorded", Start: start.UnixNano(), End: end.UnixNano()})
}
