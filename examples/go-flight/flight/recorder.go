package flight

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/trace"
	"sync"
	"time"
)

// Options say what a [Recorder] keeps and where its snapshots go.
type Options struct {
	// Dir is a directory that snapshots are written into, each as a file of its own that appears whole. Empty: none are.
	Dir string
	// URL is where snapshots are posted to. Empty: none are.
	URL string
	// Token is the bearer token for URL, if it wants one.
	Token string
	// Client posts; [http.DefaultClient] if it is nil.
	Client *http.Client
	// Name begins the names of the files. The program's name if it is empty.
	Name string
	// Interval is the time from one snapshot to the next. 0: they are taken on demand only.
	Interval time.Duration
	// MinAge is how long the recorder remembers at least; [trace.FlightRecorderConfig] has the default. Longer than
	// Interval, or what lies between two snapshots is lost.
	MinAge time.Duration
	// MaxBytes bounds the recorder's memory; what does not fit is forgotten, whatever MinAge says.
	MaxBytes uint64
	// OnError is told of snapshots that failed where nobody asked for them. Nil: nobody is told.
	OnError func(error)
}

// A Recorder keeps the latest of the program's execution trace, and writes it out.
type Recorder struct {
	options  Options
	recorder *trace.FlightRecorder
	// One snapshot at a time: the runtime allows no more.
	mutex sync.Mutex
	// slow asks for a snapshot; one that is asked for already stands for all.
	slow    chan struct{}
	stop    context.CancelFunc
	stopped chan struct{}
}

// NewRecorder starts recording. A program may have one recorder at a time.
func NewRecorder(options Options) (*Recorder, error) {
	if options.MinAge > 0 && options.MinAge < options.Interval {
		return nil, fmt.Errorf("flight: MinAge %v is shorter than Interval %v: choose at least twice the interval", options.MinAge, options.Interval)
	}
	if options.Name == "" {
		options.Name = filepath.Base(os.Args[0])
	}
	if options.Client == nil {
		options.Client = http.DefaultClient
	}
	config := trace.FlightRecorderConfig{MinAge: options.MinAge, MaxBytes: options.MaxBytes}
	r := &Recorder{
		options:  options,
		recorder: trace.NewFlightRecorder(config),
		slow:     make(chan struct{}, 1),
		stopped:  make(chan struct{}),
	}
	if err := r.recorder.Start(); err != nil {
		return nil, fmt.Errorf("flight: starting the recorder: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go r.run(ctx)
	return r, nil
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
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-r.slow:
		}
		// A snapshot that is under way when the recorder closes is finished, not cut off.
		if err := r.Snapshot(context.WithoutCancel(ctx)); err != nil && r.options.OnError != nil {
			r.options.OnError(err)
		}
	}
}

// Snapshot writes what the recorder holds. Snapshots may overlap: their readers take what they share once.
func (r *Recorder) Snapshot(ctx context.Context) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var snapshot bytes.Buffer
	if _, err := r.recorder.WriteTo(&snapshot); err != nil {
		return fmt.Errorf("flight: taking a snapshot: %w", err)
	}
	var errs []error
	if r.options.Dir != "" {
		errs = append(errs, r.write(snapshot.Bytes()))
	}
	if r.options.URL != "" {
		errs = append(errs, r.push(ctx, snapshot.Bytes()))
	}
	return errors.Join(errs...)
}

// write makes a file appear whole: who watches the directory never sees half a snapshot, not even after a crash.
func (r *Recorder) write(snapshot []byte) error {
	name := fmt.Sprintf("%s-%d-%d.trace", r.options.Name, os.Getpid(), time.Now().UnixNano())
	file, err := os.CreateTemp(r.options.Dir, ".snapshot-*")
	if err != nil {
		return fmt.Errorf("flight: %w", err)
	}
	_, err = file.Write(snapshot)
	// Who watches the directory may be another user.
	err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(r.options.Dir, name))
	}
	if err != nil {
		os.Remove(file.Name())
		return fmt.Errorf("flight: writing a snapshot: %w", err)
	}
	return nil
}

func (r *Recorder) push(ctx context.Context, snapshot []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.options.URL, bytes.NewReader(snapshot))
	if err != nil {
		return fmt.Errorf("flight: %w", err)
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	if r.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+r.options.Token)
	}
	response, err := r.options.Client.Do(request)
	if err != nil {
		return fmt.Errorf("flight: pushing a snapshot: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		answer, _ := io.ReadAll(io.LimitReader(response.Body, 512))
		return fmt.Errorf("flight: pushing a snapshot: %s: %s", response.Status, bytes.TrimSpace(answer))
	}
	return nil
}

// Handler asks for a snapshot after each request that takes threshold or longer.
func (r *Recorder) Handler(threshold time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		begin := time.Now()
		next.ServeHTTP(w, request)
		if time.Since(begin) < threshold {
			return
		}
		select {
		case r.slow <- struct{}{}:
		default:
		}
	})
}

// Close takes a last snapshot and stops recording.
func (r *Recorder) Close(ctx context.Context) error {
	r.stop()
	<-r.stopped
	err := r.Snapshot(ctx)
	r.recorder.Stop()
	return err
}
