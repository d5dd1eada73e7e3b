package flight

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTraceparentParsesBack(t *testing.T) {
	for range 100 {
		c := newRoot()
		parsed, ok := ParseTraceparent([]string{c.String()})
		if !ok || parsed != c {
			t.Fatalf("%s parses to %v, %t", c, parsed, ok)
		}
	}
}

func TestParseTraceparent(t *testing.T) {
	const valid = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
	for header, want := range map[string]bool{
		valid:                      true,
		" " + valid + "\t":         true,
		valid + "-":                false,
		"01" + valid[2:] + "-more": true,
		"01" + valid[2:] + "more":  false,
		"ff" + valid[2:]:           false,
		"0g" + valid[2:]:           false,
		strings.ToUpper(valid):     false,
		valid[:54]:                 false,
		"":                         false,
		"00-00000000000000000000000000000000-0123456789abcdef-01": false,
		"00-0123456789abcdef0123456789abcdef-0000000000000000-01": false,
		"00-0123456789abcdef0123456789abcdef_0123456789abcdef-01": false,
	} {
		if _, ok := ParseTraceparent([]string{header}); ok != want {
			t.Errorf("ParseTraceparent(%q) = %t, want %t", header, ok, want)
		}
	}
	if _, ok := ParseTraceparent([]string{valid, valid}); ok {
		t.Error("two headers are taken for one")
	}
}

func TestRequestsMakeOneTrace(t *testing.T) {
	var server SpanContext
	var remote string
	handler := Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server, _ = FromContext(r.Context())
		remote = r.Header.Get("Traceparent")
		io.WriteString(w, "done")
	}))
	service := httptest.NewServer(handler)
	defer service.Close()

	ctx, span := Start(context.Background(), "outer")
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

	client, ok := ParseTraceparent([]string{remote})
	outer := span.Context()
	if !ok || client.TraceID != outer.TraceID || server.TraceID != outer.TraceID {
		t.Errorf("outer %s, client %s, server %s: not one trace", outer, client, server)
	}
	if client.SpanID == outer.SpanID || server.SpanID == client.SpanID {
		t.Errorf("outer %s, client %s, server %s: not three spans", outer, client, server)
	}
	if request.Header.Get("Traceparent") != "" {
		t.Error("the caller's request was changed")
	}
}

func TestRecorderWritesWholeFilesAndPushes(t *testing.T) {
	pushed := make(chan []byte, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(r.Body)
		pushed <- body
	}))
	defer receiver.Close()
	dir := t.TempDir()
	recorder, err := NewRecorder(Options{Dir: dir, URL: receiver.URL, Token: "token", Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	slow := recorder.Handler(time.Millisecond, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		time.Sleep(2 * time.Millisecond)
	}))
	slow.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	first := <-pushed
	if err := recorder.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := <-pushed
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 2 {
		t.Fatalf("files %v, want two snapshots and nothing else", files)
	}
	for i, want := range [][]byte{first, last} {
		if got, err := os.ReadFile(files[i]); err != nil || string(got) != string(want) {
			t.Errorf("%s (%d bytes, %v) is not what was pushed (%d bytes)", files[i], len(got), err, len(want))
		}
		if !strings.HasPrefix(string(want), "go 1.") {
			t.Errorf("a snapshot begins %q", want[:min(16, len(want))])
		}
	}
}

func TestRecorderRefusesToForget(t *testing.T) {
	if _, err := NewRecorder(Options{Interval: time.Minute, MinAge: time.Second}); err == nil {
		t.Error("an interval longer than the recorder's memory is accepted")
	}
}
