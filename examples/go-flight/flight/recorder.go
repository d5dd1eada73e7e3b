package flight

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/trace"
	"sync"
	"time"
)

// RecorderOptions say what a [Recorder] keeps and where its snapshots go.
type RecorderOptions struct {
	// MinAge is how long it remembers at least, as far as MaxBytes allows; twice Interval and at least 10 s if it is 0. Not
	// shorter than Interval, or what lies between two snapshots would be lost.
	MinAge time.Duration
	// Interval is the time from one snapshot to the next. 0: they are taken on demand only.
	Interval time.Duration
	// MinGap is how long [Recorder.Trigger] refuses after it has taken a snapshot; 10 s if it is 0.
	MinGap time.Duration
	// Timeout is how long a sink may take for a snapshot; 30 s if it is 0.
	Timeout time.Duration
	// MaxBytes bounds what is remembered; the runtime's 10 MiB if it is 0. What does not fit is forgotten, whatever MinAge says.
	MaxBytes uint64
	// Sinks are where snapshots go, each independent of the others. None: they are taken, and nobody gets them.
	Sinks []Sink
	// Service is what the program is called; OTEL_SERVICE_NAME, else the program's file name, if it is empty.
	Service string
	// Resource is what else sinks are told about the process.
	Resource []slog.Attr
	// OnError is told of failures where nobody waits for the result. It is called by several goroutines at once.
	OnError func(error)
	// Logger gets the same as warnings. Nil: nobody does.
	Logger *slog.Logger
}

// A Meta says what a snapshot is.
type Meta struct {
	Service  string
	Resource []slog.Attr
	// Reason is why it was taken: "interval", "shutdown", or what whoever asked for it said.
	Reason string
	PID    int
	// Number counts the snapshots of a recorder from 1.
	Number uint64
	Taken  time.Time
	// Size is in bytes.
	Size int64
}

// A Sink takes snapshots. Each has a goroutine and a short queue of its own: one that is slow or away holds up nobody else,
// and misses the oldest snapshots that it has not taken. Snapshots overlap: readers take what they share once.
type Sink interface {
	// Put delivers a snapshot, or says why not. It gives up when ctx is done.
	Put(ctx context.Context, meta Meta, snapshot io.ReadSeeker) error
}

// A checkedSink can be asked whether it will work, before anything is recorded.
type checkedSink interface {
	check() error
}

// ErrClosed is what a recorder answers after [Recorder.Shutdown].
var ErrClosed = errors.New("flight: the recorder is closed")

// A Recorder keeps the latest of the program's execution trace in memory, and gives it away.
type Recorder struct {
	options  RecorderOptions
	recorder *trace.FlightRecorder
	queues   []*queue
	// turn is held by who works with the runtime's recorder, which can do one thing at a time, or with isClosed.
	turn     chan struct{}
	isClosed bool
	count    uint64
	triggers chan string
	stop     context.CancelFunc
	stopped  chan struct{}
	// cancel ends the work of sinks.
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mutex     sync.Mutex
	triggered time.Time
	// closing is not nil once somebody closes; it is closed when that is done, with the result.
	closing  chan struct{}
	closeErr error
	stats    Stats
}

// Stats count what a [Recorder] has done.
type Stats struct {
	// Snapshots were taken, of so many Bytes.
	Snapshots, Bytes uint64
	// Failed could not be taken.
	Failed uint64
	// Suppressed are calls of [Recorder.Trigger] that came too soon after another.
	Suppressed uint64
	// Sinks are in the order of [RecorderOptions].
	Sinks []SinkStats
}

// SinkStats count what became of the snapshots for a [Sink].
type SinkStats struct {
	// Delivered and Failed are what Put has said; Dropped have had to make room for newer ones.
	Delivered, Failed, Dropped uint64
}

// StartRecorder starts recording. A process may have one flight recorder at a time.
func StartRecorder(options RecorderOptions) (*Recorder, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: options.MinAge, MaxBytes: options.MaxBytes})
	if err := recorder.Start(); err != nil {
		return nil, fmt.Errorf("flight: starting the recorder: %w", err)
	}
	looping, stop := context.WithCancel(context.Background())
	working, cancel := context.WithCancel(context.Background())
	r := &Recorder{
		options: options, recorder: recorder, turn: make(chan struct{}, 1), triggers: make(chan string, 1),
		stop: stop, stopped: make(chan struct{}), cancel: cancel,
		stats: Stats{Sinks: make([]SinkStats, len(options.Sinks))},
	}
	for number, sink := range options.Sinks {
		queue := newQueue(r, number, sink)
		r.queues = append(r.queues, queue)
		r.workers.Go(func() { queue.work(working) })
	}
	go r.run(looping)
	return r, nil
}

// complete checks the options, and fills in what is 0.
func (o *RecorderOptions) complete() error {
	for name, duration := range map[string]time.Duration{
		"MinAge": o.MinAge, "Interval": o.Interval, "MinGap": o.MinGap, "Timeout": o.Timeout,
	} {
		if duration < 0 {
			return fmt.Errorf("flight: %s is %v: less than nothing", name, duration)
		}
	}
	if o.MinAge == 0 {
		o.MinAge = max(10*time.Second, 2*o.Interval)
	}
	if o.MinAge < o.Interval {
		return fmt.Errorf("flight: MinAge %v is shorter than Interval %v: choose at least twice the interval", o.MinAge, o.Interval)
	}
	for duration, otherwise := range map[*time.Duration]time.Duration{&o.MinGap: 10 * time.Second, &o.Timeout: 30 * time.Second} {
		if *duration == 0 {
			*duration = otherwise
		}
	}
	if o.Service == "" {
		o.Service = os.Getenv("OTEL_SERVICE_NAME")
	}
	if o.Service == "" {
		o.Service = filepath.Base(os.Args[0])
	}
	for _, sink := range o.Sinks {
		if sink == nil {
			return errors.New("flight: a sink is nil")
		}
		if checked, ok := sink.(checkedSink); ok {
			if err := checked.check(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Recorder) run(ctx context.Context) {
	defer close(r.stopped)
	var tick <-chan time.Time
	if r.options.Interval > 0 {
		ticker := time.NewTicker(r.options.Interval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		reason := "interval"
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case reason = <-r.triggers:
		}
		if _, _, err := r.take(ctx, reason, false); err != nil && ctx.Err() == nil {
			r.report(err)
		}
	}
}

// report tells of a failure where nobody waits for the result.
func (r *Recorder) report(err error) {
	if r.options.Logger != nil {
		r.options.Logger.Warn("flight recorder", "error", err)
	}
	if r.options.OnError != nil {
		r.options.OnError(err)
	}
}

// Snapshot gives what the recorder holds to all sinks, and waits for them until ctx is done; the sinks go on then. It
// returns what failed, or [ErrClosed].
func (r *Recorder) Snapshot(ctx context.Context, reason string) (Meta, error) {
	meta, results, err := r.take(ctx, reason, true)
	if err != nil {
		return meta, err
	}
	var errs []error
	for _, result := range results {
		select {
		case err := <-result:
			errs = append(errs, err)
		case <-ctx.Done():
			return meta, errors.Join(append(errs, ctx.Err())...)
		}
	}
	return meta, errors.Join(errs...)
}

// Trigger asks for a snapshot and does not wait for it: where something strange has just happened. It is refused, and false
// returned, within MinGap of the last one.
func (r *Recorder) Trigger(reason string) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	now := time.Now()
	if r.closing != nil {
		return false
	}
	if !r.triggered.IsZero() && now.Sub(r.triggered) < r.options.MinGap {
		r.stats.Suppressed++
		return false
	}
	select {
	case r.triggers <- reason:
		r.triggered = now
		return true
	default:
		r.stats.Suppressed++
		return false
	}
}

// Stats returns what the recorder has done until now.
func (r *Recorder) Stats() Stats {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	stats := r.stats
	stats.Sinks = append([]SinkStats(nil), r.stats.Sinks...)
	return stats
}

// Shutdown takes a last snapshot, stops recording, and waits until the sinks have what there is, or ctx is done: what
// they are at then is cut off, and that is an error. Called again it waits for the same and returns the same.
func (r *Recorder) Shutdown(ctx context.Context) error {
	r.mutex.Lock()
	closing, isFirst := r.closing, r.closing == nil
	if isFirst {
		closing = make(chan struct{})
		r.closing = closing
	}
	r.mutex.Unlock()
	if isFirst {
		r.closeErr = r.shutdown(ctx)
		close(closing)
	}
	select {
	case <-closing:
		return r.closeErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Recorder) shutdown(ctx context.Context) error {
	defer r.cancel()
	r.stop()
	var errs []error
	_, results, err := r.take(ctx, "shutdown", true)
	errs = append(errs, err)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		r.close()
		<-r.stopped
		r.workers.Wait()
	}()
	select {
	case <-closed:
		for _, result := range results {
			errs = append(errs, <-result)
		}
	case <-ctx.Done():
		errs = append(errs, ctx.Err())
	}
	return errors.Join(errs...)
}

// close stops the runtime's recorder when it is at nothing.
func (r *Recorder) close() {
	r.turn <- struct{}{}
	r.isClosed = true
	r.recorder.Stop()
	for _, queue := range r.queues {
		close(queue.waiting)
	}
	<-r.turn
}

// take takes a snapshot and hands it to the queues of all sinks. If somebody waits for them, their results are returned.
func (r *Recorder) take(ctx context.Context, reason string, isAwaited bool) (Meta, []chan error, error) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return r.meta(reason), nil, ctx.Err()
	}
	meta, results, dropped, err := r.takeInTurn(reason, isAwaited)
	<-r.turn
	// Who is told may want a turn.
	for range dropped {
		r.report(errDropped)
	}
	return meta, results, err
}

func (r *Recorder) meta(reason string) Meta {
	return Meta{Service: r.options.Service, Resource: r.options.Resource, Reason: reason, PID: os.Getpid()}
}

// takeInTurn is take for the holder of the turn. It also returns how many older ones were dropped that nobody waits for.
func (r *Recorder) takeInTurn(reason string, isAwaited bool) (meta Meta, results []chan error, dropped int, err error) {
	meta = r.meta(reason)
	if r.isClosed {
		return meta, nil, 0, ErrClosed
	}
	snapshot, err := takeSnapshot(r.recorder, r.folder())
	r.mutex.Lock()
	if err != nil {
		r.stats.Failed++
	} else {
		r.stats.Snapshots++
		r.stats.Bytes += uint64(snapshot.size)
	}
	r.mutex.Unlock()
	if err != nil {
		return meta, nil, 0, fmt.Errorf("flight: taking a snapshot: %w", err)
	}
	defer snapshot.release()
	r.count++
	meta.Number, meta.Taken, meta.Size = r.count, time.Now(), snapshot.size
	results = make([]chan error, len(r.queues))
	for i, queue := range r.queues {
		if isAwaited {
			results[i] = make(chan error, 1)
		}
		dropped += queue.add(delivery{meta: meta, snapshot: snapshot.share(), result: results[i]})
	}
	return meta, results, dropped, nil
}

// folder is where snapshots wait: where files of theirs are to be anyway, if there is such a place.
func (r *Recorder) folder() string {
	for _, sink := range r.options.Sinks {
		if dir, ok := sink.(*dirSink); ok {
			return dir.folder
		}
	}
	return os.TempDir()
}

// A snapshot is in a file that nobody else sees, so that it takes no memory; in memory where there is no place for files.
type snapshot struct {
	io.ReaderAt
	size int64
	file *os.File
	// isNamed says that the file still has its name.
	isNamed bool
	mutex   sync.Mutex
	users   int
}

func takeSnapshot(recorder *trace.FlightRecorder, folder string) (*snapshot, error) {
	file, err := os.CreateTemp(folder, ".snapshot-*")
	if err != nil {
		var memory bytes.Buffer
		size, err := recorder.WriteTo(&memory)
		return &snapshot{ReaderAt: bytes.NewReader(memory.Bytes()), size: size, users: 1}, err
	}
	// Where the system allows that, the file is gone with the process, however that ends.
	s := &snapshot{ReaderAt: file, file: file, isNamed: os.Remove(file.Name()) != nil, users: 1}
	if s.size, err = recorder.WriteTo(file); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *snapshot) share() *snapshot {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.users++
	return s
}

func (s *snapshot) release() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.users--; s.users == 0 && s.file != nil {
		s.file.Close()
		// The name may be another's by now.
		if s.isNamed {
			os.Remove(s.file.Name())
		}
	}
}

// A delivery is a snapshot on its way to a sink.
type delivery struct {
	meta     Meta
	snapshot *snapshot
	// result is nil where nobody waits for it; else it has room.
	result chan error
}

// errDropped says that newer snapshots came before a sink took one.
var errDropped = errors.New("flight: a snapshot was dropped: its sink is too slow")

// A queue is what waits for a sink.
type queue struct {
	recorder *Recorder
	number   int
	sink     Sink
	waiting  chan delivery
}

// mostWaiting is how many snapshots a sink may be behind.
const mostWaiting = 4

func newQueue(r *Recorder, number int, sink Sink) *queue {
	return &queue{r, number, sink, make(chan delivery, mostWaiting)}
}

// add makes a delivery wait, in the place of the oldest one if there are too many. It returns how many had to go that nobody
// waits for. Only the holder of the turn does so.
func (q *queue) add(d delivery) (dropped int) {
	for {
		select {
		case q.waiting <- d:
			return dropped
		default:
		}
		select {
		case oldest := <-q.waiting:
			if !q.finish(oldest, errDropped) {
				dropped++
			}
		default:
		}
	}
}

func (q *queue) work(ctx context.Context) {
	for d := range q.waiting {
		if err := q.put(ctx, d); !q.finish(d, err) && err != nil {
			q.recorder.report(err)
		}
	}
}

func (q *queue) put(ctx context.Context, d delivery) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, q.recorder.options.Timeout)
	defer cancel()
	return q.sink.Put(ctx, d.meta, io.NewSectionReader(d.snapshot, 0, d.snapshot.size))
}

// finish counts what became of a delivery, and reports whether somebody waits for that and was told.
func (q *queue) finish(d delivery, err error) (isTold bool) {
	d.snapshot.release()
	q.recorder.mutex.Lock()
	stats := &q.recorder.stats.Sinks[q.number]
	switch err {
	case nil:
		stats.Delivered++
	case errDropped:
		stats.Dropped++
	default:
		stats.Failed++
	}
	q.recorder.mutex.Unlock()
	if d.result != nil {
		d.result <- err
	}
	return d.result != nil
}
