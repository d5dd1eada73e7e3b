package otlp

import (
	"context"
	"sync"

	"example.com/go-flight/internal/hook"
)

func init() { hook.RegisterExportEndpoint(setExportEndpoint) }

// standard is the exporter of the program as a whole.
var standard struct {
	mutex    sync.Mutex
	exporter *Exporter
}

// Default returns the exporter that flight.SetExportEndpoint or package auto has started, or that [SetDefault] was given; nil if
// there is none.
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

// setExportEndpoint is what flight.SetExportEndpoint does.
func setExportEndpoint(endpoint string) error {
	if endpoint == "" {
		return endDefault()
	}
	standard.mutex.Lock()
	defer standard.mutex.Unlock()
	if e := standard.exporter; e != nil && !e.isStopped() {
		return e.redirect(endpoint)
	}
	exporter, err := Start(context.Background(), Options{Endpoint: endpoint})
	if err != nil {
		return err
	}
	standard.exporter = exporter
	return nil
}

func endDefault() error {
	exporter := Default()
	if exporter == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	return exporter.Shutdown(ctx)
}
