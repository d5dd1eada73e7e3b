package flight

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
)

func TestLogsAreOnSpans(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(LogHandler(slog.NewJSONHandler(&out, nil))).With("service", "orders").WithGroup("order")
	var own SpanContext
	recording := string(recorded(t, func() {
		ctx, span := Start(background(), "work")
		defer span.End()
		own = span.Context()
		logger.InfoContext(ctx, "accepted", "id", 7, slog.Group("by", "name", "Jane Doe"))
		logger.DebugContext(ctx, "nobody wants this")
	}))
	if want := `accepted service=orders order.id=7 order.by.name="Jane Doe"`; !strings.Contains(recording, want) {
		t.Errorf("%s is not in the trace", want)
	}
	if !strings.Contains(recording, "INFO") || strings.Contains(recording, "nobody") {
		t.Error("the level is missing, or what nobody wants is there")
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	mustBe(t, "trace_id", line["trace_id"], own.TraceID)
	mustBe(t, "span_id", line["span_id"], own.SpanID)
	mustBe(t, "order", line["order"].(map[string]any)["id"], 7)
}

// What comes out is what comes out without it.
func TestLogsGoOn(t *testing.T) {
	var out bytes.Buffer
	err := slogtest.TestHandler(LogHandler(slog.NewJSONHandler(&out, nil)), func() (lines []map[string]any) {
		for line := range strings.Lines(out.String()) {
			var parsed map[string]any
			if err := json.Unmarshal([]byte(line), &parsed); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, parsed)
		}
		return lines
	})
	if err != nil {
		t.Error(err)
	}
}
