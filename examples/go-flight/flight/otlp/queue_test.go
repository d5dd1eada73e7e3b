package otlp

import (
	"context"
	"testing"

	"example.com/go-flight/internal/convert"
)

func batch(size, records int) *convert.Batch {
	return &convert.Batch{Signal: convert.Traces, Records: records, Bytes: make([]byte, size)}
}

func TestQueueDropsTheOldest(t *testing.T) {
	q := newQueue(100)
	first, second, third := batch(40, 1), batch(40, 2), batch(40, 4)
	for _, b := range []*convert.Batch{first, second, third} {
		q.push(b)
	}
	if got, _ := q.first(); got != second {
		t.Error("the oldest was not dropped")
	}
	if bytes, dropped := q.size(); bytes != 80 || dropped != 1 {
		t.Errorf("%d bytes, %d dropped", bytes, dropped)
	}
	if q.remove(first) || !q.remove(second) {
		t.Error("remove does not tell what was there")
	}
	large := batch(1000, 8)
	q.push(large)
	if got, _ := q.first(); got != large {
		t.Error("the newest does not stay")
	}
	if left := q.close(); left != 8 {
		t.Errorf("%d records were left", left)
	}
	q.push(batch(1, 16))
	if bytes, dropped := q.size(); bytes != 0 || dropped != 1+4+8+16 {
		t.Errorf("after its end: %d bytes, %d dropped", bytes, dropped)
	}
	if err := q.drained(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestQueueDrains(t *testing.T) {
	q := newQueue(100)
	b := batch(1, 1)
	q.push(b)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.drained(done); err != context.Canceled {
		t.Errorf("a queue that is not empty: %v", err)
	}
	drained := make(chan error)
	go func() { drained <- q.drained(t.Context()) }()
	q.remove(b)
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
