package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"example.com/go-flight/flight"
	"example.com/go-flight/internal/client"
	"example.com/go-flight/internal/convert"
	"example.com/go-flight/internal/hook"
)

// ErrClosed is the error of an [Exporter] that was shut down.
var ErrClosed = errors.New("otlp: the exporter was shut down")

// Stats are what an [Exporter] has done so far.
type Stats struct {
	// Snapshots were taken, of so many bytes of traces.
	Snapshots, TraceBytes uint64
	// Spans were converted.
	Spans uint64
	// Sent are records (spans, metrics and log records) that the receiver has accepted, Rejected those that it said it would
	// not take though it accepted their request, Failed those whose request it refused for good, and Dropped those that had
	// to make room in the queue or were left when the exporter was shut down.
	Sent, Rejected, Failed, Dropped uint64
	// Retries are requests that have to be made again.
	Retries uint64
	// Traps are failures of the converter itself. After three in a minute it is not tried again.
	Traps uint64
	// QueueBytes wait to be sent.
	QueueBytes int
	// MemoryBytes are what the converter has.
	MemoryBytes int64
	// Losses are what the converter lost or left out, a line "COUNT WHAT" for each kind. It is empty where nothing was.
	Losses string
	// LastError is the last error, of whatever kind; nil if there was none.
	LastError error
}

// An Exporter records the program and sends its spans.
type Exporter struct {
	options   Options
	queue     *queue
	sender    *sender
	recording recording

	// flushes asks the worker for a snapshot, and is answered when its batches are in the queue.
	flushes chan chan error
	stop    chan struct{}
	worked  chan struct{}

	stopOnce sync.Once
	// closed is closed when nothing is to be sent any more, ended when Shutdown has its result.
	closed, ended chan struct{}
	closeErr      error

	mutex sync.Mutex
	stats Stats
	// sending and converting are what was logged of either.
	sending, converting outage
}

// An outage is a time in which something fails, of which the logger is told what it was told last.
type outage struct{ logged string }

// Start starts to record and to send. Of ctx it takes the values only: the exporter ends by [Exporter.Shutdown]. Where
// OTEL_SDK_DISABLED is true, or the environment wants nothing to be sent, the exporter does nothing.
//
// A program has one at a time: the runtime has one flight recorder, and Start fails where another one runs.
func Start(ctx context.Context, options Options) (*Exporter, error) {
	return start(ctx, options, os.Getenv)
}

func start(ctx context.Context, options Options, env environment) (*Exporter, error) {
	warnings := env.fill(&options)
	if err := options.check(); err != nil {
		return nil, err
	}
	e := &Exporter{
		options: options,
		queue:   newQueue(options.QueueBytes),
		flushes: make(chan chan error),
		stop:    make(chan struct{}),
		worked:  make(chan struct{}),
		closed:  make(chan struct{}),
		ended:   make(chan struct{}),
	}
	if options.Ratio == 0 {
		options.Signals &^= Traces
	}
	if env.isDisabled() || options.Signals == 0 {
		close(e.worked)
		return e, nil
	}
	targets, more, err := env.targets(options)
	if err != nil {
		return nil, err
	}
	e.sender = &sender{
		queue: e.queue, client: newClient(options.Client), targets: targets, gzip: env("OTEL_EXPORTER_OTLP_COMPRESSION") == "gzip",
		report:    func(err error) { e.report(&e.sending, err) },
		recovered: func() { e.recovered(&e.sending) },
		count:     e.count, backoff: backoff,
	}
	filter := flight.CurrentFilter()
	converter, warning, err := convert.New(convert.Options{
		Environ:   env.resource(),
		Resource:  options.Resource,
		Ratio:     options.Ratio,
		Keep:      filter.String(),
		Logs:      options.Signals&Logs != 0,
		Metrics:   options.Signals&Metrics != 0,
		MaxMemory: options.MaxMemory,
	}, e.emit)
	if err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	if options.Continuous {
		e.recording = newContinuous(converter, filter)
	} else {
		e.recording = newSnapshots(converter, filter, options)
	}
	if err := e.recording.start(); err != nil {
		return nil, fmt.Errorf("otlp: starting to record: %w", err)
	}
	hook.SampleRatio(env.isParentBased(), options.Ratio)
	warnings = append(warnings, more...)
	if warning != "" {
		warnings = append(warnings, errors.New("otlp: "+warning))
	}
	for _, warning := range warnings {
		e.report(new(outage), warning)
	}
	go e.work(context.WithoutCancel(ctx))
	return e, nil
}

// recovered ends an outage: the logger is told when the next one begins.
func (e *Exporter) recovered(of *outage) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	of.logged = ""
}

// newClient returns the client that sends: the chosen one, else one with a transport of its own.
func newClient(chosen *http.Client) *http.Client {
	if chosen == nil {
		// The program may have put something else there, such as its own instrumentation.
		standard, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			standard = &http.Transport{
				Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
				TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second,
			}
		}
		chosen = &http.Client{Transport: standard.Clone()}
	}
	return client.WithoutRedirects(chosen)
}

// work takes snapshots until the exporter stops; another goroutine sends meanwhile.
func (e *Exporter) work(ctx context.Context) {
	defer close(e.worked)
	sending, cancel := context.WithCancel(ctx)
	var sent sync.WaitGroup
	sent.Go(func() { e.sender.run(sending) })
	ticker := time.NewTicker(e.options.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := e.take(e.recording.take); errors.Is(err, convert.ErrGivenUp) {
				ticker.Stop() // it has been told
			}
		case answer := <-e.flushes:
			answer <- e.take(e.recording.take)
		case <-e.stop:
			e.take(e.recording.stop)
			// Shutdown waits for the queue, or gives it up.
			<-e.closed
			cancel()
			sent.Wait()
			return
		}
	}
}

// take converts what was recorded.
func (e *Exporter) take(convert func() error) error {
	err := convert()
	e.count(e.recording.count)
	if err != nil {
		err = fmt.Errorf("otlp: converting what was recorded: %w", err)
		e.report(&e.converting, err)
	} else {
		e.recovered(&e.converting)
	}
	return err
}

func (e *Exporter) emit(batch convert.Batch) {
	wanted := map[convert.Signal]Signals{convert.Traces: Traces, convert.Metrics: Metrics, convert.Logs: Logs}[batch.Signal]
	if e.options.Signals&wanted != 0 {
		e.queue.push(&batch)
	}
}

// Flush takes a snapshot, and waits until all there is was sent or given up. With [Options.Continuous] that is what the
// runtime's tracer has handed on, which it does once a second.
func (e *Exporter) Flush(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case e.flushes <- answer:
	case <-e.stop:
		return ErrClosed
	case <-e.worked:
		select {
		case <-e.stop:
			return ErrClosed
		default:
			return nil // it never had anything to do
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return errors.Join(err, e.queue.drained(ctx))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown takes a last snapshot, sends what there is until ctx is done, and stops: no goroutine of the exporter's is left
// when it returns, unless ctx was done first; then they end with the work that they are at. Spans that are open go out as
// incomplete. What could not be sent any more is counted in [Stats] as dropped, and is an error. To call it again waits for
// the same, until its own ctx is done, and returns the same. Without a deadline it waits for a receiver that is away.
func (e *Exporter) Shutdown(ctx context.Context) error {
	isFirst := false
	e.stopOnce.Do(func() { isFirst = true; close(e.stop) })
	if isFirst {
		e.end(ctx)
		return e.closeErr
	}
	select {
	case <-e.ended:
		return e.closeErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end sends what there is until ctx is done.
func (e *Exporter) end(ctx context.Context) {
	defer close(e.ended)
	if e.sender != nil {
		e.closeErr = e.drain(ctx)
	}
	close(e.closed)
	select {
	case <-e.worked:
	case <-ctx.Done():
	}
	if e.sender != nil && e.options.Client == nil {
		e.sender.client.CloseIdleConnections()
	}
	if left := e.queue.close(); left > 0 {
		e.closeErr = errors.Join(fmt.Errorf("otlp: %d records were not sent", left), e.closeErr)
	}
}

// drain waits until the last snapshot was taken and sent.
func (e *Exporter) drain(ctx context.Context) error {
	select {
	case <-e.recording.stopped():
		return e.queue.drained(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats returns what the exporter has done so far.
func (e *Exporter) Stats() Stats {
	e.mutex.Lock()
	stats := e.stats
	e.mutex.Unlock()
	stats.QueueBytes, stats.Dropped = e.queue.size()
	return stats
}

func (e *Exporter) count(add func(*Stats)) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	add(&e.stats)
}

// report tells of an error: the logger, unless it was told the same in this outage, and whoever else wants to know.
func (e *Exporter) report(of *outage, err error) {
	e.mutex.Lock()
	isNew := of.logged != err.Error()
	of.logged = err.Error()
	e.stats.LastError = err
	e.mutex.Unlock()
	if isNew {
		e.options.Logger.Error(err.Error())
	}
	if e.options.OnError != nil {
		e.options.OnError(err)
	}
}
