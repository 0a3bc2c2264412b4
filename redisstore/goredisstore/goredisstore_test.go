package goredisstore_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/redisstore/goredisstore"
	"github.com/go-jot/jot/redisstore/internal/redistest"
)

// The client tells of each server that it does not reach.
func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	m.Run()
}

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func open(tb testing.TB, addrs []string, opts ...redisstore.Option) (*redisstore.Store, error) {
	tb.Helper()
	if len(addrs) > 1 {
		cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true})
		return use(tb, cluster, opts...)
	}
	return use(tb, redis.NewClient(&redis.Options{Addr: addrs[0], ContextTimeoutEnabled: true}), opts...)
}

func use(tb testing.TB, rdb redis.UniversalClient, opts ...redisstore.Option) (*redisstore.Store, error) {
	tb.Helper()
	tb.Cleanup(func() { require.NoError(tb, rdb.Close()) })
	return goredisstore.New(context.Background(), rdb, opts...)
}

func older(tb testing.TB, addrs []string, opts ...redisstore.Option) (*redisstore.Store, error) {
	tb.Helper()
	return use(tb, redis.NewClient(&redis.Options{Addr: addrs[0], ContextTimeoutEnabled: true, Protocol: 2}), opts...)
}

func TestStore(t *testing.T) { redistest.Run(t, open, older) }

// With the settings of ExampleNew_refused.
func TestRefusedSoon(t *testing.T) {
	redistest.Killed(t, func(
		tb testing.TB, addrs []string, opts ...redisstore.Option,
	) (*redisstore.Store, error) {
		return use(tb, redis.NewClient(&redis.Options{
			Addr: addrs[0], ContextTimeoutEnabled: true, DialerRetries: 1, MaxRetries: 1,
		}), opts...)
	})
}

// A client that may keep a request waiting is refused, and one that may forget.
func TestNewRefuses(t *testing.T) {
	addr := enginetest.Redis(t, false)
	for _, tc := range []struct {
		rdb  redis.UniversalClient
		want string
	}{
		{nil, "New wants a client"},
		{redis.NewClient(&redis.Options{Addr: addr}), "set ContextTimeoutEnabled"},
		{redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}}), "set ContextTimeoutEnabled"},
		{
			redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": addr}, ContextTimeoutEnabled: true}),
			"use a cluster",
		},
	} {
		_, err := goredisstore.New(context.Background(), tc.rdb)
		require.ErrorContains(t, err, tc.want)
		if tc.rdb != nil {
			require.NoError(t, tc.rdb.Close())
		}
	}
	rdb := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	defer func() { require.NoError(t, rdb.Close()) }()
	_, err := goredisstore.New(context.Background(), rdb, redisstore.Prefix("{}"))
	require.ErrorContains(t, err, "Prefix")
}

func BenchmarkStore(b *testing.B) { redistest.Bench(b, open) }

func BenchmarkSize(b *testing.B) { redistest.Size(b, open) }

func BenchmarkReplica(b *testing.B) { redistest.BenchReplica(b, open) }

func BenchmarkPropagation(b *testing.B) { redistest.BenchPropagation(b, open) }
