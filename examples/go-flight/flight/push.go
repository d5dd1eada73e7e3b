package flight

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"example.com/go-flight/internal/client"
)

// PushOptions say how snapshots are posted.
type PushOptions struct {
	// Token is the bearer token, if the receiver wants one.
	Token string
	// Header is sent with each snapshot.
	Header http.Header
	// Client posts; one of its own if it is nil, with the proxies of the environment.
	Client *http.Client
	// Gzip compresses what is sent, to about a third. trace-sidecar takes both.
	Gzip bool
}

// Push returns a [Sink] that posts each snapshot to a URL, such as trace-sidecar's push endpoint. The service's name is added to
// the URL's query as service, unless that is there. What may succeed later (no connection, 429, 502, 503, 504) is tried again,
// with growing pauses, until [RecorderOptions].Timeout is over.
func Push(url string, options PushOptions) Sink {
	if options.Client == nil {
		options.Client = &http.Client{Transport: http.DefaultTransport}
	}
	options.Client = client.WithoutRedirects(options.Client)
	return &pushSink{address: url, options: options, pause: time.Second}
}

type pushSink struct {
	address string
	options PushOptions
	// pause is how long the first one is.
	pause time.Duration
}

func (p *pushSink) check() error {
	u, err := url.Parse(p.address)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		err = errors.New("it needs http:// or https:// and a host")
	}
	if err != nil {
		// What is wrong with a URL may quote it, and it may hold secrets.
		return errors.New("flight: the URL for snapshots is none that can be posted to: it needs http:// or https:// and a host")
	}
	return nil
}

func (p *pushSink) url(meta Meta) string {
	u, err := url.Parse(p.address)
	if err != nil {
		return p.address
	}
	query := u.Query()
	if !query.Has("service") && meta.Service != "" {
		query.Set("service", meta.Service)
		u.RawQuery = query.Encode()
	}
	return u.String()
}

// Put implements [Sink].
func (p *pushSink) Put(ctx context.Context, meta Meta, snapshot io.ReadSeeker) error {
	const longestPause = 30 * time.Second
	for pause := p.pause; ; pause = min(2*pause, longestPause) {
		wait, err := p.post(ctx, meta, snapshot)
		if err == nil || wait < 0 {
			return err
		}
		timer := time.NewTimer(max(wait, pause/2+rand.N(pause)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		}
	}
}

// post tries once. Where it makes sense to try again, it says how long to wait at least, else something negative.
func (p *pushSink) post(ctx context.Context, meta Meta, snapshot io.ReadSeeker) (time.Duration, error) {
	if _, err := snapshot.Seek(0, io.SeekStart); err != nil {
		return -1, fmt.Errorf("flight: pushing a snapshot: %w", err)
	}
	body := p.body(snapshot)
	// The body reads the snapshot, which is not to be read once this has returned.
	defer body.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url(meta), body)
	if err != nil {
		return -1, errors.New("flight: pushing a snapshot: not a URL")
	}
	for key, values := range p.options.Header {
		request.Header[key] = values
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	if p.options.Gzip {
		request.Header.Set("Content-Encoding", "gzip")
	} else {
		request.ContentLength = meta.Size
	}
	if p.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+p.options.Token)
	}
	response, err := p.options.Client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("flight: pushing a snapshot: %w", client.WithoutURL(err))
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 512))
	if response.StatusCode/100 == 2 {
		return 0, nil
	}
	err = fmt.Errorf("flight: pushing a snapshot: %s: %s", response.Status, bytes.TrimSpace(answer))
	if client.IsRetryable(response.StatusCode) {
		return client.RetryAfter(response.Header.Get("Retry-After"), time.Now()), err
	}
	return -1, err
}

// body returns what is sent. Closing it waits until the snapshot is not read any more.
func (p *pushSink) body(snapshot io.Reader) io.ReadCloser {
	if !p.options.Gzip {
		return &untilClosed{body: snapshot}
	}
	reader, writer := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		compressor, _ := gzip.NewWriterLevel(writer, gzip.BestSpeed)
		_, err := io.Copy(compressor, snapshot)
		writer.CloseWithError(errors.Join(err, compressor.Close()))
	}()
	return &compressing{reader, done}
}

type compressing struct {
	*io.PipeReader
	done chan struct{}
}

func (c *compressing) Close() error {
	err := c.PipeReader.Close()
	<-c.done
	return err
}

// untilClosed reads nothing once it is closed: a connection may read on after the response has come.
type untilClosed struct {
	mutex sync.Mutex
	body  io.Reader
}

func (u *untilClosed) Read(into []byte) (int, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.body == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	return u.body.Read(into)
}

func (u *untilClosed) Close() error {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.body = nil
	return nil
}
