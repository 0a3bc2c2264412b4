package rueidisstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/redisstore/internal/redistest"
	"github.com/go-jot/jot/redisstore/rueidisstore"
)

func open(tb testing.TB, addrs []string, opts ...redisstore.Option) (*redisstore.Store, error) {
	tb.Helper()
	return use(tb, rueidis.ClientOption{InitAddress: addrs}, opts...)
}

func use(tb testing.TB, o rueidis.ClientOption, opts ...redisstore.Option) (*redisstore.Store, error) {
	tb.Helper()
	c, err := rueidis.NewClient(o)
	if err != nil {
		return nil, err
	}
	tb.Cleanup(c.Close)
	return rueidisstore.New(context.Background(), c, opts...)
}

// older has no repeats either.
func older(tb testing.TB, addrs []string, opts ...redisstore.Option) (*redisstore.Store, error) {
	tb.Helper()
	return use(tb, rueidis.ClientOption{
		InitAddress: addrs, AlwaysRESP2: true, DisableCache: true, DisableRetry: true,
	}, opts...)
}

func TestStore(t *testing.T) { redistest.Run(t, open, older) }

// With the settings of ExampleNew_refused.
func TestRefusedSoon(t *testing.T) {
	redistest.Killed(t, func(
		tb testing.TB, addrs []string, opts ...redisstore.Option,
	) (*redisstore.Store, error) {
		return use(tb, rueidis.ClientOption{
			InitAddress: addrs,
			RetryDelay: func(attempts int, _ rueidis.Completed, _ error) time.Duration {
				if attempts > 3 {
					return -1
				}
				return time.Duration(attempts) * 10 * time.Millisecond
			},
		}, opts...)
	})
}

func TestNewRefuses(t *testing.T) {
	_, err := rueidisstore.New(context.Background(), nil)
	require.ErrorContains(t, err, "New wants a client")
	_, err = open(t, []string{enginetest.Redis(t, false)}, redisstore.Prefix("{}"))
	require.ErrorContains(t, err, "Prefix")
}

func BenchmarkStore(b *testing.B) { redistest.Bench(b, open) }

func BenchmarkSize(b *testing.B) { redistest.Size(b, open) }

func BenchmarkReplica(b *testing.B) { redistest.BenchReplica(b, open) }

func BenchmarkPropagation(b *testing.B) { redistest.BenchPropagation(b, open) }
