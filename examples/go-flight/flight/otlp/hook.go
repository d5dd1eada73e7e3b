package otlp

import (
	"context"
	"sync"

	"example.com/go-flight/internal/hook"
)

func init() { hook.RegisterExportEndpoint(setExportEndpoint) }

var (
	chosenMutex sync.Mutex
	chosen      *Exporter
)

// setExportEndpoint is what flight.SetExportEndpoint does: it starts an exporter with all else from the environment, in place
// of the one that an earlier call has started, which has ten seconds to send what it has.
func setExportEndpoint(endpoint string) error {
	if _, err := parseURL(endpoint); err != nil {
		return err
	}
	chosenMutex.Lock()
	defer chosenMutex.Unlock()
	if chosen != nil {
		// The error says what was not sent, and was counted; the next one starts in any case.
		ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
		defer cancel()
		chosen.Shutdown(ctx)
		chosen = nil
	}
	exporter, err := Start(context.Background(), Options{Endpoint: endpoint})
	if err != nil {
		return err
	}
	chosen = exporter
	return nil
}
