package auto

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime/trace"
	"strings"
	"testing"
	"time"
)

// The package starts as it is imported, before any test: what it does is seen in a process of its own, which is this program
// with another environment.
const childVariable = "TEST_AUTO_CHILD"

func TestMain(m *testing.M) {
	if end := os.Getenv(childVariable); end != "" {
		child(end)
		return
	}
	// The tests themselves are nobody's business.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	Shutdown(ctx)
	os.Exit(m.Run())
}

// child is an ordinary program that says nothing of traces until its end.
func child(end string) {
	fmt.Printf("recording %t\n", trace.IsEnabled())
	_, task := trace.NewTask(context.Background(), "some-task")
	task.End()
	io.Copy(io.Discard, os.Stdin) // until it shall end
	if end == "shutdown" {
		fmt.Printf("shutdown %v\n", Shutdown(context.Background()))
	}
}

// mostTime is what a program may take before it is killed, far more than it needs.
const mostTime = 2 * time.Minute

// run runs it with standard input, and returns what it has said. The input is a file, so that nobody waits to hand it to a program
// that has gone.
func run(t *testing.T, end string, input *os.File, environment ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), mostTime)
	defer cancel()
	command := exec.CommandContext(ctx, os.Args[0])
	for _, variable := range os.Environ() {
		// GODEBUG chooses what is sent.
		if !strings.HasPrefix(variable, "OTEL_") && !strings.HasPrefix(variable, "GODEBUG=") {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(append(command.Env, environment...), childVariable+"="+end)
	if input != nil {
		command.Stdin = input
	}
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return string(said)
}

// receive starts a receiver, and has seen look at each request. Once it is closed, seen is not called any more.
func receive(t *testing.T, seen func(body []byte)) *httptest.Server {
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		seen(body)
	}))
	t.Cleanup(receiver.Close)
	return receiver
}

func TestShutdownSendsTheRest(t *testing.T) {
	var bodies bytes.Buffer
	receiver := receive(t, func(body []byte) { bodies.Write(body) })
	said := run(t, "shutdown", nil,
		"OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL, "OTEL_SERVICE_NAME=some-service", "OTEL_BSP_SCHEDULE_DELAY=3600000")
	if said != "recording true\nshutdown <nil>\n" {
		t.Error(said)
	}
	receiver.Close()
	for _, text := range []string{"some-task", "some-service"} {
		if n := bytes.Count(bodies.Bytes(), []byte(text)); n != 1 {
			t.Errorf("%s came %d times", text, n)
		}
	}
}

func TestSpansAreSentMeanwhile(t *testing.T) {
	input, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	defer end.Close()
	tasks := 0
	receiver := receive(t, func(body []byte) {
		if n := bytes.Count(body, []byte("some-task")); n > 0 {
			tasks += n
			end.Close() // the program may end
		}
	})
	said := run(t, "exit", input, "OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL, "OTEL_BSP_SCHEDULE_DELAY=20")
	receiver.Close()
	if said != "recording true\n" || tasks != 1 {
		t.Errorf("%d tasks, %s", tasks, said)
	}
}

func TestTheEnvironmentTurnsItOff(t *testing.T) {
	receiver := receive(t, func([]byte) { t.Error("something was sent") })
	for _, off := range []string{"OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none", "OTEL_TRACES_SAMPLER=always_off"} {
		said := run(t, "shutdown", nil, "OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL, off)
		if said != "recording false\nshutdown <nil>\n" {
			t.Errorf("%s: %s", off, said)
		}
	}
}

func TestProgramsGoOnWithoutIt(t *testing.T) {
	said := run(t, "shutdown", nil, "OTEL_EXPORTER_OTLP_ENDPOINT=ftp://secret@nowhere")
	if !strings.Contains(said, "no spans are sent") || !strings.HasSuffix(said, "recording false\nshutdown <nil>\n") || strings.Contains(said, "secret") {
		t.Error(said)
	}
}
