package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"example.com/go-flight/flight"
)

// A front takes orders. For each it asks the back twice, at the same time, and puts the answers together.
type front struct {
	back    string
	client  *http.Client
	journal *journal
}

func newFront(back string, journal *journal) *http.ServeMux {
	f := &front{
		back: strings.TrimSuffix(back, "/"),
		client: &http.Client{
			Transport: flight.Transport{Base: journalTransport{http.DefaultTransport, journal}},
			Timeout:   10 * time.Second,
		},
		journal: journal,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /order/{id}", f.order)
	return mux
}

// secret is what no backend may ever see.
const secret = "s3cr3t-of-the-customer"

func (f *front) order(w http.ResponseWriter, r *http.Request) {
	ctx, id := r.Context(), r.PathValue("id")
	f.journal.log(ctx, "order", fmt.Sprintf("order %s with password=%s", id, secret))

	var wait sync.WaitGroup
	var stock, price answer
	// Counting takes its time, if the customer wants that.
	pause := r.URL.Query().Get("pause")
	wait.Go(func() { stock = f.ask(ctx, "stock", id, pause) })
	wait.Go(func() { price = f.ask(ctx, "price", id, "") })
	wait.Wait()

	f.journal.region(ctx, "render", func() {
		if stock.err != nil || price.err != nil {
			http.Error(w, "the back does not answer", http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "order %s: %s in stock at %s\n", id, stock.text, price.text)
	})
}

type answer struct {
	text string
	err  error
}

// ask asks the back. The key in the URL is a secret, too.
func (f *front) ask(ctx context.Context, what, id, pause string) (a answer) {
	query := url.Values{"api_key": {secret}, "pause": {pause}}
	f.journal.region(ctx, "ask "+what, func() {
		a.text, a.err = f.get(ctx, fmt.Sprintf("%s/%s/%s?%s", f.back, what, url.PathEscape(id), query.Encode()))
	})
	return a
}

func (f *front) get(ctx context.Context, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := f.client.Do(request)
	if err != nil {
		f.journal.log(ctx, "error", err.Error())
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the back says %s", response.Status)
	}
	return strings.TrimSpace(string(text)), err
}
