package otlp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
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
	env       environment
	senders   map[convert.Signal]*sender // none where nothing is to be sent
	recording recording

	// flushes asks the worker for a snapshot, and is answered when its batches are in the queue.
	flushes chan chan error
	stop    chan struct{}
	worked  chan struct{}

	stopOnce sync.Once
	// closed is closed when nothing is to be sent any more, ended when Shutdown has its result.
	closed, ended chan struct{}
	closeErr      error

	// telling is held while OnError is told of an error.
	telling sync.Mutex

	mutex      sync.Mutex
	stats      Stats
	converting outage
}

// An outage is a time in which something fails, of which the logger is told what it was told last.
type outage struct{ logged string }

// Start starts to record and to send. Of ctx it takes the values only: the exporter ends by [Exporter.Shutdown]. Where
// OTEL_SDK_DISABLED is true, or the environment wants nothing to be sent, the exporter does nothing.
//
// A program has one at a time: the runtime has one flight recorder, and Start fails where another one runs. It is the [Default]
// one then.
func Start(ctx context.Context, options Options) (*Exporter, error) {
	exporter, err := start(ctx, options, os.Getenv)
	if err != nil {
		return nil, err
	}
	offerDefault(exporter)
	return exporter, nil
}

func start(ctx context.Context, options Options, env environment) (*Exporter, error) {
	warnings := env.fill(&options)
	if err := options.check(); err != nil {
		return nil, err
	}
	e := &Exporter{
		options: options,
		env:     env,
		senders: map[convert.Signal]*sender{},
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
	for signal, target := range targets {
		e.senders[signal] = e.newSender(target, options.QueueBytes/len(targets))
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
	go e.work(context.WithoutCancel(ctx), warnings)
	return e, nil
}

func (e *Exporter) newSender(target target, queueBytes int) *sender {
	var sending outage
	s := &sender{
		queue:     newQueue(queueBytes),
		client:    newClient(e.options.Client, target.tls),
		report:    func(err error) { e.report(&sending, err) },
		recovered: func() { e.recovered(&sending) },
		count:     e.count, backoff: backoff,
	}
	s.moveTo(target)
	return s
}

// redirect has what waits and what comes sent elsewhere.
func (e *Exporter) redirect(endpoint string) error {
	elsewhere := map[convert.Signal]string{}
	for signal := range e.senders {
		address, err := e.env.address(endpoint, signal)
		if err != nil {
			return err
		}
		elsewhere[signal] = address
	}
	for signal, sender := range e.senders {
		target := sender.place.Load().target
		target.url = elsewhere[signal]
		sender.moveTo(target)
	}
	return nil
}

// isStopped reports whether Shutdown was called.
func (e *Exporter) isStopped() bool {
	select {
	case <-e.stop:
		return true
	default:
		return false
	}
}

// recovered ends an outage: the logger is told when the next one begins.
func (e *Exporter) recovered(of *outage) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	of.logged = ""
}

// newClient returns the client that sends: the chosen one, else one with a transport of its own, with these certificates.
func newClient(chosen *http.Client, certificates *tls.Config) *http.Client {
	if chosen == nil {
		// The program may have put something else there, such as its own instrumentation.
		standard, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			standard = &http.Transport{
				Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
				TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second,
			}
		}
		own := standard.Clone()
		if certificates != nil {
			prefer(certificates, own)
		}
		chosen = &http.Client{Transport: own}
	}
	return client.WithoutRedirects(chosen)
}

// prefer has a transport trust and show these certificates, whatever the program wants of its own connections.
func prefer(certificates *tls.Config, transport *http.Transport) {
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = new(tls.Config)
	}
	config := transport.TLSClientConfig
	if certificates.RootCAs != nil {
		config.RootCAs, config.InsecureSkipVerify = certificates.RootCAs, false
	}
	if certificates.Certificates != nil {
		config.Certificates, config.GetClientCertificate = certificates.Certificates, nil
	}
	transport.DialTLS, transport.DialTLSContext = nil, nil // they know nothing of config
}

// work tells of warnings and takes snapshots until the exporter stops; other goroutines send meanwhile.
func (e *Exporter) work(ctx context.Context, warnings []error) {
	defer close(e.worked)
	sending, cancel := context.WithCancel(ctx)
	var sent sync.WaitGroup
	for _, sender := range e.senders {
		sent.Go(func() { sender.run(sending) })
	}
	for _, warning := range warnings {
		e.report(new(outage), warning)
	}
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
	if sender := e.senders[batch.Signal]; sender != nil {
		sender.queue.push(&batch)
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
		if e.isStopped() {
			return ErrClosed
		}
		return nil // it never had anything to do
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return errors.Join(err, e.drained(ctx))
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
	if e.recording != nil {
		e.closeErr = e.drain(ctx)
	}
	close(e.closed)
	select {
	case <-e.worked:
	case <-ctx.Done():
	}
	left := uint64(0)
	for _, sender := range e.senders {
		if e.options.Client == nil {
			sender.client.CloseIdleConnections()
		}
		left += sender.queue.close()
	}
	if left > 0 {
		e.closeErr = errors.Join(fmt.Errorf("otlp: %d records were not sent", left), e.closeErr)
	}
}

// drain waits until the last snapshot was taken and sent.
func (e *Exporter) drain(ctx context.Context) error {
	select {
	case <-e.recording.stopped():
		return e.drained(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drained waits until all queues are empty.
func (e *Exporter) drained(ctx context.Context) error {
	for _, sender := range e.senders {
		if err := sender.queue.drained(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stats returns what the exporter has done so far.
func (e *Exporter) Stats() Stats {
	e.mutex.Lock()
	stats := e.stats
	e.mutex.Unlock()
	for _, sender := range e.senders {
		bytes, dropped := sender.queue.size()
		stats.QueueBytes += bytes
		stats.Dropped += dropped
	}
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
		// The program may set its default long after package auto has started.
		cmp.Or(e.options.Logger, slog.Default()).Error(err.Error())
	}
	if e.options.OnError != nil {
		e.telling.Lock()
		defer e.telling.Unlock()
		e.options.OnError(err)
	}
}
