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

// A load says how much work the http scenario does. It stops at whichever of
// its limits comes first.
type load struct {
	requests int
	bytes    int64
	clients  int
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
			client := client{url: url, http: &http.Client{Transport: transport}}
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

// A client is one user of the service.
type client struct {
	url  string
	http *http.Client
}

// request is one user's action: mostly reads, some writes, some errors.
func (c client) request(n int) error {
	ctx, task := trace.NewTask(context.Background(), "client request")
	defer task.End()
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
	defer trace.StartRegion(request.Context(), "round trip").End()
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

// traced gives each request a task, as a service's middleware would.
func traced(name string, handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		ctx, task := trace.NewTask(request.Context(), name)
		defer task.End()
		trace.Log(ctx, "http.path", request.URL.Path)
		handle(w, request.WithContext(ctx))
	}
}

func (s *service) show(w http.ResponseWriter, request *http.Request) {
	ctx := request.Context()
	region := trace.StartRegion(ctx, "query order")
	found := order{}
	err := s.database.QueryRowContext(ctx, "SELECT id, customer, total FROM orders WHERE id = ?",
		request.PathValue("id")).Scan(&found.ID, &found.Customer, &found.Total)
	region.End()
	switch {
	case err == sql.ErrNoRows:
		http.Error(w, "no such order", http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		found.Items = []string{"tea", "milk", "sugar"}
		render(ctx, w, http.StatusOK, found)
	}
}

func (s *service) place(w http.ResponseWriter, request *http.Request) {
	ctx := request.Context()
	region := trace.StartRegion(ctx, "decode")
	placed := order{}
	err := json.NewDecoder(request.Body).Decode(&placed)
	region.End()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	trace.WithRegion(ctx, "insert order", func() {
		_, err = s.database.ExecContext(ctx, "INSERT INTO orders (customer, total) VALUES (?, ?)", placed.Customer, placed.Total)
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	render(ctx, w, http.StatusCreated, placed)
}

func render(ctx context.Context, w http.ResponseWriter, status int, o order) {
	defer trace.StartRegion(ctx, "render").End()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(o); err != nil {
		// The client is gone; the trace is the only place left to tell.
		trace.Log(ctx, "error", err.Error())
	}
}
