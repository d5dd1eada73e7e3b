// Package auto sends the spans of the program that imports it, and takes all that there is to say from the environment:
//
//	import _ "example.com/go-flight/flight/auto"
//
// See package otlp for what is sent, and [otlp.Options] for the variables. Where sending cannot start, that is logged, and the
// program goes on without. The last interval before the program ends is lost, unless the program calls [Shutdown].
package auto

import (
	"context"
	"log/slog"

	"example.com/go-flight/flight/otlp"
)

func init() {
	if _, err := otlp.Start(context.Background(), otlp.Options{}); err != nil {
		slog.Error("no spans are sent", "error", err)
	}
}

// Shutdown sends what there is until ctx is done, and stops: see [otlp.Exporter.Shutdown].
func Shutdown(ctx context.Context) error {
	exporter := otlp.Default()
	if exporter == nil {
		return nil
	}
	return exporter.Shutdown(ctx)
}
