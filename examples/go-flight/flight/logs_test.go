package flight

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/slogtest"
)

func TestLogsAreOnSpans(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(LogHandler(slog.NewJSONHandler(&out, nil), LogOptions{})).With("service", "orders").WithGroup("order")
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
	err := slogtest.TestHandler(LogHandler(slog.NewJSONHandler(&out, nil), LogOptions{}), func() (lines []map[string]any) {
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

func TestAttributesAreReplaced(t *testing.T) {
	replace := func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case a.Key == "password" && slices.Equal(groups, []string{"user", "login"}):
			return slog.String(a.Key, "hidden")
		case a.Key == "token":
			return slog.Attr{}
		case a.Key == slog.MessageKey && len(groups) == 0:
			return slog.String(a.Key, strings.ReplaceAll(a.Value.String(), "Jane", "somebody"))
		}
		return a
	}
	logger := slog.New(LogHandler(slog.NewTextHandler(io.Discard, nil), LogOptions{ReplaceAttr: replace}))
	recording := string(recorded(t, func() {
		ctx, span := Start(background(), "work")
		defer span.End()
		logger := logger.With("token", "secret-one").WithGroup("user").With("id", 7)
		logger.InfoContext(ctx, "Jane logs in", "token", "secret-two",
			slog.Group("login", "password", "secret-three", slog.Group("", "password", "secret-four")))
	}))
	want := "somebody logs in user.id=7 user.login.password=hidden user.login.password=hidden"
	if !strings.Contains(recording, want) || strings.Contains(recording, "secret") || strings.Contains(recording, "Jane") {
		t.Errorf("%s is not in the trace, or a secret is", want)
	}
}
