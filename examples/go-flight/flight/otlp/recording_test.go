package otlp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime/trace"
	"testing"
	"time"

	"example.com/go-flight/flight"
	"example.com/go-flight/internal/convert"
)

// A fake is a converter that fails as it is told to.
type fake struct {
	bytes.Buffer
	traps uint64
	// onEnd and onFlush answer the next call.
	onEnd, onFlush func() error
}

func (f *fake) EndTrace() error   { return once(&f.onEnd) }
func (f *fake) Flush() error      { return once(&f.onFlush) }
func (f *fake) Finish() error     { return nil }
func (f *fake) Keep(string) error { return nil }
func (f *fake) Spans() uint64     { return 0 }
func (f *fake) Traps() uint64     { return f.traps }
func (f *fake) Memory() int64     { return 0 }
func (f *fake) Losses() string    { return "" }

func once(answer *func() error) error {
	if *answer == nil {
		return nil
	}
	call := *answer
	*answer = nil
	return call()
}

var errTrap = errors.New("a trap")

// TestBytesOfATrapComeOnce sees to it that what makes the converter fail is not in the next snapshot too.
func TestBytesOfATrapComeOnce(t *testing.T) {
	f := new(fake)
	s := newSnapshots(f, flight.CurrentFilter(), Options{MinAge: time.Hour, MaxBytes: 16 << 20})
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	mark := func(name string) { trace.Log(t.Context(), "test", name) }
	has := func(name string) bool { return bytes.Contains(f.Bytes(), []byte(name)) }
	mark("before-the-trap")
	f.onEnd = func() error { f.traps++; return errTrap }
	if err := s.take(); !errors.Is(err, errTrap) || !has("before-the-trap") {
		t.Errorf("the snapshot that traps: %v", err)
	}
	f.Reset()
	mark("after-the-trap")
	if err := s.take(); err != nil || has("before-the-trap") || !has("after-the-trap") {
		t.Errorf("the next snapshot: %v, old %t, new %t", err, has("before-the-trap"), has("after-the-trap"))
	}
	f.onEnd = func() error { return convert.ErrGivenUp }
	for range 2 {
		if err := s.take(); !errors.Is(err, convert.ErrGivenUp) || trace.IsEnabled() {
			t.Errorf("a converter that was given up: %v, recording %t", err, trace.IsEnabled())
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// TestTracingBesideAnother has another tracer begin while the exporter starts anew.
func TestTracingBesideAnother(t *testing.T) {
	f := new(fake)
	c := newContinuous(f, flight.CurrentFilter())
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	failAndLetIn := func() {
		f.onFlush = func() error { return errTrap }
		f.onEnd = func() error { return trace.Start(io.Discard) }
	}
	failAndLetIn()
	for range 2 {
		if err := c.take(); err == nil || !trace.IsEnabled() {
			t.Errorf("while another one traces: %v, it still does %t", err, trace.IsEnabled())
		}
	}
	trace.Stop()
	if err := c.take(); err != nil || !trace.IsEnabled() {
		t.Errorf("after it: %v, tracing %t", err, trace.IsEnabled())
	}
	failAndLetIn()
	c.take()
	if err := c.stop(); err != nil || !trace.IsEnabled() {
		t.Errorf("stop: %v, the other one still traces %t", err, trace.IsEnabled())
	}
	trace.Stop()
}

func TestTracingIsGivenUp(t *testing.T) {
	f := &fake{onFlush: func() error { return convert.ErrGivenUp }}
	c := newContinuous(f, flight.CurrentFilter())
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.take(); !errors.Is(err, convert.ErrGivenUp) || trace.IsEnabled() {
			t.Errorf("%v, tracing %t", err, trace.IsEnabled())
		}
	}
	if err := c.stop(); err != nil {
		t.Error(err)
	}
}

func TestTheFilterSaysWhatIsSent(t *testing.T) {
	defer flight.SetFilter(flight.CurrentFilter())
	for _, continuous := range []bool{false, true} {
		flight.SetFilter(flight.FilterHTTP)
		r := newReceiver(t)
		e := startTest(t, Options{Endpoint: r.URL, Continuous: continuous}, nil)
		ctx := context.WithoutCancel(t.Context())
		task := func(name string) {
			_, task := trace.NewTask(ctx, name)
			task.End()
		}
		flush := func() {
			if err := e.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		task("left-out-task")
		flush()
		flight.SetFilter(flight.FilterAll)
		flush() // it changes over
		task("sent-task")
		if err := e.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		if r.count("left-out-task") != 0 || r.count("sent-task") != 1 {
			t.Errorf("continuous %t: %d that the filter has not, %d that it has", continuous, r.count("left-out-task"), r.count("sent-task"))
		}
	}
}

// A stuck recording says when it is asked, and answers when it is let go.
type stuck struct {
	recording
	asked, free chan struct{}
}

func (s stuck) take() error {
	s.asked <- struct{}{}
	<-s.free
	return s.recording.take()
}

// TestWaitingEndsWithItsContext has a conversion that takes for ever.
func TestWaitingEndsWithItsContext(t *testing.T) {
	r := newReceiver(t)
	e := startTest(t, Options{Endpoint: r.URL}, nil)
	s := stuck{e.recording, make(chan struct{}), make(chan struct{})}
	e.recording = s // the worker looks when it is asked
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-s.asked; cancel() }()
	if err := e.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Flush: %v", err)
	}
	for range 2 {
		if err := e.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown: %v", err)
		}
	}
	close(s.free)
	<-e.worked
	if stats := e.Stats(); stats.QueueBytes != 0 || stats.Sent+stats.Dropped != stats.Spans {
		t.Errorf("what came too late is not counted: %+v", stats)
	}
}
