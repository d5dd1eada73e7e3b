//go:build go1.22

package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/trace"
	"strconv"
	"sync"
	"sync/atomic"
)

func init() {
	scenarios["http"] = scenario{
		about:         "an HTTP service with JSON and a database under load",
		keepsAllProcs: true,
		run:           runHTTP,
	}
}

// An order is what the service trades in.
type order struct {
	ID       int      `json:"id"`
	Customer string   `json:"customer"`
	Items    []string `json:"items"`
	Total    float64  `json:"total"`
}

// runHTTP records server, clients and database in one process. It uses package
// runtime/trace as a service would and keeps no truth: a long run has millions
// of spans.
func runHTTP(r *recorder) error {
	if r.load.requests == 0 && r.load.bytes == 0 {
		return fmt.Errorf("-requests and -bytes are both 0: the work would never end")
	}
	if !(r.load.traced >= 0 && r.load.traced <= 1) {
		return fmt.Errorf("-traced is %g, which is no share of the requests", r.load.traced)
	}
	database, stop, err := startDatabase()
	if err != nil {
		return err
	}
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: (&service{database}).routes()}
	go server.Serve(listener)
	defer server.Close()

	return r.record(func() error {
		return r.drive("http://" + listener.Addr().String())
	})
}

// drive sends requests from all clients until a limit is reached.
func (r *recorder) drive(url string) error {
	var sent atomic.Int64
	more := func() bool {
		if n := sent.Add(1); r.load.requests > 0 && n > int64(r.load.requests) {
			return false
		}
		return r.load.bytes == 0 || r.written.Load() < r.load.bytes
	}
	errs := make(chan error, r.load.clients)
	var clients sync.WaitGroup
	for i := 0; i < r.load.clients; i++ {
		i := i
		clients.Add(1)
		go func() {
			defer clients.Done()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client := client{url: url, http: &http.Client{Transport: transport}, load: r.load}
			for n := i; more(); n++ {
				if err := client.request(n); err != nil {
					errs <- fmt.Errorf("client %d: %w", i, err)
					return
				}
			}
		}()
	}
	clients.Wait()
	close(errs)
	return <-errs
}

// tracedHeader tells the server that the client traces a request, as
// traceparent's flag "sampled" does.
const tracedHeader = "Traced"

// tracedKey is in the contexts of what is traced.
type tracedKey struct{}

func isTraced(ctx context.Context) bool { return ctx.Value(tracedKey{}) != nil }

// A client is one user of the service.
type client struct {
	url  string
	http *http.Client
	load load
}

// request is one user's action: mostly reads, some writes, some errors.
func (c client) request(n int) error {
	ctx := context.Background()
	if c.load.traces(n) {
		traced, task := trace.NewTask(context.WithValue(ctx, tracedKey{}, true), "client request")
		defer task.End()
		ctx = traced
	}
	switch n % 5 {
	case 3:
		return c.place(ctx, order{Customer: "customer " + strconv.Itoa(n), Items: []string{"tea", "milk"}, Total: 7.5})
	case 4:
		return c.get(ctx, "/orders/0", http.StatusNotFound)
	default:
		return c.get(ctx, "/orders/"+strconv.Itoa(1+n%100), http.StatusOK)
	}
}

func (c client) get(ctx context.Context, path string, want int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return err
	}
	return c.do(request, want)
}

func (c client) place(ctx context.Context, o order) error {
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/orders", bytes.NewReader(body))
	if err != nil {
		return err
	}
	return c.do(request, http.StatusCreated)
}

func (c client) do(request *http.Request, want int) error {
	if ctx := request.Context(); isTraced(ctx) {
		request.Header.Set(tracedHeader, "1")
		defer trace.StartRegion(ctx, "round trip").End()
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != want {
		return fmt.Errorf("%s %s: status %d, want %d", request.Method, request.URL.Path, response.StatusCode, want)
	}
	return nil
}

// A service answers for orders kept in a database.
type service struct{ database *sql.DB }

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", traced("GET /orders/{id}", s.show))
	mux.HandleFunc("POST /orders", traced("POST /orders", s.place))
	return mux
}

// traced gives each request a task that its client traces, as a service's
// middleware would.
func traced(name string, handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		if request.Header.Get(tracedHeader) == "" {
			handle(w, request)
			return
		}
		ctx, task := trace.NewTask(context.WithValue(request.Context(), tracedKey{}, true), name)
		defer task.End()
		trace.Log(ctx, "http.path", request.URL.Path)
		handle(w, request.WithContext(ctx))
	}
}

func (s *service) show(w http.ResponseWriter, request *http.Request) {
	ctx := request.Context()
	found, err := s.query(ctx, request.PathValue("id"))
	switch {
	case err == sql.ErrNoRows:
		http.Error(w, "no such order", http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		render(ctx, w, http.StatusOK, found)
	}
}

func (s *service) place(w http.ResponseWriter, request *http.Request) {
	ctx := request.Context()
	placed, err := decode(ctx, request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := s.insert(ctx, placed); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	render(ctx, w, http.StatusCreated, placed)
}

func (s *service) query(ctx context.Context, id string) (order, error) {
	if isTraced(ctx) {
		defer trace.StartRegion(ctx, "query order").End()
	}
	found := order{Items: []string{"tea", "milk", "sugar"}}
	row := s.database.QueryRowContext(ctx, "SELECT id, customer, total FROM orders WHERE id = ?", id)
	err := row.Scan(&found.ID, &found.Customer, &found.Total)
	return found, err
}

func (s *service) insert(ctx context.Context, o order) error {
	if isTraced(ctx) {
		defer trace.StartRegion(ctx, "insert order").End()
	}
	_, err := s.database.ExecContext(ctx, "INSERT INTO orders (customer, total) VALUES (?, ?)", o.Customer, o.Total)
	return err
}

func decode(ctx context.Context, body io.Reader) (order, error) {
	if isTraced(ctx) {
		defer trace.StartRegion(ctx, "decode").End()
	}
	placed := order{}
	err := json.NewDecoder(body).Decode(&placed)
	return placed, err
}

func render(ctx context.Context, w http.ResponseWriter, status int, o order) {
	if isTraced(ctx) {
		defer trace.StartRegion(ctx, "render").End()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(o); err != nil && isTraced(ctx) {
		// The client is gone; the trace is the only place left to tell.
		trace.Log(ctx, "error", err.Error())
	}
}
