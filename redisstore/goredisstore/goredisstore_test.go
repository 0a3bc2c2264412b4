package goredisstore_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/redisstore/goredisstore"
	"github.com/go-jot/jot/redisstore/internal/redistest"
)

func open(tb testing.TB, addrs []string, opts ...redisstore.Option) (*redisstore.Store, error) {
	tb.Helper()
	var rdb redis.UniversalClient = redis.NewClient(&redis.Options{Addr: addrs[0], ContextTimeoutEnabled: true})
	if len(addrs) > 1 {
		rdb = redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true})
	}
	tb.Cleanup(func() { require.NoError(tb, rdb.Close()) })
	return goredisstore.New(context.Background(), rdb, opts...)
}

func TestStore(t *testing.T) { redistest.Run(t, open) }
