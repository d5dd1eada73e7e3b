package flight

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/go-flight/internal/client"
)

func recorder(t *testing.T, options RecorderOptions) *Recorder {
	t.Helper()
	r, err := StartRecorder(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Shutdown(context.Background()) })
	return r
}

// sinkFunc is a function that takes snapshots.
type sinkFunc func(context.Context, Meta, io.ReadSeeker) error

func (f sinkFunc) Put(ctx context.Context, meta Meta, snapshot io.ReadSeeker) error {
	return f(ctx, meta, snapshot)
}

// silent takes nothing until it is told to give up.
var silent = sinkFunc(func(ctx context.Context, _ Meta, _ io.ReadSeeker) error {
	<-ctx.Done()
	return ctx.Err()
})

func TestSnapshotsAreWholeFilesAndPosts(t *testing.T) {
	pushed := make(chan []byte, 2)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" || r.URL.Query().Get("service") != "orders" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(r.Body)
		pushed <- body
	}))
	defer receiver.Close()
	dir := t.TempDir()
	r := recorder(t, RecorderOptions{
		Service: "orders", Sinks: []Sink{Dir(dir, DirOptions{}), Push(receiver.URL, PushOptions{Token: "token"})},
	})
	meta, err := r.Snapshot(t.Context(), "test")
	if err != nil || meta.Number != 1 || meta.Reason != "test" {
		t.Fatalf("%+v, %v", meta, err)
	}
	if err := r.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(files) != 2 || len(hidden) > 0 {
		t.Fatalf("files %v and %v, want two snapshots and nothing else", files, hidden)
	}
	for i := range 2 {
		want := <-pushed
		got, err := os.ReadFile(files[i])
		if err != nil || !bytes.Equal(got, want) || !bytes.HasPrefix(got, []byte("go 1.")) {
			t.Errorf("%s (%d bytes, %v) is not what was pushed (%d bytes)", files[i], len(got), err, len(want))
		}
	}
	stats := r.Stats()
	if stats.Snapshots != 2 || stats.Sinks[0].Delivered != 2 || stats.Sinks[1].Delivered != 2 {
		t.Errorf("%+v", stats)
	}
}

// Fault 2: whoever waited for a silent sink waited for ever, and the other sinks with it.
func TestASilentSinkHoldsNobodyUp(t *testing.T) {
	delivered := make(chan string, 2)
	other := sinkFunc(func(_ context.Context, meta Meta, _ io.ReadSeeker) error {
		delivered <- meta.Reason
		return nil
	})
	r := recorder(t, RecorderOptions{Sinks: []Sink{silent, other}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		mustBe(t, "what the other sink gets", <-delivered, "test")
		cancel()
	}()
	if _, err := r.Snapshot(ctx, "test"); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up gets %v", err)
	}
	closing, cancel := context.WithCancel(t.Context())
	go func() {
		mustBe(t, "what the other sink gets", <-delivered, "shutdown")
		cancel()
	}()
	if err := r.Shutdown(closing); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	// Nothing is left at work.
	r.workers.Wait()
	<-r.stopped
}

func TestASinkHasItsTime(t *testing.T) {
	failed := make(chan error, 1)
	r := recorder(t, RecorderOptions{
		Sinks: []Sink{silent}, Timeout: time.Nanosecond, OnError: func(err error) { failed <- err },
	})
	if _, err := r.Snapshot(t.Context(), "test"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Snapshot: %v", err)
	}
	if !r.Trigger("test") {
		t.Error("a trigger is refused")
	}
	if err := <-failed; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("OnError: %v", err)
	}
}

// Fault 3: a race of closing with snapshots, and closing twice was an error.
func TestShutdownWhileSnapshotsAreTaken(t *testing.T) {
	r := recorder(t, RecorderOptions{Sinks: []Sink{Dir(t.TempDir(), DirOptions{})}})
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for {
				if _, err := r.Snapshot(t.Context(), "test"); errors.Is(err, ErrClosed) {
					return
				} else if err != nil && !errors.Is(err, errDropped) {
					t.Error(err)
					return
				}
			}
		})
		work.Go(func() {
			if err := r.Shutdown(t.Context()); err != nil && !errors.Is(err, errDropped) {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
	work.Wait()
	if r.Trigger("late") {
		t.Error("a closed recorder takes a trigger")
	}
	if _, err := r.Snapshot(t.Context(), "late"); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed recorder says %v", err)
	}
}

// Fault 4: there was no cool-down.
func TestTriggersHaveACoolDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Recorder{options: RecorderOptions{MinGap: time.Minute}, triggers: make(chan string, 1)}
		got := 0
		for range 100 {
			if r.Trigger("slow") {
				<-r.triggers
				got++
			}
			time.Sleep(time.Second)
		}
		if got != 2 || r.Stats().Suppressed != 98 {
			t.Errorf("%d triggers in 100 s, %+v", got, r.Stats())
		}
	})
}

// Fault 4: the folder grew without end.
func TestAFolderIsBounded(t *testing.T) {
	put := func(dir string, options DirOptions, count int) []string {
		sink := Dir(dir, options)
		for i := range count {
			meta := Meta{Service: "a/b", PID: 7, Taken: time.Unix(int64(i), 0), Size: 100}
			if err := sink.Put(t.Context(), meta, strings.NewReader(strings.Repeat("x", 100))); err != nil {
				t.Fatal(err)
			}
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		return files
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "others.trace"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	files := put(dir, DirOptions{MaxFiles: 3}, 9)
	if len(files) != 4 || !strings.HasSuffix(files[0], "a_b-7-6000000000.trace") {
		t.Errorf("%v", files)
	}
	if files := put(t.TempDir(), DirOptions{MaxBytes: 250}, 9); len(files) != 2 {
		t.Errorf("%v", files)
	}
	if files := put(t.TempDir(), DirOptions{MaxFiles: -1, MaxBytes: -1}, 9); len(files) != 9 {
		t.Errorf("%v", files)
	}
}

// Fault 5: a snapshot was held in memory, several times over.
func TestSnapshotsWaitInFiles(t *testing.T) {
	var isFile bool
	r := recorder(t, RecorderOptions{})
	snapshot, err := takeSnapshot(r.recorder, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	isFile = snapshot.file != nil
	snapshot.release()
	if !isFile {
		t.Error("it is in memory")
	}
	// Where there is no place for files it is there all the same.
	snapshot, err = takeSnapshot(r.recorder, filepath.Join(t.TempDir(), "missing"))
	if err != nil || snapshot.file != nil || snapshot.size == 0 {
		t.Errorf("%+v, %v", snapshot, err)
	}
	snapshot.release()
}

func TestASlowSinkMissesTheOldest(t *testing.T) {
	begun, goOn := make(chan uint64, 10), make(chan struct{})
	r := recorder(t, RecorderOptions{Sinks: []Sink{sinkFunc(func(_ context.Context, meta Meta, _ io.ReadSeeker) error {
		begun <- meta.Number
		<-goOn
		return nil
	})}})
	defer close(goOn)
	var results []chan error
	for i := range mostWaiting + 2 {
		_, result, err := r.take(t.Context(), "test", true)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, result...)
		if i == 0 {
			<-begun
		}
	}
	if err := <-results[1]; !errors.Is(err, errDropped) {
		t.Errorf("the second one: %v", err)
	}
	mustBe(t, "dropped", r.Stats().Sinks[0].Dropped, 1)
}

// Fault 10: wrong options were found out later, or never.
func TestOptionsAreChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string]RecorderOptions{
		"forgets":        {Interval: time.Minute, MinAge: time.Second},
		"negative":       {Interval: -1},
		"negative gap":   {MinGap: -1},
		"no folder":      {Sinks: []Sink{Dir("/no/such/folder", DirOptions{})}},
		"a file":         {Sinks: []Sink{Dir(file, DirOptions{})}},
		"no URL":         {Sinks: []Sink{Push("localhost:4320", PushOptions{})}},
		"another scheme": {Sinks: []Sink{Push("ftp://user:secret@localhost/", PushOptions{})}},
		"nil":            {Sinks: []Sink{nil}},
	} {
		r, err := StartRecorder(options)
		if err == nil {
			t.Errorf("%s: accepted", name)
			r.Shutdown(t.Context())
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := recorder(t, RecorderOptions{Interval: time.Hour})
	if r.options.MinAge != 2*time.Hour {
		t.Errorf("MinAge is %v", r.options.MinAge)
	}
}

func TestRetryAfterMayBeADate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
		mustBe(t, "7 s", client.RetryAfter("7", time.Now()), 7*time.Second)
		mustBe(t, "in 9 s", client.RetryAfter(in(9*time.Second), time.Now()), 9*time.Second)
		mustBe(t, "long ago", client.RetryAfter(in(-time.Hour), time.Now()), time.Duration(0))
		mustBe(t, "nonsense", client.RetryAfter("soon", time.Now()), time.Duration(0))
	})
}

// Who is told that a snapshot was dropped may take another one.
func TestErrorsAreToldOutsideOfTheTurn(t *testing.T) {
	var r *Recorder
	told := 0
	begun, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r = recorder(t, RecorderOptions{
		Sinks: []Sink{sinkFunc(func(context.Context, Meta, io.ReadSeeker) error {
			once.Do(func() { close(begun) })
			<-free
			return nil
		})},
		OnError: func(error) {
			told++
			select {
			case r.turn <- struct{}{}:
				<-r.turn
			default:
				t.Error("the turn is held")
			}
		},
	})
	defer close(free)
	for i := range mostWaiting + 2 {
		if _, _, err := r.take(t.Context(), "test", false); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-begun
		}
	}
	mustBe(t, "told", told, 1)
}

func TestPushingFollowsNoRedirect(t *testing.T) {
	tried := 0
	client := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		tried++
		if tried > 1 {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}
		return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"http://elsewhere/"}}, Body: http.NoBody}, nil
	})}
	err := Push("http://localhost/", PushOptions{Client: client}).Put(t.Context(), Meta{Size: 5}, strings.NewReader("trace"))
	if err == nil || tried != 1 {
		t.Errorf("%d requests, %v", tried, err)
	}
}

func TestFilesAreNotForEverybody(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its files have no such modes")
	}
	for chosen, want := range map[os.FileMode]os.FileMode{0: 0o640, 0o600: 0o600, 0o644: 0o644} {
		folder := t.TempDir()
		if err := Dir(folder, DirOptions{Perm: chosen}).Put(t.Context(), Meta{}, strings.NewReader("trace")); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(folder)
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		info, err := files[0].Info()
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%v: %v, %v", chosen, info.Mode(), err)
		}
	}
}

func TestPushingIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answers []int
		gzip    bool
		ok      bool
	}{
		"at once":    {[]int{202}, false, true},
		"later":      {[]int{503, 429, 202}, true, true},
		"never":      {[]int{400, 202}, false, false},
		"gzip never": {[]int{401, 202}, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			tried := 0
			client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				if err != nil || len(body) == 0 || c.gzip != bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
					t.Errorf("%s: %q, %v", name, body, err)
				}
				tried++
				return &http.Response{
					StatusCode: c.answers[tried-1], Status: "status", Header: http.Header{"Retry-After": {"7"}},
					Body: io.NopCloser(strings.NewReader("because")),
				}, nil
			})}
			begin := time.Now()
			sink := Push("http://localhost/", PushOptions{Client: client, Gzip: c.gzip})
			err := sink.Put(t.Context(), Meta{Size: 5}, strings.NewReader("trace"))
			if (err == nil) != c.ok {
				t.Errorf("%s: %v", name, err)
			}
			if c.ok && (tried != len(c.answers) || time.Since(begin) < time.Duration(tried-1)*7*time.Second) {
				t.Errorf("%s: tried %d times in %v", name, tried, time.Since(begin))
			}
			if !c.ok && tried != 1 {
				t.Errorf("%s: tried %d times", name, tried)
			}
		})
	}
}
