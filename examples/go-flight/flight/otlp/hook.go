package otlp

import (
	"context"
	"sync"

	"example.com/go-flight/internal/hook"
)

func init() { hook.RegisterExportEndpoint(setExportEndpoint) }

// standard is the exporter of the program as a whole.
var standard struct {
	// changing is held while the program says where to send: one call after the other, each with all that it takes.
	changing sync.Mutex
	// mutex guards exporter.
	mutex    sync.Mutex
	exporter *Exporter
}

// Default returns the exporter that flight.SetExportEndpoint has send elsewhere, or ends: the first that was started, by [Start],
// by package auto or by that function, until it was shut down and another one is; or what [SetDefault] was given. Nil if there is
// none.
func Default() *Exporter {
	standard.mutex.Lock()
	defer standard.mutex.Unlock()
	return standard.exporter
}

// SetDefault makes an exporter the one that flight.SetExportEndpoint has send elsewhere, or ends. The one before goes on.
func SetDefault(exporter *Exporter) {
	standard.mutex.Lock()
	defer standard.mutex.Unlock()
	standard.exporter = exporter
}

// offerDefault makes an exporter the default, unless there is one that goes on.
func offerDefault(exporter *Exporter) {
	standard.mutex.Lock()
	defer standard.mutex.Unlock()
	if standard.exporter == nil || standard.exporter.isStopped() {
		standard.exporter = exporter
	}
}

// setExportEndpoint is what flight.SetExportEndpoint does.
func setExportEndpoint(endpoint string) error {
	standard.changing.Lock()
	defer standard.changing.Unlock()
	exporter := Default()
	switch {
	case exporter == nil || exporter.isStopped():
		if endpoint == "" {
			return nil
		}
		_, err := Start(context.Background(), Options{Endpoint: endpoint})
		return err
	case endpoint == "":
		ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
		defer cancel()
		return exporter.Shutdown(ctx)
	default:
		return exporter.redirect(endpoint)
	}
}
