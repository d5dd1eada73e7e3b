// Package client has what all of the module's HTTP clients do alike.
package client

import "net/http"

// WithoutRedirects returns a client like this one that takes a redirect as the answer. To follow one would make a GET without a
// body of a POST, whose success says nothing, or hand headers with secrets to another host.
func WithoutRedirects(c *http.Client) *http.Client {
	still := *c
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &still
}
