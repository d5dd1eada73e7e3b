package main

/*
#include <pthread.h>

extern void goCallback(int);

// Inline functions, since a file that exports Go functions may not define
// others in its preamble.
static void *thread(void *argument) {
	goCallback(*(int *)argument);
	return 0;
}

// call_from_new_thread enters Go from a thread that Go has never seen.
static inline int call_from_new_thread(int number) {
	pthread_t id;
	int error = pthread_create(&id, 0, thread, &number);
	return error ? error : pthread_join(id, 0);
}

static inline void call_back(int number) { goCallback(number); }
*/
import "C"

import (
	"context"
	"fmt"
)

func init() {
	scenarios["cgo"] = scenario{
		about: "calls into C, back into Go, and into Go from C's own threads",
		run:   runCgo,
	}
}

// callbacks is how the exported function reaches the recorder: C can pass no
// Go pointer through.
var callbacks *recorder

//export goCallback
func goCallback(number C.int) {
	ctx := context.Background()
	g := callbacks.region(ctx, "callback")
	callbacks.log(ctx, "callback", fmt.Sprint(number))
	g.end()
}

func runCgo(r *recorder) error {
	callbacks = r
	return r.record(func() error {
		for i := C.int(0); i < 3; i++ {
			C.call_back(i)
		}
		for i := C.int(10); i < 13; i++ {
			if code := C.call_from_new_thread(i); code != 0 {
				return fmt.Errorf("make a thread in C: error %d", code)
			}
		}
		return nil
	})
}
