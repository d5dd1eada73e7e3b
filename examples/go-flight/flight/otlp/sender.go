package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"runtime/trace"
	"sync/atomic"
	"time"

	"example.com/go-flight/flight"
	"example.com/go-flight/internal/client"
	"example.com/go-flight/internal/convert"
)

// The time before a batch is sent again, where the receiver does not say: it doubles each time.
const (
	firstBackoff = time.Second
	lastBackoff  = 30 * time.Second
	// maxRetryAfter bounds what a receiver may ask for.
	maxRetryAfter = 5 * time.Minute
)

// maxAnswer bounds how much of an answer is read.
const maxAnswer = 64 << 10

// A sender sends the batches of a signal, one after the other, by the rules of OTLP/HTTP. Each signal has its own, since the
// receiver of one may be away while that of another is not.
type sender struct {
	queue  *queue
	client *http.Client
	target atomic.Pointer[target]
	// moved has something in it when target is another than before.
	moved  chan struct{}
	report func(error)
	// recovered is told when something was accepted.
	recovered func()
	count     func(func(*Stats))
	// backoff returns how long to wait before the attempt after so many failed ones.
	backoff func(failed int) time.Duration
}

// run sends until ctx is done.
func (s *sender) run(ctx context.Context) {
	for failed := 0; ctx.Err() == nil; {
		batch, changed := s.queue.first()
		if batch == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		answer, err := s.send(ctx, batch)
		var retry *retryError
		if errors.As(err, &retry) && ctx.Err() == nil {
			failed++
			s.report(err)
			s.count(func(stats *Stats) { stats.Retries++ })
			if s.wait(ctx, max(retry.after, s.backoff(failed))) {
				failed = 0
			}
			continue
		}
		if ctx.Err() != nil && err != nil {
			return
		}
		failed = 0
		s.done(batch, answer, err)
	}
}

// wait waits before the next attempt, and reports whether that goes elsewhere, for which there is no reason to wait.
func (s *sender) wait(ctx context.Context, duration time.Duration) (hasMoved bool) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-s.moved:
		return true
	}
	return false
}

// moveTo has what waits and what comes sent to another URL.
func (s *sender) moveTo(url string) {
	target := *s.target.Load()
	target.url = url
	s.target.Store(&target)
	select {
	case s.moved <- struct{}{}:
	default:
	}
}

// done takes a batch out of the queue that the receiver has taken, or will never take.
func (s *sender) done(batch *convert.Batch, answer partialSuccess, err error) {
	if !s.queue.remove(batch) {
		return // it was counted as dropped meanwhile
	}
	records := uint64(batch.Records)
	if err != nil {
		s.report(err)
		s.count(func(stats *Stats) { stats.Failed += records })
		return
	}
	rejected := min(answer.rejected, records)
	s.count(func(stats *Stats) {
		stats.Rejected += rejected
		stats.Sent += records - rejected
	})
	if rejected > 0 || answer.message != "" {
		s.report(fmt.Errorf("otlp: the receiver rejected %d of %d records: %q", rejected, records, answer.message))
		return
	}
	s.recovered()
}

// A retryError says that the same batch may be accepted later.
type retryError struct {
	error
	// after is how long the receiver wants to be left alone.
	after time.Duration
}

func (e *retryError) Unwrap() error { return e.error }

// send makes one attempt.
func (s *sender) send(ctx context.Context, batch *convert.Batch) (partialSuccess, error) {
	target := s.target.Load()
	ctx, cancel := context.WithTimeout(ctx, target.timeout)
	defer cancel()
	ctx, end := unseen(ctx)
	defer end()
	request, err := target.request(ctx, batch.Bytes)
	if err != nil {
		return partialSuccess{}, fmt.Errorf("otlp: sending %v: not a URL", batch.Signal) // the error quotes it
	}
	response, err := s.client.Do(request)
	if err != nil {
		err = fmt.Errorf("otlp: sending %v to %s: %w", batch.Signal, withoutSecrets(request.URL), client.WithoutURL(err))
		return partialSuccess{}, &retryError{error: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode/100 == 2 {
		return parsePartialSuccess(body), nil // accepted, whatever became of the answer
	}
	failure := fmt.Errorf("otlp: sending %v to %s: %s", batch.Signal, withoutSecrets(request.URL), response.Status)
	if client.IsRetryable(response.StatusCode) {
		return partialSuccess{}, &retryError{failure, retryAfter(response.Header.Get("Retry-After"), time.Now())}
	}
	return partialSuccess{}, failure
}

func (t *target) request(ctx context.Context, body []byte) (*http.Request, error) {
	header := t.headers.Clone()
	header.Set("Content-Type", "application/x-protobuf")
	if header.Get("User-Agent") == "" {
		header.Set("User-Agent", "go-flight")
	}
	if t.gzip {
		var compressed bytes.Buffer
		writer := gzip.NewWriter(&compressed)
		writer.Write(body) // a Buffer never fails
		writer.Close()
		body = compressed.Bytes()
		header.Set("Content-Encoding", "gzip")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = header
	return request, nil
}

// unseen keeps what is done with ctx out of the spans: sending them would never end otherwise. The request belongs to a task
// that says that it is not sampled.
func unseen(ctx context.Context) (context.Context, func()) {
	if !trace.IsEnabled() {
		return ctx, func() {}
	}
	ctx, task := trace.NewTask(ctx, "otlp.export")
	var unsampled flight.SpanContext
	rand.Read(unsampled.TraceID[:]) // never fails
	rand.Read(unsampled.SpanID[:])
	trace.Log(ctx, "traceparent", unsampled.String())
	// The client may be one that package flight sees.
	return flight.ContextWithRemote(ctx, unsampled), task.End
}

// retryAfter returns how long a receiver wants to be left alone, within reason.
func retryAfter(header string, now time.Time) time.Duration {
	return min(client.RetryAfter(header, now), maxRetryAfter)
}

// backoff doubles with each failure, and is between half and all of that, so that many programs do not come back at once.
func backoff(failed int) time.Duration {
	most := min(firstBackoff<<min(failed-1, 10), lastBackoff)
	return most/2 + mathrand.N(most/2)
}
