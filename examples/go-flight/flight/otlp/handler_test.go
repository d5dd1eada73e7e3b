package otlp

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof"
	"regexp"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/go-flight/internal/convert"
)

// askHandler asks for spans, and has enough once there is a task.
func askHandler(t *testing.T, query string) *httptest.ResponseRecorder {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for !trace.IsEnabled() && ctx.Err() == nil {
			runtime.Gosched()
		}
		_, task := trace.NewTask(ctx, "some-task")
		task.End()
		cancel()
	}()
	answer := httptest.NewRecorder()
	Handler().ServeHTTP(answer, httptest.NewRequestWithContext(ctx, "GET", "/debug/pprof/otlp?seconds=600&"+query, nil))
	if answer.Code != 200 {
		t.Fatalf("%s: %d, %s", query, answer.Code, answer.Body)
	}
	if trace.IsEnabled() {
		t.Error("it still traces")
	}
	return answer
}

func TestHandlerGivesSpans(t *testing.T) {
	answer := askHandler(t, "")
	if contentType := answer.Header().Get("Content-Type"); contentType != "application/x-ndjson" {
		t.Error(contentType)
	}
	lines, tasks := bufio.NewScanner(answer.Body), 0
	lines.Buffer(nil, maxBody)
	for lines.Scan() {
		var request struct{ ResourceSpans []struct{ ScopeSpans []any } }
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil || len(request.ResourceSpans) == 0 {
			t.Errorf("a line is no request: %v", err)
		}
		tasks += strings.Count(lines.Text(), `"some-task"`)
	}
	if lines.Err() != nil || tasks != 1 {
		t.Errorf("%d tasks, %v", tasks, lines.Err())
	}
}

func TestHandlerGivesText(t *testing.T) {
	answer := askHandler(t, "format=text")
	line := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{6} +[\d.]+ (ns|µs|ms|s) task   some-task`)
	end := regexp.MustCompile(`(?m)^[1-9]\d* spans? in [1-9]\d* traces?\n\z`)
	if text := answer.Body.String(); len(line.FindAllString(text, -1)) != 1 || !end.MatchString(text) {
		t.Error(text)
	}
}

func TestTextSaysWhatIsLeftOut(t *testing.T) {
	for _, test := range []struct {
		size int
		want string
	}{
		{0, "0 spans in 0 traces\n"},
		{maxBody, "0 spans in 0 traces\nnot all: 3 spans are left out, beyond 64 MiB\n"},
	} {
		b := &body{format: formats["text"], size: test.size}
		b.add(convert.Batch{Bytes: []byte("{}"), Records: 3})
		var text strings.Builder
		b.write(&text)
		if text.String() != test.want {
			t.Errorf("%q", text.String())
		}
	}
}

func TestHandlerRefuses(t *testing.T) {
	for _, query := range []string{"seconds=x", "seconds=0", "seconds=-1", "seconds=NaN", "seconds=1e9", "format=xml"} {
		answer := httptest.NewRecorder()
		Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/debug/pprof/otlp?"+query, nil))
		if answer.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", query, answer.Code)
		}
	}
}

// TestHandlerProlongsWhatTheServerAllows has a server that bounds the time of answers, and one that does not.
func TestHandlerProlongsWhatTheServerAllows(t *testing.T) {
	for _, limit := range []time.Duration{0, time.Hour} {
		ctx := context.WithValue(t.Context(), http.ServerContextKey, &http.Server{WriteTimeout: limit})
		answer := &bounded{ResponseRecorder: httptest.NewRecorder()}
		begin := time.Now()
		Handler().ServeHTTP(answer, httptest.NewRequestWithContext(ctx, "GET", "/debug/pprof/otlp?seconds=0.001", nil))
		if answer.Code != http.StatusOK {
			t.Errorf("%v: %d, %s", limit, answer.Code, answer.Body)
		}
		if limit == 0 && !answer.deadline.IsZero() || limit > 0 && !answer.deadline.After(begin.Add(limit)) {
			t.Errorf("%v: until %v", limit, answer.deadline)
		}
	}
}

// Bounded keeps the deadline that is set.
type bounded struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (b *bounded) SetWriteDeadline(deadline time.Time) error {
	b.deadline = deadline
	return nil
}

func TestHandlerReadsTheQueryOnly(t *testing.T) {
	post := httptest.NewRequest("POST", "/debug/pprof/otlp?seconds=0.001", strings.NewReader("seconds=x"))
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	Handler().ServeHTTP(answer, post)
	if answer.Code != http.StatusOK {
		t.Errorf("POST: %d, %s", answer.Code, answer.Body)
	}
	answer = httptest.NewRecorder()
	Handler().ServeHTTP(answer, httptest.NewRequest("HEAD", "/debug/pprof/otlp?seconds=600", nil)) // at once
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "application/x-ndjson" || answer.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %v, %s", answer.Code, answer.Header(), answer.Body)
	}
}

// The mux of the process takes a pattern once, however often a test runs.
var handleBesidePprof = sync.OnceFunc(func() { http.Handle("GET /debug/pprof/otlp", Handler()) })

// TestHandlerStandsBesidePprof registers it as its documentation says: patterns that cross those of net/http/pprof panic.
func TestHandlerStandsBesidePprof(t *testing.T) {
	handleBesidePprof()
	for path, want := range map[string]int{"/debug/pprof/otlp?seconds=x": http.StatusBadRequest, "/debug/pprof/cmdline": http.StatusOK} {
		answer := httptest.NewRecorder()
		http.DefaultServeMux.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", path, answer.Code, want)
		}
	}
}
