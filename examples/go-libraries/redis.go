package main

import (
	"context"

	"example.com/go-service/journal"
	"github.com/redis/go-redis/v9"
)

// A store is a Redis.
type store struct{ *redis.Client }

func connectRedis(address string) store {
	return store{redis.NewClient(&redis.Options{Addr: address})}
}

// ask asks twice by the same line, by another one, and for several things at once.
func (s store) ask(ctx context.Context, j *journal.Journal) error {
	for i := 0; i < 2; i++ {
		done := j.Note("redis", "Set")
		err := s.Set(ctx, "answer", i, 0).Err()
		done()
		if err != nil {
			return err
		}
	}
	done := j.Note("redis", "Get")
	err := s.Get(ctx, "answer").Err()
	done()
	if err != nil {
		return err
	}
	pipeline := s.Pipeline()
	pipeline.Incr(ctx, "answer")
	pipeline.Persist(ctx, "answer")
	done = j.Note("redis", "Pipeline.Exec")
	_, err = pipeline.Exec(ctx)
	done()
	return err
}
