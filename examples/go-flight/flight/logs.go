package flight

import (
	"context"
	"log/slog"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
)

// LogHandler returns a handler that puts each record on the span in its context, as an event named by its level, and hands it to
// next with the span's trace_id and span_id. What next does not want is on no span either.
//
//	slog.SetDefault(slog.New(flight.LogHandler(slog.NewJSONHandler(os.Stderr, nil))))
//	slog.InfoContext(ctx, "order accepted", "id", id)
func LogHandler(next slog.Handler) slog.Handler { return &logHandler{next: next, full: next} }

type logHandler struct {
	// next has the attributes that were added before a group was opened; full has the groups too.
	next, full slog.Handler
	// text is what was added by With, as text.
	text string
	// groups are those that were opened, and what was added in them: ids stand outside of all.
	groups []groupOrAttributes
	prefix string
}

// groupOrAttributes is one call of WithGroup, or of WithAttrs behind one.
type groupOrAttributes struct {
	group      string
	attributes []slog.Attr
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	if trace.IsEnabled() && CurrentFilter().Has(FilterCustom) {
		trace.Log(ctx, record.Level.String(), h.textOf(record))
	}
	own, ok := FromContext(ctx)
	if !ok {
		return h.full.Handle(ctx, record)
	}
	next := h.next.WithAttrs([]slog.Attr{slog.String("trace_id", own.TraceID.String()), slog.String("span_id", own.SpanID.String())})
	for _, step := range h.groups {
		if step.group != "" {
			next = next.WithGroup(step.group)
		} else {
			next = next.WithAttrs(step.attributes)
		}
	}
	return next.Handle(ctx, record)
}

func (h *logHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	if len(attributes) == 0 {
		return h
	}
	changed := *h
	changed.full = h.full.WithAttrs(attributes)
	if len(h.groups) == 0 {
		changed.next = changed.full
	} else {
		changed.groups = append(slices.Clip(h.groups), groupOrAttributes{attributes: attributes})
	}
	var text strings.Builder
	text.WriteString(h.text)
	for _, attribute := range attributes {
		writeAttribute(&text, h.prefix, attribute)
	}
	changed.text = text.String()
	return &changed
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	changed := *h
	changed.full = h.full.WithGroup(name)
	changed.groups = append(slices.Clip(h.groups), groupOrAttributes{group: name})
	changed.prefix = h.prefix + name + "."
	return &changed
}

// textOf returns a record as slog's TextHandler has it, without time, level and place.
func (h *logHandler) textOf(record slog.Record) string {
	var text strings.Builder
	text.WriteString(record.Message)
	text.WriteString(h.text)
	record.Attrs(func(attribute slog.Attr) bool {
		writeAttribute(&text, h.prefix, attribute)
		// The runtime cuts what is longer.
		return text.Len() < longestMessage
	})
	return text.String()
}

func writeAttribute(text *strings.Builder, prefix string, attribute slog.Attr) {
	value := attribute.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if attribute.Key != "" {
			prefix += attribute.Key + "."
		}
		for _, inner := range value.Group() {
			writeAttribute(text, prefix, inner)
		}
		return
	}
	if attribute.Key == "" {
		return
	}
	text.WriteByte(' ')
	text.WriteString(prefix)
	text.WriteString(attribute.Key)
	text.WriteByte('=')
	if plain := value.String(); strings.ContainsAny(plain, " \t\n\"=") || plain == "" {
		text.WriteString(strconv.Quote(plain))
	} else {
		text.WriteString(plain)
	}
}
