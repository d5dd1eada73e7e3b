package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"time"
)

// A back answers from its database.
type back struct {
	database *sql.DB
	journal  *journal
}

func newBack(journal *journal) *http.ServeMux {
	b := &back{database: sql.OpenDB(shelf{}), journal: journal}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stock/{id}", b.answer("SELECT count FROM stock WHERE id = ?"))
	mux.HandleFunc("GET /price/{id}", b.answer("SELECT price FROM prices WHERE id = ?"))
	return mux
}

func (b *back) answer(query string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if pause, err := time.ParseDuration(r.URL.Query().Get("pause")); err == nil {
			b.journal.region(r.Context(), "pause", func() { time.Sleep(min(pause, 5*time.Second)) })
		}
		value, err := b.ask(r.Context(), query, r.PathValue("id"))
		if err != nil {
			b.journal.log(r.Context(), "error", err.Error())
			http.Error(w, "no such thing", http.StatusNotFound)
			return
		}
		fmt.Fprintln(w, value)
	}
}

// ask is a span of its own: it may be the slow part.
func (b *back) ask(ctx context.Context, query, id string) (value int64, err error) {
	err = b.journal.span(ctx, "database", func(ctx context.Context) error {
		b.journal.log(ctx, "query", fmt.Sprintf("%s with token=%s", query, secret))
		return b.database.QueryRowContext(ctx, query, id).Scan(&value)
	})
	return value, err
}
