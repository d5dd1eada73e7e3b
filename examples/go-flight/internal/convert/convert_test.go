package convert

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSnapshotsGiveEachSpanOnce(t *testing.T) {
	whole := trace(t, "go1.26/http")
	c, _, err := New(Options{Ratio: 1}, func(Batch) {})
	if err != nil {
		t.Fatal(err)
	}
	var spans []uint64
	for range 3 {
		c.Write(whole)
		if err := c.EndTrace(); err != nil {
			t.Fatal(err)
		}
		spans = append(spans, c.Spans())
	}
	if spans[0] == 0 || spans[1] != spans[0] || spans[2] != spans[0] {
		t.Errorf("%d spans after one, two and three snapshots that are the same", spans)
	}
}

func TestNoTrace(t *testing.T) {
	c, _, err := New(Options{Ratio: 1}, func(Batch) { t.Error("a batch") })
	if err != nil {
		t.Fatal(err)
	}
	c.Write([]byte(strings.Repeat("no trace ", 1000)))
	if err := c.EndTrace(); err == nil {
		t.Error("what is no trace is accepted")
	}
	if c.Traps() != 0 {
		t.Error("what is no trace is a trap")
	}
	c.Write(nil)
	if err := c.EndTrace(); err != nil {
		t.Errorf("the error outlives its trace: %v", err)
	}
	if !strings.Contains(c.Losses(), "bytes of traces that could not be read") {
		t.Errorf("losses %q", c.Losses())
	}
}

func TestMalformedSettings(t *testing.T) {
	if _, _, err := New(Options{Ratio: 2}, nil); err == nil {
		t.Error("a ratio of 2 is accepted")
	}
	if _, _, err := New(Options{Ratio: 1, Environ: []string{"OTEL_SERVICE_NAME=\xff"}}, nil); err != nil {
		t.Errorf("a name that is no UTF-8: %v", err)
	}
	_, warning, err := New(Options{Ratio: 1, Environ: []string{"OTEL_RESOURCE_ATTRIBUTES=nonsense"}}, nil)
	if err != nil || !strings.Contains(warning, "nonsense") {
		t.Errorf("warning %q, error %v", warning, err)
	}
}

// TestTraps makes the module call for more memory than it may have.
func TestTraps(t *testing.T) {
	whole := trace(t, "go1.26/http")
	batches := 0
	c, _, err := New(Options{Ratio: 1, MaxMemory: 64 << 20}, func(Batch) { batches++ })
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Unix(0, 0)
	c.now = func() time.Time { return clock }
	enough := c.maxMemory
	fail := func() {
		t.Helper()
		c.maxMemory = 0
		if c.instance != nil {
			c.instance.module.MaxPages = 0
		}
		c.Write(whole)
		var trap *Trap
		if err := c.EndTrace(); !errors.As(err, &trap) {
			t.Fatalf("too little memory: %v", err)
		}
		c.maxMemory = enough
	}
	work := func() error {
		c.Write(whole)
		return c.EndTrace()
	}
	for range 2 {
		fail()
	}
	before := batches
	if err := work(); err != nil || batches == before {
		t.Fatalf("a new instance after a trap: %v, %d batches", err, batches-before)
	}
	clock = clock.Add(2 * time.Minute)
	for range 3 {
		fail()
	}
	if err := work(); !errors.Is(err, ErrGivenUp) {
		t.Fatalf("after three traps in a minute: %v", err)
	}
	if c.Traps() != 5 {
		t.Errorf("%d traps, want 5", c.Traps())
	}
	if err := work(); !errors.Is(err, ErrGivenUp) {
		t.Errorf("and later: %v", err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	whole := trace(t, "go1.26/http")
	c, _, err := New(Options{Ratio: 1, MaxMemory: 32 << 20}, func(Batch) {})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		c.Write(whole)
		if err := errors.Join(c.EndTrace(), c.Finish()); err != nil {
			t.Fatal(err)
		}
	}
	if memory := c.Memory(); memory > 32<<20 {
		t.Errorf("%d bytes of memory", memory)
	}
}
