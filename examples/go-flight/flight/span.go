package flight

import (
	"context"
	"runtime/trace"
)

// A Span is a task in the execution trace that knows its W3C context.
type Span struct {
	task    *trace.Task
	context SpanContext
}

type spanKey struct{}

// Start opens a span, as the child of the one in ctx if there is one. The context it returns carries the span: regions
// and logs that are given it belong to the span. End the span when its work is done, on whichever goroutine.
func Start(ctx context.Context, name string) (context.Context, *Span) {
	if parent, ok := FromContext(ctx); ok {
		return start(ctx, name, parent.child(), nil)
	}
	return start(ctx, name, newRoot(), nil)
}

// start opens a span whose parent is in another process, unless remote is nil.
func start(ctx context.Context, name string, own SpanContext, remote *SpanContext) (context.Context, *Span) {
	ctx, task := trace.NewTask(ctx, name)
	if trace.IsEnabled() {
		trace.Log(ctx, "traceparent", own.String())
		if remote != nil {
			trace.Log(ctx, "traceparent.parent", remote.String())
		}
	}
	span := &Span{task: task, context: own}
	return context.WithValue(ctx, spanKey{}, span), span
}

// End ends the span.
func (s *Span) End() { s.task.End() }

// Context returns the span's W3C context.
func (s *Span) Context() SpanContext { return s.context }

// FromContext returns the W3C context of the span in ctx, and false if there is none.
func FromContext(ctx context.Context) (SpanContext, bool) {
	span, ok := ctx.Value(spanKey{}).(*Span)
	if !ok {
		return SpanContext{}, false
	}
	return span.context, true
}
