// Package client has what all of the module's HTTP clients do alike.
package client

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// WithoutRedirects returns a client like this one that takes a redirect as the answer. To follow one would make a GET without a
// body of a POST, whose success says nothing, or hand headers with secrets to another host.
func WithoutRedirects(c *http.Client) *http.Client {
	still := *c
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &still
}

// WithoutURL returns why a request has failed without the URL that [http.Client] puts before it: that may hold secrets.
func WithoutURL(err error) error {
	var failure *url.Error
	if errors.As(err, &failure) {
		return failure.Err
	}
	return err
}

// IsRetryable reports whether a request that was answered so may succeed later: OTLP/HTTP, "Retryable response codes".
func IsRetryable(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// RetryAfter reads the header of that name: seconds, or a date. What is neither, and a date that is over, is 0.
func RetryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}
