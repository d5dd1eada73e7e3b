package flight

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime/trace"
	"testing"
)

// recorded returns the execution trace of what do does.
func recorded(t *testing.T, do func()) []byte {
	t.Helper()
	var recording bytes.Buffer
	if err := trace.Start(&recording); err != nil {
		t.Fatal(err)
	}
	func() {
		defer trace.Stop()
		do()
	}()
	return recording.Bytes()
}

// said returns the objects that a trace holds about spans: strings stand in it as they are.
func said(t *testing.T, recording []byte) (objects []map[string]any) {
	t.Helper()
	for {
		at := bytes.Index(recording, []byte(`{"`))
		if at < 0 {
			return objects
		}
		recording = recording[at:]
		if len(recording) < 3 || recording[2] < 'a' || recording[2] > 'z' {
			recording = recording[1:] // times and addresses may look like the begin of an object
			continue
		}
		var object map[string]any
		decoder := json.NewDecoder(bytes.NewReader(recording))
		if err := decoder.Decode(&object); err != nil {
			t.Fatalf("%.200q: %v", recording, err)
		}
		if length := decoder.InputOffset(); length > longestMessage {
			t.Errorf("a message has %d bytes", length)
		}
		objects = append(objects, object)
		recording = recording[decoder.InputOffset():]
	}
}

// attribute returns the value that some object in the trace gives a key.
func attribute(objects []map[string]any, key string) any {
	for _, object := range objects {
		if attributes, ok := object["attributes"].(map[string]any); ok && attributes[key] != nil {
			return attributes[key]
		}
	}
	return nil
}

func field(objects []map[string]any, key string) any {
	for _, object := range objects {
		if object[key] != nil {
			return object[key]
		}
	}
	return nil
}

// background is a context of a trace of its own.
func background() context.Context { return context.Background() }

func mustBe(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
