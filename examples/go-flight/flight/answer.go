package flight

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// An answer sees the status of a response. It hides nothing of the writer below: what that can do, the shape that it is
// given can, and [http.ResponseController] finds the rest by Unwrap.
type answer struct {
	http.ResponseWriter
	// status is the final one; 0 while there is none.
	status int
	slow   *watch
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	a.begins(status)
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(body []byte) (int, error) {
	a.begins(http.StatusOK)
	return a.ResponseWriter.Write(body)
}

// begins takes note of the first final status: those below 200 come before it, but for a switch of protocols.
func (a *answer) begins(status int) {
	if a.status != 0 || status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	a.status = status
	if status == http.StatusSwitchingProtocols || isEventStream(a.Header().Get("Content-Type")) {
		a.slow.stop()
	}
}

func (a *answer) finalStatus(hasReturned bool) int {
	switch {
	case a.status != 0:
		return a.status
	case hasReturned:
		return http.StatusOK
	}
	return http.StatusInternalServerError
}

// flush has the writer below say what has failed, if it can: [http.ResponseController] asks for that.
func (a *answer) flush() error {
	a.begins(http.StatusOK)
	return http.NewResponseController(a.ResponseWriter).Flush()
}

func (a *answer) hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffered, err := a.ResponseWriter.(http.Hijacker).Hijack()
	if err == nil {
		a.begins(http.StatusSwitchingProtocols)
		a.slow.stop()
	}
	return connection, buffered, err
}

func (a *answer) readFrom(body io.Reader) (int64, error) {
	a.begins(http.StatusOK)
	if reader, ok := a.ResponseWriter.(io.ReaderFrom); ok {
		return reader.ReadFrom(body)
	}
	return io.Copy(struct{ io.Writer }{a.ResponseWriter}, body)
}

// The shapes that writers of package http have: HTTP/1, HTTP/2, and what of either a middleware may have left.
type (
	flushing  struct{ *answer }
	hijacking struct{ *answer }
	http1     struct{ *answer }
	http2     struct{ *answer }
)

func (a flushing) Flush()            { a.flush() }
func (a flushing) FlushError() error { return a.flush() }

func (a hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) { return a.hijack() }

func (a http1) Flush()                                       { a.flush() }
func (a http1) FlushError() error                            { return a.flush() }
func (a http1) Hijack() (net.Conn, *bufio.ReadWriter, error) { return a.hijack() }
func (a http1) ReadFrom(body io.Reader) (n int64, err error) { return a.readFrom(body) }
func (a http2) Flush()                                       { a.flush() }
func (a http2) FlushError() error                            { return a.flush() }
func (a http2) Push(target string, o *http.PushOptions) error {
	return a.ResponseWriter.(http.Pusher).Push(target, o)
}

// shaped returns the answer with what the writer below can do.
func (a *answer) shaped() http.ResponseWriter {
	_, flushes := a.ResponseWriter.(http.Flusher)
	_, hijacks := a.ResponseWriter.(http.Hijacker)
	_, pushes := a.ResponseWriter.(http.Pusher)
	switch {
	case flushes && hijacks:
		return http1{a}
	case flushes && pushes:
		return http2{a}
	case flushes:
		return flushing{a}
	case hijacks:
		return hijacking{a}
	}
	return a
}
