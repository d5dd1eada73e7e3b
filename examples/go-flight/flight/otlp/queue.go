package otlp

import (
	"context"
	"slices"
	"sync"

	"example.com/go-flight/internal/convert"
)

// A queue holds what waits to be sent, the oldest first, within a number of bytes.
type queue struct {
	limit int

	mutex sync.Mutex
	// isClosed says that nothing waits any more.
	isClosed bool
	batches  []*convert.Batch
	bytes    int
	// dropped counts the records that there was no room for.
	dropped uint64
	// changed is closed at the next change.
	changed chan struct{}
}

func newQueue(limit int) *queue { return &queue{limit: limit, changed: make(chan struct{})} }

// push adds a batch. Where there is no room, the oldest go; the newest stays, however large it is.
func (q *queue) push(batch *convert.Batch) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.batches = append(q.batches, batch)
	q.bytes += len(batch.Bytes)
	for q.isClosed && len(q.batches) > 0 || q.bytes > q.limit && len(q.batches) > 1 {
		q.drop(q.batches[0])
	}
	q.change()
}

// first returns the oldest batch, which stays in the queue, and nil where there is none; and what is closed at the next
// change.
func (q *queue) first() (*convert.Batch, <-chan struct{}) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.batches) == 0 {
		return nil, q.changed
	}
	return q.batches[0], q.changed
}

// remove takes out a batch that is done with, and reports whether it was still there.
func (q *queue) remove(batch *convert.Batch) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.cut(batch)
}

// close drops all there is, and returns how many records that were. What comes later is dropped at once.
func (q *queue) close() uint64 {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.isClosed = true
	before := q.dropped
	for len(q.batches) > 0 {
		q.drop(q.batches[0])
	}
	return q.dropped - before
}

// drained waits until the queue is empty.
func (q *queue) drained(ctx context.Context) error {
	for {
		batch, changed := q.first()
		if batch == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// size returns how many bytes wait, and how many records were dropped so far.
func (q *queue) size() (bytes int, dropped uint64) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.bytes, q.dropped
}

func (q *queue) drop(batch *convert.Batch) {
	q.dropped += uint64(batch.Records)
	q.cut(batch)
}

func (q *queue) cut(batch *convert.Batch) bool {
	i := slices.Index(q.batches, batch)
	if i < 0 {
		return false
	}
	q.batches = slices.Delete(q.batches, i, i+1)
	q.bytes -= len(batch.Bytes)
	q.change()
	return true
}

func (q *queue) change() {
	close(q.changed)
	q.changed = make(chan struct{})
}
