package otlp

import (
	"errors"
	"io"
	"runtime/trace"
	"sync"

	"example.com/go-flight/flight"
	"example.com/go-flight/internal/convert"
)

// A recording is a way to record the program. All its methods but stopped are for the worker.
type recording interface {
	start() error
	// take converts what was recorded since the last time. After [convert.ErrGivenUp] nothing is recorded any more.
	take() error
	// stop converts the rest.
	stop() error
	// stopped is closed when there is no rest.
	stopped() <-chan struct{}
	count(*Stats)
}

// A converter is what a recording needs of a [convert.Converter].
type converter interface {
	io.Writer
	EndTrace() error
	Flush() error
	Finish() error
	Keep(kinds string) error
	Spans() uint64
	Traps() uint64
	Memory() int64
	Losses() string
}

// A running is whether something records, which may fail to begin again.
type running struct {
	// filter is what the converter keeps.
	filter    flight.Filter
	isRunning bool
	// over is why it never will again.
	over error
}

// keep has the converter keep what the filter of package flight wants now.
func (r *running) keep(c converter) error {
	filter := flight.CurrentFilter()
	if filter == r.filter {
		return nil
	}
	r.filter = filter
	return c.Keep(filter.String())
}

// restart starts again after err, unless that says that there is no use in it.
func (r *running) restart(err error, start func() error) error {
	r.isRunning = false
	if errors.Is(err, convert.ErrGivenUp) {
		r.over = err
		return err
	}
	return errors.Join(err, start())
}

// snapshots records by the flight recorder.
type snapshots struct {
	running
	converter converter
	recorder  *trace.FlightRecorder
	end       chan struct{}
	n, bytes  uint64
}

func newSnapshots(converter converter, filter flight.Filter, options Options) *snapshots {
	config := trace.FlightRecorderConfig{MinAge: options.MinAge, MaxBytes: options.MaxBytes}
	return &snapshots{running: running{filter: filter}, converter: converter, recorder: trace.NewFlightRecorder(config), end: make(chan struct{})}
}

func (s *snapshots) start() error {
	err := s.recorder.Start()
	s.isRunning = err == nil
	return err
}

func (s *snapshots) take() error {
	switch {
	case s.over != nil:
		return s.over
	case !s.isRunning:
		return s.start()
	}
	traps := s.converter.Traps()
	err := s.convert()
	hasFailed := s.converter.Traps() != traps || errors.Is(err, convert.ErrGivenUp)
	if !hasFailed && s.filter == flight.CurrentFilter() {
		return err
	}
	// The next snapshots would hold the bytes that the converter has failed of, and what was sent already.
	s.recorder.Stop()
	return s.restart(errors.Join(err, s.keep(s.converter)), s.start)
}

func (s *snapshots) convert() error {
	n, err := s.recorder.WriteTo(s.converter)
	s.n++
	s.bytes += uint64(n)
	if ended := s.converter.EndTrace(); ended != nil {
		return ended
	}
	return err
}

func (s *snapshots) stop() error {
	defer close(s.end)
	var err error
	if s.isRunning {
		err = s.convert()
		s.recorder.Stop()
	}
	return errors.Join(err, s.converter.Finish())
}

func (s *snapshots) stopped() <-chan struct{} { return s.end }

func (s *snapshots) count(stats *Stats) {
	stats.Snapshots, stats.TraceBytes = s.n, s.bytes
	countConverter(stats, s.converter)
}

func countConverter(stats *Stats, c converter) {
	stats.Spans, stats.Traps = c.Spans(), c.Traps()
	stats.MemoryBytes, stats.Losses = c.Memory(), c.Losses()
}

// continuous records by the runtime's tracer, which hands on what it has on a goroutine of its own.
type continuous struct {
	running
	end chan struct{}

	mutex     sync.Mutex
	converter converter
	n, bytes  uint64
	// failed is why the rest of the trace is passed over.
	failed error
}

var _ io.Writer = (*continuous)(nil)

func newContinuous(converter converter, filter flight.Filter) *continuous {
	return &continuous{running: running{filter: filter}, converter: converter, end: make(chan struct{})}
}

func (c *continuous) start() error {
	err := trace.Start(c)
	c.isRunning = err == nil
	return err
}

// Write takes what the tracer has. It takes everything, or the tracer would stop in silence.
func (c *continuous) Write(p []byte) (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.bytes += uint64(len(p))
	if c.failed == nil {
		_, c.failed = c.converter.Write(p)
	}
	return len(p), nil
}

func (c *continuous) take() error {
	switch {
	case c.over != nil:
		return c.over
	case !c.isRunning:
		return c.start() // somebody else has traced meanwhile
	}
	c.mutex.Lock()
	c.n++
	failed := c.failed
	if failed == nil {
		failed = c.converter.Flush()
	}
	c.mutex.Unlock()
	if failed == nil && c.filter == flight.CurrentFilter() {
		return nil
	}
	// Only a trace from its beginning can be read.
	trace.Stop()
	c.mutex.Lock()
	ended := c.converter.EndTrace()
	if failed == nil {
		failed = ended
	}
	failed = errors.Join(failed, c.keep(c.converter))
	c.failed = nil
	c.mutex.Unlock()
	return c.restart(failed, c.start)
}

func (c *continuous) stop() error {
	defer close(c.end)
	if c.isRunning {
		trace.Stop() // waits for the last Write
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return errors.Join(c.converter.EndTrace(), c.converter.Finish())
}

func (c *continuous) stopped() <-chan struct{} { return c.end }

func (c *continuous) count(stats *Stats) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	stats.Snapshots, stats.TraceBytes = c.n, c.bytes
	countConverter(stats, c.converter)
}
