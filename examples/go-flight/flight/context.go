package flight

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
)

// A TraceID is the id of a trace, all over the world. All zeros is none.
type TraceID [16]byte

// String returns it as 32 hexadecimal digits.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// A SpanID is the id of a span within its trace. All zeros is none.
type SpanID [8]byte

// String returns it as 16 hexadecimal digits.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// A SpanContext says which span of which trace something is, all over the world: W3C Trace Context, level 2.
type SpanContext struct {
	TraceID TraceID
	SpanID  SpanID
	// Flags are the two that the specification knows: 1, the trace is sampled; 2, its id is random.
	Flags byte
	// State is the tracestate that came with it and is handed on with it. Empty where there is none.
	State string
}

const (
	sampled = 0x01
	random  = 0x02
)

// IsValid reports whether neither id is all zeros.
func (c SpanContext) IsValid() bool { return c.TraceID != TraceID{} && c.SpanID != SpanID{} }

// IsSampled reports whether somebody records the trace.
func (c SpanContext) IsSampled() bool { return c.Flags&sampled != 0 }

// String returns the context as a traceparent header has it.
func (c SpanContext) String() string { return string(c.append(make([]byte, 0, 55))) }

func (c SpanContext) append(text []byte) []byte {
	text = append(text, "00-"...)
	text = hex.AppendEncode(text, c.TraceID[:])
	text = append(text, '-')
	text = hex.AppendEncode(text, c.SpanID[:])
	text = append(text, '-')
	return hex.AppendEncode(text, []byte{c.Flags & (sampled | random)})
}

// newRoot returns the context of the first span of a new trace. Ids have to be unlike each other, not unpredictable:
// the source is the runtime's ChaCha8, which is seeded by the system.
func newRoot(flags byte) SpanContext {
	c := SpanContext{Flags: flags | random}
	for c.TraceID == (TraceID{}) {
		putUint64(c.TraceID[:8], rand.Uint64())
		putUint64(c.TraceID[8:], rand.Uint64())
	}
	return c.child()
}

// child returns the context of a new span in the same trace.
func (c SpanContext) child() SpanContext {
	for c.SpanID = (SpanID{}); c.SpanID == (SpanID{}); {
		putUint64(c.SpanID[:], rand.Uint64())
	}
	return c
}

func putUint64(into []byte, number uint64) {
	for i := range 8 {
		into[i] = byte(number >> (8 * i))
	}
}

var errTraceparent = errors.New("flight: not a traceparent")

// ParseTraceparent returns the context that the value of a traceparent header gives, without a State. A text that is
// none is an error: the specification has the trace begin anew then.
func ParseTraceparent(text string) (SpanContext, error) {
	var c SpanContext
	var version, flags [1]byte
	text = strings.Trim(text, " \t")
	ok := len(text) >= 55 && text[2] == '-' && text[35] == '-' && text[52] == '-' &&
		decode(version[:], text[:2]) && version[0] != 0xff &&
		// Later versions may add to the end.
		(len(text) == 55 || version[0] != 0 && text[55] == '-') &&
		decode(c.TraceID[:], text[3:35]) && decode(c.SpanID[:], text[36:52]) && decode(flags[:], text[53:55]) &&
		c.IsValid()
	if !ok {
		return SpanContext{}, errTraceparent
	}
	c.Flags = flags[0] & (sampled | random)
	return c, nil
}

// decode reads hexadecimal digits, of which the specification wants the small letters.
func decode(into []byte, text string) bool {
	for i := range len(text) {
		if 'A' <= text[i] && text[i] <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(into, []byte(text))
	return err == nil
}

// contextKey is what contexts carry the innermost *Span or *remote under.
type contextKey struct{}

// remote is a context that came from elsewhere, or belongs to a trace that nobody here records: it is handed on.
type remote struct {
	context SpanContext
	// isRefused says that the sampler was asked here, and wants nothing of the trace.
	isRefused bool
}

// isRefused reports whether what is done under ctx is of a trace that the sampler does not want.
func isRefused(ctx context.Context) bool {
	value, ok := ctx.Value(contextKey{}).(*remote)
	return ok && value.isRefused
}

// ContextWithRemote returns a context whose spans belong to a span of another process, for what flight does not know
// itself: queues, RPCs, another library's spans. One that is not valid begins new traces.
func ContextWithRemote(ctx context.Context, parent SpanContext) context.Context {
	if !parent.IsValid() {
		parent = SpanContext{}
	}
	return context.WithValue(ctx, contextKey{}, &remote{context: parent})
}

// FromContext returns the context of the innermost span, which is the remote one's where none has begun here, and false
// if there is none.
func FromContext(ctx context.Context) (SpanContext, bool) {
	span, remote := innermost(ctx)
	if span != nil {
		return span.Context(), true
	}
	return remote, remote.IsValid()
}

// innermost returns the span of ctx, or the remote context that it has instead.
func innermost(ctx context.Context) (*Span, SpanContext) {
	switch value := ctx.Value(contextKey{}).(type) {
	case *Span:
		return value, SpanContext{}
	case *remote:
		return nil, value.context
	}
	return nil, SpanContext{}
}

// The headers, as [http.Header] writes them.
const (
	traceparentHeader = "Traceparent"
	tracestateHeader  = "Tracestate"
	baggageHeader     = "Baggage"
)

type baggageKey struct{}

// Inject writes the context of the innermost span, its tracestate and the baggage of ctx into the header of a message that
// is about to be sent. It does nothing where there is no span, or while distributed tracing is off
// ([EnableDistributedTracing]).
func Inject(ctx context.Context, header http.Header) {
	inject(ctx, header, (*Span).Context)
}

// inject writes what is handed on, with the span's own context as it is asked for.
func inject(ctx context.Context, header http.Header, contextOf func(*Span) SpanContext) {
	if !distributed.Load() {
		return
	}
	span, c := innermost(ctx)
	// A span that is only observed is in no trace: what is around it goes on.
	for ; span != nil && !c.IsValid(); span = span.parent {
		c = span.remote
		if span.task != nil {
			c = contextOf(span)
		}
	}
	if c.IsValid() {
		injectSpan(c, header)
	}
	if baggage, _ := ctx.Value(baggageKey{}).(string); baggage != "" && len(header[baggageHeader]) == 0 {
		header[baggageHeader] = []string{baggage}
	}
}

func injectSpan(c SpanContext, header http.Header) {
	header[traceparentHeader] = []string{c.String()}
	if c.State == "" {
		delete(header, tracestateHeader)
	} else {
		header[tracestateHeader] = []string{c.State}
	}
}

// Extract returns a context with what the header of a message that was received says of its sender: the span, with its
// tracestate, and the baggage. What is malformed is left out as the specifications want it.
func Extract(ctx context.Context, header http.Header) context.Context {
	if !distributed.Load() {
		return ctx
	}
	if c, ok := fromHeader(header); ok {
		ctx = context.WithValue(ctx, contextKey{}, &remote{context: c})
	}
	if values := header[baggageHeader]; len(values) > 0 {
		if baggage := cleanBaggage(values); baggage != "" {
			ctx = context.WithValue(ctx, baggageKey{}, baggage)
		}
	}
	return ctx
}

// fromHeader reads the one traceparent of a header; two are none.
func fromHeader(header http.Header) (SpanContext, bool) {
	values := header[traceparentHeader]
	if len(values) != 1 {
		return SpanContext{}, false
	}
	c, err := ParseTraceparent(values[0])
	if err != nil {
		return SpanContext{}, false
	}
	c.State = cleanState(header[tracestateHeader])
	return c, true
}
