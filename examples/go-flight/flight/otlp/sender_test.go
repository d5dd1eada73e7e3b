package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/go-flight/internal/client"
	"example.com/go-flight/internal/convert"
)

// deliver has a sender deliver batches to a receiver that gives these answers, one after the other, and then accepts.
func deliver(t *testing.T, batches int, answers ...http.HandlerFunc) (stats Stats, waits []int, errs []error) {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("Key") != "value" {
			t.Errorf("%s with %v", r.URL, r.Header)
		}
		if len(answers) > 0 {
			answer := answers[0]
			answers = answers[1:]
			answer(w, r)
		}
	}))
	defer receiver.Close()
	targets, _, err := env(nil).targets(Options{Endpoint: receiver.URL, Headers: map[string]string{"key": "value"}, Signals: Traces})
	if err != nil {
		t.Fatal(err)
	}
	q := newQueue(1 << 20)
	s := &sender{
		queue: q, client: client.WithoutRedirects(receiver.Client()),
		report: func(err error) { errs = append(errs, err) }, recovered: func() {},
		count:   func(add func(*Stats)) { add(&stats) },
		backoff: func(failed int) time.Duration { waits = append(waits, failed); return 0 },
	}
	s.moveTo(targets[convert.Traces])
	for range batches {
		q.push(batch(10, 5))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.run(ctx); close(ended) }()
	if err := q.drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-ended
	return stats, waits, errs
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestRetries(t *testing.T) {
	stats, waits, errs := deliver(t, 2, status(503), status(429), status(502), status(504), status(200), status(503))
	if stats.Sent != 10 || stats.Failed != 0 || stats.Retries != 5 || len(errs) != 5 {
		t.Errorf("%+v, errors %v", stats, errs)
	}
	if !slices.Equal(waits, []int{1, 2, 3, 4, 1}) {
		t.Errorf("waits after %v failures", waits)
	}
}

// TestMovingIsNoReasonToHurry moves a sender that has nothing to send: the next receiver is left alone for as long as it wants.
func TestMovingIsNoReasonToHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := new(busy)
		s := &sender{
			queue: newQueue(1 << 20), client: &http.Client{Transport: away}, report: func(error) {}, count: func(func(*Stats)) {},
			backoff: func(int) time.Duration { return 0 },
		}
		for range 3 {
			s.moveTo(target{url: "http://receiver", timeout: time.Second, headers: http.Header{}})
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.run(ctx)
		synctest.Wait()
		s.moveTo(target{url: "http://another", timeout: time.Second, headers: http.Header{}})
		s.queue.push(batch(1, 1))
		for want := range 3 {
			synctest.Wait()
			if away.asked != want+1 {
				t.Fatalf("asked %d times after %d times Retry-After", away.asked, want)
			}
			time.Sleep(maxRetryAfter) // by the clock of the test
		}
	})
}

// Busy counts who asks, and wants to be left alone.
type busy struct{ asked int }

func (b *busy) RoundTrip(*http.Request) (*http.Response, error) {
	b.asked++
	header := http.Header{"Retry-After": {"3600"}}
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: header, Body: http.NoBody}, nil
}

func TestRefusedForGood(t *testing.T) {
	for _, code := range []int{400, 401, 404, 413, 500, 501} {
		stats, _, errs := deliver(t, 2, status(code))
		if stats.Sent != 5 || stats.Failed != 5 || stats.Retries != 0 || len(errs) != 1 {
			t.Errorf("%d: %+v, errors %v", code, stats, errs)
		}
	}
}

func TestPartialSuccess(t *testing.T) {
	stats, _, errs := deliver(t, 1, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("\x0a\x08\x08\x03\x12\x04full"))
	})
	if stats.Sent != 2 || stats.Rejected != 3 || len(errs) != 1 {
		t.Errorf("%+v, errors %v", stats, errs)
	}
}

func TestAnswersThatSayNothing(t *testing.T) {
	for _, body := range []string{"", "\x0a", "\x0a\xff", "\x0a\x02\x08", "{}", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x12\x00"} {
		if got := parsePartialSuccess([]byte(body)); got.rejected != 0 || got.message != "" {
			t.Errorf("%q: %+v", body, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                              0,
		"3":                             3 * time.Second,
		"-3":                            0,
		"999999":                        maxRetryAfter,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second,
		"Fri, 02 Jan 2026 03:04:00 GMT": 0,
		"soon":                          0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestBackoffIsBounded(t *testing.T) {
	for failed := 1; failed < 100; failed++ {
		most := lastBackoff
		if failed <= 5 {
			most = firstBackoff << (failed - 1)
		}
		if got := backoff(failed); got < most/2 || got > most {
			t.Errorf("after %d failures: %v", failed, got)
		}
	}
}

// TestRedirectsAreRefusals has a receiver that sends elsewhere, where everything is accepted.
func TestRedirectsAreRefusals(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s with %v", r.Method, r.Header)
	}))
	defer elsewhere.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		stats, _, errs := deliver(t, 1, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, code) })
		if stats.Sent != 0 || stats.Failed != 5 || stats.Retries != 0 || len(errs) != 1 {
			t.Errorf("%d: %+v, errors %v", code, stats, errs)
		}
	}
}

func TestNoSecretsOfEndpointsInErrors(t *testing.T) {
	for _, endpoint := range []string{"https://user:secret%zz@host", "http://user:secret@host:port", "ftp://secret@host?token=secret"} {
		if _, err := parseURL(endpoint); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestNoPasswordInErrors(t *testing.T) {
	refused := target{url: "http://user:secret@127.0.0.1:1/a?token=secret", timeout: time.Second, headers: http.Header{}}
	s := &sender{client: &http.Client{Transport: failing{}}}
	s.moveTo(refused)
	_, err := s.send(t.Context(), s.place.Load(), batch(1, 1))
	var retry *retryError
	if !errors.As(err, &retry) || err.Error() != "otlp: sending traces to http://127.0.0.1:1/a: no way" {
		t.Error(err)
	}
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, fmt.Errorf("no way") }
