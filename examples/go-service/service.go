package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	_ "net/http/pprof" // serves itself
	"net/url"
	"runtime/trace"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/go-service/journal"
)

type service struct {
	journal  *journal.Journal
	database *sql.DB
	server   *http.Server
	client   *http.Client
	base     string
	echo     net.Listener
	// A request to /wait is served until something comes.
	entered, leave chan struct{}
	// How many recordings have been asked for.
	recordings atomic.Int64
}

func startService(j *journal.Journal, address, load string) (*service, error) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go serveDatabase(echo)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &service{
		journal:  j,
		database: sql.OpenDB(connector(echo.Addr().String())),
		base:     "http://" + listener.Addr().String(),
		echo:     echo,
		entered:  make(chan struct{}),
		leave:    make(chan struct{}),
	}
	s.server = &http.Server{Handler: s.handler(), ErrorLog: log.New(io.Discard, "", 0)}
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	s.client = &http.Client{Transport: transport}
	if load == "http1" {
		go s.server.Serve(listener)
		return s, nil
	}
	certificate, err := selfSigned()
	if err != nil {
		return nil, err
	}
	s.base = strings.Replace(s.base, "http:", "https:", 1)
	s.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // of the certificate that was made above
	transport.ForceAttemptHTTP2 = load == "http2"
	if load != "http2" {
		s.server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	go s.server.ServeTLS(listener, "", "")
	return s, nil
}

func (s *service) close() {
	s.server.Close()
	s.database.Close()
	s.echo.Close()
}

// handler notes each request, and hands it on.
func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", hello)
	mux.HandleFunc("/sleep", sleep)
	mux.HandleFunc("/spin", spin)
	mux.HandleFunc("/body", body)
	mux.HandleFunc("/ignored", hello)
	mux.HandleFunc("/stream", stream)
	mux.HandleFunc("/panic", panics)
	mux.HandleFunc("/query", s.query)
	mux.HandleFunc("/call", s.call)
	mux.HandleFunc("/wait", s.wait)
	mux.Handle("/timeout", http.TimeoutHandler(http.HandlerFunc(sleep), time.Second, ""))
	mux.HandleFunc("/proxy", s.proxy)
	mux.HandleFunc("/hijack", hijack)
	mux.HandleFunc("/recording", s.recording)
	mux.Handle("/debug/pprof/", http.DefaultServeMux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.journal.NoteSince(time.Now(), "http_server", r.URL.Path)()
		if r.URL.Path == "/debug/pprof/trace" {
			s.recordings.Add(1)
		}
		mux.ServeHTTP(w, r)
	})
}

// recording tells which recording is under way, counted from 1; 0 for none.
func (s *service) recording(w http.ResponseWriter, _ *http.Request) {
	number := s.recordings.Load()
	if !trace.IsEnabled() {
		number = 0
	}
	fmt.Fprint(w, number)
}

func hello(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") }

func sleep(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Millisecond) }

func spin(http.ResponseWriter, *http.Request) {
	for end := time.Now().Add(500 * time.Microsecond); time.Now().Before(end); {
	}
}

func body(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	fmt.Fprintln(w, n)
}

func stream(w http.ResponseWriter, _ *http.Request) {
	for i := 0; i < 3; i++ {
		fmt.Fprintln(w, i)
		w.(http.Flusher).Flush()
		time.Sleep(500 * time.Microsecond)
	}
}

func panics(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func hijack(w http.ResponseWriter, r *http.Request) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		hello(w, r)
		return
	}
	connection, buffer, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	fmt.Fprint(buffer, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	buffer.Flush()
}

// query asks twice by the same line, and once by another.
func (s *service) query(w http.ResponseWriter, r *http.Request) {
	for i := 0; i < 2; i++ {
		var answer string
		done := s.journal.Note("sql", "QueryRowContext")
		row := s.database.QueryRowContext(r.Context(), "SELECT answer")
		done()
		if err := row.Scan(&answer); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	done := s.journal.Note("sql", "ExecContext")
	_, err := s.database.ExecContext(r.Context(), "UPDATE answer")
	done()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *service) call(http.ResponseWriter, *http.Request) { s.request("/hello", nil) }

func (s *service) wait(http.ResponseWriter, *http.Request) {
	s.entered <- struct{}{}
	<-s.leave
}

func (s *service) proxy(w http.ResponseWriter, r *http.Request) {
	target, _ := url.Parse(s.base)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = noting{s}
	r.URL.Path = "/hello"
	proxy.ServeHTTP(w, r)
}

// noting notes the requests that it makes.
type noting struct{ s *service }

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	defer n.s.journal.Note("http_client", r.URL.Path)()
	return n.s.client.Transport.RoundTrip(r)
}

// request makes one. An error is what some handlers are for.
func (s *service) request(path string, content io.Reader) {
	method := http.MethodGet
	if content != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, s.base+path, content)
	if err != nil {
		return
	}
	done := s.journal.Note("http_client", path)
	response, err := s.client.Do(r)
	done()
	if err != nil {
		return
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

// startWaiting has a request under way until what it returns is called, which waits for its end.
func (s *service) startWaiting() func() {
	done := make(chan struct{})
	go func() {
		s.request("/wait", nil)
		close(done)
	}()
	<-s.entered
	return func() {
		s.leave <- struct{}{}
		<-done
	}
}

// work makes requests of every kind.
func (s *service) work(requests, clients int) {
	paths := []string{
		"/hello", "/sleep", "/query", "/body", "/call", "/spin", "/hello", "/ignored", "/stream", "/timeout", "/proxy",
		"/query", "/panic", "/hello", "/hijack",
	}
	next := make(chan string)
	var group sync.WaitGroup
	for i := 0; i < clients; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for path := range next {
				var content io.Reader
				if path == "/body" || path == "/ignored" {
					content = strings.NewReader(strings.Repeat("body ", 2000))
				}
				s.request(path, content)
			}
		}()
	}
	for i := 0; i < requests; i++ {
		next <- paths[i%len(paths)]
	}
	close(next)
	group.Wait()
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: key}, err
}
