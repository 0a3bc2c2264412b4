package rueidisstore_test

import (
	"context"
	"testing"

	"github.com/redis/rueidis"

	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/redisstore/internal/redistest"
	"github.com/go-jot/jot/redisstore/rueidisstore"
)

func open(tb testing.TB, addrs []string, opts ...redisstore.Option) (*redisstore.Store, error) {
	tb.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs})
	if err != nil {
		return nil, err
	}
	tb.Cleanup(c.Close)
	return rueidisstore.New(context.Background(), c, opts...)
}

func TestStore(t *testing.T) { redistest.Run(t, open) }
