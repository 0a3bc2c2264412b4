package goredisstore_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore/goredisstore"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
)

func TestFirst(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{Addr: enginetest.Redis(t, false), ContextTimeoutEnabled: true})
	s, err := goredisstore.New(context.Background(), rdb)
	require.NoError(t, err)
	sessiontest.Run(t, func(*testing.T) session.Store { return s })
}
func TestFirstCluster(t *testing.T) {
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: enginetest.RedisNodes(t), ContextTimeoutEnabled: true})
	s, err := goredisstore.New(context.Background(), rdb)
	require.NoError(t, err)
	sessiontest.Run(t, func(*testing.T) session.Store { return s })
}
