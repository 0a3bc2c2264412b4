//go:build unix

package histories_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-jot/jot/redisstore/goredisstore"
)

// hearing reaches a replica that may not hear what Redis answers when it asks for news, and may answer from what is
// so old at most.
func hearing(ear ear, atMost time.Duration) func(ctx context.Context, at string, process int) (*reached, error) {
	return func(ctx context.Context, at string, _ int) (*reached, error) {
		rdb := redis.NewClient(goRedisOptions(at))
		rdb.AddHook(hook{ear.clone()})
		s, err := goredisstore.New(ctx, rdb)
		r := &reached{Store: s, close: func() { _ = rdb.Close() }}
		if err != nil {
			return r, err
		}
		return replicaOf(ctx, r, atMost)
	}
}

// ear changes an answer, or gives one by itself.
type ear interface {
	clone() ear
	hears(first bool, ask func() ([]any, error)) ([]any, error)
}

// hook is one of the client's. It knows the question for news by the number of its arguments: the hash of the script,
// two keys for each of 64 partitions, how far and how many, and the entries that it read last.
type hook struct{ ear }

func (h hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		const before = 3 + 2*64 + 2
		args := cmd.Args()
		news, ok := cmd.(*redis.Cmd)
		if !ok || len(args) != before+64 {
			return next(ctx, cmd)
		}
		first := !slices.ContainsFunc(args[before:], func(id any) bool { return id != "" })
		answer, err := h.hears(first, func() ([]any, error) {
			err := next(ctx, cmd)
			list, _ := news.Val().([]any)
			return list, err
		})
		if err == nil {
			news.SetVal(answer)
		}
		return err
	}
}

// entries calls f with kind and names of those of a partition.
func entries(list any, f func(entry []any)) {
	for l := list.([]any); len(l) >= 4; l = l[3:] {
		f(l[2:4])
	}
}

// lossy hears late, or not at all, as others do not: so that what is known gets as old as it may.
type lossy struct{}

func (lossy) clone() ear { return lossy{} }

func (lossy) hears(first bool, ask func() ([]any, error)) ([]any, error) {
	answer, err := ask()
	if first {
		return answer, err
	}
	<-time.After(time.Duration(rand.Int64N(int64(staleness / 2))))
	if rand.IntN(2) == 0 {
		return nil, errors.New("the answer was lost")
	}
	return answer, err
}
