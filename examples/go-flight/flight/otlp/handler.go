package otlp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/trace"
	"strconv"
	"sync"
	"time"

	"example.com/go-flight/flight"
	"example.com/go-flight/internal/convert"
)

const (
	// maxSeconds bounds how long a request may trace.
	maxSeconds = 600
	// maxBody bounds what an answer keeps in memory.
	maxBody = 64 << 20
)

// Handler answers with the spans of the next seconds: a curl away from them, and no cost until then. It is meant to stand
// beside net/http/pprof:
//
//	http.Handle("GET /debug/pprof/otlp", otlp.Handler())
//
//	curl 'http://localhost:6060/debug/pprof/otlp?seconds=5'
//
// The parameter seconds says how long to trace, 1 unless given. The parameter format says how spans are written: json, the
// default, has one OTLP request in JSON on each line, as OpenTelemetry's file exporter writes them; protobuf is one request in
// OTLP's binary encoding, which can be posted to /v1/traces of a receiver as it is; text is for people: a line for each span,
// below the one that it is part of. Spans that are open at the end are marked as incomplete, the one of this very request among
// them.
//
// There is no page of them, whose code would make each program larger that sends its spans. trace-converter makes one of what
// /debug/pprof/trace gives.
//
// The runtime traces for one at a time: while /debug/pprof/trace or an [Exporter] with [Options.Continuous] does, it fails.
// The flight recorder does not matter.
func Handler() http.Handler { return http.HandlerFunc(serveSpans) }

func serveSpans(w http.ResponseWriter, r *http.Request) {
	duration, format, err := parameters(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", format.contentType)
	if r.Method == http.MethodHead {
		return // it wants no spans
	}
	prolong(w, r, duration)
	body := &body{format: format}
	converter, _, err := convert.New(convert.Options{
		Environ: environment(os.Getenv).resource(), JSON: format.json, Ratio: 1,
		Keep: flight.CurrentFilter().String(),
	}, body.add)
	if err == nil {
		err = record(r.Context(), converter, duration)
	}
	if err != nil {
		http.Error(w, "otlp: "+err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	if body.leftOut > 0 {
		header.Set("Otlp-Left-Out", fmt.Sprintf("%d spans beyond %d bytes", body.leftOut, maxBody))
	}
	body.write(w)
}

// prolong adds the time to trace to what the server gives to answers, if it bounds them. Where that cannot be set, its own holds.
func prolong(w http.ResponseWriter, r *http.Request, duration time.Duration) {
	server, isKnown := r.Context().Value(http.ServerContextKey).(*http.Server)
	if isKnown && server.WriteTimeout > 0 {
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(server.WriteTimeout + duration))
	}
}

// A format is how an answer is written.
type format struct {
	contentType string
	json        bool
	separator   string
	isTree      bool
}

var formats = map[string]format{
	"":         {contentType: "application/x-ndjson", json: true, separator: "\n"},
	"json":     {contentType: "application/x-ndjson", json: true, separator: "\n"},
	"text":     {contentType: "text/plain; charset=utf-8", json: true, isTree: true},
	"protobuf": {contentType: "application/x-protobuf"}, // requests one after the other are one request
}

func parameters(r *http.Request) (time.Duration, format, error) {
	query := r.URL.Query() // the body of a POST is of no concern
	seconds := 1.0
	if text := query.Get("seconds"); text != "" {
		var err error
		seconds, err = strconv.ParseFloat(text, 64)
		if err != nil || !(seconds > 0 && seconds <= maxSeconds) {
			return 0, format{}, fmt.Errorf("otlp: seconds has to be a number of up to %d", maxSeconds)
		}
	}
	format, known := formats[query.Get("format")]
	if !known {
		return 0, format, errors.New("otlp: format has to be json, protobuf or text")
	}
	return time.Duration(seconds * float64(time.Second)), format, nil
}

// record traces for some time, or until ctx is done.
func record(ctx context.Context, converter *convert.Converter, duration time.Duration) error {
	writer := &wholeWriter{converter: converter}
	if err := trace.Start(writer); err != nil {
		return err
	}
	select {
	case <-time.After(duration):
	case <-ctx.Done():
	}
	trace.Stop() // waits for the last Write
	if err := converter.EndTrace(); err != nil {
		return err
	}
	return converter.Finish()
}

// A wholeWriter takes everything, or the tracer would stop in silence: the converter keeps its error.
type wholeWriter struct{ converter *convert.Converter }

func (w *wholeWriter) Write(p []byte) (int, error) {
	w.converter.Write(p)
	return len(p), nil
}

// A body is an answer in the making.
type body struct {
	format  format
	mutex   sync.Mutex
	size    int
	bytes   bytes.Buffer
	tree    tree
	leftOut int
}

func (b *body) add(batch convert.Batch) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.size+len(batch.Bytes) > maxBody || b.format.isTree && b.tree.add(batch) != nil {
		b.leftOut += batch.Records
		return
	}
	b.size += len(batch.Bytes)
	if !b.format.isTree {
		b.bytes.Write(batch.Bytes)
		b.bytes.WriteString(b.format.separator)
	}
}

// write writes it; who does not want it has gone.
func (b *body) write(w io.Writer) {
	if !b.format.isTree {
		w.Write(b.bytes.Bytes())
		return
	}
	buffered := bufio.NewWriter(w)
	b.tree.write(buffered)
	if b.leftOut > 0 {
		fmt.Fprintf(buffered, "not all: %d spans are left out, beyond %d MiB\n", b.leftOut, maxBody>>20)
	}
	buffered.Flush()
}
