package flight

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/trace"
	"testing"
)

// The cost of spans, while nothing records and while something does: go test -bench . -benchmem.

func benchmark(b *testing.B, do func()) {
	b.Run("off", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			do()
		}
	})
	b.Run("on", func(b *testing.B) {
		b.ReportAllocs()
		if err := trace.Start(io.Discard); err != nil {
			b.Fatal(err)
		}
		defer trace.Stop()
		for b.Loop() {
			do()
		}
	})
}

func BenchmarkStart(b *testing.B) {
	benchmark(b, func() {
		_, span := Start(background(), "work")
		span.End()
	})
}

// discard is a writer that keeps nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header          { return d.header }
func (discard) Write(body []byte) (int, error) { return len(body), nil }
func (discard) WriteHeader(int)                {}

func BenchmarkHandler(b *testing.B) {
	handler := Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	request := httptest.NewRequest("GET", "/orders/7", nil)
	writer := discard{http.Header{}}
	benchmark(b, func() { handler.ServeHTTP(writer, request) })
}

func BenchmarkTransport(b *testing.B) {
	transport := Transport{Base: answerWith(200, nil)}
	request := bareRequest(background())
	benchmark(b, func() { transport.RoundTrip(request) })
}
