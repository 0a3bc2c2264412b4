package rueidisstore_test

import (
	"context"
	"testing"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore/rueidisstore"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
)

func TestFirst(t *testing.T) {
	for _, addrs := range [][]string{{enginetest.Redis(t, false)}, enginetest.RedisNodes(t)} {
		rdb, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs})
		require.NoError(t, err)
		defer rdb.Close()
		s, err := rueidisstore.New(context.Background(), rdb)
		require.NoError(t, err)
		sessiontest.Run(t, func(*testing.T) session.Store { return s })
	}
}
