package otlp

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/trace"
	"strings"
	"testing"
)

func TestHandlerGivesSpans(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for !trace.IsEnabled() && ctx.Err() == nil {
			runtime.Gosched()
		}
		_, task := trace.NewTask(ctx, "some-task")
		task.End()
		cancel() // the client has enough
	}()
	answer := httptest.NewRecorder()
	Handler().ServeHTTP(answer, httptest.NewRequestWithContext(ctx, "GET", "/debug/pprof/otlp?seconds=600", nil))
	if answer.Code != 200 || answer.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d, %v: %s", answer.Code, answer.Header(), answer.Body)
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
	if trace.IsEnabled() {
		t.Error("it still traces")
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
