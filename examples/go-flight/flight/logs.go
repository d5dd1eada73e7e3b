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
//	slog.SetDefault(slog.New(flight.LogHandler(slog.NewJSONHandler(os.Stderr, nil), flight.LogOptions{})))
//	slog.InfoContext(ctx, "order accepted", "id", id)
func LogHandler(next slog.Handler, options LogOptions) slog.Handler {
	return &logHandler{next: next, full: next, replace: options.ReplaceAttr}
}

// LogOptions say what of records is on spans.
type LogOptions struct {
	// ReplaceAttr is what it is of [slog.HandlerOptions], for the message and all attributes that are written on spans: the next
	// handler's does not count there. Who takes secrets out of logs by it gives it to both.
	ReplaceAttr func(groups []string, a slog.Attr) slog.Attr
}

type logHandler struct {
	// next has the attributes that were added before a group was opened; full has the groups too.
	next, full slog.Handler
	// text is what was added by With, as text.
	text string
	// groups are those that were opened, and what was added in them: ids stand outside of all.
	groups []groupOrAttributes
	// open are the names of groups.
	open    []string
	replace func([]string, slog.Attr) slog.Attr
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
		h.write(&text, h.open, attribute)
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
	changed.open = append(slices.Clip(h.open), name)
	return &changed
}

// textOf returns a record as slog's TextHandler has it, without time, level and place.
func (h *logHandler) textOf(record slog.Record) string {
	var text strings.Builder
	message := h.replaced(nil, slog.String(slog.MessageKey, record.Message))
	text.WriteString(message.Value.String())
	text.WriteString(h.text)
	record.Attrs(func(attribute slog.Attr) bool {
		h.write(&text, h.open, attribute)
		// The runtime cuts what is longer.
		return text.Len() < longestMessage
	})
	return text.String()
}

// replaced returns an attribute as it is to be written, with its value.
func (h *logHandler) replaced(groups []string, attribute slog.Attr) slog.Attr {
	attribute.Value = attribute.Value.Resolve()
	if h.replace == nil || attribute.Value.Kind() == slog.KindGroup {
		return attribute
	}
	attribute = h.replace(groups, attribute)
	if attribute.Equal(slog.Attr{}) {
		return slog.String("", "") // left out, and not <nil>
	}
	attribute.Value = attribute.Value.Resolve()
	return attribute
}

func (h *logHandler) write(text *strings.Builder, groups []string, attribute slog.Attr) {
	attribute = h.replaced(groups, attribute)
	if attribute.Value.Kind() == slog.KindGroup {
		if attribute.Key != "" {
			groups = append(slices.Clip(groups), attribute.Key)
		}
		for _, inner := range attribute.Value.Group() {
			h.write(text, groups, inner)
		}
		return
	}
	if attribute.Key == "" {
		return
	}
	text.WriteByte(' ')
	for _, group := range groups {
		text.WriteString(group)
		text.WriteByte('.')
	}
	text.WriteString(attribute.Key)
	text.WriteByte('=')
	if plain := attribute.Value.String(); strings.ContainsAny(plain, " \t\n\"=") || plain == "" {
		text.WriteString(strconv.Quote(plain))
	} else {
		text.WriteString(plain)
	}
}
