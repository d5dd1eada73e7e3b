package main

import "sync"

func init() {
	scenarios["mutexes"] = scenario{
		about: "goroutines that contend for mutexes",
		run:   runMutexes,
	}
}

func runMutexes(r *recorder) error {
	return r.record(func() error {
		var lock sync.Mutex
		var table sync.RWMutex
		counts := map[int]int{}
		var workers sync.WaitGroup
		for i := 0; i < 4; i++ {
			i := i
			workers.Add(1)
			go func() {
				defer workers.Done()
				for n := 0; n < 5; n++ {
					lock.Lock()
					// Held long enough that the others queue up and, past a
					// millisecond, starve and get it handed over.
					pause()
					lock.Unlock()
					table.Lock()
					counts[i]++
					table.Unlock()
					table.RLock()
					_ = counts[i]
					pause()
					table.RUnlock()
				}
			}()
		}
		workers.Wait()
		return nil
	})
}
