// Package overhead has what the programs share that make their spans by package flight.
package overhead

import (
	"context"
	"net/http"

	"example.com/go-flight/flight"
	"example.com/go-overhead/service"
)

// Traced is the service with a span of each request, and of the work in it.
func Traced() http.Handler { return flight.HTTP{}.Handler(service.New(span)) }

func span(ctx context.Context, name string, do func(context.Context)) {
	ctx, span := flight.Start(ctx, name)
	defer span.End()
	do(ctx)
}
