package main

import "sync"

func init() {
	scenarios["channels"] = scenario{
		about: "a pipeline of goroutines over buffered and unbuffered channels",
		run:   runChannels,
	}
}

func runChannels(r *recorder) error {
	return r.record(func() error {
		numbers, squares := make(chan int), make(chan int, 4)
		go func() {
			defer close(numbers)
			for i := 0; i < 40; i++ {
				numbers <- i
			}
		}()
		var workers sync.WaitGroup
		for i := 0; i < 4; i++ {
			workers.Add(1)
			go func() {
				defer workers.Done()
				for n := range numbers {
					squares <- n * n
				}
			}()
		}
		go func() {
			workers.Wait()
			close(squares)
		}()
		for range squares {
		}
		return nil
	})
}
