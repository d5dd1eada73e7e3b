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
	place  atomic.Pointer[place]
	report func(error)
	// recovered is told when something was accepted.
	recovered func()
	count     func(func(*Stats))
	// backoff returns how long to wait before the attempt after so many failed ones.
	backoff func(failed int) time.Duration
}

// A place is a target for as long as its sender sends there.
type place struct {
	target
	// left is done when the sender has moved elsewhere.
	left  context.Context
	leave context.CancelFunc
}

// moveTo has what waits and what comes sent there, also what is on its way elsewhere.
func (s *sender) moveTo(target target) {
	left, leave := context.WithCancel(context.Background())
	if before := s.place.Swap(&place{target, left, leave}); before != nil {
		before.leave()
	}
}

// run sends until ctx is done.
func (s *sender) run(ctx context.Context) {
	for failed, at := 0, s.place.Load(); ctx.Err() == nil; {
		batch, changed := s.queue.first()
		if batch == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		if now := s.place.Load(); now != at {
			failed, at = 0, now
		}
		answer, err := s.send(ctx, at, batch)
		if err != nil && (ctx.Err() != nil || at.left.Err() != nil) {
			continue // nobody cares any more what came of it there
		}
		if retry := (*retryError)(nil); errors.As(err, &retry) {
			failed++
			s.report(err)
			s.count(func(stats *Stats) { stats.Retries++ })
			wait(ctx, at, max(retry.after, s.backoff(failed)))
			continue
		}
		failed = 0
		s.done(batch, answer, err)
	}
}

// wait waits before the next attempt, unless that goes elsewhere: there is no reason to wait then.
func wait(ctx context.Context, at *place, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-at.left.Done():
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

// send makes one attempt, which ends early when the sender moves.
func (s *sender) send(ctx context.Context, at *place, batch *convert.Batch) (partialSuccess, error) {
	ctx, cancel := context.WithTimeout(ctx, at.timeout)
	defer cancel()
	defer context.AfterFunc(at.left, cancel)()
	ctx, end := unseen(ctx)
	defer end()
	request, err := at.request(ctx, batch.Bytes)
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
