package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"example.com/go-service/journal"
)

// A service answers requests by asking what it knows of.
type service struct {
	journal    *journal.Journal
	databases  databases
	store      store
	health     healthService
	server     *http.Server
	base       string
	mu         sync.Mutex
	unexpected error
}

func startService(j *journal.Journal, postgres, redis string) (*service, error) {
	s := &service{journal: j, store: connectRedis(redis)}
	var err error
	if s.databases, err = connectDatabases(postgres); err != nil {
		return nil, err
	}
	if s.health, err = startHealth(j); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.base = "http://" + listener.Addr().String()
	s.server = &http.Server{Handler: s.handler()}
	go s.server.Serve(listener)
	return s, nil
}

func (s *service) close() {
	s.server.Close()
	s.health.close()
	s.store.Close()
	s.databases.close()
}

var paths = []string{"/pq", "/pgx", "/stdlib", "/redis", "/check", "/watch"}

// handler notes each request, and hands it on.
func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(path string, answer func(context.Context, *journal.Journal) error) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if err := answer(r.Context(), s.journal); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	handle("/pq", s.databases.askByPq)
	handle("/pgx", s.databases.askByPgx)
	handle("/stdlib", s.databases.askByStdlib)
	handle("/redis", s.store.ask)
	handle("/check", s.health.check)
	handle("/watch", s.health.watch)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.journal.NoteSince(time.Now(), "http_server", r.URL.Path)()
		mux.ServeHTTP(w, r)
	})
}

func (s *service) request(path string) {
	done := s.journal.Note("http_client", path)
	response, err := http.Get(s.base + path)
	done()
	if err != nil {
		s.fail(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(path + ": " + string(text))
	}
	s.fail(err)
}

// work makes requests of every kind.
func (s *service) work(requests, clients int) {
	next := make(chan string)
	var group sync.WaitGroup
	for i := 0; i < clients; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for path := range next {
				s.request(path)
			}
		}()
	}
	for i := 0; i < requests; i++ {
		next <- paths[i%len(paths)]
	}
	close(next)
	group.Wait()
}

// fail notes that something went wrong, which nothing may.
func (s *service) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unexpected = errors.Join(s.unexpected, err)
}

func (s *service) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unexpected
}
