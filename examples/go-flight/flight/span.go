package flight

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

// Kind says which side of a call a span is, as OpenTelemetry has it.
type Kind uint8

// The kinds.
const (
	KindInternal Kind = iota
	KindServer
	KindClient
	KindProducer
	KindConsumer
)

// String returns its name: "server".
func (k Kind) String() string {
	names := [...]string{"internal", "server", "client", "producer", "consumer"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[KindInternal]
}

// A Span is something that the program does for a while: a task in the execution trace of which more is said. Nil is a span
// too, of which nothing is recorded: every method may be called on it. All methods may be called by several goroutines at once.
type Span struct {
	// ctx carries the task, which is what logs are written to.
	ctx    context.Context
	task   *trace.Task
	parent *Span
	start  time.Time
	kind   Kind

	mutex sync.Mutex
	ended bool
	// own is its context, as far as anybody needs it: that of the first span of a trace for the sampler, of others once
	// somebody has asked.
	own SpanContext
	// remote is its parent in another process, if it has one.
	remote SpanContext
	// isKnown says that somebody else knows it by its own context, so that the trace has to.
	isKnown bool
	// said is when something was written by which a recording that has not seen it begin knows it.
	said      time.Time
	name      string
	isRenamed bool
	// alike is a message that many spans have in common: the trace holds it once.
	alike      string
	attributes []slog.Attr
	failure    error
	// failed is what failure says, asked when it came: it may be the program's code that answers.
	failed string
	// duration is how long it took, where that is not since its start.
	duration time.Duration
}

// spanContext is a context and the span that it carries, in one piece of memory.
type spanContext struct {
	context.Context
	span Span
}

func (c *spanContext) Value(key any) any {
	if key == (contextKey{}) {
		return &c.span
	}
	return c.Context.Value(key)
}

// forgettable is how old a span may be while its begin is sure to be in a recording that holds its end: recordings and
// snapshots go back a second or more. What is said of an older one is said again.
const forgettable = 500 * time.Millisecond

// Start opens a span of kind [KindInternal], as the child of the one in ctx if there is one. The context that it returns
// carries the span: regions and logs that are given it belong to it. End the span when its work is done, on whichever
// goroutine. The name is one of few, as each stays in the trace; what differs goes into attributes.
//
// The span is nil where nothing is recorded, or its trace is not sampled.
func Start(ctx context.Context, name string, attributes ...slog.Attr) (context.Context, *Span) {
	return startCustom(ctx, KindInternal, name, attributes)
}

// StartKind is [Start] for a span of another kind: what asks another process, or answers one.
func StartKind(ctx context.Context, kind Kind, name string, attributes ...slog.Attr) (context.Context, *Span) {
	return startCustom(ctx, kind, name, attributes)
}

func startCustom(ctx context.Context, kind Kind, name string, attributes []slog.Attr) (context.Context, *Span) {
	if !trace.IsEnabled() || !CurrentFilter().Has(FilterCustom) {
		return ctx, nil
	}
	ctx, span := start(ctx, kind, name)
	span.Set(attributes...)
	return ctx, span
}

// start opens a span if its trace is sampled. Something records, or wants to be told.
func start(ctx context.Context, kind Kind, name string) (context.Context, *Span) {
	parent, remoteParent := innermost(ctx)
	var own SpanContext
	if parent == nil {
		if isRefused(ctx) {
			return ctx, nil
		}
		own = newRoot(sampled)
		if remoteParent.IsValid() {
			own = remoteParent.child()
		}
		if !isSampled(Sampling{TraceID: own.TraceID, Parent: remoteParent, Kind: kind, Name: name}) {
			return unsampled(ctx, own, remoteParent), nil
		}
		own.Flags |= sampled
	}
	now := time.Now()
	parent.remind(now)
	carrier := &spanContext{Context: ctx, span: Span{
		parent: parent, start: now, kind: kind, name: name, own: own, remote: remoteParent,
	}}
	span := &carrier.span
	if trace.IsEnabled() {
		carrier.Context, span.task = trace.NewTask(ctx, name)
	}
	span.ctx = carrier.Context
	// Who answers is looked at while it does so, and who has a parent elsewhere is known there: that is said at once. Of
	// others it is said when somebody has asked.
	if kind == KindServer || kind == KindConsumer || remoteParent.IsValid() {
		span.Context()
	}
	return carrier, span
}

// unsampled returns a context that hands a trace on which nobody here records.
func unsampled(ctx context.Context, own, parent SpanContext) context.Context {
	if parent.IsValid() {
		own = parent
	}
	own.Flags &^= sampled
	return context.WithValue(ctx, contextKey{}, &remote{context: own, isRefused: true})
}

// isRecording reports whether something records what the program does.
func isRecording() bool { return trace.IsEnabled() }

// isRecorded reports whether what is said of the span gets into a trace.
func (s *Span) isRecorded() bool { return s.task != nil && trace.IsEnabled() }

// Context returns the span's own context, by which others may know it from now on. That of a nil span is not valid.
func (s *Span) Context() SpanContext {
	if s == nil {
		return SpanContext{}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.know()
	if s.said.IsZero() && !s.ended {
		s.tell(time.Now())
	}
	return s.own
}

// contextToBeSaid is [Span.Context] for who ends the span: what it is called is said then.
func (s *Span) contextToBeSaid() SpanContext {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.know()
	return s.own
}

// know makes the span's own context. The mutex is held.
func (s *Span) know() {
	if !s.own.IsValid() {
		s.own = s.parent.Context().child()
	}
	s.isKnown = true
}

// tell writes who the span is. The mutex is held.
func (s *Span) tell(now time.Time) {
	s.said = now
	if !s.isRecorded() {
		return
	}
	saying := newSaying()
	s.identify(saying)
	if s.kind != KindInternal {
		saying.field("kind", s.kind.String())
	}
	saying.end(s.ctx, ofTask)
}

// identify says which span it is, or within which one it is. The mutex is held.
func (s *Span) identify(saying *saying) {
	if s.isKnown {
		saying.context("traceparent", s.own)
		if s.remote.IsValid() {
			saying.field("parent", s.remote.SpanID.String())
		}
		return
	}
	for ancestor := s.parent; ancestor != nil; ancestor = ancestor.parent {
		if known, ok := ancestor.known(); ok {
			saying.context("within", known)
			return
		}
	}
}

// known returns the span's own context if anybody has asked for it.
func (s *Span) known() (SpanContext, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.own, s.isKnown
}

// remind says again who an old span is: what begins in it now may be in a recording that has not seen it begin.
func (s *Span) remind(now time.Time) {
	if s == nil || now.Sub(s.start) < forgettable {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended || now.Sub(s.said) < forgettable {
		return
	}
	if s.isKnown {
		s.tell(now)
		return
	}
	s.said = now
	if s.isRecorded() {
		saying := newSaying()
		s.identify(saying)
		saying.end(s.ctx, ofTask)
	}
}

// Set adds attributes, which are written when the span ends, in the place of those of the same keys. Keys of OpenTelemetry's
// semantic conventions mean what these say.
func (s *Span) Set(attributes ...slog.Attr) {
	if s == nil || len(attributes) == 0 {
		return
	}
	// The program's code answers for values of its own: not while the mutex is held, and not when they may have changed.
	attributes = settled(attributes)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if room := mostAttributes - len(s.attributes); !s.ended {
		s.attributes = append(s.attributes, attributes[:min(len(attributes), room)]...)
	}
}

// SetName gives the span another name, one of few.
func (s *Span) SetName(name string) {
	if s == nil {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.isRenamed = s.isRenamed || name != s.name
	s.name = name
}

// describe gives the span another name, and a message that says so and more. The message is one of few.
func (s *Span) describe(name, alike string) {
	if s == nil {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.name, s.alike = name, alike
}

// Fail says that what the span stands for has failed. The first error counts; nil is none.
func (s *Span) Fail(err error) {
	if s == nil || err == nil {
		return
	}
	failed := ""
	if _, isStatus := err.(statusError); !isStatus {
		failed = messageOfError(err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.failure == nil {
		s.failure, s.failed = err, failed
	}
}

// messageOfError returns what an error says, but for what of a URL may be a secret. A nil pointer that is an error says so.
func messageOfError(err error) (message string) {
	message = fmt.Sprint(err)
	defer func() { _ = recover() }() // of an Unwrap that does not expect that nil pointer
	var failure *url.Error
	if errors.As(err, &failure) && failure != nil && failure.URL != "" {
		message = strings.ReplaceAll(message, failure.URL, withoutSecrets(failure.URL))
	}
	return message
}

// lasted says how long the span took, of one that is over when it begins.
func (s *Span) lasted(duration time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.duration = duration
}

// End ends the span. Only the first call counts.
func (s *Span) End() {
	if s == nil {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	if s.isRecorded() {
		s.conclude(time.Now())
	}
	if s.task != nil {
		s.task.End()
	}
}

// conclude says what there is to be said of a span that ends. The mutex is held.
func (s *Span) conclude(now time.Time) {
	if s.alike != "" {
		trace.Log(s.ctx, ofTask, s.alike)
	}
	saying := newSaying()
	isOld := now.Sub(s.start) >= forgettable
	isNew := s.said.IsZero()
	if isOld && now.Sub(s.said) >= forgettable || isNew && s.isKnown {
		s.identify(saying)
	}
	if isOld && s.alike == "" || s.isRenamed {
		saying.field("name", s.name)
	}
	if s.kind != KindInternal && (isOld || isNew) {
		saying.field("kind", s.kind.String())
	}
	if s.duration > 0 {
		saying.number("lasted", s.duration.Nanoseconds())
	} else if isOld {
		saying.number("duration", now.Sub(s.start).Nanoseconds())
	}
	if s.failure != nil {
		saying.field("status", "error")
		if _, isStatus := s.failure.(statusError); !isStatus {
			saying.field("message", s.failed)
		}
		saying.attribute(s.ctx, ofTask, "error.type", slog.StringValue(errorType(s.failure)))
	}
	saying.attributes(s.ctx, ofTask, "", s.attributes)
	saying.end(s.ctx, ofTask)
}

// errorType returns what error.type says of an error: a name of few.
func errorType(err error) string {
	if typed, ok := err.(interface{ errorType() string }); ok {
		return typed.errorType()
	}
	return fmt.Sprintf("%T", err)
}
