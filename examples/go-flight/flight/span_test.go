package flight

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime/trace"
	"strings"
	"testing"
	"time"
)

func TestANilSpanIsASpan(t *testing.T) {
	ctx, span := Start(background(), "nobody records")
	if span != nil || ctx != background() {
		t.Fatalf("a span while nothing records: %v", span)
	}
	span.Set(slog.Int("a", 1))
	span.SetName("b")
	span.Fail(errors.New("c"))
	if span.Context().IsValid() {
		t.Error("nothing has a context")
	}
	span.End()
}

// Fault 1: of a span older than a recording nothing was known at its end.
func TestAnOldSpanSaysAgainWhoItIs(t *testing.T) {
	ctx := ContextWithRemote(background(), parsed(t, valid))
	var old, child *Span
	recorded(t, func() {
		ctx, old = StartKind(ctx, KindServer, "GET")
		_, child = Start(ctx, "work")
	})
	for _, span := range []*Span{old, child} {
		span.start, span.said = time.Now().Add(-2*forgettable), time.Time{}
	}
	objects := said(t, recorded(t, func() { child.End() }))
	mustBe(t, "within", field(objects, "within"), old.own)
	mustBe(t, "name", field(objects, "name"), "work")
	old.SetName("GET /a")
	objects = said(t, recorded(t, func() { old.End() }))
	mustBe(t, "traceparent", field(objects, "traceparent"), old.own)
	mustBe(t, "parent", field(objects, "parent"), "0123456789abcdef")
	mustBe(t, "name", field(objects, "name"), "GET /a")
	mustBe(t, "kind", field(objects, "kind"), "server")
	if duration, _ := field(objects, "duration").(float64); duration < float64(forgettable) {
		t.Errorf("duration is %v", duration)
	}
}

// What begins in an old span may be in a recording that has not seen that begin.
func TestAnOldSpanIsToldOfWhenAnotherBeginsInIt(t *testing.T) {
	ctx := ContextWithRemote(background(), parsed(t, valid))
	var old *Span
	recorded(t, func() { ctx, old = StartKind(ctx, KindServer, "GET") })
	old.start, old.said = time.Now().Add(-2*forgettable), time.Time{}
	objects := said(t, recorded(t, func() { Start(ctx, "work") }))
	mustBe(t, "traceparent", field(objects, "traceparent"), old.own)
}

// Contexts are cheap: a span says nothing until somebody has to know it.
func TestAnInternalSpanSaysNothing(t *testing.T) {
	recording := recorded(t, func() {
		_, span := Start(background(), "plain")
		span.End()
	})
	for _, word := range []string{"traceparent", ofTask} {
		if strings.Contains(string(recording), word) {
			t.Errorf("%q is in the trace of a plain span", word)
		}
	}
	var span *Span
	recording = recorded(t, func() {
		_, span = Start(background(), "known")
		span.Context()
		span.Context()
		span.End()
	})
	if strings.Count(string(recording), span.own.String()) != 1 {
		t.Error("the context of a span is not written once")
	}
}

func TestWhatIsSaidOfASpan(t *testing.T) {
	var span *Span
	objects := said(t, recorded(t, func() {
		_, span = StartKind(background(), KindProducer, "publish", slog.String("a", `x"\`+"\n\xff"))
		span.Set(slog.Group("g", slog.Int("n", 7), slog.Duration("d", 1500*time.Millisecond)), slog.Bool("yes", true))
		span.Fail(errors.New("first"))
		span.Fail(errors.New("second"))
		span.End()
		span.End()
	}))
	mustBe(t, "kind", field(objects, "kind"), "producer")
	mustBe(t, "status", field(objects, "status"), "error")
	mustBe(t, "message", field(objects, "message"), "first")
	mustBe(t, "error.type", attribute(objects, "error.type"), "*errors.errorString")
	mustBe(t, "g.n", attribute(objects, "g.n"), 7)
	mustBe(t, "g.d", attribute(objects, "g.d"), 1.5)
	mustBe(t, "yes", attribute(objects, "yes"), true)
	mustBe(t, "a", attribute(objects, "a"), "x\"\\\n\ufffd")
}

// The runtime cuts messages at 1024 bytes: what does not fit goes into the next.
// A nilError panics when it is asked through a nil pointer.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// A nosy value looks at the span that it is given to.
type nosy struct{ ctx context.Context }

func (n nosy) LogValue() slog.Value {
	c, _ := FromContext(n.ctx)
	return slog.StringValue(c.TraceID.String())
}

func (n nosy) Error() string { return n.LogValue().String() }

func TestTheProgramsCodeIsAskedAtOnce(t *testing.T) {
	type point struct{ X int }
	changed := &point{1}
	var id string
	objects := said(t, recorded(t, func() {
		ctx, span := Start(background(), "work")
		id = span.Context().TraceID.String()
		span.Set(slog.Any("point", changed), slog.Any("nosy", nosy{ctx}), slog.Group("group", slog.Any("nosy", nosy{ctx})))
		span.Fail(nosy{ctx})
		changed.X = 2
		span.End()
		_, other := Start(ctx, "other")
		other.Fail((*nilError)(nil))
		other.End()
	}))
	mustBe(t, "point", attribute(objects, "point"), "&{1}")
	mustBe(t, "nosy", attribute(objects, "nosy"), id)
	mustBe(t, "group.nosy", attribute(objects, "group.nosy"), id)
	mustBe(t, "message", field(objects, "message"), id)
}

func TestLongSayingsAreSeveral(t *testing.T) {
	objects := said(t, recorded(t, func() {
		_, span := Start(background(), "long")
		for _, key := range []string{"a", "b", "c", "d"} {
			span.Set(slog.String(key, strings.Repeat(key, 500)))
		}
		span.Set(slog.String("e", strings.Repeat("\x01", 5000)))
		span.End()
	}))
	for _, key := range []string{"a", "b", "c", "d"} {
		mustBe(t, key, attribute(objects, key), strings.Repeat(key, 500))
	}
	if text, _ := attribute(objects, "e").(string); !strings.HasSuffix(text, "…") {
		t.Errorf("e is %q", text)
	}
}

// Fault 6: everything was sampled, and a trace that is not cost the same.
func TestWhatIsNotSampledIsHandedOnAndNotRecorded(t *testing.T) {
	recording := recorded(t, func() {
		ctx, span := Start(ContextWithRemote(background(), parsed(t, unwanted)), "unwanted")
		if span != nil {
			t.Error("a trace that is not sampled is recorded")
		}
		if c, ok := FromContext(ctx); !ok || c.String() != unwanted {
			t.Errorf("%s is handed on", c)
		}
	})
	if strings.Contains(string(recording), "unwanted") {
		t.Error("there is a task")
	}
	SetSampler(Ratio(0))
	defer SetSampler(nil)
	recorded(t, func() {
		ctx, span := Start(background(), "none")
		c, ok := FromContext(ctx)
		if span != nil || !ok || c.IsSampled() {
			t.Errorf("a trace that is not sampled is %v, %s", span, c)
		}
		if _, inner := Start(ctx, "inner"); inner != nil {
			t.Error("a part of it is recorded")
		}
	})
}

func TestSpansThatAreOverAreRecorded(t *testing.T) {
	objects := said(t, recorded(t, func() {
		HTTPSpan{
			Kind: KindServer, Method: "GET", URL: "/a?key=s3cr3t", Route: "/{x}", StatusCode: 404, Duration: time.Second,
		}.Record(background())
	}))
	mustBe(t, "kind", field(objects, "kind"), "server")
	mustBe(t, "lasted", field(objects, "lasted"), 1e9)
	mustBe(t, "url.path", attribute(objects, "url.path"), "/a")
	objects = said(t, recorded(t, func() {
		SQLSpan{System: "mysql", Query: "SELECT 's3cr3t'", Rows: 3, Err: errors.New("x")}.Record(background())
	}))
	mustBe(t, "status", field(objects, "status"), "error")
	mustBe(t, "db.query.text", attribute(objects, "db.query.text"), "SELECT ?")
	objects = said(t, recorded(t, func() {
		TLSSpan{ServerName: "example.com", Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}.Record(background())
	}))
	mustBe(t, "tls.protocol.version", attribute(objects, "tls.protocol.version"), "1.3")
	mustBe(t, "tls.cipher", attribute(objects, "tls.cipher"), "TLS_AES_128_GCM_SHA256")
	SQLSpan{}.Record(background())
	objects = said(t, recorded(t, func() {
		SQLSpan{Err: errors.New("Duplicate entry 's3cr3t' for key")}.Record(background())
	}))
	mustBe(t, "message", field(objects, "message"), "Duplicate entry ? for key")
	objects = said(t, recorded(t, func() {
		failure := &url.Error{Op: "Get", URL: "http://u:s3cr3t@a/b?key=s3cr3t", Err: errors.New("away")}
		HTTPSpan{Kind: KindClient, Err: fmt.Errorf("loading: %w", failure)}.Record(background())
	}))
	mustBe(t, "message", field(objects, "message"), `loading: Get "http://a/b": away`)
}

func TestRatio(t *testing.T) {
	half := Ratio(0.5)
	count := 0
	for range 10_000 {
		if half(Sampling{TraceID: newRoot(0).TraceID}) {
			count++
		}
	}
	if count < 4_500 || count > 5_500 {
		t.Errorf("half of 10000 is %d", count)
	}
	if !Ratio(1)(Sampling{}) || Ratio(0)(Sampling{}) {
		t.Error("all or nothing is neither")
	}
}

func TestASamplerIsAskedOnceForEachTrace(t *testing.T) {
	defer SetSampler(nil)
	var asked []string
	SetSampler(func(s Sampling) bool {
		asked = append(asked, s.Name)
		return s.Kind != KindServer
	})
	recorded(t, func() {
		inner := Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, span := Start(r.Context(), "work"); span != nil {
				t.Error("a part of a trace that was refused is recorded")
			}
		}))
		request := httptest.NewRequest("GET", "/", nil)
		request.Header.Set("Traceparent", valid)
		HTTP{Untrusted: true}.Handler(inner).ServeHTTP(httptest.NewRecorder(), request)
	})
	mustBe(t, "asked", strings.Join(asked, ","), "GET")
}

// TestRatioIsTheConverters holds the ids against those of the converter's SamplingRatio, in Rust: the highest are kept.
func TestRatioIsTheConverters(t *testing.T) {
	for _, test := range []struct {
		fraction float64
		id       string
		want     bool
	}{
		{0.5, "0af7651916cd43dd8480000000000000", true},
		{0.5, "0af7651916cd43dd847fffffffffffff", false},
		{0.25, "00000000000000000cc0000000000000", true},
		{0.25, "00000000000000000cbfffffffffffff", false},
		{1, "00000000000000000000000000000001", true},
		{0, "ffffffffffffffffffffffffffffffff", false},
		{0x1p-56, "0000000000000000ffffffffffffffff", true},
		{0x1p-57, "0000000000000000ffffffffffffffff", true}, // rounded
		{0x1p-58, "0000000000000000ffffffffffffffff", false},
	} {
		id := parsed(t, "00-"+test.id+"-0123456789abcdef-01").TraceID
		mustBe(t, test.id, Ratio(test.fraction)(Sampling{TraceID: id}), test.want)
	}
}

func TestAContextOfASpanIsACancellableContext(t *testing.T) {
	recorded(t, func() {
		parent, cancel := context.WithCancel(background())
		ctx, span := Start(parent, "work")
		defer span.End()
		inner, stop := context.WithCancel(ctx)
		defer stop()
		cancel()
		<-inner.Done()
		trace.WithRegion(inner, "region", func() {})
	})
}

func TestFilterCustomTurnsSpansOff(t *testing.T) {
	before := CurrentFilter()
	defer func() { filter.Store(uint32(before)) }()
	SetFilter(FilterHTTP)
	recorded(t, func() {
		if _, span := Start(background(), "custom"); span != nil {
			t.Error("there is a span")
		}
		header := http.Header{}
		Inject(background(), header)
		if len(header) > 0 {
			t.Error("a context comes from nowhere")
		}
	})
}
